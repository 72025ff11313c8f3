"""Tables on disk, read in chunks of raw cells: CSV, gzipped CSV and Parquet.

This module knows files and nothing of battles. What can be repaired in a file is repaired here and
counted; a fault of the whole file is a `DataError`.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from data.utf8 import Utf8Stream, decoded

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
    unclosed : int
        1 where the last row's quote was closed at the end of the file, else 0.
    """

    start: int
    n_rows: int
    columns: dict[str, list[Any]]
    long_rows: set[int]
    replaced: int
    unclosed: int = 0


def read_chunks(
    path: Path,
    *,
    required: Collection[str],
    wanted: Collection[str] | None = None,
    chunk_rows: int = CHUNK_ROWS,
    close_quotes: bool = False,
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
    close_quotes : bool
        Whether a quote of a CSV row that is never closed is closed at the end of the file: what
        stands after it is then that row's last cell. By default it is an error.

    Raises
    ------
    DataError
        The file is empty, has no rows, is not of its format, or lacks a column.
    OSError
        The file cannot be opened.
    """
    name = path.name.lower()
    if name.endswith((".csv", ".csv.gz")):
        header = _csv_header(path, required)
        places = _places(header, path, required, wanted)
        chunks = _csv_chunks(path, len(header), places, chunk_rows, close_quotes)
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


def _open(path: Path) -> io.BufferedIOBase:
    return gzip.open(path, "rb") if path.name.lower().endswith(".gz") else path.open("rb")


class UnclosedQuoteError(DataError):
    """A CSV file that ends within a quoted cell."""


def _csv_error(path: Path, error: Exception) -> DataError:
    """Say in our words what stopped the CSV parser."""
    if isinstance(error, pd.errors.EmptyDataError):
        return DataError(f"{path.name}: expected a header and rows, found an empty file.")
    unclosed = re.search(r"EOF inside string starting at row (\d+)", str(error))
    if unclosed:
        # The parser counts two lines before the data: the numbered header, and the file's own.
        row = max(int(unclosed[1]) - 1, 0)
        where = f"row {row}" if row else "header"
        return UnclosedQuoteError(
            f"{path.name}, {where}: expected a closing quote, found the end of the file; the rows "
            'after it cannot be told apart. Close the quote (a quote inside a cell is written "").'
        )
    return DataError(
        f"{path.name}: expected CSV text (for .gz, compressed), found a file that cannot be read "
        f"as such ({error}). Write the file again."
    )


_CSV_ERRORS = (pd.errors.ParserError, pd.errors.EmptyDataError, EOFError, OSError, zlib.error)


def _csv_header(path: Path, required: Collection[str]) -> list[str]:
    with _open(path) as raw:
        try:
            first = pd.read_csv(
                Utf8Stream(raw), header=None, nrows=1, dtype=object, na_filter=False
            )
        except _CSV_ERRORS as error:
            raise _csv_error(path, error) from error
    header: list[str] = first.iloc[0].tolist()
    odd = any("\0" in name or "\ufffd" in name for name in header)
    # A name in another encoding does no harm beside all those that are needed.
    if odd and not {name.strip() for name in header}.issuperset(required):
        raise DataError(
            f"{path.name}: expected CSV text in UTF-8, found bytes that are none (a binary file, "
            "or another encoding). Save it as CSV in UTF-8."
        )
    return header


def _csv_chunks(
    path: Path, n_names: int, places: dict[str, int], chunk_rows: int, close_quotes: bool
) -> Iterator[Chunk]:
    """Yield the chunks; where the file ends within quotes, close them and read it once more."""
    rows = 0
    try:
        for chunk in _parsed_chunks(path, n_names, places, chunk_rows):
            yield chunk
            rows += chunk.n_rows
    except UnclosedQuoteError:
        if not close_quotes:
            raise
        for chunk in _parsed_chunks(path, n_names, places, chunk_rows, suffix='"'):
            if chunk.start >= rows:
                yield replace(chunk, unclosed=1)


def _parsed_chunks(
    path: Path, n_names: int, places: dict[str, int], chunk_rows: int, suffix: str = ""
) -> Iterator[Chunk]:
    # pandas stops at a row with more fields than the header, or loses it. So it is given a header
    # of our own: the columns' numbers and one more, where a field too many shows itself. `usecols`
    # as a function lets still longer rows pass.
    positions = [str(number) for number in range(n_names + 1)]
    read = {str(place) for place in places.values()} | {positions[-1]}
    with _open(path) as raw:
        stream = Utf8Stream(raw, ",".join(positions) + "\n", suffix)
        try:
            yield from _number_chunks(stream, places, read.__contains__, chunk_rows)
        except _CSV_ERRORS as error:
            raise _csv_error(path, error) from error


def _number_chunks(
    stream: Utf8Stream, places: dict[str, int], usecols: Callable[[Any], bool], chunk_rows: int
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
                columns = [_pylist(batch.column(found.index(own))) for own in names]
                cells = {name: own for name, (own, _) in zip(places, columns, strict=True)}
                if batch.num_rows:
                    replaced = sum(bad for _, bad in columns)
                    yield Chunk(start, batch.num_rows, cells, set(), replaced)
                start += batch.num_rows
        except DataError:
            raise
        except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
            raise DataError(
                f"{path.name}: expected a Parquet file, found one that cannot be read as such "
                f"({error}). Write the file again."
            ) from error


def _pylist(column: pa.Array) -> tuple[list[Any], int]:
    """Return the cells as Python values, and the count of undecodable bytes replaced in them.

    Bytes are decoded, and null is empty, as it is in CSV.
    """
    try:
        found = column.to_pylist()
    except UnicodeDecodeError:
        found = column.cast(_of_bytes(column.type)).to_pylist()
    cells, replaced = [], 0
    for cell in found:
        text, bad = ("", 0) if cell is None else _decoded(cell)
        cells.append(text)
        replaced += bad
    return cells, replaced


def _of_bytes(kind: pa.DataType) -> pa.DataType:
    """Return the type of the same values with bytes in the place of text."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return pa.large_list(_of_bytes(kind.value_type))
    return pa.large_binary()


def _decoded(cell: Any) -> tuple[Any, int]:
    """Decode bytes, also in a list."""
    if isinstance(cell, list):
        turns = [_decoded(turn) for turn in cell]
        return [turn for turn, _ in turns], sum(bad for _, bad in turns)
    return decoded(cell) if isinstance(cell, bytes) else (cell, 0)
