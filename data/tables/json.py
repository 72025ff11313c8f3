"""JSON files in chunks of raw cells: a list of objects, or one object after another (JSONL).

What stands in a file tells which of both it is, not its name. See `data.tables.read.read_chunks`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from data.tables import records as of_records
from data.tables.chunk import CHUNK_BYTES, Chunk, DataError, places, uncollected
from data.tables.records import Record, Records
from data.tables.texts import TextFile


def json_names(file: TextFile) -> list[str]:
    """Return the names in a file's first objects, in order of appearance."""
    for records in Records(file).blocks():
        return list(dict.fromkeys(name for record in records for name in record))
    return []


def json_chunks(
    file: TextFile, required: Collection[str], wanted: Collection[str] | None, chunk_rows: int
) -> Iterator[Chunk]:
    """Yield a file's rows in order."""
    own = json_names(file)
    if not own:
        raise DataError(f"{file.name}: expected objects of JSON, found an empty file.")
    found = {name: own[at] for name, at in places(own, file.path, required, wanted).items()}
    start, replaced, source = 0, 0, Records(file)
    groups = _grouped(source.blocks(), chunk_rows)
    while True:
        with uncollected():
            records = next(groups, [])
            cells = {name: _cells(records, key) for name, key in found.items()}
        if not records:
            return
        yield Chunk(start, len(records), cells, set(), set(), source.replaced - replaced)
        start, replaced = start + len(records), source.replaced


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
        if held and n_blocks * of_records.BLOCK >= CHUNK_BYTES:
            yield held
            held, n_blocks = [], 0
    if held:
        yield held
