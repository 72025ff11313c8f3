"""Logistic regression with weights that are not negative: a blend, and the scale of one score."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from features.sides import Array
from models.stacking.blends import losses_of

STEPS, HALVINGS = 100, 40  # at most; as a rule fewer than ten steps lead to the minimum
TOLERANCE = 1e-10  # of the gradient of a mean loss
TRIFLE = 1e-6  # penalty of a scale: it keeps scores that separate all battles finite


def fit_weights(
    logits: Array,
    won: NDArray[np.bool_],
    *,
    penalty: float,
    centre: Array,
    intercept: bool,
) -> tuple[Array, float]:
    """Find the weights, none below 0, of least ``mean log loss + penalty / 2 * |w - centre|**2``.

    Parameters
    ----------
    logits : ndarray of float64, shape (n_rows, n_columns)
    won : ndarray of bool, shape (n_rows,)
    penalty : float
        More than 0: then there is one minimum, whatever the rows are.
    centre : ndarray of float64, shape (n_columns,)
        At least 0.
    intercept : bool
        Whether there is one. It has no penalty but a trifle.

    Returns
    -------
    weights : ndarray of float64, shape (n_columns,)
    intercept : float

    Notes
    -----
    Newton's method on the weights that are not held at 0, with a projected search along the step
    (Bertsekas, 1982, "Projected Newton methods for optimization problems with simple constraints").

    Examples
    --------
    >>> logits, won = np.array([[1.0], [1.0], [1.0], [-1.0]]), np.array([True, True, False, False])
    >>> weights, _ = fit_weights(logits, won, penalty=1e-9, centre=np.ones(1), intercept=False)
    >>> np.round(np.exp(weights), 6)  # three of four went as the sign said
    array([3.])
    """
    columns = np.column_stack([logits, np.ones((len(logits), int(intercept)))])
    oriented = np.where(won[:, None], columns, -columns)
    aim = np.append(centre, np.zeros(int(intercept)))
    pull = np.append(np.full(len(centre), penalty), np.full(int(intercept), 1e-9))
    least = np.append(np.zeros(len(centre)), np.full(int(intercept), -np.inf))
    found = _minimum(oriented, aim, pull, least)
    return found[: len(centre)], float(found[-1]) if intercept else 0.0


def fit_scale(scores: Array, won: NDArray[np.bool_], *, intercept: bool) -> tuple[float, float]:
    """Find the scale, not below 0, and the shift of least log loss of ``scale * scores + shift``.

    Parameters
    ----------
    scores : ndarray of float64, shape (n_rows,)
    won : ndarray of bool, shape (n_rows,)
    intercept : bool
        Whether there is a shift; it is 0 otherwise.

    Examples
    --------
    >>> scores, won = np.array([1.0, 1.0, 1.0, -1.0]), np.array([True, True, False, False])
    >>> scale, shift = fit_scale(scores, won, intercept=False)
    >>> round(float(np.exp(scale)), 3), shift
    (3.0, 0.0)
    """
    weights, shift = fit_weights(
        scores[:, None], won, penalty=TRIFLE, centre=np.ones(1), intercept=intercept
    )
    return float(weights[0]), shift


def _minimum(oriented: Array, aim: Array, pull: Array, least: Array) -> Array:
    w = aim.copy()
    loss = _loss(oriented, w, aim, pull)
    for _ in range(STEPS):
        missed = expit(-(oriented @ w))
        gradient = pull * (w - aim) - oriented.T @ missed / len(missed)
        moving = ~((w <= least) & (gradient > 0.0))
        if np.abs(gradient[moving]).max(initial=0.0) < TOLERANCE:
            break
        seen = oriented[:, moving]
        curvature = (seen.T * (missed * (1.0 - missed))) @ seen / len(missed)
        step = np.zeros(len(w))
        step[moving] = np.linalg.solve(curvature + np.diag(pull[moving]), gradient[moving])
        there, new = _search(oriented, w, step, loss, aim, pull, least)
        if new >= loss:
            break
        w, loss = there, new
    return w


def _search(
    oriented: Array, w: Array, step: Array, loss: float, aim: Array, pull: Array, least: Array
) -> tuple[Array, float]:
    """Go back along the step until the loss is less than it was; stay where it never is."""
    for halving in range(HALVINGS):
        there = np.maximum(w - step / 2.0**halving, least)
        new = _loss(oriented, there, aim, pull)
        if new < loss:
            return there, new
    return w, loss


def _loss(oriented: Array, w: Array, aim: Array, pull: Array) -> float:
    fit = losses_of(oriented @ w).mean()
    return float(fit + np.sum(pull * (w - aim) ** 2) / 2.0)
