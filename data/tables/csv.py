"""CSV files, plain and compressed, in chunks of raw cells; see `data.tables.read_chunks`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from typing import Any

import pandas as pd

from data.tables.chunk import Chunk, DataError, are_odd, not_utf8, places
from data.tables.encodings import likely_encoding
from data.tables.escapes import is_escaped
from data.tables.packed import PACKED_ERRORS
from data.tables.quotes import Quotes, scan
from data.tables.texts import TextFile
from data.tables.utf8 import Utf8Stream

ESCAPED = 'quotes within cells are escaped by a backslash (\\"), as Spark writes them'
_ERRORS = (pd.errors.ParserError, pd.errors.EmptyDataError, OSError, *PACKED_ERRORS)


def csv_chunks(
    file: TextFile,
    required: Collection[str],
    wanted: Collection[str] | None,
    chunk_rows: int,
    close_quotes: bool,
) -> Iterator[Chunk]:
    """Yield a file's rows in order."""
    quotes = _scan(file, chunk_rows)
    if not quotes.are_whole and is_escaped(file, quotes):
        file = file._replace(escaped=True)
        quotes = _scan(file, chunk_rows)
    chunks = _chunks(file, required, wanted, chunk_rows, close_quotes, quotes)
    if file.escaped:
        chunks = _noted(chunks, ESCAPED)
    yield from chunks


def _chunks(
    file: TextFile,
    required: Collection[str],
    wanted: Collection[str] | None,
    chunk_rows: int,
    close_quotes: bool,
    quotes: Quotes,
) -> Iterator[Chunk]:
    header = _header(file, required)
    found = places(header, file.path, required, wanted)
    if quotes.unclosed is None:
        yield from _parsed(file, len(header), found, quotes)
    elif not close_quotes:
        raise _unclosed(file, quotes.unclosed.row)
    elif quotes.unclosed.in_last_line:
        yield from _marked(_parsed(file, len(header), found, quotes, suffix='"'))
    else:
        # Every run of quotes behind it is of even length, or it would have closed there: without
        # it, no other one stays open.
        without = quotes.unclosed.place
        quotes = _scan(file, chunk_rows, without)
        yield from _marked(_parsed(file, len(header), found, quotes, without=without))


def _noted(chunks: Iterator[Chunk], note: str) -> Iterator[Chunk]:
    """Add a note to the first chunk."""
    for chunk in chunks:
        yield replace(chunk, notes=(*chunk.notes, note)) if chunk.start == 0 else chunk


def _marked(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """Mark the last chunk as that of a file in which a quote was repaired."""
    before = None
    for chunk in chunks:
        if before:
            yield before
        before = chunk
    if before:
        yield replace(before, unclosed=1)


def _error(file: TextFile, error: Exception) -> DataError:
    """Say in our words what stopped the CSV parser."""
    if isinstance(error, pd.errors.EmptyDataError):
        return DataError(f"{file.name}: expected a header and rows, found an empty file.")
    return DataError(
        f"{file.name}: expected CSV text, found a file that cannot be read "
        f"as such ({error}). Write the file again."
    )


def _unclosed(file: TextFile, row: int) -> DataError:
    return DataError(
        f"{file.name}, {f'row {row}' if row else 'header'}: expected a closing quote, found the "
        "end of the file; the rows after it cannot be told apart. Close the quote (a quote inside "
        'a cell is written "").'
    )


def _likely(file: TextFile) -> str | None:
    with file.bytes() as raw:
        found = likely_encoding(raw)
    return found and found.name


def csv_names(file: TextFile) -> list[str]:
    """Return the names in a file's header, as they stand."""
    return _header(file, required=())


def _header(file: TextFile, required: Collection[str]) -> list[str]:
    with file.open() as raw:
        try:
            first = pd.read_csv(
                Utf8Stream(raw), header=None, nrows=1, dtype=object, na_filter=False
            )
        except _ERRORS as error:
            within_quotes = "EOF inside string" in str(error)
            raise (_unclosed(file, 0) if within_quotes else _error(file, error)) from error
    header: list[str] = first.iloc[0].tolist()
    # A name in another encoding does no harm beside all those that are needed.
    if are_odd(header) and not {name.strip() for name in header}.issuperset(required):
        raise not_utf8(file.name, _likely(file))
    return header


def _scan(file: TextFile, chunk_rows: int, without: int | None = None) -> Quotes:
    with file.open() as raw:
        try:
            return scan(raw, chunk_rows, without=without)
        except _ERRORS as error:
            raise _error(file, error) from error


def _parsed(
    file: TextFile, n_names: int, found: dict[str, int], quotes: Quotes, **stream_options: Any
) -> Iterator[Chunk]:
    # pandas stops at a row with more fields than the header, or loses it. So it is given a header
    # of our own: the columns' numbers and one more, where a field too many shows itself. `usecols`
    # as a function lets still longer rows pass.
    positions = [str(number) for number in range(n_names + 1)]
    read = {str(place) for place in found.values()} | {positions[-1]}
    with file.open() as raw:
        stream = Utf8Stream(raw, ",".join(positions) + "\n", **stream_options)
        try:
            yield from _number_chunks(stream, found, read.__contains__, quotes)
        except _ERRORS as error:
            raise _error(file, error) from error


def _number_chunks(
    stream: Utf8Stream, found: dict[str, int], usecols: Callable[[Any], bool], quotes: Quotes
) -> Iterator[Chunk]:
    """Turn the parser's frames into chunks; the first row is the file's own header."""
    start, replaced, skip = 0, 0, 1
    for frame in _frames(stream, usecols, quotes.cuts):
        cells = {name: frame[str(place)].tolist()[skip:] for name, place in found.items()}
        beyond = frame.iloc[skip:, -1].tolist()
        long_rows = {row for row, cell in enumerate(beyond) if cell}
        first, last = quotes.stray.searchsorted([start + 1, start + 1 + len(beyond)])
        stray = set((quotes.stray[first:last] - start - 1).tolist())
        if beyond:
            yield Chunk(start, len(beyond), cells, long_rows, stray, stream.replaced - replaced)
            replaced = stream.replaced
        start, skip = start + len(beyond), 0


def _frames(
    stream: Utf8Stream, usecols: Callable[[Any], bool], cuts: list[int]
) -> Iterator[pd.DataFrame]:
    """Yield frames of the given numbers of rows, the first with the header, then the rest."""
    reader = pd.read_csv(
        stream, dtype=object, na_filter=False, usecols=usecols, index_col=False, iterator=True
    )
    sizes: list[int | None] = [*cuts, None]  # the rest is less than a chunk
    if cuts:
        sizes[0] = cuts[0] + 1
    for size in sizes:
        try:
            yield reader.read(size)
        except StopIteration:
            return
