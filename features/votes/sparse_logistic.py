"""Many logistic regressions on one sparse matrix at once, and scores that no row's own fold taught.

The fits (lanes) differ in the rows that they leave out and in their penalty, and share each pass
over the matrix: dual coordinate descent for L2-regularised logistic regression [1]_, LIBLINEAR's
``-s 7``, with the coefficients of a column side by side. It runs in one thread and gives the same
bits for the same input; a lane's result does not depend on the lanes beside it.

References
----------
.. [1] H.-F. Yu, F.-L. Huang and C.-J. Lin (2011). Dual coordinate descent methods for logistic
   regression and maximum entropy models. Machine Learning 85, 41-75, section 3.
"""

from collections.abc import Iterable
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix

Numbers = NDArray[np.float64]
Coefficients = NDArray[np.float32]
Part = tuple[int, ...]  # the folds that a fit leaves out, in rising order

PASSES = 4  # a held-out loss is then within 1e-4 of the optimum's, at penalties worth taking,
VISITS = 32_000  # if there are as many rows as the visits would take; few rows get more passes


class CrossFit(NamedTuple):
    """What `cross_fit` learned.

    Attributes
    ----------
    scores : ndarray of float64, shape (n_rows,)
        Out-of-fold log-odds of target 1; 0 where nothing could be learned.
    coef : ndarray of float32, shape (n_cols,)
        Of the fit on all rows.
    intercept, penalty : float
        Of the fit on all rows.
    loss : float
        Weighted mean log loss of `scores`, NaN where no row has weight.
    losses : dict of float to float
        Held-out loss by penalty, out of which `penalty` has the least; NaN where none is known.
    """

    scores: Numbers
    coef: Coefficients
    intercept: float
    penalty: float
    loss: float
    losses: dict[float, float]


class Problem(NamedTuple):
    """What is to be fitted, as the compiled loops take it."""

    X: csr_matrix  # float32, shape (n_rows, n_cols), each row's columns in order
    signs: Numbers  # 1 for target 1, else -1
    weight: Numbers  # shape (n_rows, n_lanes), 0 where a lane has nothing to tell apart
    penalty: Numbers  # shape (n_lanes,)


def scores(X: csr_matrix, coef: ArrayLike, intercept: float = 0.0) -> Numbers:
    """Return the log-odds of each row, added up in float64 in the order of the columns.

    A row's score does not depend on the rows beside it, and without an intercept the score of -x
    is exactly that of x with the other sign.

    >>> scores(csr_matrix([[1.0, 2.0], [0.0, 0.0]]), [0.5, -1.0], 0.25)
    array([-1.25,  0.25])
    """
    matrix, column = _canonical(X), np.asarray(coef, dtype=np.float64)
    if column.shape != matrix.shape[1:]:
        raise ValueError(
            f"coef must have one number for each of the {matrix.shape[1]} columns of X. "
            f"Got shape {column.shape} instead."
        )
    return _scores(matrix, np.arange(matrix.shape[0]), column) + intercept


def _scores(X: csr_matrix, rows: NDArray[np.int64], coef: Numbers) -> Numbers:
    from features.votes import sparse_logistic_kernel as kernel

    found: Numbers = kernel.score_rows(X.data, X.indices, X.indptr, rows, coef)
    return found


def fit_many(
    X: csr_matrix,
    target: ArrayLike,
    weight: ArrayLike,
    penalty: ArrayLike,
    *,
    intercept: bool,
    passes: int | None = None,
    seed: int = 0,
) -> tuple[Coefficients, Numbers]:
    """Fit logistic regressions that differ in their rows' weights and in their penalty.

    Lane l minimises ``sum_i w_il logloss_i / sum_i w_il + penalty_l / 2 * |coef_l|**2``.

    Parameters
    ----------
    X : csr_matrix, shape (n_rows, n_cols)
    target : array-like of {0, 1}, shape (n_rows,)
        Not looked at where a row has no weight.
    weight : array-like, shape (n_rows, n_lanes)
        At least 0; 0 leaves the row out of the lane.
    penalty : array-like, shape (n_lanes,)
        Above 0.
    intercept : bool
        Without one, a fit on -X with the targets exchanged has exactly the same coefficients.
        With one, the penalty draws it as softly as one more column of a row's mean length to the
        log-odds of the lane's targets.
    passes : int, optional
        Passes over the rows, each in an order of its own. Else 4, or more where rows are few.
    seed : int
        Of the orders.

    Returns
    -------
    coef : ndarray of float32, shape (n_lanes, n_cols)
    intercepts : ndarray of float64, shape (n_lanes,)
        Both 0 for a lane whose rows of weight have one target, or are none.

    Raises
    ------
    ValueError
        Shapes do not agree, or a value is outside its range.

    Examples
    --------
    >>> X = csr_matrix([[1.0], [1.0], [1.0], [-1.0]])
    >>> coef, _ = fit_many(X, [1, 1, 0, 0], np.ones((4, 2)), [0.001, 1.0], intercept=False)
    >>> coef.round(2)  # the log of three to one is 1.1; a penalty draws it to 0
    array([[1.09],
           [0.2 ]], dtype=float32)
    """
    if passes is not None and passes < 1:
        raise ValueError(f"passes must be 1 or more. Got {passes} instead.")
    from features.votes import sparse_logistic_kernel as kernel

    problem = _problem(X, target, weight, penalty)
    passes = passes or _enough_passes(problem)
    coef = np.zeros((len(problem.penalty), problem.X.shape[1]), np.float32)
    intercepts = np.zeros(len(problem.penalty))
    for fits in kernel.solve(problem, passes, seed, intercept=intercept):
        coef[fits.lanes], intercepts[fits.lanes] = fits.coef.T, fits.intercepts
    return coef, intercepts


