"""Strengths of models from their battles, and what each pairing of them can be expected to end in.

Source: Bradley and Terry (1952), "Rank analysis of incomplete block designs", Biometrika 39:

    P(i beats j) = 1 / (1 + exp(-(strength_i - strength_j))).
"""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.special import expit

from features.sides import Array

Models = NDArray[np.intp]

RIDGE = 1.0  # penalty RIDGE / 2 * |strengths|^2 beside the summed log likelihood
# Battles, ending as the strengths have it, that a pairing's own results are averaged with.
SHRINKAGE = 50.0
MAX_STEPS = 100
TOLERANCE = 1e-10
LONGEST_STEP = 2.0  # a Newton step from far away may overshoot


def strengths(
    first: Models, second: Models, points: Array, n_models: int, weight: Array | None = None
) -> Array:
    """Fit Bradley-Terry strengths by Newton's method, with a ridge.

    Parameters
    ----------
    first, second : ndarray of intp, shape (n_battles,)
        The two models of each battle, from 0 to ``n_models - 1``.
    points : ndarray of float64, shape (n_battles,)
        1 where the first won, 0 where the second did, 0.5 for a tie.
    n_models : int
    weight : ndarray of float64, shape (n_battles,), optional
        1 by default.

    Returns
    -------
    ndarray of float64, shape (n_models,)
        In log odds; their sum is 0, and a model without battles has 0.

    Examples
    --------
    >>> first, second = np.array([0, 0, 1]), np.array([1, 1, 2])
    >>> strengths(first, second, np.array([1.0, 1.0, 0.5]), 4).round(2).tolist()
    [0.54, -0.45, -0.09, 0.0]
    """
    strength, weights = np.zeros(n_models), np.ones(len(points)) if weight is None else weight
    for _ in range(MAX_STEPS):
        expected = expit(strength[first] - strength[second])
        gain = weights * (points - expected)
        gradient = by_model(first, second, gain, n_models)
        hessian = ridged(first, second, weights * expected * (1 - expected), n_models)
        step = np.linalg.solve(hessian, gradient - RIDGE * strength)
        longest = np.abs(step).max(initial=0.0)
        strength = strength + step * min(1.0, LONGEST_STEP / max(longest, TOLERANCE))
        if longest < TOLERANCE:
            break
    return strength


def head_to_head(
    first: Models, second: Models, points: Array, strength: Array, weight: Array | None = None
) -> Array:
    """Return what each model can expect against each other: its points in a battle, less 1/2.

    A pairing's mean of `SHRINKAGE` battles that end as the strengths have it, and of its own.

    Returns
    -------
    ndarray of float64, shape (n_models, n_models)
        In (-1/2, 1/2), exactly antisymmetric.

    Examples
    --------
    >>> first, second = np.array([0, 0, 0, 0]), np.array([1, 1, 1, 1])
    >>> head_to_head(first, second, np.ones(4), np.zeros(2)).round(3).tolist()
    [[0.0, 0.037], [-0.037, 0.0]]
    """
    n_models, weights = len(strength), np.ones(len(first)) if weight is None else weight
    beyond = _pairs(first, second, weights * (points - 0.5), n_models)
    battles = _pairs(first, second, weights, n_models)
    prior = expit(strength[:, None] - strength) - 0.5
    own = (SHRINKAGE * (prior - prior.T) / 2 + (beyond - beyond.T)) / (
        SHRINKAGE + battles + battles.T
    )
    return np.asarray((own - own.T) / 2, dtype=np.float64)


class Ratings(NamedTuple):
    """What battles say of models."""

    strength: Array  # shape (n_models,)
    table: Array  # shape (n_models, n_models), see `head_to_head`

    @classmethod
    def of(cls, first: Models, second: Models, points: Array, n_models: int,
           weight: Array | None = None) -> Self:  # fmt: skip
        """Rate models by their battles; one with an unknown model (-1) is left out."""
        known = (first >= 0) & (second >= 0)
        battles = first[known], second[known], points[known]
        weights = None if weight is None else weight[known]
        strength = strengths(*battles, n_models, weights)
        return cls(strength, head_to_head(*battles, strength, weights))

    def difference(self, first: Models, second: Models) -> Array:
        """Return how much stronger the first is; NaN where a model is unknown."""
        known = (first >= 0) & (second >= 0)
        return np.where(known, self.strength[first] - self.strength[second], np.nan)

    def expected_strength(self, probabilities: Array) -> Array:
        """Return the strength of a model that is known by probabilities, shape (n_answers,)."""
        return np.asarray((probabilities * self.strength).sum(axis=1), dtype=np.float64)

    def expected_points(self, first: Array, second: Array) -> Array:
        """Return what the first can expect beyond 1/2, both known by probabilities.

        Exactly the negative of what the second can. Sparse products go row by row, so a battle's
        does not depend on the others.
        """
        won = np.asarray(csr_matrix(first) @ self.table) * second
        lost = np.asarray(csr_matrix(second) @ self.table) * first
        return np.asarray((won.sum(axis=1) - lost.sum(axis=1)) / 2, dtype=np.float64)


def by_model(first: Models, second: Models, values: Array, n_models: int) -> Array:
    """Add up values of battles by model: with a plus where it is the first, else with a minus.

    >>> by_model(np.array([0, 2]), np.array([1, 0]), np.array([1.0, 0.25]), 3)
    array([ 0.75, -1.  ,  0.25])
    """
    sums = [np.bincount(models, weights=values, minlength=n_models) for models in (first, second)]
    return np.asarray(sums[0] - sums[1], dtype=np.float64)


def ridged(first: Models, second: Models, values: Array, n_models: int) -> Array:
    """Return a model's sum of values and the ridge on the diagonal, beside it less each pairing's.

    >>> ridged(np.array([0]), np.array([1]), np.array([0.25]), 2)
    array([[ 1.25, -0.25],
           [-0.25,  1.25]])
    """
    met = _pairs(first, second, values, n_models)
    met = met + met.T
    return np.asarray(np.diag(met.sum(axis=1) + RIDGE) - met, dtype=np.float64)


def _pairs(first: Models, second: Models, values: Array, n_models: int) -> Array:
    """Add up values by pairing, shape (n_models, n_models)."""
    sums = np.bincount(first * n_models + second, weights=values, minlength=n_models**2)
    return sums.astype(np.float64).reshape(n_models, n_models)
