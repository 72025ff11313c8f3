"""Rows of a training file: three conversations and a label, and which votes were read before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b

from data.cells import Conversation, parse_cell, vote
from data.frames import TEXT_COLUMNS
from data.tables.read import Chunk, shown

WINNER_COLUMNS = ("winner_model_a", "winner_model_b", "winner_tie")


class RowError(Exception):
    """A row of a training file that cannot be read: where in it, what was expected and found."""

    def __init__(self, where: str, expected: str, found: str) -> None:
        super().__init__(f"{where}: expected {expected}, got {found}")


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
        digest = blake2b(digest_size=16)
        for cell in map(str, content):
            # The length goes before each cell, so that two rows never run together alike.
            digest.update(f"{len(cell)}:{cell}".encode("utf-8", "surrogatepass"))
        key, bit = digest.digest(), 1 << label
        earlier = self._labels.get(key, 0)
        self._labels[key] = earlier | bit
        if earlier & bit:
            return "duplicates"
        return "contradictory" if earlier else None


def training_row(chunk: Chunk, row: int) -> tuple[list[Conversation], int, int]:
    """Read one row of a chunk.

    Returns
    -------
    turns : list of conversations
        Prompt, response A and response B.
    repaired : int
        Characters that became U+FFFD.
    label : int
        0 A, 1 B, 2 tie.

    Raises
    ------
    RowError
        The row is not three conversations and one vote.
    """
    if row in chunk.stray_quotes:
        expected = "a comma or the end of the row after a closing quote"
        raise RowError("all columns", expected, "more text: rows may have run together")
    if row in chunk.long_rows:
        raise RowError("all columns", "as many fields as the header has", "more")
    turns, repaired = [], 0
    for name in TEXT_COLUMNS:
        cell = chunk.columns[name][row]
        try:
            conversation, count = parse_cell(cell)
        except ValueError:
            expected = "a JSON list of strings or nulls"
            raise RowError(f"column {name}", expected, shown(cell)) from None
        turns.append(conversation)
        repaired += count
    return turns, repaired, label_of([chunk.columns[name][row] for name in WINNER_COLUMNS])


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
            raise RowError(f"column {name}", "1 or 0", shown(cell))
    if votes.count(1) != 1:
        where = f"columns {', '.join(WINNER_COLUMNS)}"
        raise RowError(where, "exactly one 1 and two 0", ", ".join(map(str, votes)))
    return votes.index(1)
