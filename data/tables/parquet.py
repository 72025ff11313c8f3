"""Parquet files in chunks of raw cells; see `data.tables.read_chunks`."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryFile
from typing import IO, Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from data.tables.chunk import CHUNK_BYTES, Chunk, DataError, places, uncollected
from data.tables.packed import PACKED_ERRORS, is_packed, unpacked
from data.tables.utf8 import decoded

Cells = tuple[list[Any], int]  # and the count of undecodable bytes replaced in them
_UNFIT = (pa.ArrowException, ValueError, OverflowError)


def parquet_chunks(
    path: Path, required: Collection[str], wanted: Collection[str] | None, chunk_rows: int
) -> Iterator[Chunk]:
    """Yield a file's rows in order."""
    start = 0
    with _seekable(path) as raw:
        try:
            table = pq.ParquetFile(raw)
            own = table.schema_arrow.names
            found = {name: own[at] for name, at in places(own, path, required, wanted).items()}
            size = _rows_at_a_time(table.metadata, chunk_rows)
            for batch in table.iter_batches(size, columns=list(found.values())):
                if batch.num_rows:
                    yield _chunk(batch, found, start, required)
                start += batch.num_rows
        except DataError:
            raise
        except (*_UNFIT, OSError) as error:
            raise _unreadable(path, error) from error


def parquet_names(path: Path) -> list[str]:
    """Return the names of a file's columns."""
    with _seekable(path) as raw:
        try:
            names: list[str] = pq.ParquetFile(raw).schema_arrow.names
        except (*_UNFIT, OSError) as error:
            raise _unreadable(path, error) from error
    return names


@contextmanager
def _seekable(path: Path) -> Iterator[IO[bytes]]:
    """Open a file whose end is read first; one that is compressed as a whole goes to disk."""
    with unpacked(path) as raw:
        if not is_packed(path):
            yield cast(IO[bytes], raw)
            return
        with TemporaryFile() as aside:
            try:
                copyfileobj(raw, aside)
            except (*PACKED_ERRORS, OSError) as error:
                raise _unreadable(path, error) from error
            aside.seek(0)
            yield aside


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(
        f"{path.name}: expected a Parquet file, found one that cannot be read as such "
        f"({error}). Write the file again."
    )


def _rows_at_a_time(metadata: pq.FileMetaData, chunk_rows: int) -> int:
    """Return how many rows of the longest group make a chunk, at most `chunk_rows`."""
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    fitting = [
        CHUNK_BYTES * group.num_rows // group.total_byte_size
        for group in groups
        if group.total_byte_size
    ]
    return max(min([chunk_rows, *fitting]), 1)


@uncollected()
def _chunk(
    batch: pa.RecordBatch, found: dict[str, str], start: int, required: Collection[str]
) -> Chunk:
    names, columns, replaced = batch.schema.names, {}, 0
    for name, own in found.items():
        try:
            columns[name], bad = _pylist(batch.column(names.index(own)))
        except _UNFIT:
            if name in required:
                raise
            continue
        replaced += bad
    return Chunk(start, batch.num_rows, columns, set(), set(), replaced)


def _pylist(column: pa.Array) -> Cells:
    """Return the cells as Python values; bytes are decoded, and null is empty, as it is in CSV."""
    try:
        found, has_bytes = column.to_pylist(), _holds_bytes(column.type)
    except (UnicodeDecodeError, ValueError, OverflowError):
        found, has_bytes = _raw(column).to_pylist(), True
    if not has_bytes:
        return ["" if cell is None else cell for cell in found], 0
    cells, replaced = [], 0
    for cell in found:
        text, bad = ("", 0) if cell is None else _decoded(cell)
        cells.append(text)
        replaced += bad
    return cells, replaced


def _holds_bytes(kind: pa.DataType) -> bool:
    """Whether bytes may stand in a column, at any depth.

    >>> _holds_bytes(pa.list_(pa.struct({"a": pa.string(), "b": pa.binary()})))
    True
    """
    if pa.types.is_nested(kind):
        return any(_holds_bytes(kind.field(at).type) for at in range(kind.num_fields))
    if pa.types.is_dictionary(kind):
        return _holds_bytes(kind.value_type)
    return not (pa.types.is_string(kind) or pa.types.is_large_string(kind)) and (
        "binary" in str(kind)
    )


def _raw(column: pa.Array) -> pa.Array:
    """Return the same values with bytes in the place of text, and numbers in that of times."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    return column.cast(_raw_type(column.type))


def _raw_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return pa.large_binary()
    if pa.types.is_temporal(kind):
        return pa.int32() if kind.bit_width == 32 else pa.int64()
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_raw_type(field.type)) for field in kind])
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(_raw_type(kind.value_type), kind.list_size)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return pa.large_list(_raw_type(kind.value_type))
    return kind


def _decoded(cell: Any) -> tuple[Any, int]:
    """Decode bytes, also in a list and in a struct."""
    if isinstance(cell, list):
        turns = [_decoded(turn) for turn in cell]
        return [turn for turn, _ in turns], sum(bad for _, bad in turns)
    if isinstance(cell, dict):
        fields = {name: _decoded(field) for name, field in cell.items()}
        return {name: field for name, (field, _) in fields.items()}, sum(
            bad for _, bad in fields.values()
        )
    return decoded(cell) if isinstance(cell, bytes) else (cell, 0)
