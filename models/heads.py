"""The questions that a member is trained to answer, and the algebra that makes them symmetric.

A head knows which rows it learns from, what its target is in either order of the answers, and
how the raw scores of both orders become a direction logit ``z`` (antisymmetric under a swap) and
a tie logit ``t`` (symmetric). Everything is in float64, where each step is exact under a swap.
"""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from data.labels import TIE, A, B
from features.sides import Array

Labels = NDArray[np.int8]  # 0 A preferred, 1 B preferred, 2 tie

CLIP = 30.0  # bound of z and t: beyond it a probability is not far from 0 or 1 in float64


def swapped_labels(y: Labels) -> Labels:
    """Return the labels of the same votes with A and B in each other's place.

    >>> swapped_labels(np.array([0, 1, 2], dtype=np.int8))
    array([1, 0, 2], dtype=int8)
    """
    return np.array([B, A, TIE], dtype=np.int8)[y]


def direction_loss(z: Array, y: Labels, weight: Array | None = None) -> float:
    """Mean log loss of A against B over decided battles: ``log(1 + exp(-z))`` where A won.

    With weights it is the weighted mean.

    >>> round(direction_loss(np.array([0.0, 0.0]), np.array([0, 1], dtype=np.int8)), 4)
    0.6931
    """
    return float(np.average(np.logaddexp(0.0, np.where(y == A, -z, z)), weights=weight))


def tie_loss(t: Array, y: Labels, weight: Array | None = None) -> float:
    """Mean log loss of a tie against a decision: ``log(1 + exp(-t))`` where it was a tie.

    With weights it is the weighted mean.

    >>> round(tie_loss(np.array([0.0, 0.0]), np.array([0, 2], dtype=np.int8)), 4)
    0.6931
    """
    return float(np.average(np.logaddexp(0.0, np.where(y == TIE, -t, t)), weights=weight))


def probabilities(z: Array, t: Array | None) -> Array:
    """Turn logits into the probabilities of A, B and, where votes know ties, tie.

    Parameters
    ----------
    z, t : ndarray of float64, shape (n_battles,)
        Direction and tie logits; both are clipped to ±30. Without `t` votes know no ties.

    Returns
    -------
    ndarray of float64, shape (n_battles, 3), or (n_battles, 2) without `t`
        Each strictly between 0 and 1, rows adding up to 1. Under a swap of A and B (z changes
        sign) the first two columns change places bit for bit.

    Examples
    --------
    >>> probabilities(np.array([0.0]), np.array([0.0]))
    array([[0.25, 0.25, 0.5 ]])
    >>> probabilities(np.array([0.0]), None)
    array([[0.5, 0.5]])
    """
    z = np.clip(z, -CLIP, CLIP)
    if t is None:
        p_a, p_b = expit(z), expit(-z)
        return np.column_stack([p_a, p_b]) / (p_a + p_b)[:, None]
    t = np.clip(t, -CLIP, CLIP)
    decided = expit(-t)
    p_a, p_b, p_tie = decided * expit(z), decided * expit(-z), expit(t)
    return np.column_stack([p_a, p_b, p_tie]) / ((p_a + p_b) + p_tie)[:, None]


