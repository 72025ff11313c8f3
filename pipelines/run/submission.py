"""A test file looked through before any work, and held against a competition's sample submission.

Kaggle scores by id, and takes the rows in any order: what must agree is the set of ids. A sample's
columns tell what is asked for: the probabilities of A, B and tie, those of A and B where votes know
no ties, or the likelier of A and B, as the WSDM Cup wants it.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data.battles import WINNER_COLUMNS, DataError, Files, Named, iter_test
from data.frames import as_text
from data.tables.read import column_names, read_chunks, shown

SUBMISSION = "submission.csv"  # of a run
MOST_NOTES = 10  # of how a file is written
COLUMNS = ("id", *WINNER_COLUMNS)
WITHOUT_TIES = COLUMNS[:-1]
WINNER = ("id", "winner")
DECIMAL = re.compile(r"(-?\d+)\.0+")  # what pandas makes of a whole number beside a missing one


class Order(NamedTuple):
    """The rows of a submission that are not simply those of the test file.

    Attributes
    ----------
    id : ndarray of str, shape (n_rows,)
        As the sample writes them, in its order.
    row : ndarray of intp, shape (n_rows,)
        Which row of the test file each is.
    winner : bool
        Whether the likelier of A and B is wanted, and no probabilities.
    """

    id: NDArray[np.object_]
    row: NDArray[np.intp]
    winner: bool = False


class Checked(NamedTuple):
    """What is known of a test file that was read to its end.

    Attributes
    ----------
    order : Order or None
        None where the submission holds the test file's ids as they stand there.
    notes : list of str
        What a person is told of its ids, and of how it is written.
    layout : str
        What it was read as.
    counts : dict of str to int
        See `data.battles.COUNTS`.
    """

    order: Order | None
    notes: list[str]
    layout: str
    counts: dict[str, int]


def check_test(
    test: Named,
    sample: Path | None = None,
    advance: Callable[[int], None] | None = None,
    *,
    ties: bool = True,
) -> Checked:
    """Read a test file to its end, and hold its ids against the sample's.

    Whatever is wrong with a whole file is found here, before long work that a fault would cost.

    Parameters
    ----------
    test : path, sequence of paths, or Files
        The battles to predict.
    sample : Path, optional
        ``sample_submission.csv``: the submission has its ids in its order.
    advance : callable, optional
        Told of the rows that are read.
    ties : bool
        Whether ties are one of the classes that are predicted: the sample must have their column,
        unless it wants the winner alone.

    Raises
    ------
    DataError
        The test file cannot be read, or its ids or the sample's columns are others.
    """
    columns, wanted = (COLUMNS, None) if sample is None else _sample_of(sample, ties=ties)
    test = Files.of(test)
    found: list[str] = []
    layouts: dict[str, None] = {}
    written: list[str] = []
    counts: Counter[str] = Counter()
    for chunk in iter_test(test):
        found += chunk.battles["id"].tolist()
        layouts[chunk.layout] = None
        written += chunk.notes
        counts.update(chunk.counts)
        if advance:
            advance(len(chunk.battles))
    notes = [*written[:MOST_NOTES], *_oddities(test, found)]
    told = (", ".join(layouts), dict(counts))
    if sample is None or wanted is None:
        return Checked(None, notes + _decimals(test, found), *told)
    ids, mapped = _as_in_sample(found, wanted)
    if mapped:
        first = next(place for place, name in enumerate(found) if name != ids[place])
        notes.append(
            f"decimal_ids: {mapped:,} (ids of {test.name} such as {found[first]}, written as in "
            f"{sample.name}: {ids[first]})"
        )
    order = _ordered(test, sample, ids, wanted)._replace(winner=columns == WINNER)
    in_place = np.array_equal(order.row, np.arange(len(found)))
    if not in_place:
        notes.append(f"order: that of {sample.name}, which is not that of {test.name}")
    as_it_stands = in_place and not mapped and not order.winner
    return Checked(None if as_it_stands else order, notes, *told)


def _oddities(test: Files, ids: Sequence[str]) -> list[str]:
    """Tell of ids that no competition takes."""
    empty = sum(not name for name in ids)
    doubled = len(ids) - empty - len({name for name in ids if name})
    notes = []
    if empty:
        notes.append(f"empty_ids: {empty:,} (rows of {test.name} without an id)")
    if doubled:
        notes.append(f"doubled_ids: {doubled:,} (rows of {test.name} whose id an earlier one has)")
    return notes


def _decimals(test: Files, ids: Sequence[str]) -> list[str]:
    """Tell of ids that were whole numbers once, where no sample says how they are to be."""
    number = sum(DECIMAL.fullmatch(name) is not None for name in ids)
    if not number:
        return []
    example = next(name for name in ids if DECIMAL.fullmatch(name))
    return [
        f"decimal_ids: {number:,} (ids of {test.name} such as {example}, written as they stand; "
        f"where a competition has {_whole(example)}, name its file by --sample-submission)"
    ]


def _whole(name: str) -> str:
    """Return an id without the decimal zeros of a whole number.

    >>> _whole("136060.0"), _whole("136060.5"), _whole("00012")
    ('136060', '136060.5', '00012')
    """
    found = DECIMAL.fullmatch(name)
    return found[1] if found else name


def _as_in_sample(found: Sequence[str], wanted: Sequence[str]) -> tuple[list[str], int]:
    """Write ids as the sample does where nothing but decimal zeros tells them apart, and count.

    >>> _as_in_sample(["7.0", "8", "9.5"], ["8.0", "7", "9"])
    (['7', '8.0', '9.5'], 2)
    """
    known = set(wanted)
    theirs = {_whole(name): name for name in wanted}
    written = [name if name in known else theirs.get(_whole(name), name) for name in found]
    return written, sum(map(str.__ne__, found, written))


def _ordered(test: Files, sample: Path, found: Sequence[str], wanted: Sequence[str]) -> Order:
    """Find the row of each of the sample's ids; of an id that stands there twice, in turn."""
    places = {key: row for row, key in enumerate(_numbered(found))}
    keys = list(_numbered(wanted))
    rows = np.array([places.get(key, -1) for key in keys], dtype=np.intp)
    missing = np.flatnonzero(rows < 0).tolist()
    foreign = sorted(places[key] for key in places.keys() - set(keys))
    if missing or foreign:
        faults = []
        if missing:
            first = f"{shown(wanted[missing[0]])} (row {missing[0] + 1} of {sample.name})"
            faults.append(f"{len(missing):,} of them missing, the first of which is {first}")
        if foreign:
            first = f"{shown(found[foreign[0]])} (row {foreign[0] + 1})"
            faults.append(f"{len(foreign):,} foreign to it, the first of which is {first}")
        raise DataError(
            f"{test.name}, column id: expected the {len(wanted):,} ids of {sample.name}, each as "
            f"often as there, found {' and '.join(faults)}. Name the sample that belongs to this "
            "test file."
        )
    return Order(np.array(wanted, dtype=object), rows)


