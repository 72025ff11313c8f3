"""Where predictions are good: reliability, and figures by slice."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from data.labels import TIE, A, B
from models.measures.evaluation import check_predictions, number_of, or_null
from models.measures.metrics import (
    N_BINS,
    FloatArray,
    IntArray,
    bins,
    direction_auc,
    direction_logit,
    log_loss,
)

Figures = dict[str, Any]


def reliability(
    y: IntArray, proba: FloatArray, n_bins: int = N_BINS, share: FloatArray | None = None
) -> dict[str, list[Figures]]:
    """Predicted against observed shares in equal-width bins (lower, upper] that hold any rows.

    Parameters
    ----------
    y : int array of shape (n,)
    proba : array of shape (n, 3), or (n, 2)
    n_bins : int
        Bins over [0, 1], at least 1.
    share : array of shape (n,), optional
        As in `evaluate`; a `count` is then a sum of them.

    Returns
    -------
    dict
        `direction` (p_a / (p_a + p_b) of decided battles, each taken in both orders, so that
        `count` is twice their number and the curve is symmetric about one half), `tie` (empty where
        `proba` has none) and `top_label`: lists of `lower`, `upper`, `count`, `predicted` (mean),
        `observed` (share).

    Examples
    --------
    >>> proba = np.array([[0.5, 0.25, 0.25], [0.375, 0.25, 0.375]])
    >>> reliability(np.array([2, 0]), proba, n_bins=2)["tie"]
    [{'lower': 0.0, 'upper': 0.5, 'count': 2, 'predicted': 0.3125, 'observed': 0.5}]
    """
    check_predictions("reliability", y, proba)
    if n_bins < 1:
        raise ValueError(f"The n_bins of reliability must be at least 1. Got {n_bins} instead.")
    decided = y != TIE
    z = direction_logit(proba[decided])
    preferred = expit(np.concatenate([z, -z]))
    won = np.concatenate([y[decided] == A, y[decided] == B])
    both = None if share is None else np.tile(share[decided], 2)
    return {
        "direction": _curve(preferred, won, n_bins, both),
        "tie": _curve(proba[:, TIE], y == TIE, n_bins, share) if proba.shape[1] > TIE else [],
        "top_label": _curve(proba.max(axis=1), proba.argmax(axis=1) == y, n_bins, share),
    }


def by_slice(
    y: IntArray, proba: FloatArray, keys: NDArray[Any], share: FloatArray | None = None
) -> list[Figures]:
    """Figures of the rows of each distinct key (a length bin, a number of turns), keys sorted.

    Parameters
    ----------
    y : int array of shape (n,)
    proba : array of shape (n, 3), or (n, 2)
    keys : array of shape (n,)
        Strings or numbers; they sort as what they are, so give counts as integers.
    share : array of shape (n,), optional
        As in `evaluate`.

    Returns
    -------
    list of dict
        `key`, `rows`, `log_loss`, `direction_auc` (null without battles won by A and by B),
        `tie_observed` (share) and `tie_predicted` (mean probability; 0 where ties are no class).

    Examples
    --------
    >>> proba = np.array([[0.5, 0.25, 0.25], [0.25, 0.25, 0.5]])
    >>> by_slice(np.array([0, 2]), proba, np.array([1, 1]))[0]["tie_predicted"]
    0.375
    """
    check_predictions("by_slice", y, proba, group=keys)
    names, code = np.unique(keys, return_inverse=True)
    return [
        {
            "key": name,
            "rows": number_of(y[rows], own),
            "log_loss": or_null(log_loss(y[rows], proba[rows], own)),
            "direction_auc": or_null(direction_auc(y[rows], proba[rows], own)),
            "tie_observed": or_null(np.average(y[rows] == TIE, weights=own)),
            "tie_predicted": or_null(np.average(proba[rows, TIE:].sum(axis=1), weights=own)),
        }
        for i, name in enumerate(names.tolist())
        for rows in [code == i]
        for own in [None if share is None else share[rows]]
    ]


def _curve(
    share: FloatArray, came: NDArray[np.bool_], n_bins: int, weight: FloatArray | None
) -> list[Figures]:
    index = bins(share, n_bins)
    chosen = {i: index == i for i in np.unique(index).tolist()}
    return [
        {
            "lower": i / n_bins,
            "upper": (i + 1) / n_bins,
            "count": int(rows.sum()) if own is None else float(own.sum()),
            "predicted": float(np.average(share[rows], weights=own)),
            "observed": float(np.average(came[rows], weights=own)),
        }
        for i, rows in chosen.items()
        for own in [None if weight is None else weight[rows]]
    ]
