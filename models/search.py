"""The search for columns that earn their place: taken along a ranking, then dropped again.

What is taken in a fold is ranked without it, so what is judged there was chosen without it. See
`models.selection`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from features.sides import Array
from models.judge import Columns, Gain, Judge
from models.ranking import Units

FIRST = 4  # units that are tried first
PATIENCE = 2  # tries in a row that fail, after which no more are taken
GAINS = ("gain", "shuffled", "whole")
KEPT = 4  # losses of sets that the next step may need
Mask = NDArray[np.bool_]  # of units
Sets = list[Mask]  # the units of each fold, and behind them those of all rows


class Step(NamedTuple):
    """A group of units that was judged beside others.

    Attributes
    ----------
    adds : bool
        Whether they were to be taken in addition; else whether they were to be dropped.
    units : tuple of str
        Those of the ranking of all rows.
    gain : dict of str to Gain
        By how much the others are better with them, by head.
    shuffled : dict of str to Gain
        By how much they are better than their shuffled copies; empty where that was not asked.
    whole : dict of str to Gain
        By how much all that was taken is better than the others; empty where units are taken.
    """

    adds: bool
    units: tuple[str, ...]
    gain: dict[str, Gain]
    shuffled: dict[str, Gain]
    whole: dict[str, Gain]

    @property
    def earned(self) -> bool:
        """Whether they earned their place.

        To be taken they must clearly be better than nothing, and better than their shuffled copies;
        to stay, clearly better than either, unless what has gone before leaves no more to spare.
        """
        better = {
            head: one.value > 0 if self.adds else one.clear for head, one in self.shuffled.items()
        }
        if any(better[head] and self.gain[head].clear for head in better):
            return True
        return any(one.clear and self.gain[head].value > 0 for head, one in self.whole.items())

    def told(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return self._asdict() | {name: _told(getattr(self, name)) for name in GAINS}

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Self:
        """Take over what `told` gave."""
        gains = ({head: Gain(**one) for head, one in told[name].items()} for name in GAINS)
        return cls(told["adds"], tuple(told["units"]), *gains)


def _told(gains: Mapping[str, Gain]) -> dict[str, dict[str, float]]:
    return {head: gain._asdict() for head, gain in gains.items()}


class Search:
    """Takes units along a ranking, then drops some again.

    Parameters
    ----------
    judge : Judge
    units : mapping of str to sequence of int
        See `features.columns.units_of`.
    importances : sequence of ndarray, shape (n_units,)
        By the ranking without each fold of the judge, and by that of all rows.
    known : sequence of Step
        Steps of an earlier search by the same means: not judged again.
    told : callable
        Told of each other step.

    Attributes
    ----------
    steps : list of Step
        All that were made.
    """

    def __init__(
        self,
        judge: Judge,
        units: Units,
        importances: Sequence[Array],
        known: Sequence[Step],
        told: Callable[[Step], None],
    ) -> None:
        self.judge, self.names, self.importances = judge, list(units), importances
        self.places = [np.array(places, dtype=np.intp) for places in units.values()]
        self.known, self.told = list(known), told
        self.steps: list[Step] = []
        self.sets: Sets = [np.zeros(len(units), dtype=np.bool_) for _ in importances]
        self._taken = self.sets  # before any was dropped
        self._whole: Array | None = None  # losses of these
        self._kept: dict[bytes, Array] = {}  # the losses of the last sets

    def run(self) -> Mask:
        """Return the units that stay, by the ranking of all rows."""
        self._take()
        last = self.sets[-1]
        self.sets = [units & last for units in self.sets]  # what is not shipped is not judged
        self._taken = self.sets
        for family in self._families():
            self._drop(family)
        return self.sets[-1]

    def _take(self) -> None:
        orders = [np.argsort(-importance, kind="stable") for importance in self.importances]
        useful = min(int((importance > 0).sum()) for importance in self.importances)
        failed, size = 0, FIRST
        while failed < PATIENCE and self.sets[-1].sum() < useful:
            size = min(size, useful)
            more = [
                _first(order, size) & ~now for order, now in zip(orders, self.sets, strict=True)
            ]
            larger = [now | some for now, some in zip(self.sets, more, strict=True)]
            if self._earned(self.sets, more, adds=True):
                self.sets = larger
                failed = 0
            else:
                failed += 1
            if size == useful:
                return
            size *= 2

    def _families(self) -> list[list[int]]:
        """Return the units of each family that were taken, the least important first."""
        families: dict[str, list[int]] = {}
        for unit in np.argsort(self.importances[-1], kind="stable"):
            if self.sets[-1][unit]:
                families.setdefault(self.names[unit].partition("__")[0], []).append(int(unit))
        weight = self.importances[-1]
        return sorted(families.values(), key=lambda units: float(weight[units].sum()))

    def _drop(self, units: list[int], *, known_to_earn: bool = False) -> None:
        """Drop units that do not earn their place, all at once or by halves, the worse one first.

        Where all of the worse half went, the better one is what earned the place of both.
        """
        group = np.zeros(len(self.names), dtype=np.bool_)
        group[units] = True
        if not known_to_earn:
            some = [now & group for now in self.sets]
            rest = [now & ~group for now in self.sets]
            if not self._earned(rest, some, adds=False):
                self.sets = rest
                return
        if len(units) > 1:
            worse, better = units[: len(units) // 2], units[len(units) // 2 :]
            self._drop(worse)
            self._drop(better, known_to_earn=not self.sets[-1][worse].any())

    def _earned(self, rest: Sets, some: Sets, *, adds: bool) -> bool:
        """Judge some units beside the rest, unless that is known already."""
        names = tuple(self.names[unit] for unit in np.flatnonzero(some[-1]))
        if len(self.steps) < len(self.known):
            step = self.known[len(self.steps)]
        else:
            step = self._judged(rest, some, names, adds=adds)
            self.told(step)
        self.steps.append(step)
        return step.earned

    def _judged(self, rest: Sets, some: Sets, names: tuple[str, ...], *, adds: bool) -> Step:
        both = [one | other for one, other in zip(rest, some, strict=True)]
        with_them = self._loss(both)
        without = self._loss(rest)
        gain, shuffled, whole = self.judge.gains(without, with_them), {}, {}
        if any(one.clear for one in gain.values()):
            shuffled = self.judge.gains(self._loss(rest, some), with_them)
        if not adds:
            if self._whole is None:
                self._whole = self._loss(self._taken)
            whole = self.judge.gains(without, self._whole)
        return Step(adds, names, gain, shuffled, whole)

    def _loss(self, sets: Sets, shuffled: Sets | None = None) -> Array:
        """Return the losses of some sets, beside shuffled copies of others; the last are kept."""
        none = [np.zeros_like(units) for units in sets]
        pairs = list(zip(sets, shuffled or none, strict=True))[:-1]
        key = b"".join(units.tobytes() for pair in pairs for units in pair)
        losses = self._kept.pop(key, None)
        if losses is None:
            columns = [Columns(self._columns(one), self._columns(other)) for one, other in pairs]
            losses = self.judge.losses(columns)
        self._kept[key] = losses  # the last of them now
        if len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]
        return losses

    def _columns(self, units: Mask) -> NDArray[np.intp]:
        places = [self.places[unit] for unit in np.flatnonzero(units)]
        return np.concatenate([np.empty(0, dtype=np.intp), *places])


def _first(order: NDArray[np.intp], size: int) -> Mask:
    """Return the mask of the best units.

    >>> _first(np.array([2, 0, 1]), 2).tolist()
    [True, False, True]
    """
    mask = np.zeros(len(order), dtype=np.bool_)
    mask[order[:size]] = True
    return mask
