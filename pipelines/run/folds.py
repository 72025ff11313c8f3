"""The folds of a run: cut, written, and read back for what is to have the same ones."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.battles import DataError
from data.folds import folds_digest, make_folds
from pipelines.run.copies import check_files
from pipelines.run.files import csv_bytes
from pipelines.run.folder import RunError
from pipelines.run.inputs import Battles

FOLDS = "folds.csv"
COLUMNS = ["id", "group", "fold"]


class Folds(NamedTuple):
    """Which battles are held out together; of soft labels one has several plain rows.

    Attributes
    ----------
    id, group : ndarray of str, shape (n_battles,)
    fold : ndarray of int8, shape (n_battles,)
    """

    id: NDArray[np.object_]
    group: NDArray[np.object_]
    fold: NDArray[np.int8]

    @property
    def number(self) -> int:
        """How many there are."""
        return int(self.fold.max()) + 1

    @property
    def digest(self) -> str:
        """What tells them from all others, see `data.folds.folds_digest`."""
        return folds_digest(self.id, self.fold)

    def table(self) -> bytes:
        """Return ``folds.csv``."""
        return csv_bytes(pd.DataFrame(self._asdict(), columns=COLUMNS))

    def check(self, battles: Battles, run: Path) -> None:
        """Refuse battles that are not those of the run whose folds these are, in their order.

        Raises
        ------
        RunError
            Names the first row that differs.
        """
        frame, starts = battles.plain[0], battles.starts
        for column in ("id", "group"):
            known, found = getattr(self, column), frame[column].to_numpy(dtype=object)[starts]
            where = _first_difference(known, found)
            if where is not None:
                raise RunError(
                    f"{run / FOLDS}, row {where + 1}, column {column}: expected that of row "
                    f"{where + 1} of {battles.files[0]['file']}, {_at(found, where)}, found "
                    f"{_at(known, where)}. Name the files that the run was made from, or fit anew."
                )


def cut_folds(battles: Battles, n_folds: int, seed: int, *, ties: bool = True) -> Folds:
    """Cut the plain rows into folds, by prompt; `ties` says whether votes know them.

    Raises
    ------
    DataError
        There are too few of them, or a class is absent.
    """
    frame, y = battles.plain
    try:
        fold = make_folds(y, frame["group"], n_folds=n_folds, seed=seed, ties=ties)
    except DataError as error:
        raise DataError(f"{battles.files[0]['file']}: {error}") from None
    starts = battles.starts
    id_, group = (frame[name].to_numpy(dtype=object)[starts] for name in ("id", "group"))
    return Folds(id_, group, fold[starts])


def read_folds(run: Path) -> Folds:
    """Return the folds of a finished run.

    Raises
    ------
    RunError
        ``folds.csv`` is not what a run writes.
    """
    path = run / FOLDS
    check_files(run, [FOLDS])
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        id_, group = (table[name].to_numpy(dtype=object) for name in ("id", "group"))
        found = Folds(id_, group, table["fold"].to_numpy(dtype=np.int8))
    except (OSError, ValueError, KeyError, OverflowError):
        raise _no_folds(path) from None
    if len(table) == 0 or set(found.fold.tolist()) != set(range(max(found.number, 2))):
        raise _no_folds(path)
    return found


def _no_folds(path: Path) -> RunError:
    return RunError(
        f"{path}: expected the columns {', '.join(COLUMNS)} of each training row, with folds from "
        "0 on, as a run writes them, found no such table. Fit the run again."
    )


def _first_difference(known: NDArray[np.object_], found: NDArray[np.object_]) -> int | None:
    shorter = min(len(known), len(found))
    differ = np.flatnonzero(known[:shorter] != found[:shorter])
    if len(differ):
        return int(differ[0])
    return None if len(known) == len(found) else shorter


def _at(values: NDArray[np.object_], place: int) -> str:
    return repr(values[place]) if place < len(values) else "no such row"
