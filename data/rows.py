"""Rows of a training file: three conversations and a label, and which votes were read before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

from data.cells import vote
from data.tables.read import Chunk, shown

ALL_COLUMNS = "all columns"
WINNER_COLUMNS = ("winner_model_a", "winner_model_b", "winner_tie")


class RowError(Exception):
    """A row that cannot be read: where in it, what was expected and found, and the cell itself."""

    def __init__(self, where: str, expected: str, found: str, cell: object = "") -> None:
        super().__init__(f"{where}: expected {expected}, got {found}")
        self.where, self.expected, self.found, self.cell = where, expected, found, cell


class Votes:
    """Tells votes already read from new ones by a 16-byte digest of each row's content.

    >>> votes = Votes()
    >>> [votes.add(["Hi", "Hello!", "Hey"], label) for label in (0, 0, 2)]
    [None, 'duplicates', 'contradictory']
    """

    def __init__(self) -> None:
        self._labels: dict[bytes, int] = {}

    def add(self, content: Iterable[object], label: int) -> str | None:
        """Remember a vote; return "duplicates", "contradictory" (keys of `COUNTS`) or None."""
        cells = tuple(content)
        try:
            text = _run_together(cells)
        except TypeError:  # a list of something else than turns
            text = _run_together(tuple(map(str, cells)))
        digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16)
        key, bit = digest.digest(), 1 << label
        earlier = self._labels.get(key, 0)
        self._labels[key] = earlier | bit
        if earlier & bit:
            return "duplicates"
        return "contradictory" if earlier else None


def _run_together(cells: Iterable[Any]) -> str:
    """Return all cells as one text; their lengths go first, so that two rows never come out alike.

    >>> _run_together(["x", ["ab", None, ""]])
    '[1, [2, None, 0]]xab'
    """
    lengths: list[Any] = []
    texts: list[str] = []
    for cell in cells:
        if type(cell) is list:
            lengths.append([None if turn is None else len(turn) for turn in cell])
            texts.extend(filter(None, cell))
        else:
            text = str(cell)
            lengths.append(len(text))
            texts.append(text)
    return f"{lengths}{''.join(texts)}"


def check_fields(chunk: Chunk, row: int) -> None:
    """Refuse a row of a chunk whose cells may not be those of their columns.

    Raises
    ------
    RowError
        Says why.
    """
    if row in chunk.stray_quotes:
        expected = "a comma or the end of the row after a closing quote"
        raise RowError(ALL_COLUMNS, expected, "more text: rows may have run together")
    if row in chunk.long_rows:
        raise RowError(ALL_COLUMNS, "as many fields as the header has", "more")


def label_of(cells: Sequence[object]) -> int:
    """Return which of the three winner cells is the 1; nothing is repaired here.

    >>> label_of(["0", "1.0", "0"])
    1
    >>> label_of(["1", "", "0"])
    Traceback (most recent call last):
    data.rows.RowError: column winner_model_b: expected 1 or 0, got ''
    """
    votes = [vote(cell) for cell in cells]
    for name, cell, found in zip(WINNER_COLUMNS, cells, votes, strict=True):
        if found is None:
            raise RowError(f"column {name}", "1 or 0", shown(cell), cell)
    if votes.count(1) != 1:
        where = f"columns {', '.join(WINNER_COLUMNS)}"
        raise RowError(where, "exactly one 1 and two 0", ", ".join(map(str, votes)))
    return votes.index(1)
