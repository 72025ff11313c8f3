"""What every table is read into: chunks of raw cells; and how a fault of a file is told."""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHUNK_ROWS = 8192
CHUNK_BYTES = 1 << 25  # of long rows a chunk holds fewer
_SHOWN = 60


class DataError(ValueError):
    """What a user gave cannot be used; the message says where, what was found, and the way out."""


@dataclass(frozen=True)
class Chunk:
    """Some rows of a table, cell by cell as they stand in the file.

    Attributes
    ----------
    start : int
        Number of the chunk's first row in the file, from 0; header and blank lines do not count.
    n_rows : int
    columns : dict of str to list
        The cells of each column. From CSV all are strings. A missing or null cell is ``""``.
    long_rows : set of int
        Positions (from 0, within the chunk) of rows with more fields than the header has names.
    stray_quotes : set of int
        Positions of rows in which a closing quote is followed by more text: a quote is missing
        or one too many, and rows may have run together.
    replaced : int
        Undecodable bytes that were replaced by U+FFFD since the chunk before.
    unclosed : int
        1 in the last chunk of a file in which a quote was never closed and was repaired, else 0.
    notes : tuple of str
        In the first chunk of a file, what a person is told of how it is read.
    """

    start: int
    n_rows: int
    columns: dict[str, list[Any]]
    long_rows: set[int]
    stray_quotes: set[int]
    replaced: int
    unclosed: int = 0
    notes: tuple[str, ...] = ()


def shown(found: object) -> str:
    """Return what was found as an error message shows it: quoted, and cut where it is long.

    >>> shown("[oops")
    "'[oops'"
    >>> len(shown("x" * 1000))
    65
    """
    if not isinstance(found, str):
        found = repr(found)
        return found if len(found) <= _SHOWN else found[:_SHOWN] + "..."
    return repr(found) if len(found) <= _SHOWN else repr(found[:_SHOWN]) + "..."


def are_odd(names: Collection[str]) -> bool:
    r"""Whether names of columns show that a file is no UTF-8 text.

    >>> are_odd(["id", "p\0r"]), are_odd(["id", "café"])
    (True, False)
    """
    return any("\0" in name or "\ufffd" in name for name in names)


def not_utf8(file: str, likely: str | None = None) -> DataError:
    """Return the error of a file that is no UTF-8 text; `likely` is the encoding to name."""
    way = f" If it is text, pass --encoding {likely}, which it is likely in." if likely else ""
    return DataError(
        f"{file}: expected CSV text in UTF-8, found bytes that are none (a binary file, "
        f"or another encoding). Save it as CSV in UTF-8.{way}"
    )


def places(
    header: Sequence[str], path: Path, required: Collection[str], wanted: Collection[str] | None
) -> dict[str, int]:
    """Map each column to be read to its position in the file, see `data.tables.read_chunks`.

    >>> places(["id", " prompt ", ""], Path("t.csv"), ["prompt"], None)
    {'id': 0, 'prompt': 1}
    """
    names = [name.replace("\ufeff", "").strip() for name in header]
    missing = [name for name in required if name not in names]
    if missing:
        raise DataError(
            f"{path.name}: expected the columns {', '.join(required)}, found "
            f"{shown(', '.join(names))}; not there: {', '.join(missing)}. "
            "Rename or add the columns; the file must be UTF-8 text with commas, or Parquet."
        )
    twice = [name for name in required if names.count(name) > 1]
    if wanted is None and twice:
        raise DataError(
            f"{path.name}, column {twice[0]}: expected it once, found it {names.count(twice[0])} "
            "times in the header. Remove or rename the others."
        )
    read = [name for name in names if name and not name.startswith("__index_level_")]
    return {name: names.index(name) for name in read if wanted is None or name in wanted}


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep the collector of cycles away while rows are read: there are none.

    It would look through all lists and objects again and again, half of the time where they nest.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
