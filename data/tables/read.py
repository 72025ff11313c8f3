"""Tables on disk, read in chunks of raw cells: CSV, Parquet, JSON and JSONL, also compressed.

This module knows files and nothing of battles. What can be repaired in a file is repaired here and
counted; a fault of the whole file is a `DataError`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from data.tables.chunk import CHUNK_ROWS, Chunk, DataError, are_odd, not_utf8, shown
from data.tables.csv import csv_chunks, csv_names
from data.tables.json import json_chunks, json_names
from data.tables.packed import inner_name, unpacked
from data.tables.parquet import parquet_chunks, parquet_names

__all__ = [
    "CHUNK_ROWS",
    "SUFFIXES",
    "Chunk",
    "DataError",
    "are_odd",
    "column_names",
    "not_utf8",
    "read_chunks",
    "shown",
]


class _Format(NamedTuple):
    """How the names of the columns and the rows of a file are read."""

    names: Callable[[Path], list[str]]
    chunks: Callable[[Path, Collection[str], Collection[str] | None, int, bool], Iterator[Chunk]]


_JSON = _Format(json_names, lambda path, *how: json_chunks(path, *how[:3]))
_PARQUET = _Format(parquet_names, lambda path, *how: parquet_chunks(path, *how[:3]))
_FORMATS = {
    ".csv": _Format(csv_names, csv_chunks),
    ".parquet": _PARQUET,
    ".json": _JSON,
    ".jsonl": _JSON,
    ".ndjson": _JSON,
}
SUFFIXES = tuple(_FORMATS)
_PARQUET_START = b"PAR1"


def column_names(path: Path) -> list[str]:
    """Return the names of a table's columns, bare of white space and byte-order marks.

    Raises
    ------
    DataError
        The file is empty or not of its format.
    OSError
        The file cannot be opened.
    """
    return [name.replace("\ufeff", "").strip() for name in _format(path).names(path)]


def _format(path: Path) -> _Format:
    """Return a file's format, by its name unless its first bytes are those of Parquet."""
    with unpacked(path) as raw:
        if raw.read(len(_PARQUET_START)) == _PARQUET_START:
            return _PARQUET
    suffix = "." + inner_name(path).rpartition(".")[2]
    if suffix not in _FORMATS:
        raise DataError(
            f"{path.name}: expected a name that ends in .csv, .parquet, .json or .jsonl, each also "
            "compressed (.csv.gz, .jsonl.zst)."
        )
    return _FORMATS[suffix]


def read_chunks(
    path: Path,
    *,
    required: Collection[str],
    wanted: Collection[str] | None = None,
    chunk_rows: int = CHUNK_ROWS,
    close_quotes: bool = False,
) -> Iterator[Chunk]:
    """Yield a table's rows in order, at most `chunk_rows` at a time, fewer where they are long.

    Parameters
    ----------
    path : Path
        A ``.csv``, ``.parquet``, ``.json`` or ``.jsonl`` file, plain or compressed.
    required : collection of str
        Columns that must be there.
    wanted : collection of str, optional
        The only columns to read, the first of each name. By default all that have a name are read,
        and a required name that stands twice is an error. A pandas index that was written along
        (no name, or ``__index_level_0__``) is never read: it numbers rows. Nor is a column that is
        not required and whose values Python cannot hold.
    chunk_rows : int
        At least 1.
    close_quotes : bool
        Whether a quote of a CSV row that is never closed is repaired: closed where nothing but its
        own line follows it, else left out, so that the rows after it are read. By default it is
        an error.

    Raises
    ------
    DataError
        The file is empty, has no rows, is not of its format, or lacks a column.
    OSError
        The file cannot be opened.
    """
    chunks = _format(path).chunks(path, required, wanted, chunk_rows, close_quotes)
    empty = True
    for chunk in chunks:
        empty = False
        yield chunk
    if empty:
        raise DataError(f"{path.name}: expected at least one row, found a header and no rows.")
