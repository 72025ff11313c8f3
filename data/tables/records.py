"""The objects of a JSON file, some at a time, however they stand in it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data.tables.chunk import DataError, uncollected
from data.tables.encodings import order_of_bytes
from data.tables.packed import PACKED_ERRORS
from data.tables.texts import TextFile
from data.tables.utf8 import BareBytes, Utf8Stream, decoded, repair_surrogates

BLOCK = 1 << 20
_LOOKED_AT = 512  # bytes, whose zeros tell UTF-16
_DECODER = json.JSONDecoder(strict=False)
_BETWEEN = " \t\r\n,"
_LONGEST_WORD = 32  # a number or an escape that is cut shows itself this far from the cut at most
_ERRORS = (*PACKED_ERRORS, OSError)

Record = dict[str, Any]


class Records:
    """The objects of a file: a list of them, one after another, or one a line.

    Parameters
    ----------
    file : TextFile

    Attributes
    ----------
    replaced : int
        Undecodable bytes and lone surrogates that became U+FFFD so far.
    """

    def __init__(self, file: TextFile) -> None:
        self._file, self._path = file, file.path
        self._n_rows = 0
        self.replaced = 0

    def blocks(self) -> Iterator[list[Record]]:
        """Yield the objects that are whole in what was read so far, some at a time."""
        self._check_encoding()
        with self._file.open() as raw:
            blocks = self._lines(raw) if self._is_one_a_line() else self._stream(raw)
            for number, records in enumerate(blocks):
                alone = number == 0 and len(records) == 1
                yield _by_row(records[0]) if alone else records

    def _check_encoding(self) -> None:
        """Refuse UTF-16 without a byte-order mark, of which JSON's parser has nothing to tell."""
        with self._file.open() as raw:
            order = order_of_bytes(self._read(raw, _LOOKED_AT))
        if order:
            raise DataError(
                f"{self._path.name}: expected JSON in UTF-8, found bytes that are likely "
                f"{order.upper()}. Pass --encoding {order}, or write the file in UTF-8."
            )

    def _is_one_a_line(self) -> bool:
        """Whether the first line is an object: of such files a line is decoded at a time."""
        with self._file.open() as raw:
            first = BareBytes(raw).read(3) + self._read(raw, BLOCK)
        line, end, _ = first.lstrip().partition(b"\n")
        if not (end and line.startswith(b"{")):
            return False
        try:
            return isinstance(_DECODER.decode(decoded(line)[0]), dict)
        except (ValueError, RecursionError):
            return False

    def _read(self, raw: io.BufferedIOBase | BareBytes, size: int) -> bytes:
        try:
            return raw.read(size)
        except _ERRORS as error:
            raise _unreadable(self._path, str(error)) from error

    def _lines(self, raw: io.BufferedIOBase) -> Iterator[list[Record]]:
        source, rest, size = BareBytes(raw), b"", BLOCK
        while True:
            more = self._read(source, size)
            lines = (rest + more).split(b"\n")
            rest = lines.pop() if more else b""
            with uncollected():
                records = [self._line(line) for line in lines if not line.isspace() and line]
            # What is longer than a block is not looked at again for every block of it.
            size = BLOCK if records else 2 * size
            if records:
                yield records
            if not more:
                return

    def _line(self, line: bytes) -> Record:
        self._n_rows += 1
        text, bad = decoded(line)
        self.replaced += bad
        try:
            record = _DECODER.decode(text)
        except json.JSONDecodeError as error:
            raise _unreadable(self._path, str(error), self._n_rows) from error
        except RecursionError as error:
            raise _unreadable(self._path, "nested too deeply", self._n_rows) from error
        if not isinstance(record, dict):
            raise _no_object(self._path, record, self._n_rows)
        return self._mended([record], text)[0]

    def _mended(self, records: list[Record], text: str) -> list[Record]:
        """Return the records of a text, which is looked through once for all of them."""
        # Surrogates come from escapes only; what has none is looked through once.
        if "\\u" in text and ("\\ud" in text or "\\uD" in text):
            mended: list[Record] = self._repaired(records)
            return mended
        return records

    def _repaired(self, value: Any) -> Any:
        """Return a value with U+FFFD in the place of lone surrogates, and count them."""
        if isinstance(value, str):
            text, lone = repair_surrogates(value)
            self.replaced += lone
            return text
        if isinstance(value, list):
            return [self._repaired(one) for one in value]
        if isinstance(value, dict):
            return {self._repaired(name): self._repaired(one) for name, one in value.items()}
        return value

    def _stream(self, raw: io.BufferedIOBase) -> Iterator[list[Record]]:
        source, text, size, replaced = Utf8Stream(raw), "", BLOCK, 0
        while True:
            try:
                more = source.read(size)
            except _ERRORS as error:
                raise _unreadable(self._path, str(error)) from error
            self.replaced, replaced = self.replaced + source.replaced - replaced, source.replaced
            text = (text + more).lstrip() if self._n_rows == 0 else text + more
            with uncollected():
                records, end = _decoded(self._path, text, self._n_rows, last=not more)
            records = self._mended(records, text)
            self._n_rows += len(records)
            size = BLOCK if records else 2 * size
            text = text[end:]
            if records:
                yield records
            if not more:
                return


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
    if "0" not in columns[0] or any(column.keys() != columns[0].keys() for column in columns):
        return [record]
    return [{name: record[name][row] for name in record} for row in columns[0]]


def _decoded(path: Path, text: str, n_rows: int, *, last: bool) -> tuple[list[Record], int]:
    """Return the whole objects at the start of a text, and where what is left begins."""
    records: list[Record] = []
    place = 1 if n_rows == 0 and text.startswith("[") else 0
    while (place := _skipped(text, place)) < len(text):
        if text[place] == "]" and not text[place:].strip(" \t\r\n]"):
            return records, len(text)
        try:
            record, end = _DECODER.raw_decode(text, place)
        except json.JSONDecodeError as error:
            if last or not _is_cut(error, text):
                raise _unreadable(path, str(error), n_rows + len(records) + 1) from error
            break
        except RecursionError as error:
            raise _unreadable(path, "nested too deeply", n_rows + len(records) + 1) from error
        if not isinstance(record, dict):
            if end == len(text) and not last:
                break
            raise _no_object(path, record, n_rows + len(records) + 1)
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


def _no_object(path: Path, found: object, row: int) -> DataError:
    what = f"found {type(found).__name__} where an object was expected"
    return _unreadable(path, what, row)


def _unreadable(path: Path, found: str, row: int | None = None) -> DataError:
    where = path.name if row is None else f"{path.name}, row {row}"
    return DataError(
        f"{where}: expected JSON, a list of objects or an object a line, found what cannot be "
        f"read as such ({found}). Write the file again."
    )
