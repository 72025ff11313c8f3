"""Calibration of the two logits on out-of-fold predictions: Platt scaling that keeps the symmetry.

The direction gets a slope and no intercept: a shift of A against B would break the swap
symmetry. The tie gets a slope and an intercept. Long battles may get others than short ones, where
that holds up out of fold.
"""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from data.labels import TIE, A
from features.sides import Array
from models.heads import CLIP, Labels, probabilities

BINS = 3  # of equal numbers of battles, by length
SMALLEST_BIN = 100  # battles; with fewer the bins would follow noise
SHRINKAGE = 300.0  # battles of the whole that stand in each bin beside its own
WEAK = 1e4  # inverse penalty: keeps the slope of scores that separate a few battles finite


class Calibration(NamedTuple):
    """``z`` becomes ``direction_slope * z``, ``t`` becomes ``tie_slope * t + tie_intercept``.

    Each has one value for each bin of length; a bin's upper edge belongs to it.

    Source: Platt, 1999, "Probabilistic outputs for support vector machines".

    Attributes
    ----------
    direction_slope, tie_slope, tie_intercept : tuple of float
    edges : tuple of float
        Between the bins, in characters of both answers together; one less than there are bins.

    Examples
    --------
    >>> doubled = Calibration(direction_slope=(2.0,))
    >>> doubled(np.array([1.0]), np.array([0.0]), np.array([100.0]))
    (array([2.]), array([0.]))
    """

    direction_slope: tuple[float, ...] = (1.0,)
    tie_slope: tuple[float, ...] = (1.0,)
    tie_intercept: tuple[float, ...] = (0.0,)
    edges: tuple[float, ...] = ()

    def __call__(self, z: Array, t: Array, length: Array) -> tuple[Array, Array]:
        """Return the calibrated logits of battles of given lengths, shape (n_battles,) each."""
        place = np.searchsorted(self.edges, length, side="left")
        slope, tie_slope, intercept = (np.array(values)[place] for values in self[:3])
        return slope * z, tie_slope * t + intercept

    @classmethod
    def fit(cls, z: Array, t: Array, y: Labels, length: Array, fold: NDArray[np.int8]) -> Self:
        """Find the slopes and the intercepts of least log loss on out-of-fold logits.

        A slope below 0 (out of fold, the scores point the wrong way) becomes 0: a member that
        knows nothing is silenced, not turned round. Bins of length are kept if, fitted without
        each fold in turn, they lower its log loss by more than the gain's standard error (the
        one-standard-error rule of Breiman et al., 1984).

        Parameters
        ----------
        z, t : ndarray of float64, shape (n_battles,)
        y : ndarray of int8, shape (n_battles,)
        length : ndarray of float64, shape (n_battles,)
            Characters of both answers together.
        fold : ndarray of int8, shape (n_battles,)
        """
        gain = np.zeros(len(y))  # log likelihood that bins add, battle by battle
        for held in (fold == number for number in np.unique(fold)):
            for binned, sign in ((True, 1.0), (False, -1.0)):
                rest = cls._fit(z[~held], t[~held], y[~held], length[~held], binned=binned)
                p = probabilities(*rest(z[held], t[held], length[held]))
                gain[held] += sign * np.log(p[np.arange(len(p)), y[held]])
        error = gain.std() / np.sqrt(len(gain))
        return cls._fit(z, t, y, length, binned=bool(gain.mean() > error))

    @classmethod
    def _fit(cls, z: Array, t: Array, y: Labels, length: Array, *, binned: bool) -> Self:
        whole = _platt(z, t, y)
        if not binned or len(y) < BINS * SMALLEST_BIN:
            return cls(*((value,) for value in whole))
        edges = np.unique(np.quantile(length, np.arange(1, BINS) / BINS, method="lower"))
        place = np.searchsorted(edges, length, side="left")
        bins = [_shrunk(z, t, y, place == number, whole) for number in range(len(edges) + 1)]
        slopes, tie_slopes, intercepts = zip(*bins, strict=True)
        return cls(slopes, tie_slopes, intercepts, tuple(edges.tolist()))


class _Line(NamedTuple):
    """The three numbers of one bin."""

    direction_slope: float
    tie_slope: float
    tie_intercept: float


def _platt(z: Array, t: Array, y: Labels) -> _Line:
    decided = y != TIE
    slope, _ = _logistic(z[decided], y[decided] == A, intercept=False)
    return _Line(slope, *_logistic(t, ~decided, intercept=True))


def _shrunk(z: Array, t: Array, y: Labels, rows: NDArray[np.bool_], whole: _Line) -> _Line:
    """Return a bin's own line, drawn towards the whole's as if by `SHRINKAGE` battles of it."""
    if not rows.any():
        return whole
    own = _platt(z[rows], t[rows], y[rows])
    share = rows.sum() / (rows.sum() + SHRINKAGE)
    return _Line(*(float(share * o + (1 - share) * w) for o, w in zip(own, whole, strict=True)))


def _logistic(scores: Array, won: NDArray[np.bool_], *, intercept: bool) -> tuple[float, float]:
    """Return slope and intercept; the identity where only one class was seen."""
    if len(np.unique(won)) < 2:
        return 1.0, 0.0
    U = np.clip(scores, -CLIP, CLIP)[:, None]
    fit = LogisticRegression(C=WEAK, fit_intercept=intercept, tol=1e-10, max_iter=1000)
    fit.fit(U, won)
    if fit.coef_[0, 0] < 0:
        return 0.0, float(np.log(won.mean() / (1 - won.mean()))) if intercept else 0.0
    return float(fit.coef_[0, 0]), float(np.ravel(fit.intercept_)[0]) if intercept else 0.0
