"""Which columns go together, in whatever order the answers came."""

import numpy as np
from scipy.stats import spearmanr

from features.sides import Swap
from models.importance.correlated import groups, pairs, rank_correlation
from tests.models.importance.conftest import NAMES, make_table

WORDS = ["f__words_a", "f__words_b", "f__words_diff", "f__marks_a", "f__marks_b", "g__noise_pair"]


def words(n=500, seed=0):
    """Marks go with words, of the same answer."""
    rng = np.random.default_rng(seed)
    a, b = rng.lognormal(size=(2, n))
    marks = [of**2 + 0.01 * rng.normal(size=n) for of in (a, b)]
    return np.column_stack([a, b, a - b, *marks, rng.normal(size=n)])


def test_the_correlation_is_spearmans_over_both_orders():
    X, swap = make_table()[0][NAMES].to_numpy(np.float64), Swap(NAMES)
    found = rank_correlation(X, swap)
    both = np.concatenate([X, swap(X)])[:, :-1]
    np.testing.assert_allclose(found[:-1, :-1], np.abs(spearmanr(both)[0]), atol=1e-12)
    assert not found[-1].any()  # it never changes
    assert found[0, 5] < 1e-12  # a sign tells no size


def test_a_swap_of_the_battles_makes_no_difference():
    X, swap = words(), Swap(WORDS)
    turned = np.random.default_rng(1).random(len(X)) < 0.5
    mixed = np.where(turned[:, None], swap(X), X)
    np.testing.assert_allclose(rank_correlation(mixed, swap), rank_correlation(X, swap), atol=1e-12)


def test_groups_hold_what_goes_together_with_both_of_its_sides():
    swap = Swap(WORDS)
    found = groups(rank_correlation(words(), swap), swap)
    assert found.tolist() == [0, 0, 1, 0, 0, 2]  # the difference goes with neither side alone
    # Words and marks of one answer alone go together: the sides are one all the same.
    alike = np.eye(6)
    alike[0, 3] = alike[3, 0] = 0.9
    assert groups(alike, swap).tolist() == [0, 0, 1, 0, 0, 2]
    crossed = np.eye(6)
    crossed[0, 4] = crossed[4, 0] = 0.9  # words of A with marks of B
    assert groups(crossed, swap).tolist() == [0, 0, 1, 0, 0, 2]
    crossed[0, 4] = crossed[4, 0] = 0.6
    assert groups(crossed, swap).tolist() == [0, 0, 1, 2, 2, 3]


def test_a_chain_is_cut_where_the_mean_is_low():
    names = [f"f__{name}_pair" for name in "abc"]
    chain = np.array([[1.0, 0.9, 0.2], [0.9, 1.0, 0.75], [0.2, 0.75, 1.0]])
    assert groups(chain, Swap(names)).tolist() == [0, 0, 1]


def test_one_column_is_a_group():
    swap = Swap(["f__words_a", "f__words_b"])
    assert groups(np.eye(2), swap).tolist() == [0, 0]
    assert pairs(swap).tolist() == [0, 0]
