"""Columns of a table whose rows are known by their id: the checks that all such tables share."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.frames import as_text
from data.tables.read import DataError, shown
from features.sides import Array


def ids_of(path: object, cells: Sequence[Any]) -> NDArray[np.object_]:
    """Return the ids of a table as a battles frame has them.

    Raises
    ------
    DataError
        One stands twice: names file and rows.
    """
    ids = np.array([as_text(cell) for cell in cells], dtype=object)
    doubled = np.flatnonzero(pd.Index(ids).duplicated())
    if len(doubled):
        name = ids[doubled[0]]
        before = int(np.flatnonzero(ids == name)[0])
        raise DataError(
            f"{path}, row {doubled[0] + 1}, column id: expected each id once, found {shown(name)}, "
            f"which is that of row {before + 1}. Keep one row of each."
        )
    return ids


def numbers_of(
    path: Path, name: str, cells: Sequence[Any], read: Callable[[Any], float] = float
) -> Array:
    """Return a column's numbers: NaN is one, and is told of by who knows what may stand there.

    Raises
    ------
    DataError
        A cell is none: names file, row and column.
    """
    values = np.empty(len(cells))
    for row, cell in enumerate(cells):
        try:
            values[row] = read(cell)
        except (TypeError, ValueError, OverflowError):
            kind = "a whole number" if read is int else "a finite number"
            raise DataError(
                f"{path}, row {row + 1}, column {name}: expected {kind}, found {shown(cell)}. "
                "Fix the row."
            ) from None
    return values
