"""What a candidate learns from, what it makes of it, and the two plainest of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from features.sides import Array
from models.heads import Head
from models.stacking.members import Material

SIGNIFICANT = 2.0  # standard errors from which on a member is taken to know something


@dataclass(frozen=True)
class Lesson:
    """The rows that one head of a stack learns from.

    Attributes
    ----------
    head : Head
        The direction, asked of decided battles, or the tie.
    material : Material
        Calibrated logits, where the stack calibrates.
    won : ndarray of bool, shape (n_rows,)
        A won, or it was a tie.
    group : ndarray of int, shape (n_rows,)
        A number for each prompt group.
    seed : int
    """

    head: Head
    material: Material
    won: NDArray[np.bool_]
    group: NDArray[np.intp]
    seed: int

    @cached_property
    def logits(self) -> Array:
        """The members' logits of this head, shape (n_rows, n_members)."""
        return logits_for(self.head, self.material)

    @property
    def free(self) -> bool:
        """Whether the scores may have an intercept: in a direction it would favour a side."""
        return has_intercept(self.head)

    @cached_property
    def losses(self) -> Array:
        """The log loss of each member alone, shape (n_members,)."""
        return row_losses(self.logits, self.won[:, None]).mean(axis=0)

    @cached_property
    def spread(self) -> Array:
        """How far each member's logits are from 0, or a tie's from their mean.

        Their root mean square, shape (n_members,).
        """
        return np.sqrt((self.centred**2).mean(axis=0))

    @cached_property
    def knowing(self) -> list[int]:
        """The members that know something of the answer, the best one if none does.

        Such a member's logits go along with the outcomes by more than `SIGNIFICANT` standard
        errors: the score test of its slope in a logistic regression of its own. What a member of
        chance alone would add is chance, so it has no part in any blend.
        """
        target = self.won - (self.won.mean() if self.free else 0.5)
        scores = (self.centred * target[:, None]).mean(axis=0)
        errors = self.spread * np.sqrt(np.mean(target**2) / len(target))
        known = np.flatnonzero(scores > SIGNIFICANT * errors)
        return known.tolist() if len(known) else [int(np.argmin(self.losses))]

    @cached_property
    def centred(self) -> Array:
        """The logits, a tie's without their means; a direction's are even as they are."""
        return self.logits - self.logits.mean(axis=0) if self.free else self.logits


def logits_for(head: Head, material: Material) -> Array:
    """Return the logits that answer a head, shape (n_battles, n_members)."""
    if not has_intercept(head):
        return material.z
    if material.t is None:
        raise TypeError("members that know no ties have no tie logits")
    return material.t


def has_intercept(head: Head) -> bool:
    """Whether scores of a head may be shifted: those of the direction may not."""
    return head.name != "direction"


def row_losses(scores: Array, won: NDArray[np.bool_]) -> Array:
    """Return the log loss of each score.

    >>> row_losses(np.array([0.0, 9.0]), np.array([True, False])).round(2)
    array([0.69, 9.  ])
    """
    return losses_of(np.where(won, scores, -scores))


def losses_of(margins: Array) -> Array:
    """Return ``log(1 + exp(-margin))``, four times as fast as `numpy.logaddexp`.

    >>> losses_of(np.array([0.0, -800.0, 800.0])).round(2).tolist()
    [0.69, 800.0, 0.0]
    """
    return np.maximum(-margins, 0.0) + np.log1p(np.exp(-np.abs(margins)))


def weighted_sum(logits: Array, weights: Sequence[float]) -> Array:
    """Add up weighted columns, one after the other.

    It is no matrix product: a row's sum must not depend on its neighbours, and must change its
    sign, bit for bit, where all of its logits do.

    >>> weighted_sum(np.array([[1.0, 3.0]]), [0.5, 0.5])
    array([2.])
    """
    total = weights[0] * logits[:, 0]
    for place in range(1, len(weights)):
        total = total + weights[place] * logits[:, place]
    return total


class Blend:
    """Scores of battles, made of the members' logits.

    Parameters
    ----------
    head : Head
    weights : sequence of float
        Of each member, at least 0; they add up to 1.
    """

    def __init__(self, head: Head, weights: Iterable[float]) -> None:
        self.head = head
        self.weights = tuple(float(weight) for weight in weights)

    def __call__(self, material: Material) -> Array:
        """Return the scores of battles, shape (n_battles,)."""
        return weighted_sum(logits_for(self.head, material), self.weights)

    def told(self) -> dict[str, Any]:
        """Return what it consists of, ready for JSON."""
        return {"weights": list(self.weights)}

    def files(self) -> dict[str, bytes]:
        """Return what JSON does not hold well: file name -> content."""
        return {}

    @classmethod
    def read(cls, head: Head, told: Mapping[str, Any], files: Mapping[str, bytes]) -> Self:
        """Take over what `told` and `files` gave."""
        return cls(head, told["weights"])


class Candidate:
    """A way to blend logits.

    Attributes
    ----------
    blend : type of Blend
        What `fit` makes.
    jumps : bool
        Whether its scores jump at thresholds, so that members' last digits may move them far.
    flexible : bool
        Whether it can follow chance so far that it must win by a standard error over what is chosen
        without it; it may have nothing to offer.
    """

    blend: ClassVar[type[Blend]] = Blend
    jumps: ClassVar[bool] = False
    flexible: ClassVar[bool] = False

    def fit(self, lesson: Lesson) -> list[Blend]:
        """Return the blends that it can make of a lesson, one for each strength it can have.

        None, where it has nothing to offer. Folds left out choose among several.
        """
        raise TypeError(f"{type(self).__name__} must write fit.")


class Best(Candidate):
    """The member of least loss alone."""

    def fit(self, lesson: Lesson) -> list[Blend]:
        """Find it among those that know something."""
        return [Blend(lesson.head, np.eye(lesson.logits.shape[1])[best_of(lesson)])]


class Mean(Candidate):
    """The mean of the members that know something."""

    def fit(self, lesson: Lesson) -> list[Blend]:
        """Count them."""
        return [Blend(lesson.head, equal_weights(lesson))]


def best_of(lesson: Lesson) -> int:
    """Return the place of the member of least loss, the first of equals."""
    losses = lesson.losses
    return min(lesson.knowing, key=lambda place: float(losses[place]))


def equal_weights(lesson: Lesson) -> Array:
    """Return equal weights of the members that know something, none of the others."""
    weights = np.zeros(lesson.logits.shape[1])
    weights[lesson.knowing] = 1.0
    return weights / weights.sum()
