"""Small members with the folds of the light run, and stacks of them."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from data.battles import WINNER_COLUMNS
from pipelines.config import load_config
from pipelines.fit import Inputs, fit
from pipelines.run.folds import read_folds
from pipelines.stack import Given, find_sources, load_stack_settings, stack
from tests.conftest import LIGHT


@pytest.fixture(scope="session")
def style_run(files, quiet, tmp_path_factory):
    """A run of another family, with the same folds. Not to be changed."""
    config = load_config(settings=[*LIGHT, 'families=["style"]'])
    inputs = Inputs(files / "train.csv", files / "test.csv")
    return fit(
        config, inputs, tmp_path_factory.mktemp("runs") / "style", device="cpu", console=quiet()
    )


@pytest.fixture(scope="session")
def tower(files, light_run, tower_settings, quiet, tmp_path_factory):
    """A small tower, with the same folds. Not to be changed."""
    from pipelines.finetune import Origin, finetune

    target = tmp_path_factory.mktemp("towers") / "tower"
    origin = Origin.of(Given(), light_run)
    return finetune(tower_settings(), origin, target, device="cpu", console=quiet())


@pytest.fixture(scope="session")
def oof(light_run, battles):
    """Somebody else's out-of-fold predictions of the same rows: id, fold, and probabilities.

    They know something of the labels.
    """
    folds = read_folds(light_run)
    rng = np.random.default_rng(0)
    scores = rng.gamma(3.0 + np.eye(3)[battles[1]])
    proba = scores / scores.sum(axis=1, keepdims=True)
    table = pd.DataFrame({"id": folds.id, "fold": folds.fold})
    return table.assign(**dict(zip(WINNER_COLUMNS, proba.T, strict=True)))


@pytest.fixture
def table(oof, tmp_path):
    """Write a table of predictions, changed as asked for, with a record of folds or without."""

    def write(name="other.csv", change=lambda table: table, digest=None):
        path = tmp_path / name
        change(oof.copy()).to_csv(path, index=False)
        if digest:
            record = {"folds": {"sha256": digest}}
            path.with_suffix(".json").write_text(json.dumps(record))
        return path

    return write


@pytest.fixture(scope="session")
def stacked(quiet):
    """Stack sources into a folder."""

    def make(target, *sources, settings=(), given=None, console=None, **options):
        return stack(
            find_sources([str(source) for source in sources]),
            given or Given(),
            load_stack_settings(settings),
            target,
            device="cpu",
            console=console or quiet(),
            **options,
        )

    return make


@pytest.fixture(scope="session")
def whole(light_run, style_run, tower, stacked, tmp_path_factory):
    """The mean of two runs and a tower, all of whose sources are gone. Not to be changed."""
    folder = tmp_path_factory.mktemp("stacks")
    sources = [
        shutil.copytree(origin, folder / name)
        for name, origin in (("length", light_run), ("style", style_run), ("tower", tower))
    ]
    made = stacked(folder / "stack", *sources, settings=['candidates=["mean"]'])
    for source in sources:
        shutil.rmtree(source)
    return made
