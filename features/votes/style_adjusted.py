"""Strengths of models beside what the style of their answers is worth to the voters.

Source: Chatbot Arena's style control (Li, Angelopoulos and Chiang, 2024):

    P(A beats B) = 1 / (1 + exp(-(strength_A - strength_B + x . coefficient))).
"""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_matrix
from scipy.special import expit

from features.sides import Array
from features.votes.bradley_terry import (
    LONGEST_STEP,
    MAX_STEPS,
    RIDGE,
    TOLERANCE,
    Models,
    by_model,
    ridged,
)


class Adjusted(NamedTuple):
    """Strengths in log odds, shape (n_models,), and a coefficient for each covariate."""

    strength: Array
    coefficient: Array


def adjusted_strengths(
    first: Models,
    second: Models,
    points: Array,
    n_models: int,
    style: Array,
    weight: Array | None = None,
) -> Adjusted:
    """Fit strengths and coefficients together by Newton's method, with one ridge for all.

    Parameters
    ----------
    first, second, points, n_models, weight
        As for `features.votes.bradley_terry.strengths`, which gives the same without covariates.
    style : ndarray of float64, shape (n_battles, n_covariates)
        Differences between the first's answer and the second's, of a like scale.

    Examples
    --------
    >>> first, second = np.array([0, 0, 0, 0]), np.array([1, 1, 1, 1])
    >>> longer = np.array([[1.0], [1.0], [1.0], [0.0]])
    >>> points = np.array([1.0, 1.0, 1.0, 0.5])
    >>> adjusted_strengths(first, second, points, 2, longer).strength.round(2).tolist()
    [0.4, -0.4]
    """
    weights = np.ones(len(points)) if weight is None else weight
    solved = np.zeros(n_models + style.shape[1])
    for _ in range(MAX_STEPS):
        strength, coefficient = solved[:n_models], solved[n_models:]
        # A sum by rows, not a matrix product: its last bits would depend on the other rows.
        expected = expit(strength[first] - strength[second] + (style * coefficient).sum(axis=1))
        gain = weights * (points - expected)
        gradient = np.concatenate(
            [by_model(first, second, gain, n_models), (style * gain[:, None]).sum(axis=0)]
        )
        curvature = weights * expected * (1 - expected)
        hessian = _hessian(first, second, curvature, n_models, style)
        step = np.linalg.solve(hessian, gradient - RIDGE * solved)
        longest = np.abs(step).max(initial=0.0)
        solved = solved + step * min(1.0, LONGEST_STEP / max(longest, TOLERANCE))
        if longest < TOLERANCE:
            break
    return Adjusted(solved[:n_models], solved[n_models:])


def _hessian(first: Models, second: Models, curvature: Array, n_models: int, style: Array) -> Array:
    rows, ones = np.arange(len(first)), np.ones(len(first))
    signs = np.concatenate([ones, -ones])
    place = (np.concatenate([first, second]), np.concatenate([rows, rows]))
    met = csr_matrix((signs, place), shape=(n_models, len(first)))
    curved = style * curvature[:, None]
    cross = np.asarray(met @ curved)
    own = ridged(first, second, curvature, n_models)
    corner = style.T @ curved + RIDGE * np.eye(style.shape[1])
    return np.block([[own, cross], [cross.T, corner]]).astype(np.float64)
