"""What a set of columns is worth: by head, out of fold, beside shuffled copies."""

import numpy as np
import pandas as pd
import pytest

from data.folds import hash_folds
from models.judge import Columns, Gain, Judge
from models.parts import Rows
from tests.models.columns_world import world


def judge_of(X, y, group, plain=None, **options):
    n = len(y)
    rows = Rows(
        X.to_numpy(),
        y,
        np.ones(n, np.bool_) if plain is None else plain,
        np.ones(n),
        np.zeros(n),
        hash_folds(group, n_folds=3),
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


def test_a_gain_is_clear_beyond_its_standard_error():
    assert Gain(0.2, 0.1).clear
    assert not Gain(0.1, 0.1).clear
    assert not Gain(-0.2, 0.1).clear
