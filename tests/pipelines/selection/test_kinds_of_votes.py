"""Selections of weighed rows, of soft labels, and of votes without ties."""

import json

import numpy as np
import pandas as pd
import pytest

from data.battles import DataError, read_training
from data.weights import shares
from pipelines.config import load_config
from pipelines.estimator.build import build_pipeline
from pipelines.fit import fit
from pipelines.run.inputs import Inputs
from pipelines.select import select
from pipelines.selection.columns import fit_and_predict, learn_columns
from pipelines.selection.report import worth_of
from pipelines.selection.work import Unseen
from tests.kinds_of_votes import VOTES, soft, soft_and_weighted, without_ties

SETTINGS = (
    'families=["style", "lexical"]',
    'features.style.statistics=["bold", "newlines"]',
    "features.lexical.words=[1, 1]",
    "features.lexical.characters=[]",
    "features.lexical.components=0",
    "features.lexical.penalties=[1.0]",
    'model.members=["linear"]',
    "learners.linear.penalties=[0.03]",
    "model.inner_folds=2",
    "model.extra_weight=0.5",
    "folds.n_folds=2",
)
CONFIG = load_config(settings=SETTINGS)


def told(table):
    """The same battles, with votes by which answer has more lines, but for a few."""
    lines = [table[f"response_{side}"].str.count(r"\\n") for side in "ab"]
    drawn = np.random.default_rng(0).uniform(size=len(table))
    gap = (lines[0] - lines[1]).to_numpy()
    tied = (np.abs(gap) < 2) & (drawn < 0.8)
    first = np.where(drawn < 0.1, gap < 0, gap > 0)
    y = np.where(tied, 2, np.where(first, 0, 1))
    votes = {name: (y == label).astype(int).astype(str) for label, name in enumerate(VOTES)}
    return table.assign(**votes)


@pytest.fixture(scope="module")
def table(files):
    return told(pd.read_csv(files / "train.csv", dtype=str, keep_default_na=False))


@pytest.fixture
def selected(table, files, quiet, tmp_path):
    """Select on votes of a kind, and fit the same configuration on them."""

    def run(kind, **options):
        kind(table).to_csv(tmp_path / "train.csv", index=False)
        inputs, console = Inputs(tmp_path / "train.csv", None, (files / "extra.csv",)), quiet()
        options = {"device": "cpu", "console": console} | options
        return select(CONFIG, inputs, tmp_path / "selection", **options), inputs, console

    return run


@pytest.mark.parametrize("kind", [soft_and_weighted, without_ties])
def test_with_every_column_it_is_worth_what_a_run_reports(kind, selected, quiet, tmp_path):
    folder, inputs, console = selected(kind)
    run = fit(CONFIG, inputs, tmp_path / "run", device="cpu", console=quiet())
    assert (folder / "folds.csv").read_bytes() == (run / "folds.csv").read_bytes()
    reported = json.loads((run / "report.json").read_text())["scores"]["metrics"]["log_loss"]
    worth = json.loads((folder / "selection.json").read_text())["worth"]
    assert worth["log_loss_every"] == pytest.approx(reported["value"], abs=1e-12)
    assert console.file.getvalue().count("votes without ties: A or B") == (kind is without_ties)
    config = load_config(file=folder / "selected.toml")
    assert config.model.form == ("direction" if kind is without_ties else "heads")
    assert config.model.select == json.loads((folder / "selection.json").read_text())["selected"]
    small = fit(config, inputs, tmp_path / "small", device="cpu", console=quiet())
    header = (small / "oof.csv").read_text().partition("\n")[0]
    assert ("winner_tie" in header) == (kind is not without_ties)


def test_the_form_that_was_asked_for_by_name_is_kept(selected, tmp_path):
    with pytest.raises(DataError, match="whose votes know no ties: nothing tells the form 'heads'"):
        selected(without_ties, keep_form=True)
    assert not (tmp_path / "selection.partial").exists()


def test_votes_that_lack_ties_name_the_way_out(selected):
    with pytest.raises(DataError, match=r"found none of class tie .* --set model\.form=direction"):
        selected(lambda table: table[table["winner_tie"] == "0"])


def test_rows_judge_by_shares_and_teach_by_weights(table, tmp_path):
    soft_and_weighted(table).to_csv(tmp_path / "train.csv", index=False)
    read = read_training(tmp_path / "train.csv")
    pipeline = build_pipeline(CONFIG)
    learned = learn_columns(pipeline, read.battles, read.y, None)
    share, weight = shares(read.battles), read.battles["weight"].to_numpy()
    np.testing.assert_array_equal(learned.judging(0.5), share)
    np.testing.assert_array_equal(learned.weight(0.5), share * weight)
    assert share.sum() == pytest.approx(len(table))
    assert len(share) > len(table)


@pytest.mark.parametrize("form", ["heads", "direction"])
def test_without_a_column_shares_of_battles_are_said(form, table, tmp_path):
    kind = soft if form == "heads" else without_ties
    kind(table).to_csv(tmp_path / "train.csv", index=False)
    read = read_training(tmp_path / "train.csv")
    config = load_config(settings=[*SETTINGS, f"model.form={form}"])
    pipeline = build_pipeline(config)
    learned = learn_columns(pipeline, read.battles, read.y, read.battles.iloc[:3])
    proba, _ = fit_and_predict(pipeline.named_steps["model"], learned, [])
    ties = kind(table)[VOTES[2]].astype(float).mean() if form == "heads" else 0.0
    expected = [(1 - ties) / 2, (1 - ties) / 2, ties][: proba.shape[1]]
    np.testing.assert_allclose(proba, np.tile(expected, (3, 1)))
    assert proba.shape[1] == (3 if form == "heads" else 2)


def test_worth_is_counted_in_battles():
    """Half a vote for each of two classes is one battle, and not two."""
    y, share = np.array([0, 1, 0, 1], np.int8), np.array([0.25, 0.75, 1.0, 1.0])
    every = np.array([[0.5, 0.5], [0.5, 0.5], [0.5, 0.5], [0.2, 0.8]])
    chosen = np.array([[0.3, 0.7], [0.3, 0.7], [0.6, 0.4], [0.4, 0.6]])
    folds, group = np.array([0, 0, 0, 1], np.int8), np.array(list("ppqr"))
    unseen = [Unseen(every[:3], chosen[:3], (1.0, 0.5)), Unseen(every[3:], chosen[3:], (1.0, 0.5))]
    worth = worth_of(unseen, folds, y, group, share)
    by_hand = -(0.25 * np.log(0.3) + 0.75 * np.log(0.7) + 2 * np.log(0.6)) / 3
    assert worth["log_loss"] == pytest.approx(by_hand)
    assert worth["difference"]["value"] == pytest.approx(by_hand - worth["log_loss_every"])
    assert worth["difference"]["low"] < worth["difference"]["value"] < worth["difference"]["high"]
    twice = [np.append(values, values[-1:], axis=0) for values in (y, group)]
    whole = worth_of(
        [unseen[0], Unseen(every[[3, 3]], chosen[[3, 3]], (1.0, 0.5))],
        np.append(folds, np.int8(1)),
        *twice,
        np.append(share[:3], [0.5, 0.5]),
    )
    assert whole["difference"] == pytest.approx(worth["difference"])  # two halves are one battle
