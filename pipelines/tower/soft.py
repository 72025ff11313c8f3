"""Soft labels of a tower: another model's probabilities of the training rows, from a file by id."""

from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd

from data.battles import WINNER_COLUMNS, DataError
from data.tables.read import read_chunks, shown
from features.sides import Array
from pipelines.run.by_id import ids_of, numbers_of
from pipelines.run.inputs import Battles

COLUMNS = ("id", *WINNER_COLUMNS)
TOLERANCE = 1e-3  # of a sum of three probabilities, which may be rounded to few decimals


class SoftLabels(NamedTuple):
    """Probabilities of battles, in the order of a battles frame.

    Attributes
    ----------
    path : Path
        The file that they are from.
    proba : ndarray of float64, shape (n_battles, 3)
        Of A, B and tie; NaN in a row that has none, as every extra row.
    n_plain, n_known : int
        How many plain rows there are, and how many of these have soft labels.
    """

    path: Path
    proba: Array
    n_plain: int
    n_known: int

    @classmethod
    def read(cls, path: Path, battles: Battles) -> Self:
        """Read the probabilities of the plain rows; a row whose id the file lacks has none.

        Nothing in the file tells which rows its model had learned from. Those of an ``oof.csv``
        over the same rows are out of fold: each by a model that had not seen the row. (It had seen
        rows of the fold that the tower will be scored on, as the members of a stack have.)

        Raises
        ------
        DataError
            The file is no such table, an id stands twice in it or in the plain rows, a row is no
            probabilities, or no plain row is in it.
        """
        ids, known = _read(path)
        plain, train = pd.Index(battles.plain[0]["id"].to_numpy(dtype=object)), battles.files[0]
        if plain.has_duplicates:
            raise DataError(
                f"{train['file']}, column id: expected each id once, for soft labels are found by "
                f"it, found {shown(plain[plain.duplicated()][0])} in more than one row. Give each "
                "row an id of its own."
            )
        places = pd.Index(ids).get_indexer(plain)
        own = np.flatnonzero(places >= 0)
        if not len(own):
            raise DataError(
                f"{path}, column id: expected ids of {train['file']}, found none of its "
                f"{len(plain):,}. Name the predictions of these rows."
            )
        proba = np.full((len(battles.frame), len(WINNER_COLUMNS)), np.nan)
        proba[own] = known[places[own]]
        return cls(path, proba, len(plain), len(own))

    def line(self) -> str:
        """Say how many rows have soft labels."""
        lacking = self.n_plain - self.n_known
        rest = f"; {lacking:,} have none, and learn from their votes alone" if lacking else ""
        return f"soft labels: {self.path}, of {self.n_known:,} of {self.n_plain:,} plain rows{rest}"

    def told(self, sha256: str) -> dict[str, Any]:
        """Return what is noted of them."""
        return {
            "file": str(self.path),
            "sha256": sha256,
            "rows": self.n_known,
            "rows_without": self.n_plain - self.n_known,
        }


def _read(path: Path) -> tuple[Any, Array]:
    """Return ids, and probabilities that add up to 1."""
    cells: dict[str, list[Any]] = {}
    for chunk in read_chunks(path, required=COLUMNS, wanted=COLUMNS):
        for name, values in chunk.columns.items():
            cells.setdefault(name, []).extend(values)
    ids = ids_of(path, cells["id"])
    proba = np.column_stack([numbers_of(path, name, cells[name]) for name in WINNER_COLUMNS])
    _check(path, proba)
    return ids, proba / proba.sum(axis=1, keepdims=True)


def _check(path: Path, proba: Array) -> None:
    wrong = ~((proba >= 0.0) & (proba <= 1.0))  # NaN too
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise DataError(
            f"{path}, row {row + 1}, column {WINNER_COLUMNS[column]}: expected a probability from "
            f"0 to 1, found {proba[row, column]:g}. Fix the row, or leave it out."
        )
    total = proba.sum(axis=1)
    wrong = np.abs(total - 1.0) > TOLERANCE
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(
            f"{path}, row {row + 1}, columns {', '.join(WINNER_COLUMNS)}: expected probabilities "
            f"that add up to 1, found a sum of {total[row]:.9g}. Fix the row, or leave it out."
        )
