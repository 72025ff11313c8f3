"""Wrapper selection: what tells stays, noise goes, units stay whole, and a kill changes nothing."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from models import search
from models.judge import Gain, Judge
from models.search import Step
from models.selection import ColumnSelector
from tests.models.columns_world import world


def selected(seed, **options):
    X, y, group, good = world(seed, **options)
    selector = ColumnSelector(seed=seed, n_jobs=1).fit(X, y, group)
    return set(selector.get_feature_names_out()), set(good)


@pytest.mark.slow
def test_of_known_columns_the_informative_ones_stay_and_little_of_the_noise():
    found, kept = [], []
    for seed in range(20):
        left, good = selected(seed)
        found.append(len(left & good) / len(good))
        kept.append(len(left - good) / 24)
    assert np.mean(found) > 0.95
    assert np.mean(kept) <= 0.05


@pytest.mark.slow
def test_of_noise_alone_nothing_stays():
    nothing = [not selected(seed, informative=0, noise=30)[0] for seed in range(20)]
    assert sum(nothing) >= 18


@pytest.fixture(scope="module")
def drawn():
    return world(0, informative=4, noise=20, strength=0.9)


@pytest.fixture(scope="module")
def fitted(drawn):
    X, y, group, _ = drawn
    return ColumnSelector(n_jobs=1).fit(X, y, group)


def test_it_is_a_selector_of_scikit_learn(drawn, fitted):
    X, good = drawn[0], drawn[3]
    left = fitted.get_feature_names_out().tolist()
    assert set(good) <= set(left)
    assert len(left) <= len(good) + 2
    assert fitted.get_support().tolist() == [name in left for name in X]
    assert sorted(fitted.selected_) == sorted(left)
    np.testing.assert_array_equal(fitted.transform(X), X[left].to_numpy())
    assert not hasattr(clone(fitted), "selected_")


@pytest.mark.parametrize("ranking", ["permutation", "shap"])
def test_other_rankings_find_the_informative_columns_too(ranking, drawn):
    X, y, group, good = drawn
    left = ColumnSelector(ranking, n_jobs=1).fit(X, y, group).selected_
    assert set(good) <= set(left)
    assert len(left) <= len(good) + 2


def test_swap_pairs_and_what_each_fit_makes_anew_stay_together():
    X, y, group, _ = world(3, informative=4, noise=8)
    rng = np.random.default_rng(0)
    base = rng.normal(size=len(y)).astype(np.float32)
    parts = pd.DataFrame(
        rng.normal(size=(len(y), 3)), columns=[f"f1__part{n}_diff" for n in (0, 1, 2)]
    )
    X = X.assign(f0__own_a=base + X["f0__x0_diff"], f0__own_b=base).drop(columns="f0__x0_diff")
    X = pd.concat([X, parts.assign(f1__part3_diff=X["f2__x2_diff"])], axis=1)
    X = X.drop(columns="f2__x2_diff")
    selector = ColumnSelector(anew=["f1__part"], n_jobs=1).fit(X, y, group)
    left = set(selector.get_feature_names_out())
    assert {"f0__own_a", "f0__own_b"} <= left
    assert {f"f1__part{n}_diff" for n in range(4)} <= left  # the last of them tells


def test_no_fold_parts_a_group(drawn):
    X, y, group, _ = drawn
    rows, numbers = ColumnSelector()._rows(X, y, group, None, None, None)
    assert all(len(set(rows.fold[numbers == of])) == 1 for of in set(numbers))
    assert len(set(rows.fold)) == 3


def test_rows_teach_by_one_weight_and_judge_by_another(drawn, monkeypatch):
    X, y, group, _ = drawn
    seen = []

    def run(of):
        seen.append(of.judge.rows)
        return np.zeros(len(of.names), dtype=np.bool_)

    monkeypatch.setattr(search.Search, "run", run)
    weights = {"sample_weight": np.full(len(y), 2.0), "judging": np.full(len(y), 0.5)}
    ColumnSelector(n_jobs=1).fit(X, y, group, **weights)
    assert set(seen[0].weight) == {2.0}
    assert set(seen[0].counts) == {0.5}


def test_what_was_judged_before_is_not_judged_again_and_ends_the_same(drawn, fitted, monkeypatch):
    X, y, group, _ = drawn
    told = [Step.read(json.loads(json.dumps(step.told()))) for step in fitted.steps_]
    assert told == fitted.steps_
    again = []
    for known in (told[:2], told):
        fresh = []
        resumed = ColumnSelector(n_jobs=1).fit(X, y, group, known=known, told=fresh.append)
        assert resumed.selected_ == fitted.selected_
        assert [*known, *fresh] == fitted.steps_
        again.append(len(fresh))
    assert again == [len(told) - 2, 0]
    monkeypatch.setattr(Judge, "losses", lambda *_: pytest.fail("it was judged again"))
    ColumnSelector(n_jobs=1).fit(X, y, group, known=told)


def test_what_the_one_that_is_told_raises_ends_the_work(drawn):
    X, y, group, _ = drawn

    class Enough(Exception):  # noqa: N818
        pass

    def stop(step):
        raise Enough

    with pytest.raises(Enough):
        ColumnSelector(n_jobs=1).fit(X, y, group, told=stop)


def test_a_wrong_ranking_and_rows_without_both_outcomes_are_refused(drawn):
    X, y, group, _ = drawn
    with pytest.raises(ValueError, match=r"ranking of ColumnSelector must be one of gain, perm"):
        ColumnSelector("luck").fit(X, y, group)
    with pytest.raises(ValueError, match=r"y must hold both outcomes in and beside one of 3 folds"):
        ColumnSelector(n_jobs=1).fit(X, np.zeros(len(y), dtype=int), group)
    with pytest.raises(ValueError, match=r"expected its partner 'f__x_b'"):
        ColumnSelector(n_jobs=1).fit(X.assign(f__x_a=0.0), y, group)


CLEAR, NOT = {"tie": Gain(0.02, 0.01)}, {"tie": Gain(0.005, 0.01)}


@pytest.mark.parametrize(
    ("gain", "shuffled", "whole", "earned"),
    [
        (CLEAR, CLEAR, NOT, True),
        (CLEAR, NOT, NOT, False),  # no better than its shuffled copies
        (NOT, CLEAR, NOT, False),
        (NOT, {}, CLEAR, True),  # too much has gone already
        ({"tie": Gain(-0.005, 0.01)}, {}, CLEAR, False),  # but it is no loss
        (NOT, {}, {}, False),
    ],
)
def test_what_earns_its_place(gain, shuffled, whole, earned):
    assert Step(False, ("f__x_diff",), gain, shuffled, whole).earned == earned


def test_to_be_taken_it_is_enough_to_beat_the_shuffled_copies_at_all():
    loss = {"tie": Gain(-0.001, 0.01)}
    assert Step(True, ("f__x_diff",), CLEAR, NOT, {}).earned
    assert not Step(True, ("f__x_diff",), CLEAR, loss, {}).earned
    assert not Step(True, ("f__x_diff",), NOT, CLEAR, {}).earned


def test_both_gains_must_be_of_the_same_head():
    gain = {"direction": Gain(0.1, 0.01), "tie": Gain(0.0, 0.01)}
    shuffled = {"direction": Gain(-0.01, 0.01), "tie": Gain(0.1, 0.01)}
    assert not Step(True, ("f__x_diff",), gain, shuffled, {}).earned
    assert not Step(False, ("f__x_diff",), gain, shuffled, {}).earned


class FakeJudge:
    """Says that a set is worth the sum of its columns' worth, without any noise."""

    def __init__(self, worth):
        self.worth, self.asked = np.array(worth), []

    def losses(self, columns):
        self.asked.append([one.kept.tolist() for one in columns])
        return np.array([[-self.worth[one.kept].sum() for one in columns]])

    def gains(self, losses, better):
        return {"direction": Gain(float((losses - better).mean()), 0.5)}