def cross_fit(
    X: csr_matrix,
    target: ArrayLike,
    weight: ArrayLike,
    fold: ArrayLike,
    penalties: Iterable[float],
    *,
    intercept: bool,
) -> CrossFit:
    """Fit all rows, and score each row by a model whose rows and penalty are of other folds.

    The penalty of the model without fold k is the one of least loss over the other folds j, each
    under the model without j and k; that of the fit on all rows is the one of least loss over all
    folds, each under the model without it. Losses are weighted means over rows; out of equal ones
    the strongest penalty is taken. Folds that leave nothing to learn from do not count.

    Parameters
    ----------
    X : csr_matrix, shape (n_rows, n_cols)
    target : array-like of {0, 1}, shape (n_rows,)
        Not looked at where a row has no weight.
    weight : array-like, shape (n_rows,)
        At least 0. A row of weight 0 teaches nothing and is scored all the same.
    fold : array-like of int, shape (n_rows,)
        Any numbers. Rows that belong together lie in one fold.
    penalties : iterable of float
        As in `fit_many`.
    intercept : bool
        As in `fit_many`.

    Returns
    -------
    CrossFit

    Raises
    ------
    ValueError
        Shapes do not agree, a value is outside its range, or there is no penalty.

    Examples
    --------
    >>> X, target = csr_matrix([[1.0], [-1.0]] * 6), [1, 0] * 6
    >>> fitted = cross_fit(X, target, np.ones(12), [0, 1, 2] * 4, [1.0, 0.1], intercept=False)
    >>> fitted.penalty, fitted.scores[:2].round(1)
    (0.1, array([ 1.6, -1.6]))
    """
    path = sorted({float(penalty) for penalty in penalties}, reverse=True)
    if not path:
        raise ValueError("penalties must hold at least one number. Got none.")
    numbers, place = np.unique(np.asarray(fold), return_inverse=True)
    weights = np.asarray(weight, dtype=np.float64)
    _check_rows(X, weight=weights, fold=place)
    nested = _Nested(len(numbers), len(path))
    by_lane = weights[:, None] * nested.kept(place)
    problem = _problem(X, target, by_lane, np.tile(path, len(nested.parts)))
    coef, intercepts, held_out = _fit_and_judge(problem, weights, place, intercept=intercept)
    known = np.array([weights[place == number].sum() for number in range(len(numbers))])
    losses = nested.losses(held_out, known, ())
    choices = [int(np.argmin(nested.losses(held_out, known, part))) for part in nested.alone]
    found = np.zeros(len(weights))
    for number, (part, choice) in enumerate(zip(nested.alone, choices, strict=True)):
        rows, lane = np.flatnonzero(place == number), nested.lane(part, choice)
        found[rows] = _scores(problem.X, rows, coef[lane].astype(np.float64)) + intercepts[lane]
    best = int(np.argmin(losses))
    return CrossFit(
        scores=found,
        coef=coef[nested.lane((), best)].copy(),
        intercept=float(intercepts[nested.lane((), best)]),
        penalty=path[best],
        loss=_mean(_log_losses(found, problem.signs), weights),
        losses=dict(zip(path, losses.tolist(), strict=True)),
    )


