"""The parts that a preference model is put together from: a head of a member, fitted on rows."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from threading import Lock
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from features.sides import Array, Swap
from models.heads import FORMS, Head, Labels, swapped_labels
from models.learners.contract import Learner, Matrix, Model, Sample, Setting, Watch, Whole

NO_FOLD = -1  # of a fit on all rows


class Rows(NamedTuple):
    """Training rows in the order in which they came, and what is known of them.

    `judging` is what a row counts where rows judge, if that is not `weight`, by which they teach.
    """

    X: Matrix
    y: Labels
    plain: NDArray[np.bool_]
    weight: Array
    length: Array
    fold: NDArray[np.int8]
    judging: Array | None = None

    @property
    def counts(self) -> Array:
        """What each row counts where rows judge."""
        return self.weight if self.judging is None else self.judging

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
            None if self.judging is None else self.judging[mask],
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


class Lesson(NamedTuple):
    """What a fit learns from and, if an inner fold is left out, what it is watched by."""

    sample: Sample
    watch: Watch | None


def learned(head: Head, rows: Rows, fold: int) -> NDArray[np.bool_]:
    """Return the mask of the rows that a head learns from, without an inner fold."""
    return head.rows(rows.y, rows.plain) & (rows.fold != fold)


def judged(head: Head, rows: Rows, fold: int) -> NDArray[np.bool_]:
    """Return the mask of the rows that judge a head in an inner fold."""
    return head.judges(rows.y, rows.plain) & (rows.fold == fold)


def judgeable(head: Head, rows: Rows, fold: int) -> bool:
    """Whether an inner fold has rows to judge by and leaves every class to learn from."""
    targets = set(head.target(rows.y[learned(head, rows, fold)]).tolist())
    return len(targets) == head.n_classes and bool(judged(head, rows, fold).any())


class Material:
    """All rows of each head: what learners make of them serves every inner fold.

    Parameters
    ----------
    rows : Rows
    swap : Swap
    """

    def __init__(self, rows: Rows, swap: Swap) -> None:
        self.rows = rows
        self.swap = swap
        heads = {head.name: head for head in chain(*FORMS.values())}.values()
        self._used = {h.name: np.flatnonzero(learned(h, rows, NO_FOLD)) for h in heads}
        self._samples = {head.name: self._whole(head) for head in heads}

    def _whole(self, head: Head) -> Sample:
        rows, used = self.rows, self._used[head.name]
        y = rows.y[used]
        return Sample(
            X=rows.X,
            target=np.concatenate([head.target(labels) for labels in (y, swapped_labels(y))]),
            weight=np.tile(rows.weight[used], 2),
            rows=used,
            swap=self.swap,
        )

    def lesson(self, head: Head, fold: int) -> Lesson:
        """Return what a fit of a head is given, without an inner fold or with all rows."""
        whole, used = self._samples[head.name], self._used[head.name]
        if fold == NO_FOLD:
            return Lesson(whole, None)
        among = Whole(whole, np.flatnonzero(self.rows.fold[used] != fold))
        both = among.both()
        sample = Sample(
            X=self.rows.X,
            target=whole.target[both],
            weight=whole.weight[both],
            rows=used[among.places],
            swap=self.swap,
            whole=among,
        )
        return Lesson(sample, self._watch(head, fold))

    def _watch(self, head: Head, fold: int) -> Watch:
        held = np.flatnonzero(judged(head, self.rows, fold))
        y, weight = self.rows.y[held], self.rows.counts[held]

        def loss(raw: Array) -> float:
            return head.loss(head.logits(raw[: len(y)], raw[len(y) :]), y, weight)

        places = np.searchsorted(self._used[head.name], held)
        among = Whole(self._samples[head.name], places)
        return Watch(self.rows.X, loss, rows=held, swap=self.swap, whole=among)


class Lessons:
    """What the fits of a head and an inner fold are given: made by the first, gone with the last.

    Parameters
    ----------
    fits : iterable of Fit
        All that will ask, each once.
    material : Material
    """

    def __init__(self, fits: Iterable[Fit], material: Material) -> None:
        self._wholes = material
        self._left = Counter(map(self._key, fits))
        self._made: dict[tuple[str, int], Lesson] = {}
        self._lock = Lock()

    @contextmanager
    def lesson(self, fit: Fit) -> Iterator[Lesson]:
        """Lend what a fit is given, for as long as it goes on."""
        key = self._key(fit)
        with self._lock:
            if key not in self._made:
                self._made[key] = self._wholes.lesson(fit.part.head, fit.fold)
            lesson = self._made[key]
        try:
            yield lesson
        finally:
            with self._lock:
                self._left[key] -= 1
                if not self._left[key]:
                    del self._made[key]

    @staticmethod
    def _key(fit: Fit) -> tuple[str, int]:
        return fit.part.head.name, fit.fold


def fit_part(fit: Fit, lessons: Lessons, *, swap: Swap, threads: int, device: str) -> Model:
    """Fit a part on both orders of its rows, watched by the inner fold if one is left out.

    Fits that are handed the same `lessons` share what they are given.
    """
    part = fit.part
    setting = Setting(swap, part.head.name, part.head.n_classes, part.seed, threads, device)
    with lessons.lesson(fit) as (sample, watch):
        return part.learner.fit(sample, setting, complexity=fit.complexity, watch=watch)


def part_logits(
    part: Part, model: Model, X: Matrix, swap: Swap, complexity: int | None = None
) -> dict[str, Array]:
    """Return ``z`` or ``t`` or both of a part, from both orders of the rows."""
    return part.head.logits(model.raw(X, complexity), model.raw(swap(X), complexity))


def average(given: Iterable[tuple[Part, Mapping[str, Array]]]) -> tuple[Array, Array | None]:
    """Average ``z`` and ``t`` as `averages` does; where no part answers for ties, ``t`` is None."""
    mean = averages(given)
    return mean["z"], mean.get("t")


def averages(given: Iterable[tuple[Part, Mapping[str, Array]]]) -> dict[str, Array]:
    """Average what parts say, by name, over the copies of each member, then over the members."""
    values: dict[str, dict[str, list[Array]]] = {}
    for part, said in given:
        for name, value in said.items():
            values.setdefault(name, {}).setdefault(part.member, []).append(value)
    return {
        name: np.mean([np.mean(copies, axis=0) for copies in members.values()], axis=0)
        for name, members in values.items()
    }
