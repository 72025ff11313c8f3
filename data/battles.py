"""The only reader of battles: files in, battles frames, labels and counts out.

In error messages rows count from 1; the header and blank lines do not count.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.cells import (
    MOST_TURNS,
    Conversation,
    join_turns,
    parse_cell,
    prompt_group,
    repair_surrogates,
)
from data.frames import (
    FRAME_COLUMNS,
    SOURCES,
    TEXT_COLUMNS,
    build_frame,
    concat_battles,
    make_battles,
    swap_battles,
)
from data.rows import WINNER_COLUMNS, RowError, Votes, training_row
from data.tables.read import CHUNK_ROWS, Chunk, DataError, read_chunks

__all__ = [
    "COUNTS",
    "FRAME_COLUMNS",
    "SOURCES",
    "TEXT_COLUMNS",
    "WINNER_COLUMNS",
    "DataError",
    "ReadBattles",
    "concat_battles",
    "iter_test",
    "make_battles",
    "prompt_group",
    "read_test",
    "read_training",
    "swap_battles",
]

COUNTS = {
    "rows": "rows in the file, header and blank lines not counted",
    "kept": "rows in the battles frame",
    "duplicates": "rows left out because an earlier one equals them in every column but id",
    "contradictory": "kept rows that equal an earlier one in every column but id and label",
    "duplicate_ids": "kept rows of a training file whose id an earlier one has",
    "skipped_rows": "rows left out because they could not be read (--skip-bad-rows)",
    "null_turns": "turns that are null, in the kept rows",
    "empty_cells": "text cells that are empty or an empty list, in the kept rows",
    "unequal_turns": "kept rows whose prompt and answers differ in their number of turns",
    "joined_turns": f"text cells whose turns from number {MOST_TURNS:,} on were joined into one",
    "long_rows": "rows of a test file with more fields than the header (the rest is ignored)",
    "stray_quotes": "rows of a test file in which text follows a closing quote: where a quote is "
    "missing, rows have run together",
    "unclosed_quotes": "test files with a quote that is never closed: it was closed at the end of "
    "the file, or left out where other lines follow",
    "raw_cells": "text cells of a test file that are no list of turns: their raw text is one turn",
    "repaired_characters": "undecodable bytes and lone surrogates that became U+FFFD",
}


@dataclass(frozen=True)
class ReadBattles:
    """What one file, or one chunk of it, gave.

    Attributes
    ----------
    battles : DataFrame
        Columns `FRAME_COLUMNS` on Arrow: the three texts are lists of turns (a turn a string or
        null), the others strings (`model_a` and `model_b` null where unknown).
    y : ndarray of int8, shape (n_rows,), or None
        0 A, 1 B, 2 tie; None for a test file.
    counts : dict of str to int
        One number for each key of `COUNTS`, which says what is counted.
    skipped : list of str
        The messages of the rows that `skip_bad_rows` left out.
    """

    battles: pd.DataFrame
    y: NDArray[np.int8] | None
    counts: dict[str, int]
    skipped: list[str]


def read_training(
    path: str | os.PathLike[str],
    *,
    source: str = "plain",
    skip_bad_rows: bool = False,
    progress: Callable[[int], None] | None = None,
) -> ReadBattles:
    """Read a training file; of rows equal in every column but `id` only the first is kept.

    Parameters
    ----------
    path : str or PathLike
        ``.csv``, ``.csv.gz`` or ``.parquet`` with the three texts and the three winner columns;
        `id` (default: the row's number from 0), `model_a` and `model_b` may be missing.
    source : {"plain", "extra"}
        What the frame's column `source` says.
    skip_bad_rows : bool
        Leave out rows that cannot be read, and list them, instead of raising.
    progress : callable, optional
        Called after every chunk with the number of rows just read.

    Raises
    ------
    DataError
        A fault of the whole file, or of a row, or no row left.
    OSError
        The file cannot be opened.
    """
    path = Path(path)
    votes = Votes()
    parts = []
    for chunk in read_chunks(path, required=(*TEXT_COLUMNS, *WINNER_COLUMNS)):
        parts.append(_training_part(chunk, path.name, source, votes, skip_bad_rows))
        if progress:
            progress(chunk.n_rows)
    read = _merge(parts)
    if read.battles.empty:
        raise DataError(f"{path.name}: no row is left, all were skipped. {read.skipped[0]}")
    read.counts["duplicate_ids"] = int(read.battles["id"].duplicated().sum())
    return read


def read_test(
    path: str | os.PathLike[str], *, progress: Callable[[int], None] | None = None
) -> ReadBattles:
    """Read a test file whole: every row, in order.

    Parameters and errors are those of `iter_test`; `progress` is called after every chunk with the
    number of rows just read.
    """
    parts = []
    for part in iter_test(path):
        parts.append(part)
        if progress:
            progress(part.counts["rows"])
    return _merge(parts)


def iter_test(
    path: str | os.PathLike[str], *, chunk_rows: int = CHUNK_ROWS
) -> Iterator[ReadBattles]:
    """Read a test file in chunks, so that memory does not depend on its length.

    Winner and model columns are ignored. A cell that starts as JSON and is not a list of strings
    and nulls becomes one turn of its raw text, and is counted. So is a quote that is never closed:
    it is closed where nothing but its own line follows, else left out.

    Parameters
    ----------
    path : str or PathLike
        ``.csv``, ``.csv.gz`` or ``.parquet`` with the three texts; `id` (default: the row's number
        from 0) may be missing.
    chunk_rows : int
        The most rows of a chunk, at least 1.

    Yields
    ------
    ReadBattles
        The next rows; `counts` are those of the chunk.

    Raises
    ------
    DataError
        A fault of the whole file: empty, no rows, not of its format, a column missing. Raised on
        iteration.
    OSError
        The file cannot be opened.
    """
    wanted = ("id", *TEXT_COLUMNS)
    chunks = read_chunks(
        Path(path),
        required=TEXT_COLUMNS,
        wanted=wanted,
        chunk_rows=chunk_rows,
        close_quotes=True,
    )
    return (_test_part(chunk) for chunk in chunks)


def _training_part(
    chunk: Chunk, file: str, source: str, votes: Votes, skip_bad_rows: bool
) -> ReadBattles:
    counts = Counter(repaired_characters=chunk.replaced)
    kept, texts, labels, skipped = [], [], [], []
    compared = [
        cells for name, cells in chunk.columns.items() if name not in ("id", *WINNER_COLUMNS)
    ]
    for row in range(chunk.n_rows):
        try:
            turns, repaired, label = training_row(chunk, row)
        except RowError as error:
            skipped.append(
                f"{file}, row {chunk.start + row + 1}, {error}. Fix the row, or pass "
                "--skip-bad-rows to leave out such rows and list them."
            )
            if not skip_bad_rows:
                raise DataError(skipped[-1]) from None
            continue
        status = votes.add((cells[row] for cells in compared), label)
        if status:
            counts[status] += 1
        if status != "duplicates":
            kept.append(row)
            texts.append(turns)
            labels.append(label)
            counts["repaired_characters"] += repaired
    y = np.array(labels, dtype=np.int8)
    return _part(chunk, kept, texts, source=source, y=y, counts=counts, skipped=skipped)


def _test_part(chunk: Chunk) -> ReadBattles:
    counts = Counter(
        repaired_characters=chunk.replaced,
        long_rows=len(chunk.long_rows),
        stray_quotes=len(chunk.stray_quotes),
        unclosed_quotes=chunk.unclosed,
    )
    texts = []
    for cells in zip(*(chunk.columns[name] for name in TEXT_COLUMNS), strict=True):
        turns = []
        for cell in cells:
            try:
                conversation, repaired = parse_cell(cell)
            except ValueError:
                raw, repaired = repair_surrogates(str(cell))
                conversation = [raw]
                counts["raw_cells"] += 1
            turns.append(conversation)
            counts["repaired_characters"] += repaired
        texts.append(turns)
    return _part(chunk, range(chunk.n_rows), texts, source="plain", y=None, counts=counts)


def _part(
    chunk: Chunk,
    kept: Sequence[int],
    texts: Sequence[Sequence[Conversation]],
    *,
    source: str,
    y: NDArray[np.int8] | None,
    counts: Counter[str],
    skipped: Sequence[str] = (),
) -> ReadBattles:
    """Put the kept rows of a chunk into a frame, and count what is in them."""
    ids = chunk.columns.get("id", range(chunk.start, chunk.start + chunk.n_rows))
    counts["joined_turns"] = sum(len(cell) > MOST_TURNS for turns in texts for cell in turns)
    if counts["joined_turns"]:
        texts = [[join_turns(cell) for cell in turns] for turns in texts]
    battles = build_frame(
        {name: [turns[place] for turns in texts] for place, name in enumerate(TEXT_COLUMNS)},
        id=[ids[row] for row in kept],
        model_a=_take(chunk.columns.get("model_a"), kept),
        model_b=_take(chunk.columns.get("model_b"), kept),
        source=source,
    )
    counts.update(
        rows=chunk.n_rows,
        kept=len(kept),
        skipped_rows=len(skipped),
        null_turns=sum(cell.count(None) for turns in texts for cell in turns),
        empty_cells=sum(cell in ([], [""]) for turns in texts for cell in turns),
        unequal_turns=sum(len(set(map(len, turns))) > 1 for turns in texts),
    )
    return ReadBattles(battles, y, {name: counts[name] for name in COUNTS}, list(skipped))


def _take(cells: Sequence[Any] | None, kept: Sequence[int]) -> list[Any] | None:
    return None if cells is None else [cells[row] for row in kept]


def _merge(parts: Sequence[ReadBattles]) -> ReadBattles:
    labels = [part.y for part in parts if part.y is not None]
    return ReadBattles(
        concat_battles(part.battles for part in parts),
        np.concatenate(labels) if labels else None,
        {name: sum(part.counts[name] for part in parts) for name in COUNTS},
        [message for part in parts for message in part.skipped],
    )
