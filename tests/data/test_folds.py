"""Folds: no group is cut, labels are spread, inner folds see the group alone."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold

from data.cells import prompt_group
from data.folds import hash_folds, make_folds, training_rows
from data.frames import make_battles
from data.tables.read import DataError


def _battles(n_rows: int = 600, n_groups: int = 400) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = rng.choice(3, n_rows, p=[0.4, 0.4, 0.2]).astype(np.int8)
    return y, np.array([f"{number:016x}" for number in rng.integers(n_groups, size=n_rows)])


def test_folds_never_cut_a_group_and_spread_the_labels() -> None:
    y, group = _battles()
    folds = make_folds(y, group, n_folds=5, seed=3)
    assert folds.dtype == np.int8
    assert set(folds) == set(range(5))
    assert pd.Series(folds).groupby(group).nunique().max() == 1
    shares = np.array([np.bincount(y[folds == fold], minlength=3) for fold in range(5)])
    assert np.ptp(shares, axis=0).max() <= 2


def test_folds_are_those_of_scikit_learn() -> None:
    y, group = _battles()
    splitter = StratifiedGroupKFold(4, shuffle=True, random_state=7)
    folds = make_folds(pd.Series(y), pd.Series(group, dtype="string"), n_folds=4, seed=7)
    for fold, (_, held_out) in enumerate(splitter.split(y, y, group)):
        np.testing.assert_array_equal(np.flatnonzero(folds == fold), held_out)


def test_seed_decides() -> None:
    y, group = _battles()
    np.testing.assert_array_equal(make_folds(y, group, seed=1), make_folds(y, group, seed=1))
    assert (make_folds(y, group, seed=1) != make_folds(y, group, seed=2)).any()


def test_folds_of_a_battles_frame() -> None:
    battles = make_battles([f"p{number // 2}" for number in range(12)], ["a"] * 12, ["b"] * 12)
    folds = make_folds([0, 1, 2] * 4, battles["group"], n_folds=3)
    assert (folds[::2] == folds[1::2]).all()


def test_a_class_rarer_than_the_folds_is_no_fault() -> None:
    y = [0] * 10 + [1] * 10 + [2]
    assert set(make_folds(y, [str(row) for row in range(21)])) == set(range(5))


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 11)), min_size=5, max_size=60))
@example([(0, 0)] * 2 + [(0, 2), (0, 3)] + [(1, 0)] * 2 + [(1, 2)] + [(2, 1)] * 2 + [(2, 2)])
def test_no_fold_is_empty(rows: list[tuple[int, int]]) -> None:
    y, group = (np.array(column) for column in zip(*rows, strict=True))
    try:
        folds = make_folds(y, group.astype(str), n_folds=4)
    except DataError:
        return
    assert set(folds) == set(range(4))


@pytest.mark.parametrize(
    ("y", "group", "message"),
    [
        ([0, 1, 2], "abc", "as many rows as folds, found 3 rows and 5 folds"),
        ([], "", "as many rows as folds, found 0 rows and 5 folds"),
        ([0, 1, 2] * 4, "abcd" * 3, r"prompts \(groups\) as folds, found 4 .* and 5 folds"),
        ([0, 1, 2] * 4, "a" * 12, r"found 1 different prompts \(groups\) and 5 folds"),
        ([0, 1, 2] * 2, "abcdef", "found 2 rows of the largest class and 5 folds"),
        ([0, 1] * 6, "abcdef" * 2, r"found none of class tie \(winner_tie\) in 12 rows"),
        ([2] * 12, "abcdef" * 2, r"none of class A \(winner_model_a\) and B \(winner_model_b\)"),
    ],
)
def test_too_little_for_folds(y: list[int], group: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        make_folds(y, list(group))


def test_votes_without_ties_have_two_classes() -> None:
    y, group = [0, 1] * 6, list("abcdef" * 2)
    folds = make_folds(y, group, n_folds=3, ties=False)
    assert set(folds) == {0, 1, 2}
    assert all((folds[:6] == folds[6:]).tolist())
    with pytest.raises(DataError, match=r"of both classes, found none of class B .* in 12 rows"):
        make_folds([0] * 12, group, n_folds=3, ties=False)
    with pytest.raises(ValueError, match=r"y must hold 0 \(A\) and 1 \(B\) only"):
        make_folds([0, 1, 2] * 4, group, n_folds=3, ties=False)


def test_wrong_arguments() -> None:
    with pytest.raises(ValueError, match=r"n_folds must be 2 to 127\. Got 1 "):
        make_folds([0, 1, 2], list("abc"), n_folds=1)
    with pytest.raises(ValueError, match="y has 3 rows and group 2"):
        make_folds([0, 1, 2], list("ab"))
    with pytest.raises(ValueError, match="y must hold 0"):
        make_folds([0, 1, 3], list("abc"), n_folds=2)
    with pytest.raises(ValueError, match=r"n_folds must be 2 to 127\. Got 128"):
        hash_folds(list("ab"), n_folds=128)
    with pytest.raises(ValueError, match="salt must be 0"):
        hash_folds(list("ab"), n_folds=2, salt=-1)


def test_hash_folds_do_not_depend_on_order_or_batch() -> None:
    group = np.array([prompt_group([f"prompt {number}"]) for number in range(300)] * 2)
    folds = hash_folds(group, n_folds=5)
    assert folds.dtype == np.int8
    order = np.random.default_rng(0).permutation(len(group))
    np.testing.assert_array_equal(hash_folds(group[order], n_folds=5), folds[order])
    np.testing.assert_array_equal(hash_folds(group[:7], n_folds=5), folds[:7])
    np.testing.assert_array_equal(hash_folds(group[41:42], n_folds=5), folds[41:42])
    arrow = make_battles([f"prompt {number}" for number in range(300)], ["a"] * 300, ["b"] * 300)
    np.testing.assert_array_equal(hash_folds(arrow["group"], n_folds=5), folds[:300])


def test_hash_folds_are_stable() -> None:
    group = [prompt_group([text]) for text in ("one", "two", "three", "four", "five", "six")]
    assert hash_folds(group, n_folds=5, salt=1).tolist() == [3, 1, 1, 1, 1, 3]


def test_hash_folds_are_even_and_independent_of_salt_and_of_the_group_itself() -> None:
    group = np.array([prompt_group([f"prompt {number}"]) for number in range(6000)])
    folds = hash_folds(group, n_folds=4)
    salted = hash_folds(group, n_folds=4, salt=1)
    digits = np.array([int(name, 16) % 4 for name in group])
    for other in (salted, digits):
        table = np.histogram2d(folds, other, bins=4)[0]
        # 375 expected in each of 16 cells; 5 standard deviations of a binomial are 94.
        assert np.abs(table - 375).max() < 94


def test_hash_folds_of_nothing() -> None:
    assert hash_folds([], n_folds=5).shape == (0,)


def test_training_rows_leave_out_extra_rows_of_held_out_prompts_only() -> None:
    source = np.array(["plain", "plain", "plain", "extra", "extra", "extra"])
    group = np.array(["p", "q", "p", "p", "q", "r"])
    validation = np.array([True, False, False, False, False, False])
    # Row 2 shares its prompt but is plain: outer folds are grouped, so they never hold such a row.
    expected = [False, True, True, False, True, True]
    assert training_rows(validation, group, source).tolist() == expected
    nothing = np.zeros(6, dtype=bool)
    assert training_rows(nothing, group, source).all()


def test_training_rows_of_a_battles_frame() -> None:
    battles = make_battles(["p", "P ", "q"], ["a"] * 3, ["b"] * 3)
    source = pd.Series(["plain", "extra", "extra"], dtype=battles["source"].dtype)
    held_out = np.array([True, False, False])
    kept = training_rows(held_out, battles["group"], source)
    assert kept.tolist() == [False, False, True]
