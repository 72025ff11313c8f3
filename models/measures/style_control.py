"""What this data's voters reward in style, beside the Arena's published coefficients.

The Arena's style control (Li, Angelopoulos and Chiang 2024, "Does style matter? Disentangling style
and substance in Chatbot Arena"): a Bradley-Terry logistic regression in which the difference in
style between two answers stands beside the strengths of the two models that wrote them,

    P(A beats B) = 1 / (1 + exp(-(strength_A - strength_B + x . coefficient))).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import expit

from data.labels import TIE, A
from models.measures.evaluation import group_weights, interval, number_of
from models.measures.metrics import FloatArray, IntArray

# Per standard deviation of (A - B) / (A + B + 1); lists are ordered and unordered items together.
ARENA_COEFFICIENTS = {"length": 0.249, "lists": 0.031, "headers": 0.024, "bold": 0.019}

# Penalty RIDGE / 2 * |coefficients|^2 beside the log likelihood summed over the battles: it settles
# the strengths' common level and keeps a model that never lost finite, and is worth less than half
# a battle. The Arena's own code has about as much on a strength: scikit-learn's C = 1 with every
# battle entered twice and the strengths in units of ln 10, hence 1 / (2 ln(10)^2) = 0.094.
RIDGE = 0.1

_MAX_STEPS = 100
_TOLERANCE = 1e-9
# A Newton step from far away may overshoot; a strength or coefficient moves at most this much.
_LONGEST_STEP = 2.0


class _Design(NamedTuple):
    """The regression's columns: model strengths (+1 for A, -1 for B), then covariates."""

    strengths: sparse.csr_array  # (battles, models), at most two entries a row
    covariates: FloatArray  # (battles, covariates)


def style_control(
    features: FloatArray,
    names: Sequence[str],
    y: IntArray,
    model_a: NDArray[Any],
    model_b: NDArray[Any],
    group: NDArray[Any],
    *,
    share: FloatArray | None = None,
    n_bootstrap: int = 200,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, Any]:
    """Fit the style coefficients of these battles, with intervals, beside the Arena's.

    Each covariate is divided by its root mean square over all battles. It is not centred, unlike
    the Arena's (where the mean is near zero, the sides being drawn at random), so that swapping the
    answers of any battle changes nothing. The scale is not drawn again in a resample. A tie is half
    a win: one row of weight 1/2 for each side. A model without a name has no strength of its own,
    which places it at the average; where no name is known at all the covariates stand alone and
    take up what the strengths would have explained.

    Parameters
    ----------
    features : array of shape (n, k)
        Normalised differences (A - B) / (A + B + 1), not standardised, finite.
    names : sequence of k str
        The covariates; those in `ARENA_COEFFICIENTS` get the Arena's figure beside them.
    y : int array of shape (n,)
        0 for A, 1 for B, 2 for a tie.
    model_a, model_b : array of shape (n,), of str or None
        The models that answered; None (or NaN) where unknown.
    group : array of shape (n,)
        Prompt groups, resampled whole.
    share : array of shape (n,), optional
        What each row counts, see `models.measures.evaluation.evaluate`.
    n_bootstrap, seed, level
        Number of resamples, their seed, and the intervals' coverage in (0, 1).

    Returns
    -------
    dict
        JSON-ready: `rows`, `groups`, `strengths` (whether models' strengths were fitted beside the
        covariates), `models` (how many), and `coefficients`: name to `value`, `low`, `high` in
        log odds per standard deviation, and `arena` (null where the Arena published none).

    Raises
    ------
    ValueError
        If the lengths differ, `features` are not finite, or `y` holds another label.

    Examples
    --------
    >>> longer = np.array([[0.5], [0.5], [-0.5], [0.5]])
    >>> y, unknown = np.array([0, 0, 1, 1]), np.array([None] * 4)
    >>> result = style_control(longer, ["length"], y, unknown, unknown, np.arange(4), n_bootstrap=9)
    >>> result["strengths"], result["coefficients"]["length"]["arena"]
    (False, 0.249)
    >>> round(result["coefficients"]["length"]["value"], 3)  # ln 3 = 1.099 before the ridge
    0.973
    """
    _check(features, names, y, model_a=model_a, model_b=model_b, group=group, level=level)
    own = np.ones(len(y)) if share is None else share
    design = _Design(_strengths(model_a, model_b), _standardise(features, share))
    target = np.where(y == TIE, 0.5, np.where(y == A, 1.0, 0.0))
    n_models = design.strengths.shape[1]
    start = np.zeros(n_models + len(names))
    full = _fit(design, target, own, start)
    drawn = (own * weight for block in group_weights(group, n_bootstrap, seed) for weight in block)
    samples = np.array([_fit(design, target, weight, full) for weight in drawn])
    return {
        "rows": number_of(y, share),
        "groups": len(np.unique(group)),
        "strengths": n_models > 0,
        "models": n_models,
        "coefficients": {
            name: interval(float(full[i]), samples[:, i], level)
            | {"arena": ARENA_COEFFICIENTS.get(name)}
            for i, name in enumerate(names, start=n_models)
        },
    }


