"""Calibration of the two logits on out-of-fold predictions: Platt scaling that keeps the symmetry.

The direction gets a slope and no intercept: a shift of A against B would break the swap
symmetry. The tie gets a slope, an intercept, and a weight of the margin, which is how far the
calibrated direction is from even: where one answer is clearly better, ties are rarer. Long battles
may get other numbers than short ones, where that holds up out of fold.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

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
TOLERANCE = 1e-8  # of the gradient; what is nearer to 0 is rounding, over which L-BFGS may give up


class Calibration(NamedTuple):
    """Calibrated logits are linear in ``z`` and ``t``, but for the margin ``|z|``.

    ``z`` becomes ``direction_slope * z``, and with that ``t`` becomes
    ``tie_slope * t + tie_margin * |z| + tie_intercept``. Each number has one value for each bin of
    length; a bin's upper edge belongs to it. Where votes know no ties there is no ``t``, here and
    in what is fitted, and the direction's slope is all that is found.

    Source: Platt, 1999, "Probabilistic outputs for support vector machines".

    Attributes
    ----------
    direction_slope, tie_slope, tie_intercept : tuple of float
    tie_margin : tuple of float
        At most 0.
    edges : tuple of float
        Between the bins, in characters of both answers together; one less than there are bins.

    Examples
    --------
    >>> found = Calibration(direction_slope=(2.0,), tie_margin=(-0.5,))
    >>> found(np.array([1.0]), np.array([0.0]), np.array([100.0]))
    (array([2.]), array([-1.]))
    """

    direction_slope: tuple[float, ...] = (1.0,)
    tie_slope: tuple[float, ...] = (1.0,)
    tie_margin: tuple[float, ...] = (0.0,)
    tie_intercept: tuple[float, ...] = (0.0,)
    edges: tuple[float, ...] = ()

    def __call__(self, z: Array, t: Array | None, length: Array) -> tuple[Array, Array | None]:
        """Return the calibrated logits of battles of given lengths, shape (n_battles,) each."""
        place = np.searchsorted(self.edges, length, side="left")
        slope, tie_slope, margin, intercept = (np.array(values)[place] for values in self[:4])
        z = slope * z
        return z, None if t is None else tie_slope * t + margin * _margin(z) + intercept

    @classmethod
    def fit(
        cls,
        z: Array,
        t: Array | None,
        y: Labels,
        length: Array,
        fold: NDArray[np.int8],
        *,
        share: Array | None = None,
    ) -> Self:
        """Find the numbers of least log loss on out-of-fold logits.

        A slope below 0 (out of fold, the scores point the wrong way) becomes 0: a member that
        knows nothing is silenced, not turned round. So does a weight of the margin above 0. Bins of
        length are kept if, fitted without each fold in turn, they lower its log loss by more than
        the gain's standard error (the one-standard-error rule of Breiman et al., 1984).

        Parameters
        ----------
        z, t : ndarray of float64, shape (n_battles,)
        y : ndarray of int8, shape (n_battles,)
        length : ndarray of float64, shape (n_battles,)
            Characters of both answers together.
        fold : ndarray of int8, shape (n_battles,)
        share : ndarray of float64, shape (n_battles,), optional
            What each counts, where several rows are one battle; 1 by default.
        """
        whole = cls._held_out(z, t, y, length, fold, share, binned=False)
        binned = cls._held_out(z, t, y, length, fold, share, binned=True)
        return cls._fit(z, t, y, length, share, binned=clear(binned - whole, share))

    @classmethod
    def where_it_holds(
        cls, z: Array, t: Array | None, y: Labels, length: Array, fold: NDArray[np.int8]
    ) -> Self:
        """Find the numbers as `fit` does, or leave the logits as they are.

        What is calibrated already would only take up what is chance in these battles. The numbers
        are kept if, fitted without each fold in turn, they raise its log likelihood. Parameters
        are those of `fit`.
        """
        whole = cls._held_out(z, t, y, length, fold, binned=False)
        if whole.mean() <= log_likelihood(cls(), z, t, y, length).mean():
            return cls()
        binned = cls._held_out(z, t, y, length, fold, binned=True)
        return cls._fit(z, t, y, length, binned=clear(binned - whole))

    @classmethod
    def without_bins(cls, z: Array, t: Array | None, y: Labels, share: Array | None = None) -> Self:
        """Find the numbers of least log loss, the same for battles of any length.

        Parameters
        ----------
        z, t : ndarray of float64, shape (n_battles,)
        y : ndarray of int8, shape (n_battles,)
        share : ndarray of float64, shape (n_battles,), optional
            As in `fit`.
        """
        return cls(*((value,) for value in _platt(z, t, y, share)))

    @classmethod
    def _held_out(
        cls,
        z: Array,
        t: Array | None,
        y: Labels,
        length: Array,
        fold: NDArray[np.int8],
        share: Array | None = None,
        *,
        binned: bool,
    ) -> Array:
        """Return the log likelihood of each battle by the numbers that the other folds give."""
        found = np.zeros(len(y))
        for held in (fold == number for number in np.unique(fold)):
            others = z[~held], taken(t, ~held), y[~held], length[~held], of_rows(share, ~held)
            rest = cls._fit(*others, binned=binned)
            found[held] = log_likelihood(rest, z[held], taken(t, held), y[held], length[held])
        return found

    @classmethod
    def _fit(
        cls,
        z: Array,
        t: Array | None,
        y: Labels,
        length: Array,
        share: Array | None = None,
        *,
        binned: bool,
    ) -> Self:
        if not binned or _number(y, share) < BINS * SMALLEST_BIN:
            return cls.without_bins(z, t, y, share)
        whole = _platt(z, t, y, share)
        edges = np.unique(_quantiles(length, share))
        place = np.searchsorted(edges, length, side="left")
        bins = [_shrunk(z, t, y, place == number, whole, share) for number in range(len(edges) + 1)]
        slopes, tie_slopes, margins, intercepts = zip(*bins, strict=True)
        return cls(slopes, tie_slopes, margins, intercepts, tuple(edges.tolist()))


def taken(t: Array | None, rows: NDArray[np.bool_] | NDArray[np.intp]) -> Array | None:
    """Return some rows of tie logits, where there are any.

    >>> taken(np.array([1.0, 2.0]), np.array([False, True])), taken(None, np.array([True]))
    (array([2.]), None)
    """
    return None if t is None else t[rows]


def log_likelihood(
    found: Calibration, z: Array, t: Array | None, y: Labels, length: Array
) -> Array:
    """Return the log of what calibrated logits say of each outcome, shape (n_battles,)."""
    p = probabilities(*found(z, t, length))
    likelihood: Array = np.log(p[np.arange(len(p)), y])
    return likelihood


def clear(gain: Array, share: Array | None = None) -> bool:
    """Whether a mean is more than its standard error above 0; rows count by their share."""
    if share is None:
        return bool(gain.mean() > gain.std() / np.sqrt(len(gain)))
    mean = np.average(gain, weights=share)
    variance = np.average((gain - mean) ** 2, weights=share)
    return bool(mean > np.sqrt(variance / share.sum()))


def of_rows(share: Array | None, rows: NDArray[np.bool_]) -> Array | None:
    """Return the shares of some rows, where there are any."""
    return None if share is None else share[rows]


def _number(rows: NDArray[Any], share: Array | None) -> float:
    """Return how many battles some rows are."""
    return len(rows) if share is None else float(share.sum())


def _quantiles(length: Array, share: Array | None) -> Array:
    """Return the edges between bins of equal numbers of battles."""
    at = np.arange(1, BINS) / BINS
    if share is None:
        return np.asarray(np.quantile(length, at, method="lower"))
    return np.asarray(np.quantile(length, at, method="inverted_cdf", weights=share))


class _Line(NamedTuple):
    """The numbers of one bin, in the order in which `Calibration` has them."""

    direction_slope: float
    tie_slope: float
    tie_margin: float
    tie_intercept: float


def _margin(z: Array) -> Array:
    """Return how far a direction is from even, the same in either order of the answers."""
    return np.abs(np.clip(z, -CLIP, CLIP))


def _platt(z: Array, t: Array | None, y: Labels, share: Array | None = None) -> _Line:
    tied = y == TIE
    decided = of_rows(share, ~tied)
    (slope,), _ = _logistic([z[~tied]], [1], y[~tied] == A, decided, intercept=False)
    if t is None:
        return _Line(slope, tie_slope=1.0, tie_margin=0.0, tie_intercept=0.0)
    (tie_slope, margin), intercept = _logistic([t, _margin(slope * z)], [1, -1], tied, share)
    return _Line(slope, tie_slope, margin, intercept)


def _shrunk(
    z: Array,
    t: Array | None,
    y: Labels,
    rows: NDArray[np.bool_],
    whole: _Line,
    share: Array | None = None,
) -> _Line:
    """Return a bin's own line, drawn towards the whole's as if by `SHRINKAGE` battles of it."""
    if not rows.any():
        return whole
    inside = of_rows(share, rows)
    own = _platt(z[rows], taken(t, rows), y[rows], inside)
    number = _number(y[rows], inside)
    part = number / (number + SHRINKAGE)
    return _Line(*(float(part * o + (1 - part) * w) for o, w in zip(own, whole, strict=True)))


def _logistic(
    scores: Sequence[Array],
    signs: Sequence[int],
    won: NDArray[np.bool_],
    share: Array | None = None,
    *,
    intercept: bool = True,
) -> tuple[list[float], float]:
    """Return a slope for each of the scores, none of another sign than given, and an intercept.

    Scores whose slope would have the other sign are left out, the last first. Where only one
    class was seen the first score stays as it is and the others have no say.
    """
    if len(np.unique(won)) < 2:
        return [1.0] + [0.0] * (len(scores) - 1), 0.0
    used = list(range(len(scores)))
    while used:
        U = np.column_stack([np.clip(scores[place], -CLIP, CLIP) for place in used])
        fit = LogisticRegression(C=WEAK, fit_intercept=intercept, tol=TOLERANCE, max_iter=1000)
        fit.fit(U, won, sample_weight=share)
        found = dict(zip(used, fit.coef_[0].tolist(), strict=True))
        wrong = [place for place, slope in found.items() if slope * signs[place] < 0]
        if not wrong:
            slopes = [found.get(place, 0.0) for place in range(len(scores))]
            return slopes, float(np.ravel(fit.intercept_)[0]) if intercept else 0.0
        used.remove(wrong[-1])
    mean = np.average(won, weights=share)
    return [0.0] * len(scores), float(np.log(mean / (1 - mean))) if intercept else 0.0
