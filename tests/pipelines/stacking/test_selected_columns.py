"""A stack whose members are of selected columns: made by one command, and predicted with."""

import json

import pandas as pd

from pipelines.config import load_config
from pipelines.fit import fit
from pipelines.predict import predict
from pipelines.run.inputs import Inputs
from pipelines.stacking.config import load_stack_config
from pipelines.stacking.fit import fit_stack

SELECT = ["length__words_sum_a", "style__bold_ratio"]
STACK = f"""
[folds]
n_folds = 3
[members.small]
preset = "classical"
families = ["length", "turns", "style"]
model = {{members = ["linear"], inner_folds = 2, select = {SELECT}}}
learners.linear.penalties = [0.3, 0.03]
[members.length]
preset = "classical"
families = ["length"]
model = {{members = ["linear"], inner_folds = 2}}
learners.linear.penalties = [0.3, 0.03]
"""


def test_a_member_of_selected_columns_is_the_run_of_them(files, quiet, tmp_path):
    (tmp_path / "s.toml").write_text(STACK)
    config, inputs = load_stack_config(file=tmp_path / "s.toml"), Inputs(files / "train.csv")
    member = config.members["small"].config
    assert member.families == ["length", "style"]
    options = {"device": "cpu", "console": quiet()}
    stack = fit_stack(config, inputs, tmp_path / "stack", **options)
    (features,) = (stack / "members" / "small").rglob("features.json")
    names = [column["name"] for column in json.loads(features.read_text())]
    assert names == ["length__words_sum_a", "length__words_sum_b", "style__bold_ratio"]
    own = load_config(file=features.parent / "config.toml")
    assert own.model.select == SELECT
    run = fit(own, inputs, tmp_path / "run", **options)
    assert (features.parent / "oof.csv").read_bytes() == (run / "oof.csv").read_bytes()
    predict(stack, files / "test.csv", tmp_path / "out.csv", console=quiet())
    assert len(pd.read_csv(tmp_path / "out.csv")) == len(pd.read_csv(files / "test.csv"))
