"""What a set of columns is worth: by head, out of fold, beside shuffled copies."""

import numpy as np
import pandas as pd
import pytest

from data.folds import hash_folds
from models.heads import FORMS
from models.judge import Columns, Gain, Judge
from models.parts import Rows
from tests.models.columns_world import world


def judge_of(X, y, group, plain=None, *, weight=None, judging=None, **options):
    n = len(y)
    rows = Rows(
        X.to_numpy(),
        y,
        np.ones(n, np.bool_) if plain is None else plain,
        np.ones(n) if weight is None else weight,
        np.zeros(n),
        hash_folds(group, n_folds=3),
        judging,
    )
    return Judge(rows, list(X), pd.factorize(np.array(group))[0], n_jobs=1, **options)


def places(*numbers):
    return np.array(numbers, dtype=np.intp)


def everywhere(*kept, shuffled=()):
    return [Columns(places(*kept), places(*shuffled))] * 3


@pytest.fixture(scope="module")
def drawn():
    return world(0, noise=4)


@pytest.fixture(scope="module")
def judge(drawn):
    return judge_of(*drawn[:3])


def test_without_columns_it_is_the_loss_of_the_shares(judge, drawn):
    y = drawn[1]
    direction, tie = judge.losses(everywhere()).sum(axis=1)
    ties = (y == 2).mean()
    assert direction == pytest.approx((1 - ties) * np.log(2))
    entropy = -ties * np.log(ties) - (1 - ties) * np.log(1 - ties)
    assert tie == pytest.approx(entropy, abs=2e-3)  # each fold's share is that of the others


def test_each_head_gains_by_its_own_columns_alone(judge):
    nothing = judge.losses(everywhere())
    by_diff = judge.gains(nothing, judge.losses(everywhere(0)))
    by_sum = judge.gains(nothing, judge.losses(everywhere(1)))
    assert {head: gain.clear for head, gain in by_diff.items()} == {"direction": True, "tie": False}
    assert {head: gain.clear for head, gain in by_sum.items()} == {"direction": False, "tie": True}
    assert by_sum["direction"].value == pytest.approx(0)  # a symmetric column has no direction


def test_a_shuffled_copy_tells_nothing(judge):
    nothing = judge.losses(everywhere())
    gains = judge.gains(nothing, judge.losses(everywhere(shuffled=(0,))))
    assert not any(gain.clear for gain in gains.values())
    beside = judge.gains(judge.losses(everywhere(0)), judge.losses(everywhere(0, shuffled=(2,))))
    assert not any(gain.clear for gain in beside.values())


def test_a_fold_is_judged_by_its_own_columns(judge):
    """Only the rows of the fold that has the column gain by it."""
    nothing = judge.losses(everywhere())
    one = judge.losses([Columns(places(0)), Columns(places()), Columns(places())])
    changed = (one != nothing).any(axis=0)
    assert set(judge.rows.fold[changed]) == {0}


def test_rows_of_a_prompt_count_as_one():
    rng = np.random.default_rng(0)
    gap = rng.normal(size=200)
    alone = Gain(gap.sum(), np.sqrt(200 / 199 * ((gap - gap.mean()) ** 2).sum()))
    X, y, group, _ = world(0, n=200, noise=0)
    once = judge_of(X, y, [str(n) for n in range(200)])
    np.testing.assert_allclose(once._gain(gap), alone)
    double = judge_of(X, y, group)._gain(np.repeat(gap[:100], 2))
    assert double.error > 1.3 * once._gain(np.repeat(gap[:100], 2)).error


def test_extra_rows_judge_the_direction_alone_in_the_share_of_the_plain_ones(drawn):
    X, y, group, _ = drawn
    plain = np.arange(len(y)) < 400
    judge = judge_of(X, y, group, plain)
    direction, tie = judge.losses(everywhere())
    assert not tie[~plain].any()
    assert not direction[y == 2].any()
    assert direction[~plain & (y != 2)].all()
    decided = (y[plain] != 2).mean()
    assert direction.sum() == pytest.approx(decided * np.log(2))


def test_without_ties_the_direction_is_judged_alone(drawn):
    X, y, group, _ = drawn
    judge = judge_of(X, np.where(y == 2, 0, y).astype(np.int8), group)
    assert [head.name for head in judge.heads] == ["direction"]
    assert judge.losses(everywhere()).sum() == pytest.approx(np.log(2))


def test_rows_judge_by_their_share_and_teach_by_their_weight(drawn):
    X, y, group, _ = drawn
    weight, share = np.where(y == 2, 3.0, 1.0), np.where(y == 2, 0.25, 1.0)
    judge = judge_of(X, y, group, weight=weight, judging=share)
    direction, tie = judge.losses(everywhere()).sum(axis=1)
    decided = np.average(y != 2, weights=share)
    assert direction == pytest.approx(decided * np.log(2))
    taught = np.average(y == 2, weights=weight)
    expected = -decided * np.log(1 - taught) - (1 - decided) * np.log(taught)
    assert tie == pytest.approx(expected, abs=5e-3)  # each fold's share is that of the others


def test_the_first_point_of_a_curve_is_judged_by_shares_too(drawn):
    """The loss of a fold without any column: else a column's gain would depend on weights."""
    X, y, group, _ = drawn
    share = np.where(y == 2, 0.25, 1.0)
    fitted = judge_of(X, y, group, judging=share)._fitted(
        FORMS["heads"][1], 0, "linear", Columns(places(1))
    )
    fold = hash_folds(group, n_folds=3) == 0
    ties = (y[~fold] == 2).mean()
    by_hand = np.average(-np.log(np.where(y == 2, ties, 1 - ties))[fold], weights=share[fold])
    assert fitted.curve[0] == pytest.approx(by_hand)


def test_a_shuffled_copy_has_one_value_for_all_votes_of_a_battle(drawn):
    X, y, group, _ = drawn
    votes = X.loc[X.index.repeat(3)]
    judge = judge_of(votes, np.repeat(y, 3), np.repeat(group, 3).tolist())
    copied = votes.to_numpy()[judge._order, 0].reshape(-1, 3)
    assert (copied == copied[:, :1]).all()
    assert sorted(copied[:, 0]) == sorted(X.to_numpy()[:, 0])
    assert (copied[:, 0] != X.to_numpy()[:, 0]).mean() > 0.9


def test_a_gain_is_clear_beyond_its_standard_error():
    assert Gain(0.2, 0.1).clear
    assert not Gain(0.1, 0.1).clear
    assert not Gain(-0.2, 0.1).clear
