"""Linear scores of battles, of the direction and of ties: their columns, and how good they are."""

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


def score_columns(direction: Array, tie: Array) -> dict[str, Array]:
    """Return the columns of the two scores of a battle."""
    return {"direction_diff": direction, "direction_absdiff": np.abs(direction), "tie_pair": tie}


def figures(target: NDArray[np.bool_], found: Array) -> dict[str, float | int | None]:
    """Return rows, log loss and AUC of log-odds; None where there is nothing to tell apart.

    >>> figures(np.array([True, False]), np.array([1.0, -1.0]))
    {'rows': 2, 'log_loss': 0.3133, 'auc': 1.0}
    """
    if not target.any() or target.all():
        return {"rows": len(target), "log_loss": None, "auc": None}
    loss = np.logaddexp(0.0, np.where(target, -found, found)).mean()
    auc = roc_auc_score(target, found)
    return {"rows": len(target), "log_loss": round(float(loss), 4), "auc": round(float(auc), 4)}


def score_figures(
    direction: CrossFit, tie: CrossFit, y: NDArray[np.int8], plain: NDArray[np.bool_]
) -> dict[str, Any]:
    """Return what two cross-fitted scores say of the votes, out of fold, and their penalties."""
    decided = y != TIE
    both = decided & plain
    return {
        "direction": figures(y[decided] == A, direction.scores[decided]),
        "direction_of_plain_rows": figures(y[both] == A, direction.scores[both]),
        "tie_of_plain_rows": figures(y[plain] == TIE, tie.scores[plain]),
        "penalty": direction.penalty,
        "tie_penalty": tie.penalty,
    }
