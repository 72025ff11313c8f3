"""Linear scores of battles, of the direction and of ties: their columns, how good they are."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.metrics import roc_auc_score

from data.labels import TIE, A
from features.sides import Array
from features.votes.sparse_logistic import CrossFit, scores


class Score(NamedTuple):
    """A linear score of a row."""

    coef: NDArray[np.float32]  # shape (n_columns,)
    intercept: float

    def __call__(self, X: csr_matrix) -> Array:
        """Return the score of each row."""
        return scores(X, self.coef, self.intercept)


def direction_columns(direction: Array) -> dict[str, Array]:
    """Return the columns of a score of A against B."""
    return {"direction_diff": direction, "direction_absdiff": np.abs(direction)}


def figures(
    target: NDArray[np.bool_], found: Array, share: Array | None = None
) -> dict[str, float | int | None]:
    """Return rows, log loss and AUC of log-odds; None where there is nothing to tell apart.

    Rows count by their share in a battle, see `data.soft`, where they have one.

    >>> figures(np.array([True, False]), np.array([1.0, -1.0]))
    {'rows': 2, 'log_loss': 0.3133, 'auc': 1.0}
    >>> figures(np.array([True, True, False]), np.array([2.0, -2.0, 0.0]), np.array([0.9, 0.1, 1]))
    {'rows': 2, 'log_loss': 0.51, 'auc': 0.9}
    """
    rows = len(target) if share is None else round(float(share.sum()))
    if not target.any() or target.all():
        return {"rows": rows, "log_loss": None, "auc": None}
    loss = np.average(np.logaddexp(0.0, np.where(target, -found, found)), weights=share)
    auc = roc_auc_score(target, found, sample_weight=share)
    return {"rows": rows, "log_loss": round(float(loss), 4), "auc": round(float(auc), 4)}


def direction_figures(
    direction: CrossFit,
    y: NDArray[np.int8],
    plain: NDArray[np.bool_],
    share: Array | None = None,
) -> dict[str, Any]:
    """Return what a cross-fitted score of A says of the votes, out of fold, and its penalty."""

    def of(rows: NDArray[np.bool_]) -> dict[str, float | int | None]:
        own = None if share is None else share[rows]
        return figures(y[rows] == A, direction.scores[rows], own)

    decided = y != TIE
    return {
        "direction": of(decided),
        "direction_of_plain_rows": of(decided & plain),
        "penalty": direction.penalty,
    }


def tie_figures(
    tie: CrossFit, y: NDArray[np.int8], plain: NDArray[np.bool_], share: Array | None = None
) -> dict[str, Any]:
    """Return the same of a score of ties."""
    own = None if share is None else share[plain]
    return {
        "tie_of_plain_rows": figures(y[plain] == TIE, tie.scores[plain], own),
        "tie_penalty": tie.penalty,
    }
