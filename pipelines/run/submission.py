"""A test file held against the sample submission that the competition gives along with it."""

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from data.battles import WINNER_COLUMNS, DataError, Files, Named, iter_ids
from data.frames import as_text
from data.tables.read import read_chunks, shown

COLUMNS = ("id", *WINNER_COLUMNS)


def check_sample(test: Named, sample: Path) -> None:
    """Refuse a test file whose submission would not have the sample's columns, ids and order.

    Only ids are read, a chunk at a time, so that this can come before any long work.

    Parameters
    ----------
    test : path, sequence of paths, or Files
        The battles to predict: a submission holds their ids in their order.
    sample : Path
        ``sample_submission.csv``.

    Raises
    ------
    DataError
        Names file, row, what was expected and found.
    """
    n_test = n_sample = 0
    test = Files.of(test)
    for found, expected in zip_longest(iter_ids(test), _sample_ids(sample)):
        n_test, n_sample = n_test + (found is not None), n_sample + (expected is not None)
        if None not in (found, expected) and found != expected:
            raise DataError(
                f"{test.name}, row {n_test}, column id: expected {shown(expected)}, which is in "
                f"row {n_sample} of {sample.name}, found {shown(found)}. A submission needs the "
                "sample's ids in the sample's order: sort the test file so, or name the sample "
                "that belongs to it."
            )
    if n_test != n_sample:
        raise DataError(
            f"{test.name}: expected {n_sample} rows as in {sample.name}, found {n_test}. "
            "Name the sample that belongs to this test file."
        )


def _sample_ids(path: Path) -> Iterator[str]:
    for chunk in read_chunks(path, required=COLUMNS):
        if tuple(chunk.columns) != COLUMNS:
            raise DataError(
                f"{path.name}: expected the columns {', '.join(COLUMNS)}, in this order, found "
                f"{', '.join(chunk.columns)}. Name a sample submission of this competition."
            )
        yield from map(as_text, chunk.columns["id"])
