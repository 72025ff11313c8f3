"""What is lost without columns: a hand-written loop, both sides of a pair, and its interval."""

import numpy as np
import pytest

from features.sides import Swap
from models.importance import permutation
from models.importance.permutation import Sums, permuted_losses
from models.learners.lightgbm import LightGBMModel
from models.learners.xgboost import XGBoostModel
from tests.models.importance.conftest import NAMES

SWAP, VOTES = Swap(NAMES), np.eye(3)  # a whole vote of each class
UNITS = [np.array(places) for places in ([0], [1], [2], [1, 2], [0, 3, 5], [4], [6])]


def loop(model, X, y, columns, order):
    """Losses by what any user of the model can do."""
    dealt = X.copy()
    for name in columns:
        dealt[name] = X[name].to_numpy()[order]
    rows = np.arange(len(y))
    without, before = (-np.log(model.predict_proba(of)[rows, y]) for of in (dealt, X))
    return without - before


@pytest.mark.parametrize("form", ["heads", "multiclass"])
def test_permutation_is_what_a_loop_by_hand_gives(form, models, held_out):
    X, y = held_out
    found = permuted_losses(models[form], X, VOTES[y], UNITS, repeats=2, seed=7)
    rng = np.random.default_rng(7)
    orders = [rng.permutation(len(y)) for _ in range(2)]
    for unit, losses in zip(UNITS, found, strict=True):
        columns = [NAMES[place] for place in unit]
        by_hand = [loop(models[form], X, y, columns, order) for order in orders]
        np.testing.assert_allclose(losses, np.mean(by_hand, axis=0), rtol=0, atol=1e-12)
    assert found[0].mean() > 0.05  # the gap decides


def test_a_soft_label_is_as_much_of_each_vote(models, held_out):
    X, _ = held_out
    share = np.random.default_rng(2).dirichlet([1, 1, 1], size=len(X))
    found = permuted_losses(models["heads"], X, share, UNITS, seed=7)
    whole = [
        permuted_losses(models["heads"], X, np.tile(vote, (len(X), 1)), UNITS, seed=7)
        for vote in VOTES
    ]
    expected = sum(p * losses for p, losses in zip(share.T, whole, strict=True))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    assert found[0].mean() != pytest.approx(whole[0][0].mean(), abs=0.01)


def test_a_pair_has_the_same_importance_from_both_sides(models, held_out, swapped):
    X, y = held_out
    other = np.array([1, 0, 2])[y]
    here = permuted_losses(models["heads"], X, VOTES[y], UNITS, seed=7)
    there = permuted_losses(models["heads"], swapped(X), VOTES[other], UNITS, seed=7)
    np.testing.assert_array_equal(here[3], there[3])  # both sides together
    np.testing.assert_array_equal(here[1], there[2])  # side A is then side B
    np.testing.assert_array_equal(here[2], there[1])
    np.testing.assert_array_equal(here[[0, 4, 5]], there[[0, 4, 5]])
    assert (here[1] != here[2]).any()


def test_what_no_part_reads_costs_nothing_and_is_not_asked_for(models, held_out, monkeypatch):
    X, y = held_out
    asked = []
    original = permutation.part_logits

    def counting(part, model, X, swap):
        asked.append((part.name, len(X)))
        return original(part, model, X, swap)

    monkeypatch.setattr(permutation, "part_logits", counting)
    nothing = np.array([], dtype=np.intp)
    found = permuted_losses(models["heads"], X, VOTES[y], [UNITS[6], nothing], seed=7)
    assert not found.any()
    assert len(asked) == len(models["heads"].fitted_parts())  # each once, with no column dealt out
    asked.clear()
    permuted_losses(models["heads"], X, VOTES[y], [UNITS[5]], seed=7)
    # The linear direction has no use for what a swap leaves as it is.
    assert [name for name, _ in asked].count("linear_direction") == 1
    assert [name for name, _ in asked].count("linear_tie") == 2


def test_a_side_is_read_by_whoever_reads_the_other(models, held_out, monkeypatch):
    """A swapped row has the value of A where a tree reads that of B."""
    X, y = held_out
    whole = permuted_losses(models["heads"], X, VOTES[y], [UNITS[2]], seed=7)
    for learner in (LightGBMModel, XGBoostModel):
        gain = learner.importance

        def without_b(self, n_columns, gain=gain):
            return gain(self, n_columns) * (np.arange(n_columns) != 2)

        monkeypatch.setattr(learner, "importance", without_b)
    found = permuted_losses(models["heads"], X, VOTES[y], [UNITS[2]], seed=7)
    np.testing.assert_array_equal(found, whole)
    assert whole.any()


@pytest.mark.parametrize("rows", [1, 130, 250])
def test_blocks_change_nothing(rows, models, held_out, monkeypatch):
    X, y = held_out
    whole = permuted_losses(models["heads"], X, VOTES[y], UNITS, seed=7)
    monkeypatch.setattr(permutation, "BLOCK_ROWS", rows)
    in_blocks = permuted_losses(models["heads"], X, VOTES[y], UNITS, seed=7)
    np.testing.assert_allclose(in_blocks, whole, rtol=0, atol=1e-12)


def test_sums_of_folds_are_those_of_all_rows():
    rng = np.random.default_rng(0)
    values, group = rng.normal(size=(3, 40)), np.array([f"g{row // 3}" for row in range(40)])
    parts = [Sums.of(values[:, part], group[part]) for part in (slice(0, 21), slice(21, None))]
    for one, other in zip(Sums.added(parts), Sums.of(values, group), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


def test_the_interval_is_over_prompts_and_not_over_rows():
    """Ten copies of each row tell no more than one, and one prompt more or less tells much."""
    rng = np.random.default_rng(0)
    values, group = rng.normal(1.0, 2.0, size=(1, 200)), np.arange(200).astype(str)
    mean, low, high = Sums.of(values, group).interval()
    assert mean[0] == pytest.approx(values.mean())
    assert high[0] - low[0] == pytest.approx(2 * 1.96 * values.std() / np.sqrt(200), rel=1e-4)
    copied = Sums.of(np.tile(values, 10), np.tile(group, 10)).interval()
    np.testing.assert_allclose(copied, (mean, low, high))


def test_the_interval_is_that_of_resampled_prompts():
    rng = np.random.default_rng(1)
    group = np.repeat(np.arange(300), rng.integers(1, 6, size=300))
    values = rng.normal(size=300)[group] + rng.normal(size=len(group))
    _, low, high = Sums.of(values[None], group.astype(str)).interval()
    sums, n = np.bincount(group, weights=values), np.bincount(group)
    drawn = rng.integers(300, size=(4000, 300))
    means = sums[drawn].sum(axis=1) / n[drawn].sum(axis=1)
    assert high[0] - low[0] == pytest.approx(2 * 1.96 * means.std(), rel=0.05)
