"""The real battles: where they lie, and which of them choices may be made on."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.tables import write
from data.battles import concat_battles, read_training

VARIABLE = "ARENABOOST_DATA"


def at_hand() -> bool:
    """Return whether the folder of real battles is named, and say so where it is not."""
    if VARIABLE not in os.environ:
        write(f"skipped: {VARIABLE} does not name the folder of real battles")
    return VARIABLE in os.environ


def train_file() -> Path:
    """Return the file of the plain rows that figures are scored on."""
    return _folder() / "arena" / "train.csv"


def extra_file() -> Path:
    """Return the file of rows drawn by another rule."""
    return _folder() / "arena" / "extra.csv"


def mtbench_file() -> Path:
    """Return the file of MT-Bench's human votes."""
    return _folder() / "mtbench" / "battles.csv"


def _folder() -> Path:
    return Path(os.environ[VARIABLE]).resolve()


def all_rows() -> tuple[pd.DataFrame, NDArray[np.int8]]:
    """Return plain and extra rows, one after the other, and their labels."""
    plain, extra = read_training(train_file()), read_training(extra_file(), source="extra")
    return concat_battles([plain.battles, extra.battles]), np.concatenate([plain.y, extra.y])


def extra_rows(most: int | None = None, seed: int = 0) -> tuple[pd.DataFrame, NDArray[np.int8]]:
    """Return the extra rows whose prompts no scored row has: the ones that choices are made on.

    Parameters
    ----------
    most : int, optional
        Rows that are drawn before those with such prompts are left out; all, in the file's order,
        by default.
    seed : int
    """
    scored = set(read_training(train_file()).battles["group"])
    extra = read_training(extra_file(), source="extra")
    rows = np.arange(len(extra.y))
    if most is not None:
        rows = np.random.default_rng(seed).permutation(rows)[:most]
    rows = rows[~extra.battles["group"].iloc[rows].isin(scored).to_numpy()]
    return extra.battles.iloc[rows], extra.y[rows]
