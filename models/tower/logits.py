"""A tower's raw scores as a direction logit and a tie logit; the width of a ranking's ties."""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from data.labels import TIE, A, B
from features.sides import Array
from models.heads import Labels, MulticlassHead

NARROWEST, WIDEST = 1e-6, 30.0  # of `eta`: where there are no ties at all, or nothing else
STEEPEST = 100.0  # of the slope, in standard deviations of the differences: they part all votes


class TieWidth(NamedTuple):
    """How differences of two answers' scores become the three probabilities.

    ``p_A = expit(slope * delta - eta)``, ``p_B = expit(-slope * delta - eta)``, and a tie is the
    rest: the model of Rao and Kupper 1967 ("Ties in paired-comparison experiments", their theta
    being ``exp(eta)``).

    Attributes
    ----------
    slope : float
        At least 0: a higher score does not speak against an answer.
    eta : float
        More than 0.
    """

    slope: float
    eta: float

    @classmethod
    def fit(cls, delta: Array, y: Labels) -> Self:
        """Find the most likely slope and width.

        Parameters
        ----------
        delta : ndarray of float64, shape (n,)
            A's score minus B's.
        y : ndarray of int8, shape (n,)
            Of plain rows: extra rows tell nothing of ties.

        Raises
        ------
        ValueError
            There is no row.
        """
        if not len(delta):
            raise ValueError("The delta of TieWidth.fit must hold one battle at least. Got none.")
        size = float(np.sqrt(np.mean(np.square(delta, dtype=np.float64)))) or 1.0
        x = np.asarray(delta, dtype=np.float64) / size
        # Minus the log likelihood is convex in slope and eta: one minimum, from wherever it starts.
        found = minimize(
            _loss_and_gradient,
            x0=(1.0, 0.5),
            args=(x, np.asarray(y)),
            jac=True,
            method="L-BFGS-B",
            bounds=[(0.0, STEEPEST), (NARROWEST, WIDEST)],
            options={"ftol": 1e-13, "gtol": 1e-9},
        )
        return cls(float(found.x[0]) / size, float(found.x[1]))

    def logits(self, delta: Array) -> tuple[Array, Array]:
        """Return the direction logit and the tie logit of differences.

        Where the difference changes sign so does the direction logit, exactly, and the tie logit
        stays as it is.

        >>> z, t = TieWidth(slope=1.0, eta=float(np.log(2.0))).logits(np.array([0.0]))
        >>> z, np.round(np.exp(t), 12)  # p = 1/3 each
        (array([0.]), array([0.5]))
        """
        lost_a, lost_b = _log_inverses(self.slope * delta, self.eta)
        return lost_b - lost_a, log_expm1(2.0 * self.eta) - np.logaddexp(lost_a, lost_b)


def _log_inverses(x: Array, eta: float) -> tuple[Array, Array]:
    """Return ``-log(p_A)`` and ``-log(p_B)``."""
    return np.logaddexp(0.0, eta - x), np.logaddexp(0.0, eta + x)


def log_expm1(x: float) -> float:
    """Return ``log(exp(x) - 1)``, which overflows if it is written so.

    >>> round(log_expm1(np.log(3.0)), 12), log_expm1(1000.0)
    (0.69314718056, 1000.0)
    """
    return float(x + np.log(-np.expm1(-x)))


def _loss_and_gradient(
    at: NDArray[np.float64], x: Array, y: NDArray[np.integer]
) -> tuple[float, NDArray[np.float64]]:
    """Return mean log loss, and its gradient by slope and eta, where ``delta`` is `x`.

    Of a tie ``p = (exp(2 * eta) - 1) * p_A * p_B``.
    """
    slope, eta = float(at[0]), float(at[1])
    lost_a, lost_b = _log_inverses(slope * x, eta)
    not_a, not_b = expit(eta - slope * x), expit(eta + slope * x)
    tie, of_a, of_b = y == TIE, y != B, y != A  # whose probabilities are a factor
    share = float(np.mean(tie))
    loss = np.mean(of_a * lost_a + of_b * lost_b) - share * log_expm1(2.0 * eta)
    by_slope = np.mean(x * (of_b * not_b - of_a * not_a))
    by_eta = np.mean(of_a * not_a + of_b * not_b) - share * 2.0 / -np.expm1(-2.0 * eta)
    return float(loss), np.array([by_slope, by_eta])


def difference(first: Array, second: Array) -> Array:
    """Return A's score minus B's, averaged over both orders. Shape (n, 2) each -> (n,).

    >>> difference(np.array([[3.0, 1.0]]), np.array([[0.0, 4.0]]))
    array([3.])
    """
    return ((first[:, 0] - first[:, 1]) - (second[:, 0] - second[:, 1])) / 2.0


def direction_and_tie(
    first: NDArray[np.floating],
    second: NDArray[np.floating],
    width: TieWidth | None = None,
) -> tuple[Array, Array]:
    """Return the direction logit ``z`` and the tie logit ``t`` of battles.

    Parameters
    ----------
    first, second : ndarray, shape (n, 3) or (n, 2)
        Raw scores of both orders of the answers, see `models.tower.losses.Raw`: three logits, or a
        score of each answer.
    width : TieWidth, optional
        Of ties, where there are two scores.

    Returns
    -------
    z, t : ndarray of float64, shape (n,)
        With `first` and `second` in each other's place z changes its sign and t is the same.

    Raises
    ------
    ValueError
        Two scores without a width.
    """
    one, other = first.astype(np.float64), second.astype(np.float64)
    if first.shape[1] == 3:
        logits = MulticlassHead().logits(one, other)
        return logits["z"], logits["t"]
    if width is None:
        raise ValueError("The width of direction_and_tie must be fitted to two scores. Got None.")
    return width.logits(difference(one, other))