class Head:
    """One question, put to a member: which rows, which target, which logits come of it."""

    name: ClassVar[str]
    n_classes: ClassVar[int]  # 2: one raw score a row, 3: three

    def rows(self, y: Labels, plain: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return the mask of the rows that it learns from."""
        raise TypeError(f"{type(self).__name__} must write rows.")

    def judges(self, y: Labels, plain: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return the mask of those of them that judge it in inner folds: plain ones."""
        return self.rows(y, plain) & plain

    def target(self, y: Labels) -> NDArray[np.int8]:
        """Return the target of each row, in the order in which `y` is written."""
        raise TypeError(f"{type(self).__name__} must write target.")

    def logits(self, raw: Array, raw_swapped: Array) -> dict[str, Array]:
        """Turn the raw scores of both orders into ``z`` or ``t`` or both."""
        raise TypeError(f"{type(self).__name__} must write logits.")

    def shares(self, own: Array, swapped: Array) -> dict[str, Array]:
        """Turn what columns add to the raw scores into what they add to `logits`.

        Parameters
        ----------
        own : ndarray, shape (n_rows, n_columns + 1) or (n_rows, 3, n_columns + 1)
            Of the rows as they came, the score of the average row last.
        swapped : ndarray
            The same of the rows in the other order, each at the column its value came from.
        """
        raise TypeError(f"{type(self).__name__} must write shares.")

    def loss(self, logits: Mapping[str, Array], y: Labels, weight: Array | None = None) -> float:
        """Return the mean log loss of rows that this head learns from, weighted or not."""
        raise TypeError(f"{type(self).__name__} must write loss.")


class DirectionHead(Head):
    """A or B? Learns from decided battles, extra rows included."""

    name = "direction"
    n_classes = 2

    def rows(self, y: Labels, plain: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return the decided battles."""
        return y != TIE

    def judges(self, y: Labels, plain: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return the decided battles: among the plain ones alone rounds are chosen by chance."""
        return self.rows(y, plain)

    def target(self, y: Labels) -> NDArray[np.int8]:
        """Return 1 where A won."""
        return (y == A).astype(np.int8)

    def logits(self, raw: Array, raw_swapped: Array) -> dict[str, Array]:
        """Return the antisymmetric ``z``."""
        return {"z": (raw - raw_swapped) / 2.0}

    def shares(self, own: Array, swapped: Array) -> dict[str, Array]:
        """Return the shares of ``z``; that of the average battle is 0."""
        return {"z": (own - swapped) / 2.0}

    def loss(self, logits: Mapping[str, Array], y: Labels, weight: Array | None = None) -> float:
        """Return the mean direction loss."""
        return direction_loss(logits["z"], y, weight)


class TieHead(Head):
    """A tie or a decision? Learns from plain rows: extra rows were drawn by another rule."""

    name = "tie"
    n_classes = 2

    def rows(self, y: Labels, plain: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return the plain rows."""
        return plain

    def target(self, y: Labels) -> NDArray[np.int8]:
        """Return 1 where it was a tie."""
        return (y == TIE).astype(np.int8)

    def logits(self, raw: Array, raw_swapped: Array) -> dict[str, Array]:
        """Return the symmetric ``t``."""
        return {"t": (raw + raw_swapped) / 2.0}

    def shares(self, own: Array, swapped: Array) -> dict[str, Array]:
        """Return the shares of ``t``."""
        return {"t": (own + swapped) / 2.0}

    def loss(self, logits: Mapping[str, Array], y: Labels, weight: Array | None = None) -> float:
        """Return the mean tie loss."""
        return tie_loss(logits["t"], y, weight)


class MulticlassHead(Head):
    """A, B or tie at once: the plain alternative. Learns from all rows, extra rows included."""

    name = "multiclass"
    n_classes = 3

    def rows(self, y: Labels, plain: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return all rows."""
        return np.ones(len(y), dtype=np.bool_)

    def target(self, y: Labels) -> NDArray[np.int8]:
        """Return the label."""
        return y

    def logits(self, raw: Array, raw_swapped: Array) -> dict[str, Array]:
        """Return ``z`` and ``t``, averaged over both orders. `raw` has shape (n, 3)."""
        z = [scores[:, A] - scores[:, B] for scores in (raw, raw_swapped)]
        t = [
            scores[:, TIE] - np.logaddexp(scores[:, A], scores[:, B])
            for scores in (raw, raw_swapped)
        ]
        return {"z": (z[0] - z[1]) / 2.0, "t": (t[0] + t[1]) / 2.0}

    def shares(self, own: Array, swapped: Array) -> dict[str, Array]:
        """Return the shares of the three margins: ``t`` is no sum of them, ``z`` is a - b."""
        other = {"a": (A, B), "b": (B, A), "tie": (TIE, TIE)}
        return {
            name: (own[:, here] + swapped[:, there]) / 2.0 for name, (here, there) in other.items()
        }

    def loss(self, logits: Mapping[str, Array], y: Labels, weight: Array | None = None) -> float:
        """Return the mean log loss over the three classes."""
        p = probabilities(logits["z"], logits["t"])
        return float(-np.average(np.log(p[np.arange(len(y)), y]), weights=weight))


FORMS: dict[str, tuple[Head, ...]] = {
    "heads": (DirectionHead(), TieHead()),
    "multiclass": (MulticlassHead(),),
    "direction": (DirectionHead(),),
}


def classes_of(form: str) -> tuple[int, ...]:
    """Return the classes that a form tells apart.

    >>> classes_of("heads"), classes_of("direction")
    ((0, 1, 2), (0, 1))
    """
    return (A, B) if form == "direction" else (A, B, TIE)


def check_classes(y: Labels, form: str) -> None:
    """Refuse labels of plain rows that a form has no place for, or that lack a class of it.

    Raises
    ------
    ValueError
        Names the class, and the way out.
    """
    known = classes_of(form)
    ties = int((y == TIE).sum())
    if ties and TIE not in known:
        raise ValueError(
            f"y must hold 0 (A preferred) and 1 (B preferred) alone among the plain rows, for the "
            f"form {form!r} knows no ties. Got 2 (tie) {ties:,} times. Leave the form out, which "
            'is then "heads", or leave these battles out.'
        )
    absent = sorted(set(known) - set(y.tolist()))
    if absent:
        named = "each of 0 (A preferred), 1 (B preferred) and 2 (tie)"
        hint = " Where votes know no ties, the form is 'direction'." if absent == [TIE] else ""
        if TIE not in known:
            named = "both 0 (A preferred) and 1 (B preferred)"
        raise ValueError(
            f"y must hold {named} among the plain rows. Got no {absent[0]} instead.{hint}"
        )
