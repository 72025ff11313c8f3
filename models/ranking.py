"""How much columns matter to a cheap LightGBM, three ways: what a selection tries first.

Each way gives every column's share of what a head makes of all; the heads count alike.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from features.sides import Array, Swap
from models.heads import Head
from models.judge import HEADS
from models.learners.lightgbm import RANKING_ROUNDS, LightGBMLearner, LightGBMModel
from models.parts import (
    NO_FOLD,
    Fit,
    Lessons,
    Material,
    Part,
    Rows,
    fit_part,
    judgeable,
    judged,
    part_logits,
)

LEARNER = LightGBMLearner(learning_rate=0.1, feature_fraction=0.3, max_bin=63)
Units = Mapping[str, Sequence[int]]


def rank(
    rows: Rows,
    names: Sequence[str],
    units: Units,
    *,
    way: str = "gain",
    seed: int = 0,
    n_jobs: int = -1,
) -> Array:
    """Return the importance of each unit of columns, shape (n_units,), in shares.

    Parameters
    ----------
    rows : Rows
        All of them are learned from; their folds part those of a permutation.
    names : sequence of str
        Of the columns.
    units : mapping of str to sequence of int
        See `features.columns.units_of`.
    way : {"gain", "permutation", "shap"}
        LightGBM's total gain; what the loss of rows that were not learned from gains when a unit's
        values are shuffled; the mean absolute SHAP value.
    seed : int
        Of the trees and of what is shuffled.
    n_jobs : int
    """
    swap = Swap(list(names))
    heads = [head for head in HEADS if judgeable(head, rows, int(rows.fold.min()))]
    found = Parallel(n_jobs=n_jobs, prefer="threads")(
        delayed(RANKINGS[way])(head, rows, swap, list(units.values()), seed) for head in heads
    )
    shares = [one / max(one.sum(), np.finfo(float).tiny) for one in found]
    return np.mean(shares, axis=0) if shares else np.zeros(len(units))


def _fitted(head: Head, rows: Rows, swap: Swap, fold: int, seed: int) -> tuple[Part, LightGBMModel]:
    part = Part("ranking", LEARNER, head, seed)
    fit = Fit(part, fold, complexity=RANKING_ROUNDS)
    model = fit_part(fit, Lessons([fit], Material(rows, swap)), swap=swap, threads=1, device="cpu")
    if not isinstance(model, LightGBMModel):
        raise TypeError(f"expected a model of LightGBM, found {type(model).__name__}")
    return part, model


def _gain(head: Head, rows: Rows, swap: Swap, units: Sequence[Sequence[int]], seed: int) -> Array:
    _, model = _fitted(head, rows, swap, NO_FOLD, seed)
    return _sums(model.importance(rows.X.shape[1]), units)


def _shap(head: Head, rows: Rows, swap: Swap, units: Sequence[Sequence[int]], seed: int) -> Array:
    _, model = _fitted(head, rows, swap, NO_FOLD, seed)
    used = head.rows(rows.y, rows.plain)
    X = rows.X[used]
    both = np.vstack([X, swap(X)])
    contributions = np.asarray(model.booster.predict(both, pred_contrib=True))[:, :-1]
    size = [np.abs(contributions[:, list(unit)].sum(axis=1)) for unit in units]
    return np.array([np.average(one, weights=np.tile(rows.counts[used], 2)) for one in size])


def _permutation(
    head: Head, rows: Rows, swap: Swap, units: Sequence[Sequence[int]], seed: int
) -> Array:
    """Learn without a fold, and shuffle there; what makes the loss no worse counts for nothing."""
    fold = int(rows.fold.min())
    part, model = _fitted(head, rows, swap, fold, seed)
    held = judged(head, rows, fold)
    X, y, weight = rows.X[held].copy(), rows.y[held], rows.counts[held]
    order = np.random.default_rng(seed).permutation(len(X))

    def loss() -> float:
        return head.loss(part_logits(part, model, X, swap), y, weight)

    before, found = loss(), []
    for unit in units:
        kept = X[:, list(unit)]
        X[:, list(unit)] = kept[order]
        found.append(max(loss() - before, 0.0))
        X[:, list(unit)] = kept
    return np.array(found)


def _sums(values: NDArray[np.float64], units: Sequence[Sequence[int]]) -> Array:
    return np.array([values[list(unit)].sum() for unit in units])


RANKINGS: dict[str, Callable[[Head, Rows, Swap, Sequence[Sequence[int]], int], Array]] = {
    "gain": _gain,
    "permutation": _permutation,
    "shap": _shap,
}
