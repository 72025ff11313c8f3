"""The baselines say what they should on battles whose law is known."""

import numpy as np
import pytest
from sklearn.base import clone

from models.measures.baselines import BASELINES, LengthRegression


def battles(n=6000, seed=0):
    """The longer answer wins more often; near-equal lengths tie more often."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 1))
    tie = rng.uniform(size=n) < np.where(np.abs(x[:, 0]) < 0.5, 0.6, 0.1)
    first = rng.uniform(size=n) < 1 / (1 + np.exp(-1.5 * x[:, 0]))
    return x, np.where(tie, 2, np.where(first, 0, 1)).astype(np.int8)


def test_the_class_prior_is_the_share_of_each_class():
    y = np.array([0, 0, 0, 1, 2, 2], dtype=np.int8)
    prior = clone(BASELINES["class prior"]).fit(np.zeros((6, 1)), y)
    np.testing.assert_allclose(prior.predict_proba(np.ones((2, 1))), [[1 / 2, 1 / 6, 1 / 3]] * 2)


def test_length_is_swap_symmetric():
    x, y = battles()
    skewed = y.copy()
    skewed[: len(y) // 3] = 0  # A wins more often than B: not to be learned from its place
    p, q = (LengthRegression().fit(x, skewed).predict_proba(sign * x[:50]) for sign in (1, -1))
    np.testing.assert_allclose(p[:, [1, 0, 2]], q, atol=1e-5)


def test_length_learns_the_direction_and_the_ties():
    x, y = battles()
    far, near, same = LengthRegression().fit(x, y).predict_proba(np.array([[2.0], [0.1], [0.0]]))
    assert far[0] > 0.75
    assert same[2] > 0.4 > 0.2 > far[2]
    assert near[0] > near[1]
    assert same[0] == pytest.approx(same[1], abs=1e-5)


def test_answers_of_one_length_give_the_class_shares():
    y = np.resize([0, 1, 2, 2], 80).astype(np.int8)
    p = LengthRegression().fit(np.zeros((80, 1)), y).predict_proba(np.zeros((1, 1)))
    np.testing.assert_allclose(p, [[0.25, 0.25, 0.5]], atol=1e-3)


@pytest.mark.parametrize("name", list(BASELINES))
def test_baselines_give_three_probabilities(name):
    x, y = battles(n=300)
    p = clone(BASELINES[name]).fit(x, y).predict_proba(x)
    assert p.shape == (300, 3)
    assert p.min() > 0
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
