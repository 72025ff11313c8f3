"""Tables on disk, read in chunks of raw cells: CSV, gzipped CSV and Parquet.

This module knows files and nothing of battles. What can be repaired in a file is repaired here and
counted; a fault of the whole file is a `DataError`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from data.tables.chunk import CHUNK_ROWS, Chunk, DataError, shown
from data.tables.csv import csv_chunks
from data.tables.parquet import parquet_chunks

__all__ = ["CHUNK_ROWS", "Chunk", "DataError", "read_chunks", "shown"]


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
        A ``.csv``, ``.csv.gz`` or ``.parquet`` file.
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
    name = path.name.lower()
    if name.endswith((".csv", ".csv.gz")):
        chunks = csv_chunks(path, required, wanted, chunk_rows, close_quotes)
    elif name.endswith(".parquet"):
        chunks = parquet_chunks(path, required, wanted, chunk_rows)
    else:
        raise DataError(f"{path.name}: expected a name that ends in .csv, .csv.gz or .parquet.")
    empty = True
    for chunk in chunks:
        empty = False
        yield chunk
    if empty:
        raise DataError(f"{path.name}: expected at least one row, found a header and no rows.")