def _standardise(features: FloatArray, share: FloatArray | None) -> FloatArray:
    """Divide by the root mean square; a column of zeros stays zero, and so does its coefficient."""
    scale = np.sqrt(np.average(features**2, axis=0, weights=share))
    return features / np.where(scale > 0, scale, 1.0)


def _strengths(model_a: NDArray[Any], model_b: NDArray[Any]) -> sparse.csr_array:
    """Build one column per named model: +1 where it is A, -1 where it is B."""
    names = np.stack([model_a, model_b], axis=1).astype(object)
    row, side = np.nonzero(pd.notna(names))
    models, column = np.unique(names[row, side].astype(str), return_inverse=True)
    sign = np.where(side == 0, 1.0, -1.0)
    return sparse.csr_array((sign, (row, column)), shape=(len(names), len(models)))


def _fit(design: _Design, target: FloatArray, weight: FloatArray, start: FloatArray) -> FloatArray:
    """Ridge logistic regression by Newton's method from `start`, strengths first.

    A tie's two rows of weight 1/2 are one row of target 1/2: their log likelihoods are equal.
    """
    coefficient = start
    n_models = design.strengths.shape[1]
    for _ in range(_MAX_STEPS):
        strength, style = coefficient[:n_models], coefficient[n_models:]
        p = expit(design.strengths @ strength + design.covariates @ style)
        residual = weight * (p - target)
        gradient = np.concatenate([design.strengths.T @ residual, design.covariates.T @ residual])
        gradient += RIDGE * coefficient
        step = np.linalg.solve(_hessian(design, weight * p * (1 - p)), gradient)
        longest = np.abs(step).max()
        coefficient = coefficient - step * min(1.0, _LONGEST_STEP / max(longest, _TOLERANCE))
        if longest < _TOLERANCE:
            return coefficient
    raise RuntimeError(
        f"The style-control regression did not converge in {_MAX_STEPS} Newton steps: the last one "
        f"was {longest:.3g} long, {_TOLERANCE:g} was expected. Look for covariates that are "
        "nearly copies of each other."
    )


def _hessian(design: _Design, curvature: FloatArray) -> FloatArray:
    """Second derivatives, block by block: the strengths' columns are nearly all zero."""
    curved = design.covariates * curvature[:, None]
    own = (design.strengths.T @ (sparse.diags_array(curvature) @ design.strengths)).toarray()
    cross = design.strengths.T @ curved
    hessian = np.block([[own, cross], [cross.T, design.covariates.T @ curved]])
    return hessian + RIDGE * np.eye(len(hessian))


def _check(
    features: FloatArray,
    names: Sequence[str],
    y: IntArray,
    level: float,
    **columns: NDArray[Any],
) -> None:
    if features.shape != (len(y), len(names)):
        raise ValueError(
            f"The features of style_control must have shape {(len(y), len(names))}, one row per "
            f"battle and one column per name. Got {features.shape} instead."
        )
    if not len(y) or not np.isin(y, (0, 1, 2)).all():
        raise ValueError("The y of style_control must hold 0 (A), 1 (B) or 2 (tie), at least one.")
    if not np.isfinite(features).all():
        raise ValueError("The features of style_control must be finite. Got NaN or infinity.")
    for name, column in columns.items():
        if column.shape != (len(y),):
            raise ValueError(
                f"The {name} of style_control must have shape {(len(y),)}. "
                f"Got {column.shape} instead."
            )
    if not 0 < level < 1:
        raise ValueError(f"The level of style_control must lie in (0, 1). Got {level} instead.")
