"""A stack of members that learned by weights."""

import numpy as np
import pandas as pd

from pipelines.fit import Inputs, fit
from pipelines.stack import Given, find_sources, load_stack_settings, stack


def test_it_is_said_that_what_joins_the_members_knows_no_weights(files, light, quiet, tmp_path):
    table = pd.read_csv(files / "train.csv", dtype=str, keep_default_na=False)
    table.assign(weight=np.arange(300) % 3 + 1).to_csv(tmp_path / "train.csv", index=False)
    console, inputs = quiet(), Inputs(tmp_path / "train.csv")
    run = fit(light, inputs, tmp_path / "run", device="cpu", console=quiet())
    stack(
        find_sources([str(run)]),
        Given(),
        load_stack_settings([]),
        tmp_path / "stack",
        device="cpu",
        console=console,
    )
    assert "weight: the members learned by it" in console.file.getvalue()
