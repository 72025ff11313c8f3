"""JSON files in chunks of raw cells: a list of objects, or one object after another (JSONL).

What stands in a file tells which of both it is, not its name. See `data.tables.read.read_chunks`.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from data.tables.chunk import CHUNK_BYTES, Chunk, DataError, places
from data.tables.packed import PACKED_ERRORS, unpacked
from data.tables.utf8 import Utf8Stream, repair_surrogates

BLOCK = 1 << 20
_DECODE = json.JSONDecoder(strict=False).raw_decode
_BETWEEN = " \t\r\n,"
_LONGEST_WORD = 32  # a number or an escape that is cut shows itself this far from the cut at most
_ERRORS = (*PACKED_ERRORS, OSError)

Record = dict[str, Any]


def json_names(path: Path) -> list[str]:
    """Return the names in a file's first objects, in order of appearance."""
    with unpacked(path) as raw:
        for records in _blocks(path, Utf8Stream(raw)):
            return list(dict.fromkeys(name for record in records for name in record))
    return []


def json_chunks(
    path: Path, required: Collection[str], wanted: Collection[str] | None, chunk_rows: int
) -> Iterator[Chunk]:
    """Yield a file's rows in order."""
    own = json_names(path)
    if not own:
        raise DataError(f"{path.name}: expected objects of JSON, found an empty file.")
    found = {name: own[at] for name, at in places(own, path, required, wanted).items()}
    start, replaced = 0, 0
    with unpacked(path) as raw:
        stream = Utf8Stream(raw)
        for records in _grouped(_blocks(path, stream), chunk_rows):
            cells = {name: _cells(records, key) for name, key in found.items()}
            yield Chunk(start, len(records), cells, set(), set(), stream.replaced - replaced)
            start, replaced = start + len(records), stream.replaced


def _cells(records: list[Record], key: str) -> list[Any]:
    return ["" if cell is None else cell for cell in [one.get(key) for one in records]]


def _grouped(blocks: Iterator[list[Record]], chunk_rows: int) -> Iterator[list[Record]]:
    """Put the records of blocks together to chunks, by rows and by bytes."""
    held: list[Record] = []
    n_blocks = 0
    for records in blocks:
        held += records
        n_blocks += 1
        while len(held) >= chunk_rows:
            yield held[:chunk_rows]
            held, n_blocks = held[chunk_rows:], 0
        if held and n_blocks * BLOCK >= CHUNK_BYTES:
            yield held
            held, n_blocks = [], 0
    if held:
        yield held


def _blocks(path: Path, stream: Utf8Stream) -> Iterator[list[Record]]:
    """Yield the objects that are whole in what was read so far, some at a time."""
    n_rows, text, size = 0, "", BLOCK
    while True:
        try:
            more = stream.read(size)
        except _ERRORS as error:
            raise _unreadable(path, str(error)) from error
        text = (text + more).lstrip() if n_rows == 0 else text + more
        with _uncollected():
            records, end = _decoded(path, text, n_rows, last=not more)
        if "\\ud" in text or "\\uD" in text:  # surrogates come from escapes only
            records = [_repaired(record, stream) for record in records]
        n_rows += len(records)
        # What is longer than a block is not looked at again for every block of it.
        size = BLOCK if records else 2 * size
        text = text[end:]
        if records:
            yield _by_row(records[0]) if len(records) == 1 else records
        if not more:
            return


def _repaired(value: Any, stream: Utf8Stream) -> Any:
    """Return a value with U+FFFD in the place of lone surrogates, and count them."""
    if isinstance(value, str):
        text, lone = repair_surrogates(value)
        stream.replaced += lone
        return text
    if isinstance(value, list):
        return [_repaired(one, stream) for one in value]
    if isinstance(value, dict):
        return {_repaired(name, stream): _repaired(one, stream) for name, one in value.items()}
    return value


def _by_row(record: Record) -> list[Record]:
    """Return a table that was written column by column (the default of pandas) row by row.

    >>> _by_row({"a": {"0": 1, "1": 2}, "b": {"0": "x", "1": "y"}})
    [{'a': 1, 'b': 'x'}, {'a': 2, 'b': 'y'}]
    >>> _by_row({"a": 1, "b": {"0": "x"}})
    [{'a': 1, 'b': {'0': 'x'}}]
    """
    columns = list(record.values())
    if len(columns) < 2 or not all(isinstance(column, dict) for column in columns):
        return [record]
    if any(column.keys() != columns[0].keys() for column in columns):
        return [record]
    return [{name: record[name][row] for name in record} for row in columns[0]]


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the collector of cycles away: what is decoded has none, and is a sixth of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _decoded(path: Path, text: str, n_rows: int, *, last: bool) -> tuple[list[Record], int]:
    """Return the whole objects at the start of a text, and where what is left begins."""
    records: list[Record] = []
    place = 1 if n_rows == 0 and text.startswith("[") else 0
    while (place := _skipped(text, place)) < len(text):
        if text[place] == "]" and not text[place:].strip(" \t\r\n]"):
            return records, len(text)
        try:
            record, end = _DECODE(text, place)
        except json.JSONDecodeError as error:
            if last or not _is_cut(error, text):
                raise _unreadable(path, str(error), n_rows + len(records) + 1) from error
            break
        except RecursionError as error:
            raise _unreadable(path, "nested too deeply", n_rows + len(records) + 1) from error
        if not isinstance(record, dict):
            if end == len(text) and not last:
                break
            found = f"found {type(record).__name__} where an object was expected"
            raise _unreadable(path, found, n_rows + len(records) + 1)
        records.append(record)
        place = end
    # A list of which nothing is whole yet begins with its bracket the next time as well.
    return records, place if records else 0


def _skipped(text: str, place: int) -> int:
    while place < len(text) and text[place] in _BETWEEN:
        place += 1
    return place


def _is_cut(error: json.JSONDecodeError, text: str) -> bool:
    """Whether more text may mend what was found: a string, or the end, is missing."""
    return error.msg.startswith("Unterminated string") or error.pos >= len(text) - _LONGEST_WORD


def _unreadable(path: Path, found: str, row: int | None = None) -> DataError:
    where = path.name if row is None else f"{path.name}, row {row}"
    return DataError(
        f"{where}: expected JSON, a list of objects or an object a line, found what cannot be "
        f"read as such ({found}). Write the file again."
    )
