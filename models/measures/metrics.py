"""Measures of preference predictions, of three classes or, where votes know no ties, of two.

Labels `y` are 0 (A preferred), 1 (B preferred) and 2 (tie); `proba` has the columns A, B, tie, or A
and B alone.

Every measure is a function `(y, proba, weight=None)`. `weight` is one weight per row, shape (n,),
and the result a float; or one such vector per bootstrap replicate, shape (replicates, n), and the
result an array (replicates,), so that a thousand resamples cost a few matrix products. An integer
weight counts a row that many times. A measure that is undefined is NaN: that of a class which no
row has, a direction without decided battles, an AUC without both kinds of rows, a tie where
there is no such class.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from data.labels import TIE, A, B

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.integer[Any]]
Value: TypeAlias = float | FloatArray

CLASSES = (A, B, TIE)
N_BINS = 10

# scikit-learn's and Kaggle's floor for a probability inside a logarithm.
_EPSILON = float(np.finfo(np.float64).eps)
_TINY = float(np.finfo(np.float64).tiny)


def log_loss(
    y: IntArray, proba: FloatArray, weight: FloatArray | None = None, label: int | None = None
) -> Value:
    """Mean of `-ln p(observed class)`, over all rows or over those of one class.

    Probabilities below the machine epsilon (2.2e-16) count as that, as in scikit-learn.

    Examples
    --------
    >>> y, proba = np.array([0, 2]), np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]])
    >>> round(float(log_loss(y, proba)), 4)
    1.0397
    >>> round(float(log_loss(y, proba, label=TIE)), 4)
    1.3863
    """
    where = None if label is None else y == label
    return _mean(row_losses(y, proba), weight, where)


def row_losses(y: IntArray, proba: FloatArray) -> FloatArray:
    """`-ln p(observed class)` of each row, shape (n,): `log_loss` is their mean.

    >>> row_losses(np.array([1]), np.array([[0.75, 0.25]])).round(4)
    array([1.3863])
    """
    observed = np.take_along_axis(proba, y[:, None], axis=1)[:, 0]
    losses: FloatArray = -np.log(np.maximum(observed, _EPSILON))
    return losses


def accuracy(y: IntArray, proba: FloatArray, weight: FloatArray | None = None) -> Value:
    """Share of rows whose most probable class is the observed one, in [0, 1].

    The first of equally probable classes is taken, in the order A, B, tie.

    Examples
    --------
    >>> float(accuracy(np.array([0, 2]), np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]])))
    0.5
    """
    return _mean((proba.argmax(axis=1) == y).astype(np.float64), weight)


def precision(
    y: IntArray, proba: FloatArray, weight: FloatArray | None = None, label: int | None = None
) -> Value:
    """Share of the rows predicted as `label` that are of it; without `label`, the classes' mean.

    A class that occurs but is never predicted has precision 0, as in scikit-learn by default.

    Examples
    --------
    >>> y, proba = np.array([0, 0, 2]), np.eye(3)[[0, 2, 2]]
    >>> float(precision(y, proba, label=TIE))
    0.5
    """
    table = _confusion(y, proba, weight)
    return _of_class(table, table.sum(axis=-2), label)


def recall(
    y: IntArray, proba: FloatArray, weight: FloatArray | None = None, label: int | None = None
) -> Value:
    """Share of the rows of class `label` predicted as it; without `label`, the classes' mean.

    Examples
    --------
    >>> y, proba = np.array([0, 0, 0, 2]), np.eye(3)[[0, 2, 0, 2]]
    >>> round(float(recall(y, proba, label=A)), 4)
    0.6667
    """
    table = _confusion(y, proba, weight)
    return _of_class(table, table.sum(axis=-1), label)


def f1(
    y: IntArray, proba: FloatArray, weight: FloatArray | None = None, label: int | None = None
) -> Value:
    """Harmonic mean of precision and recall of class `label`; without `label`, the classes' mean.

    Examples
    --------
    >>> y, proba = np.array([0, 0, 0, 2]), np.eye(3)[[0, 2, 0, 2]]
    >>> float(f1(y, proba, label=A))
    0.8
    """
    table = _confusion(y, proba, weight)
    return _of_class(table, (table.sum(axis=-2) + table.sum(axis=-1)) / 2, label)


def brier(y: IntArray, proba: FloatArray, weight: FloatArray | None = None) -> Value:
    """Mean squared distance of the probabilities to the observed class, in [0, 2].

    Summed over the classes, as Brier wrote it (1950, "Verification of forecasts expressed in terms
    of probability", eq. 2); scikit-learn's `scale_by_half=True` is half of it.

    Examples
    --------
    >>> float(brier(np.array([0]), np.array([[0.5, 0.25, 0.25]])))
    0.375
    """
    return _mean(((proba - np.eye(proba.shape[1])[y]) ** 2).sum(axis=1), weight)


def ece(y: IntArray, proba: FloatArray, weight: FloatArray | None = None) -> Value:
    """Top-label expected calibration error over ten equal-width bins, in [0, 1].

    Guo et al. 2017, "On calibration of modern neural networks", eq. 3: the mean over the rows of
    |share correct - mean confidence| of the row's bin, bins (lower, upper]. Bins are of equal
    width, as in that paper, and not of equal mass: edges that do not move with the rows keep it
    comparable between models and let a weight stand for a repeated row.

    Examples
    --------
    >>> round(float(ece(np.array([0, 1]), np.array([[0.7, 0.2, 0.1], [0.62, 0.3, 0.08]]))), 4)
    0.16
    """
    confidence = proba.max(axis=1)
    gap = (proba.argmax(axis=1) == y) - confidence
    in_bin = bins(confidence, N_BINS)[:, None] == np.arange(N_BINS)
    weight = _weights(weight, len(y))
    return _ratio(np.abs(weight @ (in_bin * gap[:, None])).sum(axis=-1), weight.sum(axis=-1))


def direction_auc(y: IntArray, proba: FloatArray, weight: FloatArray | None = None) -> Value:
    """Area under the ROC curve of `ln p_a - ln p_b` for A against B, decided battles only.

    Examples
    --------
    >>> y = np.array([0, 1, 2])
    >>> float(direction_auc(y, np.array([[0.3, 0.1, 0.6], [0.5, 0.4, 0.1], [0.0, 1.0, 0.0]])))
    1.0
    """
    return _auc(direction_logit(proba), y == A, y == B, weight)


def tie_auc(y: IntArray, proba: FloatArray, weight: FloatArray | None = None) -> Value:
    """Area under the ROC curve of the tie's probability, ties against all other battles.

    Examples
    --------
    >>> y = np.array([2, 0, 1])
    >>> float(tie_auc(y, np.array([[0.3, 0.3, 0.4], [0.3, 0.3, 0.4], [0.4, 0.5, 0.1]])))
    0.75
    """
    tie = proba[:, TIE:].sum(axis=1)  # 0 where there is no such column
    return _auc(tie, y == TIE, y != TIE, weight)


def direction_log_loss(y: IntArray, proba: FloatArray, weight: FloatArray | None = None) -> Value:
    """Mean over decided battles of `-ln` of the winner's share of `p_a + p_b`.

    Examples
    --------
    >>> proba = np.array([[0.6, 0.2, 0.2], [1.0, 0.0, 0.0]])
    >>> round(float(direction_log_loss(np.array([0, 2]), proba)), 4)
    0.2877
    """
    margin = np.where(y == A, 1.0, -1.0) * direction_logit(proba)
    return _mean(np.logaddexp(0.0, -margin), weight, y != TIE)


class Metric(NamedTuple):
    """One row of `METRICS`: the function, and what it says."""

    function: Callable[..., Value]
    documentation: str


METRICS: dict[str, Metric] = {
    "log_loss": Metric(log_loss, "Log loss over the classes (natural log)"),
    "log_loss_a": Metric(partial(log_loss, label=A), "Log loss of the battles A won"),
    "log_loss_b": Metric(partial(log_loss, label=B), "Log loss of the battles B won"),
    "log_loss_tie": Metric(partial(log_loss, label=TIE), "Log loss of the ties"),
    "accuracy": Metric(accuracy, "Share of battles whose likeliest outcome came"),
    "precision_macro": Metric(precision, "Precision, mean of the classes"),
    "precision_a": Metric(partial(precision, label=A), "Precision of A"),
    "precision_b": Metric(partial(precision, label=B), "Precision of B"),
    "precision_tie": Metric(partial(precision, label=TIE), "Precision of the tie"),
    "recall_macro": Metric(recall, "Recall, mean of the classes"),
    "recall_a": Metric(partial(recall, label=A), "Recall of A"),
    "recall_b": Metric(partial(recall, label=B), "Recall of B"),
    "recall_tie": Metric(partial(recall, label=TIE), "Recall of the tie"),
    "f1_macro": Metric(f1, "F1, mean of the classes"),
    "f1_a": Metric(partial(f1, label=A), "F1 of A"),
    "f1_b": Metric(partial(f1, label=B), "F1 of B"),
    "f1_tie": Metric(partial(f1, label=TIE), "F1 of the tie"),
    "brier": Metric(brier, "Brier score, summed over the classes (0 to 2)"),
    "ece": Metric(ece, "Expected calibration error of the likeliest outcome"),
    "direction_auc": Metric(direction_auc, "AUC of A against B, decided battles"),
    "tie_auc": Metric(tie_auc, "AUC of tie against the rest"),
    "direction_log_loss": Metric(direction_log_loss, "Log loss of A against B, decided battles"),
}


def swap_error(proba: FloatArray, proba_swapped: FloatArray) -> float:
    """Largest change of a probability when A and B change places; 0 for a symmetric model.

    Parameters
    ----------
    proba : array of shape (n, n_classes)
        Predictions for the battles.
    proba_swapped : array of shape (n, n_classes)
        Predictions for the same battles with the two answers swapped.

    Examples
    --------
    >>> swap_error(np.array([[0.5, 0.25, 0.25]]), np.array([[0.25, 0.5, 0.25]]))
    0.0
    >>> swap_error(np.array([[0.5, 0.25, 0.25]]), np.array([[0.5, 0.25, 0.25]]))
    0.25
    """
    swapped = proba_swapped[:, [B, A, TIE][: proba.shape[1]]]
    return float(np.abs(proba - swapped).max(initial=0.0))


def _weights(weight: FloatArray | None, rows: int) -> FloatArray:
    return np.ones(rows) if weight is None else weight


def _ratio(top: FloatArray, bottom: FloatArray) -> Value:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.true_divide(top, bottom)


def _mean(
    values: FloatArray, weight: FloatArray | None, where: NDArray[np.bool_] | None = None
) -> Value:
    """Weighted mean over the rows in `where`."""
    included = np.ones(len(values)) if where is None else where.astype(np.float64)
    weight = _weights(weight, len(values))
    return _ratio(weight @ (values * included), weight @ included)


def _confusion(y: IntArray, proba: FloatArray, weight: FloatArray | None) -> FloatArray:
    """Weights by observed and predicted class, shape (..., n_classes, n_classes)."""
    n_classes = proba.shape[1]
    cell = n_classes * y + proba.argmax(axis=1)
    weight = _weights(weight, len(y))
    counts = weight @ (cell[:, None] == np.arange(n_classes**2)).astype(np.float64)
    return counts.reshape(*weight.shape[:-1], n_classes, n_classes)


def _of_class(table: FloatArray, denominator: FloatArray, label: int | None) -> Value:
    """Correct rows over `denominator` for one class or the mean of all; NaN without its rows."""
    hits = np.diagonal(table, axis1=-2, axis2=-1)
    share = hits / np.where(denominator > 0, denominator, 1.0)
    share = np.where(table.sum(axis=-1) > 0, share, np.nan)
    if label is None:
        return share.mean(axis=-1)
    return share[..., label] if label < share.shape[-1] else np.full(share.shape[:-1], np.nan)


def direction_logit(proba: FloatArray) -> FloatArray:
    """Return `ln p_a - ln p_b`, finite for probabilities of zero."""
    logs = np.log(np.maximum(proba[:, [A, B]], _TINY))
    return logs[:, 0] - logs[:, 1]


def _auc(
    score: FloatArray,
    positive: NDArray[np.bool_],
    negative: NDArray[np.bool_],
    weight: FloatArray | None,
) -> Value:
    """Weighted share of (positive, negative) pairs in the right order, equal scores one half."""
    weight = _weights(weight, len(score))
    positives, negatives = (
        rows[np.argsort(score[rows])] for rows in map(np.flatnonzero, (positive, negative))
    )
    of_positive, of_negative = weight[..., positives], weight[..., negatives]
    passed = np.zeros((*weight.shape[:-1], len(negatives) + 1))
    np.cumsum(of_negative, axis=-1, out=passed[..., 1:])
    below = np.searchsorted(score[negatives], score[positives], side="left")
    upto = np.searchsorted(score[negatives], score[positives], side="right")
    beaten = (passed[..., below] + passed[..., upto]) / 2
    pairs = of_positive.sum(axis=-1) * passed[..., -1]
    return _ratio((of_positive * beaten).sum(axis=-1), pairs)


def bins(share: FloatArray, n_bins: int) -> NDArray[np.intp]:
    """Index of the bin (lower, upper] of width 1 / n_bins; the first one holds 0 as well."""
    return np.searchsorted(np.linspace(0, 1, n_bins + 1)[1:-1], share)
