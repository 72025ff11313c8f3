"""Strengths of models from many resamples of their battles, all fitted at once."""

import numpy as np
from scipy.sparse import csr_matrix
from scipy.special import expit

from features.sides import Array
from features.votes.bradley_terry import LONGEST_STEP, MAX_STEPS, RIDGE, TOLERANCE, Models


def resampled_strengths(
    first: Models, second: Models, points: Array, n_models: int, weights: Array
) -> Array:
    """Fit Bradley-Terry strengths once for each row of weights.

    The battles of a pairing say as much as their sums, so that a resample is not longer than there
    are pairings.

    Parameters
    ----------
    first, second, points, n_models
        As for `features.votes.bradley_terry.strengths`.
    weights : ndarray of float64, shape (n_resamples, n_battles)

    Returns
    -------
    ndarray of float64, shape (n_resamples, n_models)
        Each row is what `strengths` gives with its weights.

    Examples
    --------
    >>> first, second = np.array([0, 0]), np.array([1, 1])
    >>> weights = np.array([[1.0, 1.0], [2.0, 0.0]])
    >>> resampled_strengths(first, second, np.array([1.0, 0.0]), 2, weights).round(2).tolist()
    [[0.0, 0.0], [0.52, -0.52]]
    """
    apart = first != second
    first, second, points, weights = first[apart], second[apart], points[apart], weights[:, apart]
    low, high = np.minimum(first, second), np.maximum(first, second)
    codes, pairing = np.unique(low * n_models + high, return_inverse=True)
    i, j = codes // n_models, codes % n_models
    games = _by_pairing(weights, pairing, np.ones(len(points)), len(codes))
    won = _by_pairing(weights, pairing, np.where(first == low, points, 1.0 - points), len(codes))
    strength = np.zeros((len(weights), n_models))
    for _ in range(MAX_STEPS):
        expected = expit(strength[:, i] - strength[:, j])
        gradient = _by_model(won - games * expected, i, n_models)
        gradient -= _by_model(won - games * expected, j, n_models)
        hessian = _ridged(games * expected * (1.0 - expected), i, j, n_models)
        step = np.linalg.solve(hessian, (gradient - RIDGE * strength)[:, :, None])[:, :, 0]
        longest = np.abs(step).max(axis=1, initial=0.0, keepdims=True)
        strength += step * np.minimum(1.0, LONGEST_STEP / np.maximum(longest, TOLERANCE))
        if longest.max(initial=0.0) < TOLERANCE:
            break
    return strength


def _by_pairing(weights: Array, pairing: Models, values: Array, n_pairings: int) -> Array:
    """Add up weighted values of battles by pairing, shape (n_resamples, n_pairings)."""
    place = (pairing, np.arange(len(pairing)))
    sums = csr_matrix((values, place), shape=(n_pairings, len(pairing))) @ weights.T
    return np.ascontiguousarray(np.asarray(sums).T, dtype=np.float64)


def _by_model(values: Array, models: Models, n_models: int) -> Array:
    """Add up values of pairings by one of their models, shape (n_resamples, n_models)."""
    place = (models, np.arange(len(models)))
    sums = csr_matrix((np.ones(len(models)), place), shape=(n_models, len(models))) @ values.T
    return np.asarray(np.asarray(sums).T, dtype=np.float64)


def _ridged(values: Array, i: Models, j: Models, n_models: int) -> Array:
    """Return each resample's second derivatives, shape (n_resamples, n_models, n_models)."""
    hessian = np.zeros((len(values), n_models, n_models))
    hessian[:, i, j] = hessian[:, j, i] = -values
    own = np.arange(n_models)
    hessian[:, own, own] = RIDGE - hessian.sum(axis=2)
    return hessian
