"""Soft labels and votes of several people in whole runs: one row out of fold, cross-entropy."""

import json

import numpy as np
import pandas as pd
import pytest

from data.battles import WINNER_COLUMNS, DataError, Files, Reading
from pipelines.finetune import Given, Origin, finetune
from pipelines.fit import Inputs, fit
from pipelines.stack import find_sources, load_stack_settings, stack

VOTES = list(WINNER_COLUMNS)


@pytest.fixture(scope="module")
def table(files):
    """The rows of train.csv; each third of them has probabilities, which favour its vote."""
    table = pd.read_csv(files / "train.csv", dtype=str, keep_default_na=False)
    votes = table[VOTES].to_numpy(dtype=float)
    drawn = np.random.default_rng(0).dirichlet([1, 1, 1], size=len(votes)).round(3)
    drawn[:, 2] = 1 - drawn[:, 0] - drawn[:, 1]
    drawn[::2, 2], drawn[::2, 0] = 0.0, 1 - drawn[::2, 1]  # of two classes alone
    soft = (votes + drawn) / 2
    votes[::3] = soft[::3]
    return table.assign(**dict(zip(VOTES, votes.T, strict=True)))


@pytest.fixture(scope="module")
def path(table, tmp_path_factory):
    path = tmp_path_factory.mktemp("soft") / "train.csv"
    table.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def soft_run(path, files, light, quiet):
    inputs = Inputs(path, files / "test.csv")
    return fit(light, inputs, path.parent / "run", device="cpu", console=quiet())


@pytest.fixture(scope="module")
def report(soft_run):
    return json.loads((soft_run / "report.json").read_text())


def test_a_battle_has_one_row_in_each_table(table, soft_run):
    for name in ("oof.csv", "folds.csv"):
        ids = pd.read_csv(soft_run / name, dtype={"id": str})["id"]
        assert ids.tolist() == table["id"].tolist()


def test_the_log_loss_is_the_cross_entropy_of_the_battles(table, soft_run, report):
    predicted = pd.read_csv(soft_run / "oof.csv")[VOTES].to_numpy()
    by_hand = -(table[VOTES].to_numpy(dtype=float) * np.log(predicted)).sum(axis=1).mean()
    scores = report["scores"]
    assert scores["metrics"]["log_loss"]["value"] == pytest.approx(by_hand, rel=1e-9)
    assert scores["near_copies"]["log_loss_all"]["value"] == pytest.approx(by_hand, rel=1e-9)
    assert list(scores["outcomes"].values()) == pytest.approx(table[VOTES].astype(float).mean())


def test_the_report_counts_battles(report):
    scores, read = report["scores"], report["files_read"][0]
    assert (read["kept"], read["soft_labels"]) == (300, 100)
    assert scores["rows"] == scores["analysis"]["style_control"]["rows"] == 300
    for name in ("by_turns", "by_length"):
        assert sum(one["rows"] for one in scores["analysis"][name]) == 300
    assert sum(fold["rows"] for fold in report["folds"]) == 300
    for curve in ("tie", "top_label"):
        points = scores["analysis"]["reliability"]["after_calibration"][curve]
        assert sum(point["count"] for point in points) == pytest.approx(300)


def test_one_hot_numbers_are_votes_to_the_last_bit(table, files, light, quiet, tmp_path):
    path = tmp_path / "train.csv"
    certain = table.assign(**dict.fromkeys(VOTES, "0.0"))
    votes = pd.read_csv(files / "train.csv")[VOTES].to_numpy().argmax(axis=1)
    for place, name in enumerate(VOTES):
        certain.loc[votes == place, name] = "1.0"
    certain.to_csv(path, index=False)
    found = fit(light, Inputs(path), tmp_path / "run", device="cpu", console=quiet())
    plain = Inputs(files / "train.csv")
    expected = fit(light, plain, tmp_path / "plain", device="cpu", console=quiet())
    assert (found / "oof.csv").read_bytes() == (expected / "oof.csv").read_bytes()


def test_votes_that_are_kept_stand_in_one_fold(files, light, quiet, tmp_path):
    votes = pd.read_csv(files / "train.csv", dtype=str, keep_default_na=False).iloc[:60]
    several = votes.loc[votes.index.repeat(np.where(np.arange(60) % 2, 1, 4))]
    several.to_csv(tmp_path / "train.csv", index=False)
    named = Files.of(tmp_path / "train.csv", Reading(repeated_votes="keep"))
    run = fit(light, Inputs(named), tmp_path / "run", device="cpu", console=quiet())
    folds = pd.read_csv(run / "folds.csv", dtype={"id": str})
    assert len(folds) == 150
    assert folds.groupby("id")["fold"].nunique().max() == 1
    report = json.loads((run / "report.json").read_text())
    assert report["inputs"]["train"]["reading"]["repeated_votes"] == "keep"
    # A tower with the run's folds, or a stack, reads the file alike again.
    assert Origin.of(Given(), run).inputs.train.reading.repeated_votes == "keep"
    shares = several[VOTES].astype(float).mean()
    assert list(report["scores"]["outcomes"].values()) == pytest.approx(shares)


def test_towers_and_stacks_say_that_they_take_votes(path, soft_run, tower_settings, quiet):
    message = r"train\.csv: expected votes, found 100 rows of soft labels, by which a {} cannot be"
    origin = Origin.of(Given(), soft_run)
    with pytest.raises(DataError, match=message.format("tower") + ".*to --extra"):
        finetune(tower_settings(), origin, path.parent / "t", device="cpu", console=quiet())
    with pytest.raises(DataError, match=message.format("stack") + ".*to --extra"):
        stack(
            find_sources([str(soft_run)]),
            Given(),
            load_stack_settings([]),
            path.parent / "s",
            device="cpu",
            console=quiet(),
        )


def test_extra_rows_may_be_soft(path, refit, quiet, tower_settings, tmp_path):
    run = refit(tmp_path / "run", extra=[_others(path)])
    report = json.loads((run / "report.json").read_text())
    assert report["files_read"][1]["soft_labels"] == 100
    assert report["scores"]["rows"] == 300
    without = refit(tmp_path / "without")
    assert (run / "oof.csv").read_bytes() != (without / "oof.csv").read_bytes()
    made = finetune(
        tower_settings(), Origin.of(Given(), run), tmp_path / "t", device="cpu", console=quiet()
    )
    assert (made / "DONE").is_file()


def _others(path):
    """Write the battles as others, with prompts that no row of train.csv has."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    prompt = [json.dumps([f"another question {row}"]) for row in range(len(table))]
    others = path.with_name("extra.csv")
    table.assign(prompt=prompt).to_csv(others, index=False)
    return others