def _numbered(ids: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Tell apart ids that are the same: by how many came before.

    >>> list(_numbered(["a", "b", "a"]))
    [('a', 0), ('b', 0), ('a', 1)]
    """
    seen: Counter[str] = Counter()
    for name in ids:
        yield name, seen[name]
        seen[name] += 1


def _sample_of(path: Path, *, ties: bool) -> tuple[tuple[str, ...], list[str]]:
    """Return a sample's columns and its ids."""
    columns = tuple(column_names(path))
    _check_columns(path, columns, ties=ties)
    chunks = read_chunks(path, required=columns)
    return columns, [as_text(cell) for chunk in chunks for cell in chunk.columns["id"]]


def _check_columns(path: Path, columns: tuple[str, ...], *, ties: bool) -> None:
    """Refuse a sample that asks for what is not predicted."""
    expected = COLUMNS if ties else WITHOUT_TIES
    if columns in (expected, WINNER):
        return
    why = ""
    if columns == COLUMNS:
        why = (
            " The votes that were learned from know no ties, so these have no probability: give "
            "such votes as --extra beside a --train with ties."
        )
    elif columns == WITHOUT_TIES:
        why = " The votes that were learned from know ties, which have a probability as well."
    raise DataError(
        f"{path.name}: expected the columns {', '.join(expected)}, in this order, or "
        f"{', '.join(WINNER)} for the likelier of A and B, found {', '.join(columns)}.{why} Name a "
        "sample submission of this competition."
    )
