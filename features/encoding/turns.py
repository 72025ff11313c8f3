"""The turns that a frozen encoder reads of some battles, each distinct one once."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.layout import TEXTS, turns_of
from features.storage.segments import digest_of, key_of

T = TypeVar("T", int, float)
COLUMNS = list(TEXTS.values())
BLANK = -1


@dataclass(frozen=True, eq=False)
class DistinctTurns:
    """The turns of some battles.

    Attributes
    ----------
    texts : list of str
        The distinct turns that hold more than white space.
    place : ndarray of intp, shape (n_turns,)
        Of each turn among `texts`, `BLANK` where it is none of them: prompts first, then answers
        A, then answers B; a text without turns has a blank one.
    owner : ndarray of intp, shape (n_turns,)
        Whose turn it is: ``number of the text * n_battles + row``.
    n_battles : int
    """

    texts: list[str]
    place: NDArray[np.intp]
    owner: NDArray[np.intp]
    n_battles: int

    @classmethod
    def of(cls, battles: pl.DataFrame) -> "DistinctTurns":
        """Return the turns of battles.

        >>> turns = DistinctTurns.of(pl.DataFrame({name: [["7", "", "7"]] for name in COLUMNS}))
        >>> turns.texts, turns.place.tolist()
        (['7'], [0, -1, 0, 0, -1, 0, 0, -1, 0])
        """
        turns = turns_of(battles, COLUMNS)
        texts = turns.text["text"].to_list()
        held = [bool(text.strip()) for text in texts]
        distinct = {text: None for text, holds in zip(texts, held, strict=True) if holds}
        number = {text: place for place, text in enumerate(distinct)}
        place = [number[text] if holds else BLANK for text, holds in zip(texts, held, strict=True)]
        return cls(list(distinct), np.array(place, dtype=np.intp), turns.owner, battles.height)

    @cached_property
    def unordered(self) -> "UnorderedBattles":
        """The battles whatever the order of their answers."""
        return UnorderedBattles.of(self)

    def conversations(self) -> list[list[list[int]]]:
        """Return the places of each text's turns that are not blank, by battle: three lists."""
        place = self.place.tolist()
        starts = np.flatnonzero(np.diff(self.owner, prepend=-1)).tolist()
        turns = [
            [turn for turn in place[start:end] if turn != BLANK]
            for start, end in pairwise([*starts, len(place)])
        ]
        n = self.n_battles
        return [[turns[row], turns[n + row], turns[2 * n + row]] for row in range(n)]


class UnorderedBattles(NamedTuple):
    """Battles whatever the order of their answers, each once."""

    texts: list[str]  # as in `DistinctTurns`
    battles: list[list[list[int]]]  # places of the turns of prompt, first and second answer
    keys: list[bytes]  # of the battles, by their content
    equal: list[bool]  # whether the answers are the same
    place: NDArray[np.intp]  # of each battle that was given among these
    swapped: NDArray[np.bool_]  # whether its answer A is the second one here

    @classmethod
    def of(cls, turns: DistinctTurns) -> "UnorderedBattles":
        """Put the answers into the order of their hashes, and the longest battles first.

        So nothing depends on the order in which answers and battles were met.
        """
        text_keys = list(map(key_of, turns.texts))
        number: dict[bytes, int] = {}
        battles, place, swapped = [], [], []
        for prompt, a, b in turns.conversations():
            of_prompt, of_a, of_b = (
                digest_of([text_keys[turn] for turn in text]) for text in (prompt, a, b)
            )
            swap = of_a > of_b
            key = digest_of([of_prompt, min(of_a, of_b), max(of_a, of_b)])
            if key not in number:
                number[key] = len(number)
                battles.append(([prompt, b, a] if swap else [prompt, a, b], of_a == of_b))
            place.append(number[key])
            swapped.append(swap)
        unordered = cls(
            turns.texts,
            [texts for texts, _ in battles],
            list(number),
            [same for _, same in battles],
            np.array(place, dtype=np.intp),
            np.array(swapped, dtype=np.bool_),
        )
        size = unordered.sums([len(text) for text in turns.texts])
        order = sorted(range(len(size)), key=lambda row: (-size[row], unordered.keys[row]))
        rank = np.argsort(np.array(order, dtype=np.intp))
        return unordered._rows(order)._replace(place=rank[unordered.place])

    def only(self, wanted: Sequence[bool]) -> "UnorderedBattles":
        """Return some of the battles; which ones were given is forgotten."""
        rows = [row for row, want in enumerate(wanted) if want]
        return self._rows(rows)._replace(place=self.place[:0], swapped=self.swapped[:0])

    def sums(self, values: Sequence[T]) -> list[T]:
        """Add up a number of each of `texts` over the turns of each battle."""
        return [sum(values[turn] for turns in texts for turn in turns) for texts in self.battles]

    def local(self, rows: Sequence[int]) -> tuple[list[int], list[list[list[int]]]]:
        """Return the turns of some battles, and these battles with the numbers of those turns."""
        turns = sorted({turn for row in rows for of in self.battles[row] for turn in of})
        number = {turn: place for place, turn in enumerate(turns)}
        battles = [[[number[turn] for turn in of] for of in self.battles[row]] for row in rows]
        return turns, battles

    def _rows(self, rows: Sequence[int]) -> "UnorderedBattles":
        return self._replace(
            battles=[self.battles[row] for row in rows],
            keys=[self.keys[row] for row in rows],
            equal=[self.equal[row] for row in rows],
        )
