"""Calibration of the two logits on out-of-fold predictions: Platt scaling that keeps the symmetry.

The direction gets a slope and no intercept: a shift of A against B would break the swap
symmetry. The tie gets a slope and an intercept.
"""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from models.heads import CLIP, TIE, A, Labels

Array = NDArray[np.float64]


class Calibration(NamedTuple):
    """``z`` becomes ``direction_slope * z``, ``t`` becomes ``tie_slope * t + tie_intercept``.

    Source: Platt, 1999, "Probabilistic outputs for support vector machines".

    >>> Calibration(direction_slope=2.0)(np.array([1.0]), np.array([0.0]))
    (array([2.]), array([0.]))
    """

    direction_slope: float = 1.0
    tie_slope: float = 1.0
    tie_intercept: float = 0.0

    def __call__(self, z: Array, t: Array) -> tuple[Array, Array]:
        """Return the calibrated logits."""
        return self.direction_slope * z, self.tie_slope * t + self.tie_intercept

    @classmethod
    def fit(cls, z: Array, t: Array, y: Labels) -> Self:
        """Find the slopes and the intercept of least log loss on out-of-fold logits.

        A slope below 0 (out of fold, the scores point the wrong way) becomes 0: a member that
        knows nothing is silenced, not turned round.

        Parameters
        ----------
        z, t : ndarray of float64, shape (n_battles,)
        y : ndarray of int8, shape (n_battles,)
        """
        decided = y != TIE
        direction = _platt(z[decided], y[decided] == A, intercept=False)
        tie = _platt(t, ~decided, intercept=True)
        return cls(direction[0], *tie)


def _platt(scores: Array, won: NDArray[np.bool_], *, intercept: bool) -> tuple[float, float]:
    """Return slope and intercept; the identity where only one class was seen."""
    if len(np.unique(won)) < 2:
        return 1.0, 0.0
    U = np.clip(scores, -CLIP, CLIP)[:, None]
    fit = LogisticRegression(C=np.inf, fit_intercept=intercept, solver="newton-cholesky")
    fit.fit(U, won)
    if fit.coef_[0, 0] < 0:
        return 0.0, float(np.log(won.mean() / (1 - won.mean()))) if intercept else 0.0
    return float(fit.coef_[0, 0]), float(np.ravel(fit.intercept_)[0]) if intercept else 0.0
