"""What each member is worth to a stack, with intervals over prompts."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone

from features.sides import Array
from models.heads import Labels
from models.measures.evaluation import group_weights, interval, resamples
from models.stacking.choice import calibrated
from models.stacking.members import DIRECTION, TIED
from models.stacking.model import StackingModel, known_of

Figure = dict[str, float | None]
STACK = "stack"


def member_probabilities(model: StackingModel, X: pd.DataFrame, y: ArrayLike) -> dict[str, Array]:
    """Return what each member of a fitted stack says by itself, calibrated out of fold.

    Parameters
    ----------
    model : StackingModel
    X : DataFrame
        What the stack was fitted on.
    y : array-like of int, shape (n_battles,)

    Returns
    -------
    dict of str to ndarray of float64, shape (n_battles, n_classes)
    """
    known = known_of(X, model.members_, np.asarray(y, dtype=np.int8))
    return dict(zip(model.members_, calibrated(known, calibrate=model.calibrate), strict=True))


def leaderboard(
    model: StackingModel,
    X: pd.DataFrame,
    y: ArrayLike,
    group: ArrayLike,
    *,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, Any]:
    """Compare a fitted stack with its members, and with what it would be without each of them.

    All log losses are out of fold, and all intervals are of the same resamples of prompt groups
    (see `models.measures.evaluation.evaluate` for what they leave out). Without each member in
    turn the stack is fitted anew.

    Parameters
    ----------
    model : StackingModel
        Fitted on `X` and `y`.
    X : DataFrame
    y : array-like of int, shape (n_battles,)
    group : array-like, shape (n_battles,)
        Prompt groups, resampled whole.
    seed, level
        Of the resamples, and the intervals' coverage in (0, 1).

    Returns
    -------
    dict
        JSON-ready. ``members``: name -> ``weight`` (``direction``, ``tie``), ``log_loss`` (its
        own, calibrated out of fold) and ``gain`` (log loss that the stack would lose without it:
        above 0 it is of use; null where it is the only member). ``stack``: ``log_loss``.
        ``best``: the member of least log loss, and ``gain``, by how much the stack is better than
        it. ``correlation``: name -> name -> correlation of the errors (label minus probability,
        over the classes). Figures are ``value``, ``low`` and ``high``.
    """
    labels, names = np.asarray(y, dtype=np.int8), model.members_
    alone = member_probabilities(model, X, labels)
    rest = _without_each(model, X, labels)
    columns: dict[Any, Array] = {name: _losses(p, labels) for name, p in alone.items()}
    columns |= {(STACK, name): _losses(p, labels) for name, p in rest.items()}
    columns[STACK] = _losses(model.out_of_fold_, labels)
    figures = _Figures(columns, np.asarray(group), seed, level)
    best = min(names, key=lambda name: float(columns[name].mean()))
    weights = model.weights()
    return {
        "members": {
            name: {
                "weight": {head: shares[name] for head, shares in weights.items()},
                "log_loss": figures.of(name),
                "gain": figures.difference((STACK, name), STACK) if name in rest else None,
            }
            for name in names
        },
        STACK: {"log_loss": figures.of(STACK)},
        "best": {"member": best, "gain": figures.difference(best, STACK)},
        "correlation": _correlation(alone, labels),
    }


def _without_each(model: StackingModel, X: pd.DataFrame, y: Labels) -> dict[str, Array]:
    """Return the out-of-fold probabilities of the stack without each member, fitted anew."""
    if len(model.members_) == 1:
        return {}
    return {name: clone(model).fit(_without(X, name), y).out_of_fold_ for name in model.members_}


def _without(X: pd.DataFrame, name: str) -> pd.DataFrame:
    return X.drop(columns=[name + DIRECTION, name + TIED], errors="ignore")


def _losses(proba: Array, y: Labels) -> Array:
    return -np.log(proba[np.arange(len(y)), y])


class _Figures:
    """Means of columns of losses, and of their differences, over the same resamples of groups."""

    def __init__(
        self, columns: Mapping[Any, Array], group: NDArray[Any], seed: int, level: float
    ) -> None:
        table = np.column_stack(list(columns.values()))
        blocks = [
            weight @ table / weight.sum(axis=1)[:, None]
            for weight in group_weights(group, resamples(len(group)), seed)
        ]
        self._level = level
        self._value = dict(zip(columns, table.mean(axis=0).tolist(), strict=True))
        self._samples = dict(zip(columns, np.concatenate(blocks).T, strict=True))

    def of(self, name: Any) -> Figure:
        return interval(self._value[name], self._samples[name], self._level)

    def difference(self, name: Any, other: Any) -> Figure:
        samples = self._samples[name] - self._samples[other]
        return interval(self._value[name] - self._value[other], samples, self._level)


def _correlation(proba: Mapping[str, Array], y: Labels) -> dict[str, dict[str, float]]:
    """Return how members' errors go together: those of a member of no error at all are 0."""
    observed = np.eye(next(iter(proba.values())).shape[1])[y]
    errors = np.array([(observed - p).ravel() for p in proba.values()])
    errors -= errors.mean(axis=1, keepdims=True)
    norms = np.sqrt((errors**2).sum(axis=1))
    table = (errors @ errors.T) / np.maximum(np.outer(norms, norms), np.finfo(float).tiny)
    return {
        name: dict(zip(proba, row, strict=True))
        for name, row in zip(proba, table.tolist(), strict=True)
    }
