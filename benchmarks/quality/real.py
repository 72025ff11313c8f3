"""The real battles: where they lie, and which of them choices may be made on."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.battles import read_training

VARIABLE = "ARENABOOST_DATA"


def at_hand() -> bool:
    """Return whether the folder of real battles is named."""
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


def extra_rows(most: int | None = None, seed: int = 0) -> tuple[pd.DataFrame, NDArray[np.int8]]:
    """Return the extra rows whose prompts no scored row has: the ones that choices are made on.

    Parameters
    ----------
    most : int, optional
        Rows that are drawn before those with such prompts are left out; all, in the file's order,
        by default.
    seed : int

    Returns
    -------
    battles : DataFrame
    y : ndarray of int8
    """
    scored = set(read_training(train_file()).battles["group"])
    extra = read_training(extra_file(), source="extra")
    rows = np.arange(len(extra.y))
    if most is not None:
        rows = np.random.default_rng(seed).permutation(rows)[:most]
    rows = rows[~extra.battles["group"].iloc[rows].isin(scored).to_numpy()]
    return extra.battles.iloc[rows], extra.y[rows]
