"""Many fits at once are the same fits one by one."""

import numpy as np

from features.votes.bradley_terry import strengths
from features.votes.resampled import resampled_strengths


def battles(n_battles=400, n_models=6):
    rng = np.random.default_rng(5)
    first, second = rng.integers(0, n_models, (2, n_battles))
    points = rng.choice([0.0, 0.5, 1.0], n_battles, p=[0.2, 0.2, 0.6])
    return first, second, points, rng


def test_each_row_of_weights_is_a_fit():
    first, second, points, rng = battles()
    weights = rng.integers(0, 4, (7, 400)) * rng.random(400)
    found = resampled_strengths(first, second, points, 6, weights)
    expected = [strengths(first, second, points, 6, weight) for weight in weights]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)
    assert np.ptp(found, axis=0).min() > 0.05


def test_a_model_that_is_not_drawn_is_average():
    first, second, points, _ = battles()
    drawn = ((first != 2) & (second != 2)).astype(float)
    found = resampled_strengths(first, second, points, 6, np.array([drawn, np.ones(400)]))
    assert abs(found[0, 2]) < 1e-12 < abs(found[1, 2])


def test_who_always_wins_has_a_finite_strength():
    first, second = np.zeros(500, int), np.ones(500, int)
    found = resampled_strengths(first, second, np.ones(500), 2, np.ones((1, 500)))
    np.testing.assert_allclose(found[0], strengths(first, second, np.ones(500), 2), atol=1e-9)


def test_of_no_battles():
    none = np.empty(0, dtype=np.intp)
    assert (
        resampled_strengths(none, none, np.empty(0), 3, np.empty((2, 0))).tolist() == [[0] * 3] * 2
    )
