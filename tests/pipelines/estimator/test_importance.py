"""Importance in a run: what is measured out of fold, by column, pair, family and group."""

import json

import numpy as np
import pandas as pd
import pytest

from features.sides import Swap
from models.importance.correlated import pairs
from pipelines.estimator.importance import ROWS, family_of, held, kept, measure
from pipelines.fit import Inputs, fit
from tests.models.importance.conftest import NAMES, fit_model, make_table


@pytest.fixture(scope="module")
def folds():
    """A model as it is kept in each of two folds, none of whose battles it has seen."""
    model, (X, y) = fit_model(), make_table(200, seed=5)
    fold = np.arange(200, dtype=np.int8) // 2 % 2
    starts, rows = np.ones(200, dtype=bool), [np.flatnonzero(fold == number) for number in (0, 1)]
    found = [kept(starts, model, X.iloc[of], of) for of in rows]
    return model, held(model, found, (X, y)), (X, y, fold)


def of_kind(measured, kind):
    table = measured.table
    return table[table["kind"] == kind].set_index("name")


@pytest.fixture(scope="module")
def measured(folds):
    model, of_folds, _ = folds
    told = []
    found = measure(model.importance().mean(axis=1).to_dict(), of_folds, told.append)
    assert told == [1, 1]
    return found


def test_a_fold_comes_back_as_it_was_kept(folds):
    model, of_folds, (X, y, fold) = folds
    assert [len(of.votes) for of in of_folds] == [100, 100]
    for number, of in enumerate(of_folds):
        rows = fold == number
        np.testing.assert_array_equal(of.votes, np.eye(3)[y[rows]])
        np.testing.assert_array_equal(of.group, X["group"][rows])
        np.testing.assert_array_equal(of.model.predict_proba(of.X), model.predict_proba(X[rows]))


def test_of_many_battles_some_are_kept_each_with_its_vote(monkeypatch):
    monkeypatch.setattr("pipelines.estimator.importance.ROWS", 30)
    model, (X, y) = fit_model(), make_table(200, seed=5)
    parts = kept(np.ones(200, dtype=bool), model, X, np.arange(200))
    (of,) = held(model, [parts], (X, y))
    assert len(of.votes) == 30
    places = [int(np.flatnonzero(X["characters"] == value)[0]) for value in of.X["characters"]]
    assert places != list(range(30))
    np.testing.assert_array_equal(of.votes, np.eye(3)[y[places]])
    assert ROWS > 30


def test_what_is_lost_is_the_mean_over_all_folds_of_a_loop_by_hand(folds, measured):
    model, of_folds, _ = folds
    for kind, name, columns in [
        ("column", "f__gap_diff", ["f__gap_diff"]),
        ("pair", "f__size_a", ["f__size_a", "f__size_b"]),
        ("family", "f", NAMES[:3]),
        ("family", "g", NAMES[3:]),
    ]:
        lost = []
        for of in of_folds:
            order = np.random.default_rng(model.seed).permutation(len(of.votes))
            dealt = of.X.copy()
            dealt[columns] = of.X[columns].to_numpy()[order]
            both = of.model.predict_proba(of.X), of.model.predict_proba(dealt)
            before, without = (p[of.votes == 1] for p in both)
            lost.append(np.log(before) - np.log(without))
        row = of_kind(measured, kind).loc[name]
        assert row["permutation"] == pytest.approx(np.concatenate(lost).mean(), abs=1e-12)
        assert row["permutation_low"] < row["permutation"] < row["permutation_high"]


def test_shap_is_the_mean_of_what_columns_add_together(folds, measured):
    from models.importance.contributions import contributions

    _, of_folds, _ = folds
    added = [contributions(of.model, of.X).columns for of in of_folds]
    z, t = (np.concatenate([of[name] for of in added]) for name in ("z", "t"))
    row = of_kind(measured, "pair").loc["f__size_a"]
    assert row["shap_z"] == pytest.approx(np.abs(z[:, 1] + z[:, 2]).mean())
    assert row["shap"] == pytest.approx(row["shap_z"] + np.abs(t[:, 1] + t[:, 2]).mean())
    assert of_kind(measured, "column").loc["f__size_b", "shap_z"] == pytest.approx(
        np.abs(z[:, 2]).mean()
    )


def test_there_are_columns_pairs_of_two_families_and_groups(measured):
    assert list(of_kind(measured, "column").index) == NAMES
    assert list(of_kind(measured, "pair").index) == ["f__size_a"]
    assert list(of_kind(measured, "family").index) == ["f", "g"]
    assert measured.rows == 200
    assert set(measured.group) == set(NAMES)


def test_a_column_that_a_fold_lacks_is_lost_in_the_others_alone(folds, measured):
    """N-grams and components are chosen anew in each fold."""
    model, of_folds, _ = folds
    gain = model.importance().mean(axis=1).to_dict()
    gain = {name: gain[name] for name in NAMES[1:]} | {"h__new_diff": 0.5}
    found = measure(gain, of_folds, lambda done: None)
    columns = of_kind(found, "column")
    assert columns.loc["h__new_diff", "permutation"] == 0.0
    assert "f__gap_diff" not in columns.index
    # A family is all that it has in a fold, whatever the model of all rows has of it.
    pd.testing.assert_series_equal(
        of_kind(found, "family").loc["f"], of_kind(measured, "family").loc["f"]
    )


