"""Predictions by id, as they lie in a file: read, checked, and put in the order of other ids."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.battles import WINNER_COLUMNS, Files, Named, iter_ids
from data.labels import TIE
from data.tables.read import read_chunks, shown
from features.sides import Array
from models.calibration import taken
from models.stacking.guards import check_finite, check_probabilities
from models.stacking.members import Member, StackError, logits_of
from pipelines.run.by_id import ids_of, numbers_of

LOGITS = ("z", "t")
WITHOUT_TIES = WINNER_COLUMNS[:TIE]
FORMS = (
    f"id and either {', '.join(WINNER_COLUMNS)} or {', '.join(LOGITS)}, or "
    f"{', '.join(WITHOUT_TIES)} where votes know no ties"
)
READ = ("id", "fold", *WINNER_COLUMNS, *LOGITS)


class Table(NamedTuple):
    """Predictions of a file, each id once.

    Attributes
    ----------
    path : Path
    id : ndarray of str, shape (n_rows,)
    z, t : ndarray of float64, shape (n_rows,)
        Direction and tie logits; no t where votes know no ties.
    fold : ndarray of int64, shape (n_rows,), or None
        Whose model, fitted without it, predicted each row, where the file tells.
    """

    path: Path
    id: NDArray[np.object_]
    z: Array
    t: Array | None
    fold: NDArray[np.int64] | None

    def member(self, name: str, places: NDArray[np.intp]) -> Member:
        """Return what some rows give a stack."""
        return Member(name, self.z[places], taken(self.t, places))

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
        The file is no such table, a cell is no number, or an id stands twice.
    StackError
        A value is not finite, or probabilities do not add up to 1.
    """
    cells: dict[str, list[Any]] = {}
    for chunk in read_chunks(path, required=("id",), wanted=READ):
        for name, values in chunk.columns.items():
            cells.setdefault(name, []).extend(values)
    ids = ids_of(path, cells["id"])
    z, t = _logits(path, cells)
    fold = numbers_of(path, "fold", cells["fold"], int) if "fold" in cells else None
    return Table(path, ids, z, t, None if fold is None else fold.astype(np.int64))


def check_test_ids(test: Named, tables: Mapping[str, Path]) -> None:
    """Refuse a test file whose rows tables cannot speak for: without ids, doubled, or not there.

    Raises
    ------
    DataError
        The test file has no column ``id``: a row's number says nothing; or an id stands twice.
    StackError
        A table has no row of an id.
    """
    if not tables:
        return
    name = str(Files.of(test))
    ids = ids_of(name, list(iter_ids(test, numbered=False)))
    for path in tables.values():
        read_table(path).places(ids, name)


def _logits(path: Path, cells: dict[str, list[Any]]) -> tuple[Array, Array | None]:
    given = [tuple(name for name in form if name in cells) for form in (WINNER_COLUMNS, LOGITS)]
    whole = (WINNER_COLUMNS, WITHOUT_TIES, LOGITS)
    forms = [form for form in given if form]
    if len(forms) != 1 or forms[0] not in whole:
        found = "both" if all(form in whole for form in given) else f"{', '.join(cells)} alone"
        raise StackError(f"{path}: expected the columns {FORMS}, found {found}.")
    columns = {name: numbers_of(path, name, cells[name]) for name in forms[0]}
    if forms[0] == LOGITS:
        check_finite(str(path), columns)
        return columns["z"], columns["t"]
    check_probabilities(str(path), columns)
    return logits_of(np.column_stack(list(columns.values())))
