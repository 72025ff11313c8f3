"""Every candidate, fitted without any one fold and without any two of them."""

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from features.sides import Array
from models.calibration import Calibration, clear, log_likelihood, taken
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
    """A calibration of each member alone: none, where it was calibrated before."""

    members: tuple[Calibration, ...]

    def __call__(self, material: Material) -> Material:
        """Return the battles with calibrated logits."""
        pairs = [
            line(*material.member(place), material.characters)
            for place, line in enumerate(self.members)
        ]
        z = np.column_stack([of_direction for of_direction, _ in pairs])
        ties = [of_tie for _, of_tie in pairs if of_tie is not None]
        return material._replace(z=z, t=np.column_stack(ties) if ties else None)


class LineFits:
    """The members' calibrations without any of some folds, each fitted once.

    Those of a level are kept where they hold: where, fitted without each other fold in turn, they
    raise its log likelihood by more than the gain's standard error.

    Parameters
    ----------
    known : Known
    calibrate : bool
        Or the logits as they are.
    """

    def __init__(self, known: Known, *, calibrate: bool) -> None:
        self._known, self._calibrate = known, calibrate
        self._folds = frozenset(np.unique(known.fold).tolist())
        self._fitted: dict[tuple[int, frozenset[int]], Calibration] = {}

    def without(self, out: Iterable[int]) -> Lines:
        """Return the calibrations by which a stack goes that is not to see these folds."""
        members = range(self._known.material.z.shape[1])
        return Lines(tuple(self.of(place, frozenset(out)) for place in members))

    def of(self, place: int, out: frozenset[int]) -> Calibration:
        """Return the calibration of one member."""
        if not self._calibrate:
            return Calibration()
        gain = [
            log_likelihood(self._fit(place, out | {fold}), *rows)
            - log_likelihood(Calibration(), *rows)
            for fold in sorted(self._folds - out)
            for rows in [self._rows(place, self._known.fold == fold)]
        ]
        return self._fit(place, out) if clear(np.concatenate(gain)) else Calibration()

    def _fit(self, place: int, out: frozenset[int]) -> Calibration:
        if (place, out) not in self._fitted:
            rows = self._rows(place, ~np.isin(self._known.fold, list(out)))
            self._fitted[place, out] = Calibration.without_bins(*rows[:3])
        return self._fitted[place, out]

    def _rows(
        self, place: int, rows: NDArray[np.bool_]
    ) -> tuple[Array, Array | None, Labels, Array]:
        material = self._known.material
        z, t = material.member(place)
        return z[rows], taken(t, rows), self._known.y[rows], material.characters[rows]


class Level(NamedTuple):
    """What was learned without some folds.

    Attributes
    ----------
    lines : Lines
    blends : mapping of str to mapping of str to list of Blend
        Head -> candidate -> the strengths that it can have.
    spreads : mapping of str to tuple of float
        Head -> how far each member's calibrated logits are from even.
    """

    lines: Lines
    blends: Mapping[str, Mapping[str, list[Blend]]]
    spreads: Mapping[str, tuple[float, ...]]


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
        self._known = known
        lines = LineFits(known, calibrate=calibrate)
        self._levels = {
            frozenset(out): fit_level(known, out, candidates, lines.without(out), seed=seed)
            for size in range(3)
            for out in combinations(self.folds, size)
        }

    def at(self, fold: int | None) -> Level:
        """Return what was fitted without a fold, or on all rows."""
        return self._levels[_out(fold)]

    def inner(self, fold: int | None, head: Head) -> dict[int, dict[str, list[Array]]]:
        """Return the scores that choose a stack which is not to see a fold.

        The blends have not seen the rows that they score. The members' calibrations, which are a
        few numbers, have: they are the stack's own. One without each inner fold would move ties up
        and down from fold to fold, against what the fold holds, and the calibration of the scores
        would take that for faintness.

        Returns
        -------
        dict
            Inner fold -> candidate -> scores of its rows by what was fitted without both folds,
            at each strength.
        """
        found = {}
        for number in (number for number in self.folds if number != fold):
            material = self.at(fold).lines(self._known.material.take(self._known.fold == number))
            paths = self._levels[_out(fold) | {number}].blends[head.name]
            found[number] = {
                name: [blend(material) for blend in path] for name, path in paths.items()
            }
        return found


def _out(fold: int | None) -> frozenset[int]:
    return frozenset() if fold is None else frozenset([fold])


def fit_level(
    known: Known,
    without: Iterable[int],
    candidates: Mapping[str, Candidate],
    lines: Lines,
    *,
    seed: int,
) -> Level:
    """Fit each candidate on the rows of the other folds.

    Parameters
    ----------
    known : Known
    without : iterable of int
        Folds that nothing is learned from.
    candidates : mapping of str to Candidate
    lines : Lines
        Fitted on the rows of the other folds as well.
    seed : int
    """
    out = np.isin(known.fold, list(without))
    rest = known.take(~out)
    lessons = {head.name: _lesson(head, rest, lines, seed) for head in rest.material.heads}
    blends = {
        name: {label: candidate.fit(lesson) for label, candidate in candidates.items()}
        for name, lesson in lessons.items()
    }
    spreads = {name: tuple(lesson.spread.tolist()) for name, lesson in lessons.items()}
    return Level(lines, blends, spreads)


def _lesson(head: Head, known: Known, lines: Lines, seed: int) -> Lesson:
    """Return the rows that a head learns from. All are plain ones: only those have logits."""
    rows = head.rows(known.y, np.ones(len(known.y), dtype=np.bool_))
    asked = known.take(rows)
    won = head.target(asked.y).astype(np.bool_)
    return Lesson(head, lines(asked.material), won, asked.group, seed)