@pytest.fixture(scope="module")
def full(files, config, quiet, tmp_path_factory):
    """A run of which everything is told, and what it showed."""
    console, target = quiet(), tmp_path_factory.mktemp("runs") / "full"
    inputs = Inputs(files / "train.csv", files / "test.csv")
    return fit(config, inputs, target, device="cpu", console=console, importance="full"), console


def test_a_full_table_begins_with_the_plain_one(full, run):
    whole, plain = (pd.read_csv(of / "importance.csv") for of in (full[0], run))
    shared = [name for name in plain if name not in ("family", "meaning")]
    pd.testing.assert_frame_equal(whole[shared], plain[shared])
    assert list(whole)[: len(shared)] == shared
    assert {"permutation", "permutation_low", "permutation_high", "pair", "shap"} < set(whole)
    assert {"family", "group", "meaning"} < set(whole)
    assert (run / "importance_groups.csv").exists() is False
    for name in ("oof.csv", "submission.csv", "models/linear_tie.json"):
        assert (full[0] / name).read_bytes() == (run / name).read_bytes()


def test_both_sides_have_the_pairs_figures_and_its_group(full):
    table = pd.read_csv(full[0] / "importance.csv", index_col="feature")
    first = table.index[pairs(Swap(list(table.index)))]
    for name in ("pair", "pair_low", "pair_high", "group"):
        assert (table[name].to_numpy() == table.loc[first, name].to_numpy()).all()
    alone = table.index == table.index.str.replace(r"_[ab]$", "_x", regex=True)
    assert (table["pair"] == table["permutation"])[alone].all()
    assert (table["pair"] != table["permutation"])[~alone].any()
    docs = json.loads((full[0] / "features.json").read_text())
    assert table["meaning"].to_dict() == {of["name"]: of["documentation"] for of in docs}


def test_groups_are_told_with_their_leaders(full):
    table = pd.read_csv(full[0] / "importance.csv", index_col="feature")
    together = pd.read_csv(full[0] / "importance_groups.csv")
    families = together[together["kind"] == "family"].set_index("name")
    assert set(families.index) == {family_of(name) for name in table.index}
    assert families["gain"].sum() == pytest.approx(1.0)
    assert families["columns"].sum() == len(table)
    assert families["permutation"].is_monotonic_decreasing
    groups = together[together["kind"] == "group"].set_index("name")
    assert len(groups) > 3
    for leader, row in groups.iterrows():
        members = table[table["group"] == leader]
        assert members["mean"].idxmax() == leader
        assert len(members) == row["columns"] > 1
        assert row["gain"] == pytest.approx(members["mean"].sum())


def test_the_report_and_the_screen_tell_of_families(full):
    told = json.loads((full[0] / "report.json").read_text())["importance"]
    assert told["rows"] == 300
    assert {of["name"] for of in told["families"]} == {"length", "turns", "style"}
    assert told["families"][0]["permutation"] > 0
    out = full[1].file.getvalue()
    assert "What is lost without them, on 300 battles" in out
    assert "One column alone hides what others say as well" in out


def test_families_alone_are_what_the_full_table_has_of_them(full, run, files, config, quiet):
    inputs, target = Inputs(files / "train.csv", files / "test.csv"), full[0].parent / "families"
    console = quiet()
    found = fit(config, inputs, target, device="cpu", console=console, importance="families")
    whole, some = (pd.read_csv(of / "importance_groups.csv") for of in (full[0], found))
    families = whole[whole["kind"] == "family"].reset_index(drop=True)
    assert len(families) == 3
    pd.testing.assert_frame_equal(some, families)
    whole, some = (pd.read_csv(of / "importance.csv") for of in (full[0], found))
    assert not {"permutation", "pair", "group"} & set(some)
    pd.testing.assert_frame_equal(some, whole[list(some)])
    assert set(some) - set(pd.read_csv(run / "importance.csv")) == {"shap", "shap_z", "shap_t"}
    assert "What is lost without them, on 300 battles" in console.file.getvalue()


def test_none_tells_nothing_and_costs_nothing(refit, light_run, tmp_path):
    found = refit(tmp_path / "run", importance="none")
    assert not (found / "importance.csv").exists()
    assert "importance" not in json.loads((found / "report.json").read_text())
    assert (found / "oof.csv").read_bytes() == (light_run / "oof.csv").read_bytes()


def test_a_killed_run_goes_on_to_the_same_tables(refit, tmp_path, monkeypatch):
    whole = refit(tmp_path / "whole", importance="full")
    with monkeypatch.context() as patch:
        patch.setattr("pipelines.fit.fit_final", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            refit(tmp_path / "again", importance="full")
    assert (tmp_path / "again.partial" / "checkpoints" / "fold-2").exists()
    monkeypatch.setattr("pipelines.estimator.out_of_fold._fit_fold", lambda *_: 1 / 0)
    again = refit(tmp_path / "again", importance="full")
    for name in ("importance.csv", "importance_groups.csv"):
        assert (again / name).read_bytes() == (whole / name).read_bytes()


def test_work_of_another_level_is_not_gone_on_with(refit, tmp_path, monkeypatch):
    from pipelines.run.folder import RunError

    monkeypatch.setattr("pipelines.fit.fit_final", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        refit(tmp_path / "run")
    with pytest.raises(RunError, match=r"unfinished work of other importance\. Run the command"):
        refit(tmp_path / "run", importance="full")
