"""The only reader of battles: files in, battles frames, labels and counts out.

In error messages rows count from 1; the header and blank lines do not count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from data.cells import prompt_group
from data.faults import Whole
from data.files import Files, Named
from data.frames import (
    FRAME_COLUMNS,
    SOURCES,
    TEXT_COLUMNS,
    as_text,
    concat_battles,
    make_battles,
    rows_in_both,
    swap_battles,
)
from data.layouts.layout import WEIGHT
from data.layouts.reading import Reading
from data.opened import Ids, Opened, open_files
from data.parts import COUNTS, ReadBattles, counted, merged, test_part, training_part
from data.rows import WINNER_COLUMNS
from data.soft import battle_starts, soft_votes
from data.tables.read import CHUNK_ROWS, DataError
from data.votes import Votes

__all__ = [
    "COUNTS",
    "FRAME_COLUMNS",
    "SOURCES",
    "TEXT_COLUMNS",
    "WINNER_COLUMNS",
    "DataError",
    "Files",
    "Named",
    "ReadBattles",
    "Reading",
    "concat_battles",
    "counted",
    "iter_ids",
    "iter_test",
    "iter_training",
    "layouts_of",
    "make_battles",
    "prompt_group",
    "read_test",
    "read_training",
    "rows_in_both",
    "soft_votes",
    "swap_battles",
]


def read_training(
    files: Named,
    *,
    source: str = "plain",
    skip_bad_rows: bool = False,
    reading: Reading | None = None,
    progress: Callable[[int], None] | None = None,
) -> ReadBattles:
    """Read a training file; of rows that are the same vote the first is kept, see `data.votes`.

    Parameters
    ----------
    files : path, sequence of paths, or Files
        A table or a folder of tables, or several that are one, in order of name: CSV, Parquet,
        JSON or JSONL, also compressed, in a layout of `data.layouts.registry`. Where there is no
        column of ids, rows are numbered from 0, from file to file.
    source : {"plain", "extra"}
        What the frame's column `source` says. An extra file may have another layout than the
        one that `reading` names.
    skip_bad_rows : bool
        Leave out rows that cannot be read, and list them, instead of raising.
    reading : Reading, optional
        How the file is to be read, as far as its columns do not tell; by default what `Files` say.
    progress : callable, optional
        Called after every chunk with the number of rows just read.

    Raises
    ------
    DataError
        A fault of the whole file, or of a row, or no row left; or more rows that repeat an earlier
        one than copies are, unless the reading says what they are.
    OSError
        The file cannot be opened.
    """
    parts = []
    for part in iter_training(files, source=source, skip_bad_rows=skip_bad_rows, reading=reading):
        parts.append(part)
        if progress:
            progress(part.counts["rows"])
    read = merged(parts)
    if read.battles.empty:
        why = read.skipped[0] if read.skipped else "All votes say that both answers are bad."
        raise DataError(f"{Files.of(files).name}: no row is left, all were skipped. {why}")
    if read.y is not None:
        ids = read.battles["id"][battle_starts(read.battles, read.y)]
        read.counts["duplicate_ids"] = int(ids.duplicated().sum())
    return read


def layouts_of(files: Named, *, reading: Reading | None = None) -> list[Opened]:
    """Return what each training file will be read as, by its columns alone; see `read_training`."""
    return open_files(Files.of(files, reading), labelled=True)


def iter_training(
    files: Named,
    *,
    source: str = "plain",
    skip_bad_rows: bool = False,
    reading: Reading | None = None,
    chunk_rows: int = CHUNK_ROWS,
) -> Iterator[ReadBattles]:
    """Read a training file in chunks; see `read_training`.

    `duplicate_ids` are counted there only. Too many repeated votes are told of when all chunks
    have been given.
    """
    known, n_rows = Files.of(files, reading), 0
    opened = open_files(known, labelled=True, optional=source == "extra")
    ids, votes, told = Ids(opened), Votes(known.reading.repeated_votes), known.not_there()
    weighted = any(WEIGHT in one.recognised.own for one in opened)
    for one in opened:
        whole = Whole(one)
        for chunk in one.chunks(chunk_rows=chunk_rows):
            n_rows += chunk.n_rows
            if weighted:
                chunk.columns.setdefault(WEIGHT, [1.0] * chunk.n_rows)
            part = training_part(one, chunk, ids.of(one, chunk), source, votes, skip_bad_rows)
            whole.add(chunk, part.counts["skipped_rows"])
            yield _first_told(part, told)
            told = []
        whole.check()
    votes.check(known.name, n_rows)


def _first_told(part: ReadBattles, told: Sequence[str]) -> ReadBattles:
    """Return what a chunk gave, with what is to be told before its own notes."""
    return replace(part, notes=[*told, *part.notes]) if told else part


def read_test(
    files: Named,
    *,
    reading: Reading | None = None,
    progress: Callable[[int], None] | None = None,
) -> ReadBattles:
    """Read a test file whole: every row, in order.

    Parameters and errors are those of `iter_test`; `progress` is called after every chunk with the
    number of rows just read.
    """
    parts = []
    for part in iter_test(files, reading=reading):
        parts.append(part)
        if progress:
            progress(part.counts["rows"])
    return merged(parts)


def iter_test(
    files: Named, *, reading: Reading | None = None, chunk_rows: int = CHUNK_ROWS
) -> Iterator[ReadBattles]:
    """Read a test file in chunks, so that memory does not depend on its length.

    Votes are ignored; models are named where the file names them. A cell of Kaggle's layout that
    starts as JSON and is not a list of strings and nulls becomes one turn of its raw text, and is
    counted. So is a quote that is never closed: it is closed where nothing but its own line
    follows, else left out.

    Parameters
    ----------
    files : path, sequence of paths, or Files
        As for `read_training`; the columns of votes and of models may be missing. Of several files
        all ids are held in memory.
    reading : Reading, optional
        How the file is to be read, as far as its columns do not tell; by default what `Files` say.
    chunk_rows : int
        The most rows of a chunk, at least 1.

    Yields
    ------
    ReadBattles
        The next rows; `counts` are those of the chunk.

    Raises
    ------
    DataError
        A fault of the whole file: empty, no rows, not of its format, of no known layout; or a row
        of messages that cannot be read. Raised on iteration.
    OSError
        The file cannot be opened.
    """
    known = Files.of(files, reading)
    opened, told = open_files(known, labelled=False), known.not_there()
    ids = Ids(opened)
    for one in opened:
        whole = Whole(one)
        for chunk in one.chunks(chunk_rows=chunk_rows, close_quotes=True):
            yield _first_told(test_part(one, chunk, ids.of(one, chunk)), told)
            told = []
            whole.add(chunk)
        whole.check()


def iter_ids(
    files: Named, *, reading: Reading | None = None, numbered: bool = True
) -> Iterator[str]:
    """Yield the ids of a test file, without reading its texts; see `iter_test`.

    Raises
    ------
    DataError
        Also where there is no column of ids, unless rows may be `numbered`.
    """
    opened = open_files(Files.of(files, reading), labelled=False)
    ids = Ids(opened)
    for one in opened:
        if not (numbered or one.id_column):
            named = one.recognised.layout.id or "id"
            raise DataError(
                f"{one.path.name}: expected a column {named}; not there: {named}. Add it: the "
                "number of a row says nothing."
            )
        for chunk in one.ids_alone():
            yield from map(as_text, ids.of(one, chunk))