def searched(worth, names=None, importance=None):
    names = names or [f"f{n % 2}__x{n}_diff" for n in range(len(worth))]
    importance = np.array(worth if importance is None else importance, dtype=float)
    units = {name: [place] for place, name in enumerate(names)}
    judge = FakeJudge(worth)
    made = search.Search(judge, units, [importance] * 3, (), lambda step: None)
    return made, made.run()


def test_units_are_taken_twice_as_many_each_time_and_worthless_ones_dropped():
    worth = [9, 8, 7, 6, 0, 5, 0, 4, *([0] * 8)]
    made, left = searched(worth, importance=range(20, 4, -1))
    sizes = [len(step.units) for step in made.steps if step.adds]
    assert sizes == [4, 4, 8]
    assert np.flatnonzero(left).tolist() == [0, 1, 2, 3, 5, 7]


def test_two_tries_in_a_row_that_fail_are_enough():
    made, left = searched([0] * 32, importance=range(40, 8, -1))
    assert [len(step.units) for step in made.steps] == [4, 8]
    assert not left.any()


def test_a_second_try_takes_what_failed_along():
    made, left = searched([0, 0, 0, 0, 3, 0, 0, 0], importance=range(9, 1, -1))
    assert [step.earned for step in made.steps if step.adds] == [False, True]
    assert np.flatnonzero(left).tolist() == [4]


def test_many_small_gains_are_not_all_dropped_one_by_one():
    """Each is below the standard error; together they are far beyond it."""
    _, left = searched([0.4] * 8, importance=range(9, 1, -1))
    assert left.sum() >= 7


def test_units_without_any_importance_are_not_tried():
    made, _ = searched([5, 5, 0, 0, 0, 0], importance=[2, 1, 0, 0, 0, 0])
    assert [step.units for step in made.steps if step.adds] == [("f0__x0_diff", "f1__x1_diff")]
