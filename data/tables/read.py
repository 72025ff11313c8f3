"""Tables on disk, read in chunks of raw cells: CSV, Parquet, JSON and JSONL, also compressed.

This module knows files and nothing of battles. What can be repaired in a file is repaired here and
counted; a fault of the whole file is a `DataError`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from data.tables.chunk import CHUNK_ROWS, Chunk, DataError, are_odd, not_utf8, shown, uncollected
from data.tables.csv import csv_chunks, csv_names
from data.tables.json import json_chunks, json_names
from data.tables.packed import inner_name, unpacked
from data.tables.parquet import parquet_chunks, parquet_names
from data.tables.texts import TextFile

__all__ = [
    "CHUNK_ROWS",
    "SUFFIXES",
    "Chunk",
    "DataError",
    "are_odd",
    "column_names",
    "is_text",
    "not_utf8",
    "read_chunks",
    "shown",
    "uncollected",
]


class _Format(NamedTuple):
    """How the names of the columns and the rows of a file are read."""

    names: Callable[[TextFile], list[str]]
    chunks: Callable[
        [TextFile, Collection[str], Collection[str] | None, int, bool], Iterator[Chunk]
    ]


_JSON = _Format(json_names, lambda file, *how: json_chunks(file, *how[:3]))
_PARQUET = _Format(
    lambda file: parquet_names(file.path),
    lambda file, *how: parquet_chunks(file.path, *how[:3]),
)
_FORMATS = {
    ".csv": _Format(csv_names, csv_chunks),
    ".parquet": _PARQUET,
    ".json": _JSON,
    ".jsonl": _JSON,
    ".ndjson": _JSON,
}
SUFFIXES = tuple(_FORMATS)
_PARQUET_START = b"PAR1"


def column_names(path: Path, encoding: str | None = None) -> list[str]:
    """Return the names of a table's columns, bare of white space and byte-order marks.

    `encoding` is that of text, see `read_chunks`.

    Raises
    ------
    DataError
        The file is empty or not of its format.
    OSError
        The file cannot be opened.
    """
    names = _format(path).names(TextFile(path, encoding))
    return [name.replace("\ufeff", "").strip() for name in names]


def is_text(path: Path) -> bool:
    """Whether a table is text, CSV or JSON, which may be in this encoding or that."""
    return _format(path) is not _PARQUET


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
    encoding: str | None = None,
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
    encoding : str, optional
        Of CSV and JSON text, by Python's name; by default UTF-8. A byte-order mark tells more.

    Raises
    ------
    DataError
        The file is empty, has no rows, is not of its format, or lacks a column.
    OSError
        The file cannot be opened.
    """
    file = TextFile(path, encoding)
    chunks = _format(path).chunks(file, required, wanted, chunk_rows, close_quotes)
    empty = True
    for chunk in chunks:
        if empty and is_text(path) and (read_as := file.read_as()):
            chunk = replace(chunk, notes=(f"read as {read_as.upper()}", *chunk.notes))
        empty = False
        yield chunk
    if empty:
        raise DataError(f"{path.name}: expected at least one row, found a header and no rows.")
