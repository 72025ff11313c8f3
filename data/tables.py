"""Tables on disk, read in chunks of raw cells: CSV, gzipped CSV and Parquet.

This module knows files and nothing of battles. What can be repaired in a file is repaired here and
counted; a fault of the whole file is a `DataError`.
"""

from __future__ import annotations

import codecs
import gzip
import io
import re
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

CHUNK_ROWS = 8192
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
    replaced : int
        Undecodable bytes that were replaced by U+FFFD since the chunk before.
    """

    start: int
    n_rows: int
    columns: dict[str, list[Any]]
    long_rows: set[int]
    replaced: int


def read_chunks(
    path: Path,
    *,
    required: Collection[str],
    wanted: Collection[str] | None = None,
    chunk_rows: int = CHUNK_ROWS,
) -> Iterator[Chunk]:
    """Yield a table's rows in order, at most `chunk_rows` at a time.

    Parameters
    ----------
    path : Path
        A ``.csv``, ``.csv.gz`` or ``.parquet`` file.
    required : collection of str
        Columns that must be there.
    wanted : collection of str, optional
        The only columns to read, the first of each name. By default all that have a name are read,
        and a required name that stands twice is an error. A pandas index that was written along
        (no name, or ``__index_level_0__``) is never read: it numbers rows.
    chunk_rows : int
        At least 1.

    Raises
    ------
    DataError
        The file is empty, has no rows, is not of its format, or lacks a column.
    OSError
        The file cannot be opened.
    """
    name = path.name.lower()
    if name.endswith((".csv", ".csv.gz")):
        chunks = _csv_chunks(path, required, wanted, chunk_rows)
    elif name.endswith(".parquet"):
        chunks = _parquet_chunks(path, required, wanted, chunk_rows)
    else:
        raise DataError(f"{path.name}: expected a name that ends in .csv, .csv.gz or .parquet.")
    empty = True
    for chunk in chunks:
        empty = False
        yield chunk
    if empty:
        raise DataError(f"{path.name}: expected at least one row, found a header and no rows.")


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


def _places(
    header: Sequence[str], path: Path, required: Collection[str], wanted: Collection[str] | None
) -> dict[str, int]:
    """Map each column to be read to its position in the file."""
    names = [name.strip() for name in header]
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


class _Utf8Stream(io.TextIOBase):
    """UTF-8 bytes as text: `prefix` first, byte-order mark dropped, bad bytes become U+FFFD.

    `replaced` counts the bad bytes, which the text alone cannot tell from a U+FFFD of the file.
    """

    def __init__(self, raw: io.BufferedIOBase, prefix: str = "") -> None:
        self._raw = raw
        self._prefix = prefix
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")(errors="replace")
        self._tail = b""
        self.replaced = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> str:
        text, self._prefix = self._prefix, ""
        data = b" "
        while not text and data:
            data = self._raw.read(-1 if size is None else size)
            text = self._decoder.decode(data, final=not data)
            self._count(data, text)
        return text

    def _count(self, data: bytes, text: str) -> None:
        window = self._tail + data
        self.replaced += text.count("\ufffd") - window.count("\ufffd".encode())
        self._tail = window[-2:]


def _open(path: Path) -> io.BufferedIOBase:
    return gzip.open(path, "rb") if path.name.lower().endswith(".gz") else path.open("rb")


def _csv_error(path: Path, error: Exception) -> DataError:
    """Say in our words what stopped the CSV parser."""
    if isinstance(error, pd.errors.EmptyDataError):
        return DataError(f"{path.name}: expected a header and rows, found an empty file.")
    unclosed = re.search(r"EOF inside string starting at row (\d+)", str(error))
    if unclosed:
        # The parser counts two lines before the data: the numbered header, and the file's own.
        row = max(int(unclosed[1]) - 1, 0)
        where = f"row {row}" if row else "header"
        return DataError(
            f"{path.name}, {where}: expected a closing quote, found the end of the file; the rows "
            'after it cannot be told apart. Close the quote (a quote inside a cell is written "").'
        )
    return DataError(
        f"{path.name}: expected CSV text (for .gz, compressed), found a file that cannot be read "
        f"as such ({error}). Write the file again."
    )


_CSV_ERRORS = (pd.errors.ParserError, pd.errors.EmptyDataError, EOFError, OSError, zlib.error)


def _csv_header(path: Path) -> list[str]:
    with _open(path) as raw:
        try:
            first = pd.read_csv(
                _Utf8Stream(raw), header=None, nrows=1, dtype=object, na_filter=False
            )
        except _CSV_ERRORS as error:
            raise _csv_error(path, error) from error
    header: list[str] = first.iloc[0].tolist()
    if any("\0" in name or "\ufffd" in name for name in header):
        raise DataError(
            f"{path.name}: expected CSV text in UTF-8, found bytes that are none (a binary file, "
            "or another encoding). Save it as CSV in UTF-8."
        )
    return header


def _csv_chunks(
    path: Path, required: Collection[str], wanted: Collection[str] | None, chunk_rows: int
) -> Iterator[Chunk]:
    header = _csv_header(path)
    places = _places(header, path, required, wanted)
    # pandas stops at a row with more fields than the header, or loses it. So it is given a header
    # of our own: the columns' numbers and one more, where a field too many shows itself. `usecols`
    # as a function lets still longer rows pass.
    positions = [str(number) for number in range(len(header) + 1)]
    read = {str(place) for place in places.values()} | {positions[-1]}
    with _open(path) as raw:
        stream = _Utf8Stream(raw, prefix=",".join(positions) + "\n")
        try:
            yield from _number_chunks(stream, places, read.__contains__, chunk_rows)
        except _CSV_ERRORS as error:
            raise _csv_error(path, error) from error


def _number_chunks(
    stream: _Utf8Stream, places: dict[str, int], usecols: Callable[[Any], bool], chunk_rows: int
) -> Iterator[Chunk]:
    """Turn the parser's frames into chunks; the first row is the file's own header."""
    start, replaced, skip = 0, 0, 1
    frames = pd.read_csv(
        stream,
        dtype=object,
        na_filter=False,
        usecols=usecols,
        index_col=False,
        chunksize=chunk_rows,
    )
    for frame in frames:
        cells = {name: frame[str(place)].tolist()[skip:] for name, place in places.items()}
        beyond = frame.iloc[skip:, -1].tolist()
        long_rows = {row for row, cell in enumerate(beyond) if cell}
        if beyond:
            yield Chunk(start, len(beyond), cells, long_rows, stream.replaced - replaced)
            replaced = stream.replaced
        start, skip = start + len(beyond), 0


def _parquet_chunks(
    path: Path, required: Collection[str], wanted: Collection[str] | None, chunk_rows: int
) -> Iterator[Chunk]:
    start = 0
    with path.open("rb") as raw:
        try:
            table = pq.ParquetFile(raw)
            places = _places(table.schema_arrow.names, path, required, wanted)
            names = [table.schema_arrow.names[place] for place in places.values()]
            for batch in table.iter_batches(chunk_rows, columns=names):
                found = batch.schema.names
                cells = {
                    name: _pylist(batch.column(found.index(own)))
                    for name, own in zip(places, names, strict=True)
                }
                if batch.num_rows:
                    yield Chunk(start, batch.num_rows, cells, set(), 0)
                start += batch.num_rows
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise DataError(
                f"{path.name}: expected a Parquet file, found one that cannot be read as such "
                f"({error}). Write the file again."
            ) from error


def _pylist(column: pa.Array) -> list[Any]:
    """Return the cells as Python values; bytes are decoded, and null is empty, as it is in CSV."""
    cells = ["" if cell is None else cell for cell in column.to_pylist()]
    return [cell.decode("utf-8", "replace") if isinstance(cell, bytes) else cell for cell in cells]
