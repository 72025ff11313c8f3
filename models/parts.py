"""The parts that a preference model is put together from: a head of a member, fitted on rows."""

from collections.abc import Iterable, Mapping
from statistics import fmean, median_high
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from features.sides import Swap
from models.heads import Head, Labels, swapped_labels
from models.learners.contract import Learner, Matrix, Model, Sample, Setting, Watch

Array = NDArray[np.float64]
NO_FOLD = -1  # of a fit on all rows
BLOCK_ROWS = 16_384  # rows that are swapped at a time


class Rows(NamedTuple):
    """Training rows in the order in which they came, and what is known of them."""

    X: Matrix
    y: Labels
    plain: NDArray[np.bool_]
    weight: Array
    length: Array
    fold: NDArray[np.int8]

    def take(self, mask: NDArray[np.bool_]) -> Self:
        """Return the masked rows: themselves where the mask leaves none out."""
        if mask.all():
            return self
        return type(self)(
            self.X[mask],
            self.y[mask],
            self.plain[mask],
            self.weight[mask],
            self.length[mask],
            self.fold[mask],
        )


class Part(NamedTuple):
    """What one fit answers for: a head of a member, with one of its seeds."""

    member: str
    learner: Learner
    head: Head
    seed: int
    copy: int = 0

    @property
    def name(self) -> str:
        """``member_head``, and a number behind it for the further seeds of a bag."""
        return f"{self.member}_{self.head.name}" + (f"_{self.copy}" if self.copy else "")


class Fit(NamedTuple):
    """One fit to be made: a part, without an inner fold or at a complexity already chosen."""

    part: Part
    fold: int = NO_FOLD
    complexity: int | None = None


def learned(head: Head, rows: Rows, fold: int) -> NDArray[np.bool_]:
    """Return the mask of the rows that a head learns from, without an inner fold."""
    return head.rows(rows.y, rows.plain) & (rows.fold != fold)


def judged(head: Head, rows: Rows, fold: int) -> NDArray[np.bool_]:
    """Return the mask of the rows that judge a head in an inner fold: plain ones."""
    return head.rows(rows.y, rows.plain) & rows.plain & (rows.fold == fold)


def judgeable(head: Head, rows: Rows, fold: int) -> bool:
    """Whether an inner fold has rows to judge by and leaves every class to learn from."""
    targets = set(head.target(rows.y[learned(head, rows, fold)]).tolist())
    return len(targets) == head.n_classes and bool(judged(head, rows, fold).any())


def fit_part(fit: Fit, rows: Rows, swap: Swap, *, threads: int, device: str) -> Model:
    """Fit a part on both orders of its rows, watched by the inner fold if one is left out."""
    part, fold, complexity = fit
    used = learned(part.head, rows, fold)
    y = rows.y[used]
    sample = Sample(
        X=both_orders(rows.X, used, swap),
        target=np.concatenate([part.head.target(labels) for labels in (y, swapped_labels(y))]),
        weight=np.tile(rows.weight[used], 2),
        mirrored=True,
    )
    setting = Setting(swap, part.head.name, part.head.n_classes, part.seed, threads, device)
    watch = None if fold == NO_FOLD else _watch(part.head, rows, swap, fold)
    return part.learner.fit(sample, setting, complexity=complexity, watch=watch)


def _watch(head: Head, rows: Rows, swap: Swap, fold: int) -> Watch:
    held = judged(head, rows, fold)
    y = rows.y[held]

    def loss(raw: Array) -> float:
        return head.loss(head.logits(raw[: len(y)], raw[len(y) :]), y)

    return Watch(both_orders(rows.X, held, swap), loss)


def both_orders(X: Matrix, mask: NDArray[np.bool_], swap: Swap) -> Matrix:
    """Return the masked rows and, under them, the same with A and B in each other's place.

    >>> X, mask = np.array([[0, 0], [3, 1]], np.float32), np.array([False, True])
    >>> both_orders(X, mask, Swap(["f__words_a", "f__words_b"])).tolist()
    [[3.0, 1.0], [1.0, 3.0]]
    """
    n = int(mask.sum())
    both = np.empty((2 * n, X.shape[1]), dtype=X.dtype)
    np.compress(mask, X, axis=0, out=both[:n])
    for start in range(0, n, BLOCK_ROWS):  # in place: there may be many rows
        end = min(start + BLOCK_ROWS, n)
        both[n + start : n + end] = swap(both[start:end])
    return both


def chosen_complexity(models: Mapping[int, Model]) -> int:
    """Return the median over the inner folds of the complexity with the least loss."""
    return median_high(int(np.argmin(model.losses)) + 1 for model in models.values())


def mean_loss(models: Mapping[int, Model], complexity: int) -> float:
    """Return the mean loss at a complexity; a path that stopped earlier counts by its end."""
    return fmean(m.losses[min(complexity, len(m.losses)) - 1] for m in models.values())


def part_logits(
    part: Part, model: Model, X: Matrix, swap: Swap, complexity: int | None = None
) -> dict[str, Array]:
    """Return ``z`` or ``t`` or both of a part, from both orders of the rows."""
    return part.head.logits(model.raw(X, complexity), model.raw(swap(X), complexity))


def average(given: Iterable[tuple[Part, Mapping[str, Array]]]) -> tuple[Array, Array]:
    """Average ``z`` and ``t`` over the copies of each member, then over the members."""
    values: dict[str, dict[str, list[Array]]] = {"z": {}, "t": {}}
    for part, logits in given:
        for name, value in logits.items():
            values[name].setdefault(part.member, []).append(value)
    z, t = (
        np.mean([np.mean(copies, axis=0) for copies in members.values()], axis=0)
        for members in values.values()
    )
    return z, t
