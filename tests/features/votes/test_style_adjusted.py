"""Strengths beside style: what made the votes comes back, as any logistic regression says."""

import numpy as np
from sklearn.linear_model import LogisticRegression

from features.votes.bradley_terry import RIDGE, strengths
from features.votes.style_adjusted import adjusted_strengths

STRENGTH, WORTH = np.array([0.9, 0.1, -0.3, -0.7]), np.array([0.8, -0.4])


def battles(n_battles, ties=True):
    """Battles whose stronger models also write the longer answers."""
    rng = np.random.default_rng(3)
    first, second = rng.integers(0, 4, (2, n_battles))
    apart = STRENGTH[first] - STRENGTH[second]
    style = np.column_stack([0.7 * apart, np.zeros(n_battles)]) + rng.normal(size=(n_battles, 2))
    won = rng.random(n_battles) < 1 / (1 + np.exp(-apart - style @ WORTH))
    points = np.where(ties & (rng.random(n_battles) < 0.2), 0.5, won)
    return first, second, points.astype(float), style


def by_scikit_learn(first, second, points, style, weight=None):
    """The same by columns of ±1: a tie is two rows of half a weight."""
    X = np.zeros((len(points), 4))
    rows = np.arange(len(points))
    np.add.at(X, (rows, first), 1.0)
    np.add.at(X, (rows, second), -1.0)
    X = np.tile(np.hstack([X, style]), (2, 1))
    won = np.repeat([1, 0], len(points))
    weight = np.ones(len(points)) if weight is None else weight
    share = np.concatenate([weight * points, weight * (1 - points)])
    fit = LogisticRegression(C=1 / RIDGE, fit_intercept=False, tol=1e-10, max_iter=10_000)
    return fit.fit(X, won, sample_weight=share).coef_[0]


def test_bradley_terry_is_a_logistic_regression():
    first, second, points, _ = battles(500)
    found = strengths(first, second, points, 4)
    expected = by_scikit_learn(first, second, points, np.zeros((500, 0)))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)
    weight = np.random.default_rng(0).random(500)
    found = strengths(first, second, points, 4, weight)
    expected = by_scikit_learn(first, second, points, np.zeros((500, 0)), weight)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


def test_so_it_is_with_style():
    given = battles(500)
    weight = np.random.default_rng(0).random(500)
    found = adjusted_strengths(*given[:3], 4, given[3], weight)
    expected = by_scikit_learn(*given, weight)
    np.testing.assert_allclose(found.strength, expected[:4], rtol=0, atol=1e-4)
    np.testing.assert_allclose(found.coefficient, expected[4:], rtol=0, atol=1e-4)


def test_what_style_is_worth_is_not_put_down_to_the_models():
    first, second, points, style = battles(40_000, ties=False)
    found = adjusted_strengths(first, second, points, 4, style)
    np.testing.assert_allclose(found.strength, STRENGTH, atol=0.06)
    np.testing.assert_allclose(found.coefficient, WORTH, atol=0.03)
    alone = strengths(first, second, points, 4)
    assert alone[0] - alone[3] > STRENGTH[0] - STRENGTH[3] + 0.4


def test_without_covariates_they_are_the_strengths():
    first, second, points, _ = battles(300)
    found = adjusted_strengths(first, second, points, 4, np.zeros((300, 0)))
    np.testing.assert_allclose(found.strength, strengths(first, second, points, 4), atol=1e-12)


def test_a_swapped_battle_says_the_same():
    first, second, points, style = battles(300)
    turned = np.arange(300) % 3 == 0
    found = adjusted_strengths(
        np.where(turned, second, first),
        np.where(turned, first, second),
        np.where(turned, 1 - points, points),
        4,
        np.where(turned[:, None], -style, style),
    )
    expected = adjusted_strengths(first, second, points, 4, style)
    np.testing.assert_allclose(found.strength, expected.strength, atol=1e-12)


def test_without_battles_all_are_zero():
    none = np.empty(0, dtype=np.intp)
    found = adjusted_strengths(none, none, np.empty(0), 2, np.empty((0, 3)))
    assert [found.strength.tolist(), found.coefficient.tolist()] == [[0, 0], [0, 0, 0]]
