"""The experiment with names: who is left out, and what its table says."""

import numpy as np
import pandas as pd
import pytest

from benchmarks import real
from benchmarks.quality.known_models import GIVEN, WAYS, Experiment, Part
from data.battles import concat_battles, read_training
from pipelines.config import load_config
from pipelines.fit import SAMPLE

QUICK = (
    'families=["length", "names"]',
    'model.members=["linear"]',
    "model.inner_folds=2",
    "folds.n_folds=2",
    "learners.linear.penalties=[0.3]",
)


@pytest.fixture
def experiment(tmp_path, monkeypatch):
    """An experiment on 240 rows of the sample, a third of them extra ones, with quick settings."""
    monkeypatch.setenv(real.VARIABLE, str(tmp_path))
    (tmp_path / "arena").mkdir()
    table = pd.read_csv(SAMPLE / "train.csv", dtype=str, keep_default_na=False)
    table.iloc[:160].to_csv(real.train_file(), index=False)
    table.iloc[150:240].to_csv(real.extra_file(), index=False)  # ten prompts are in both
    monkeypatch.setattr(
        "benchmarks.quality.known_models.load_config", lambda preset: load_config(settings=QUICK)
    )
    return Experiment(tmp_path / "keep")


def test_each_plain_row_is_predicted_in_each_way(experiment):
    found = experiment.seed(1)
    assert set(found) == set(WAYS)
    assert all(proba.shape == (160, 3) for proba in found.values())
    assert all((proba.sum(axis=1) > 0.999).all() for proba in found.values())
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert (found[WAYS[one]] != found[WAYS[other]]).any()


def test_what_is_kept_is_not_made_again(experiment, monkeypatch):
    first = experiment.seed(0)
    monkeypatch.setattr(Experiment, "_said", None)
    again = experiment.seed(0)
    assert all((first[way] == again[way]).all() for way in WAYS)


def test_a_model_left_out_is_nowhere_in_training(experiment, monkeypatch):
    seen = {}
    monkeypatch.setattr(
        Experiment,
        "_said",
        lambda self, train, held, seed: (
            seen.update(train=train, held=held)
            or [(way, np.full((held.sum(), 3), 1 / 3)) for way in WAYS]
        ),
    )
    (model,) = experiment.most_frequent(1)
    rows, found = experiment.left_out(model, 0)
    battles = experiment.battles
    its = (battles[["model_a", "model_b"]] == model).any(axis=1).to_numpy()
    assert not (seen["train"] & its).any()
    assert rows.sum() == len(found[GIVEN]) == its[:160].sum() > 0
    assert not set(battles["group"][seen["train"]]) & set(battles["group"][seen["held"]])
    assert seen["train"].sum() > 100


def test_most_frequent_are_counted_in_plain_rows(experiment):
    plain = read_training(real.train_file()).battles
    names = concat_battles([plain])[["model_a", "model_b"]].to_numpy().ravel().tolist()
    first, second = experiment.most_frequent(2)
    assert (
        names.count(first)
        >= names.count(second)
        >= max(names.count(name) for name in set(names) - {first, second})
    )


def test_a_line_a_way_with_its_difference(capsys):
    y, group = np.array([0, 1, 2], dtype=np.int8), np.array(["p", "q", "r"], dtype=object)
    flat = np.full((3, 3), 1 / 3)
    sure = np.full((3, 3), 0.25) + 0.25 * np.eye(3)
    Part(y, group, {WAYS[0]: [flat], WAYS[1]: [sure], WAYS[2]: [flat]}).write("ant, ")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[0] for line in lines] == [f"| ant, {way}" for way in WAYS]
    assert f"| 3 | {np.log(2):.4f} | " in lines[1]
    assert f"{np.log(2) - np.log(3):+.4f} [" in lines[1]
    assert "+0.0000 [+0.0000, +0.0000]" in lines[2]
