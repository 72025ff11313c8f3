"""Predictions by id, as they lie in a file: read, checked, and put in the order of other ids."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.battles import WINNER_COLUMNS, Files, Named, iter_ids
from data.frames import as_text
from data.tables.read import read_chunks, shown
from features.sides import Array
from models.stacking.guards import check_finite, check_probabilities
from models.stacking.members import StackError, logits_of

LOGITS = ("z", "t")
FORMS = f"id and either {', '.join(WINNER_COLUMNS)} or {', '.join(LOGITS)}"
READ = ("id", "fold", *WINNER_COLUMNS, *LOGITS)


class Table(NamedTuple):
    """Predictions of a file, each id once.

    Attributes
    ----------
    path : Path
    id : ndarray of str, shape (n_rows,)
    z, t : ndarray of float64, shape (n_rows,)
        Direction and tie logits.
    fold : ndarray of int64, shape (n_rows,), or None
        Whose model, fitted without it, predicted each row, where the file tells.
    """

    path: Path
    id: NDArray[np.object_]
    z: Array
    t: Array
    fold: NDArray[np.int64] | None

    def places(self, ids: NDArray[np.object_], of: object) -> NDArray[np.intp]:
        """Return the row of each of these ids; `of` names their file in an error.

        Rows of other ids stay unused: a training file's copies of a row are left out when it is
        read, and whoever made the table may not have done so.

        Raises
        ------
        StackError
            There is none of an id.
        """
        found = pd.Index(self.id).get_indexer(pd.Index(ids))
        lacking = np.flatnonzero(found < 0)
        if len(lacking):
            raise StackError(
                f"{self.path}, column id: expected each row of {of}, found none for "
                f"{len(lacking):,} of {len(ids):,}, the first of which has the id "
                f"{shown(ids[lacking[0]])}. Predict all of them, or name the table that does."
            )
        return found


def read_table(path: Path) -> Table:
    """Read probabilities or logits by id, from ``.csv``, ``.csv.gz`` or ``.parquet``.

    Raises
    ------
    DataError
        The file is no such table.
    StackError
        A value is no finite number, three probabilities do not add up to 1, or an id stands
        twice: names file, row and column.
    """
    cells: dict[str, list[Any]] = {}
    for chunk in read_chunks(path, required=("id",), wanted=READ):
        for name, values in chunk.columns.items():
            cells.setdefault(name, []).extend(values)
    ids = np.array([as_text(value) for value in cells["id"]], dtype=object)
    _check_once(path, ids)
    z, t = _logits(path, cells)
    fold = _numbers(path, "fold", cells["fold"], int) if "fold" in cells else None
    return Table(path, ids, z, t, None if fold is None else fold.astype(np.int64))


def check_test_ids(test: Named, tables: Mapping[str, Path]) -> None:
    """Refuse a test file whose rows tables cannot speak for: without ids, doubled, or not there.

    Raises
    ------
    DataError
        The test file has no column ``id``: a row's number says nothing.
    StackError
        Names file, row and column.
    """
    if not tables:
        return
    ids = np.array(list(iter_ids(test, numbered=False)), dtype=object)
    name = str(Files.of(test))
    _check_once(name, ids)
    for path in tables.values():
        read_table(path).places(ids, name)


def _check_once(path: object, ids: NDArray[np.object_]) -> None:
    doubled = np.flatnonzero(pd.Index(ids).duplicated())
    if len(doubled):
        name = ids[doubled[0]]
        before = int(np.flatnonzero(ids == name)[0])
        raise StackError(
            f"{path}, row {doubled[0] + 1}, column id: expected each id once, found {shown(name)}, "
            f"which is that of row {before + 1}. Keep one row of each."
        )


def _logits(path: Path, cells: dict[str, list[Any]]) -> tuple[Array, Array]:
    forms = [form for form in (WINNER_COLUMNS, LOGITS) if all(name in cells for name in form)]
    if len(forms) != 1:
        found = "both" if forms else f"{', '.join(cells)} alone"
        raise StackError(f"{path}: expected the columns {FORMS}, found {found}.")
    columns = {name: _numbers(path, name, cells[name], float) for name in forms[0]}
    if forms[0] == LOGITS:
        check_finite(str(path), columns)
        return columns["z"], columns["t"]
    check_probabilities(str(path), columns)
    return logits_of(np.column_stack(list(columns.values())))


def _numbers(path: Path, name: str, cells: Sequence[Any], read: Callable[[Any], float]) -> Array:
    """Return a column's numbers: NaN is one, and is told of by who knows what may stand there."""
    values = np.empty(len(cells))
    for row, cell in enumerate(cells):
        try:
            values[row] = read(cell)
        except (TypeError, ValueError, OverflowError):
            kind = "a whole number" if read is int else "a finite number"
            raise StackError(
                f"{path}, row {row + 1}, column {name}: expected {kind}, found {shown(cell)}. "
                "Fix the row."
            ) from None
    return values