class _Nested:
    """The lanes of `cross_fit`: nothing, one fold or two left out, each with every penalty."""

    def __init__(self, n_folds: int, n_penalties: int) -> None:
        self.n_folds, self.n_penalties = n_folds, n_penalties
        self.alone: list[Part] = [(fold,) for fold in range(n_folds)]
        self.parts: list[Part] = [(), *self.alone, *combinations(range(n_folds), 2)]

    def lane(self, part: Part, penalty: int) -> int:
        """Return the lane that leaves out these folds, at a place on the path of penalties."""
        return self.parts.index(part) * self.n_penalties + penalty

    def kept(self, place: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Return which rows each lane keeps, shape (n_rows, n_lanes)."""
        by_part = np.column_stack([~np.isin(place, part) for part in self.parts])
        return np.repeat(by_part, self.n_penalties, axis=1)

    def losses(self, held_out: Numbers, known: Numbers, without: Part) -> Numbers:
        """Return the mean loss by penalty over the folds that are left when some are left out.

        `held_out` holds the summed loss of each lane on each fold, NaN where a lane has learned
        nothing, and `known` the weight of each fold.
        """
        total, size = np.zeros(self.n_penalties), 0.0
        for fold in set(range(self.n_folds)) - set(without):
            start = self.lane(tuple(sorted({*without, fold})), 0)
            of_fold = held_out[start : start + self.n_penalties, fold]
            if known[fold] > 0 and not np.isnan(of_fold).any():
                total, size = total + of_fold, size + known[fold]
        return total / size if size else np.full(self.n_penalties, np.nan)


def _problem(X: csr_matrix, target: ArrayLike, weight: ArrayLike, penalty: ArrayLike) -> Problem:
    """Check what was given, and leave out the lanes that have nothing to tell apart."""
    matrix, targets = _canonical(X), np.asarray(target)
    weights, strengths = (np.array(values, dtype=np.float64) for values in (weight, penalty))
    _check_rows(matrix, target=targets, weight=weights)
    if weights.shape[1:] != strengths.shape:
        raise ValueError(
            "weight must have one column for each lane, and penalty one number. "
            f"Got shapes {weights.shape} and {strengths.shape} instead."
        )
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise ValueError("weight must hold finite numbers, none below 0.")
    if not (np.isfinite(strengths).all() and (strengths > 0).all()):
        raise ValueError(f"penalties must be above 0 and finite. Got {strengths.tolist()} instead.")
    used = weights.any(axis=1)
    if not np.isin(targets[used], (0, 1)).all():
        raise ValueError("target must be 0 or 1 where a row has weight.")
    positive = weights[targets == 1].sum(axis=0)
    weights[:, (positive == 0) | (weights[targets != 1].sum(axis=0) == 0)] = 0.0
    return Problem(matrix, np.where(targets == 1, 1.0, -1.0), weights, strengths)


def _canonical(X: csr_matrix) -> csr_matrix:
    """Return the matrix in float32, each row's columns in order and none twice."""
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    with np.errstate(over="ignore"):
        X = X.astype(np.float32, copy=False)
    wrong = np.flatnonzero(~np.isfinite(X.data))
    if len(wrong):
        row = int(np.searchsorted(X.indptr, wrong[0], side="right")) - 1
        raise ValueError(f"X must hold finite float32 numbers; row {row} (from 0) does not.")
    return X


def _check_rows(X: csr_matrix, **by_row: NDArray[np.generic]) -> None:
    wrong = [name for name, values in by_row.items() if values.shape[:1] != X.shape[:1]]
    if wrong:
        raise ValueError(
            f"{' and '.join(wrong)} must have one entry for each of the {X.shape[0]} rows of X. "
            f"Got shape {by_row[wrong[0]].shape} instead."
        )


def _enough_passes(problem: Problem) -> int:
    return max(PASSES, -(-VISITS // max(problem.X.shape[0], 1)))


def _fit_and_judge(
    problem: Problem, weight: Numbers, place: NDArray[np.intp], *, intercept: bool
) -> tuple[Coefficients, Numbers, Numbers]:
    """Return coefficients, intercepts, and the summed loss of each lane on each fold.

    The loss is NaN where a lane has learned nothing.
    """
    from features.votes import sparse_logistic_kernel as kernel

    X, n_lanes, n_folds = problem.X, len(problem.penalty), int(place.max(initial=-1)) + 1
    coef = np.zeros((n_lanes, X.shape[1]), np.float32)
    intercepts, held_out = np.zeros(n_lanes), np.full((n_lanes, n_folds), np.nan)
    for fits in kernel.solve(problem, _enough_passes(problem), 0, intercept=intercept):
        coef[fits.lanes], intercepts[fits.lanes] = fits.coef.T, fits.intercepts
        found = kernel.score(X.data, X.indices, X.indptr, fits.coef) + fits.intercepts
        losses = _log_losses(found, problem.signs[:, None]) * weight[:, None]
        for fold in range(n_folds):
            held_out[fits.lanes, fold] = losses[place == fold].sum(axis=0)
    held_out[~problem.weight.any(axis=0)] = np.nan
    return coef, intercepts, held_out


def _log_losses(log_odds: Numbers, signs: Numbers) -> Numbers:
    losses: Numbers = np.logaddexp(0.0, -signs * log_odds)
    return losses


def _mean(values: Numbers, weight: Numbers) -> float:
    total = weight.sum()
    return float((values * weight).sum() / total) if total else float("nan")
