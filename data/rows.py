"""Rows of a training file: whether their cells are those of their columns, and their label."""

from __future__ import annotations

from collections.abc import Sequence

from data.cells import vote
from data.tables.read import Chunk, shown

ALL_COLUMNS = "all columns"
WINNER_COLUMNS = ("winner_model_a", "winner_model_b", "winner_tie")


class RowError(Exception):
    """A row that cannot be read: where in it, what was expected and found, and the cell itself."""

    def __init__(self, where: str, expected: str, found: str, cell: object = "") -> None:
        super().__init__(f"{where}: expected {expected}, got {found}")
        self.where, self.expected, self.found, self.cell = where, expected, found, cell


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
