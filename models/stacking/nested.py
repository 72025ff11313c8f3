"""Every candidate, fitted without any one fold and without any two of them."""

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from features.sides import Array
from models.calibration import Calibration
from models.heads import FORMS, Head, Labels
from models.stacking.blends import Blend, Candidate, Lesson
from models.stacking.members import Material

HEADS = FORMS["heads"]  # the direction and the tie


class Known(NamedTuple):
    """The rows that a stack is fitted on.

    Attributes
    ----------
    material : Material
    y : ndarray of int8, shape (n_battles,)
    fold : ndarray of int8, shape (n_battles,)
    group : ndarray of int, shape (n_battles,)
        A number for each prompt group.
    """

    material: Material
    y: Labels
    fold: NDArray[np.int8]
    group: NDArray[np.intp]

    def take(self, rows: NDArray[np.bool_]) -> Self:
        """Return the masked rows."""
        return type(self)(self.material.take(rows), self.y[rows], self.fold[rows], self.group[rows])


class Lines(NamedTuple):
    """A calibration of each member alone."""

    members: tuple[Calibration, ...]

    @classmethod
    def fit(cls, known: Known, *, calibrate: bool) -> Self:
        """Fit them, or take the logits as they are."""
        z, t = known.material.z, known.material.t
        places = range(z.shape[1])
        if not calibrate:
            return cls((Calibration(),) * len(places))
        return cls(tuple(Calibration.without_bins(z[:, at], t[:, at], known.y) for at in places))

    def __call__(self, material: Material) -> Material:
        """Return the battles with calibrated logits."""
        pairs = [
            line(material.z[:, place], material.t[:, place], material.characters)
            for place, line in enumerate(self.members)
        ]
        z, t = (np.column_stack(columns) for columns in zip(*pairs, strict=True))
        return material._replace(z=z, t=t)


class Level(NamedTuple):
    """What was learned without some folds, and what it says of them.

    Attributes
    ----------
    lines : Lines
    blends : mapping of str to mapping of str to list of Blend
        Head -> candidate -> the strengths that it can have.
    scores : mapping of str to mapping of str to list of ndarray of float64, shape (n_left_out,)
        The same blends' scores of the rows left out.
    """

    lines: Lines
    blends: Mapping[str, Mapping[str, list[Blend]]]
    scores: Mapping[str, Mapping[str, list[Array]]]


class Levels:
    """What is fitted without no fold, without each one and without each two of them.

    What leaves out two folds serves two stacks: it chooses for the one of either fold, on the rows
    of the other.

    Parameters
    ----------
    known : Known
    candidates : mapping of str to Candidate
    calibrate : bool
        Whether to calibrate the members.
    seed : int

    Attributes
    ----------
    folds : list of int
    """

    def __init__(
        self, known: Known, candidates: Mapping[str, Candidate], *, calibrate: bool, seed: int
    ) -> None:
        self.folds = [int(number) for number in np.unique(known.fold)]
        self._fold = known.fold
        self._levels = {
            frozenset(out): fit_level(known, out, candidates, calibrate=calibrate, seed=seed)
            for size in range(3)
            for out in combinations(self.folds, size)
        }

    def at(self, fold: int | None) -> Level:
        """Return what was fitted without a fold, or on all rows."""
        return self._levels[_out(fold)]

    def inner(self, fold: int | None, head: Head) -> dict[int, dict[str, list[Array]]]:
        """Return the scores that choose a stack which is not to see a fold.

        Returns
        -------
        dict
            Inner fold -> candidate -> scores of its rows by what was fitted without both folds,
            at each strength.
        """
        return {
            number: self._scores(number, _out(fold) | {number}, head)
            for number in self.folds
            if number != fold
        }

    def _scores(self, number: int, out: frozenset[int], head: Head) -> dict[str, list[Array]]:
        rows = self._fold[np.isin(self._fold, list(out))] == number
        paths = self._levels[out].scores[head.name]
        return {name: [scores[rows] for scores in path] for name, path in paths.items()}


def _out(fold: int | None) -> frozenset[int]:
    return frozenset() if fold is None else frozenset([fold])


def fit_level(
    known: Known,
    without: Iterable[int],
    candidates: Mapping[str, Candidate],
    *,
    calibrate: bool,
    seed: int,
) -> Level:
    """Fit the members' calibrations and each candidate on the rows of the other folds.

    Parameters
    ----------
    known : Known
    without : iterable of int
        Folds that nothing is learned from.
    candidates : mapping of str to Candidate
    calibrate : bool
    seed : int
    """
    out = np.isin(known.fold, list(without))
    rest = known.take(~out)
    lines = Lines.fit(rest, calibrate=calibrate)
    lessons = {head.name: _lesson(head, rest, lines, seed) for head in HEADS}
    blends = {
        name: {label: candidate.fit(lesson) for label, candidate in candidates.items()}
        for name, lesson in lessons.items()
    }
    held = lines(known.material.take(out))
    scores = {
        name: {label: [blend(held) for blend in path] for label, path in paths.items()}
        for name, paths in blends.items()
    }
    return Level(lines, blends, scores)


def _lesson(head: Head, known: Known, lines: Lines, seed: int) -> Lesson:
    """Return the rows that a head learns from. All are plain ones: only those have logits."""
    rows = head.rows(known.y, np.ones(len(known.y), dtype=np.bool_))
    asked = known.take(rows)
    won = head.target(asked.y).astype(np.bool_)
    return Lesson(head, lines(asked.material), won, asked.group, seed)
