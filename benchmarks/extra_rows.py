"""Battles that choices are made on: those of ``arena/extra.csv`` that no figure is scored on."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.battles import read_training


def extra_rows(
    arena: Path, most: int | None = None, seed: int = 0
) -> tuple[pd.DataFrame, NDArray[np.int8]]:
    """Return battles whose prompts do not occur in ``arena/train.csv``, and their labels.

    Parameters
    ----------
    arena : Path
    most : int, optional
        Rows that are drawn before those with such prompts are left out; all, in the file's order,
        by default.
    seed : int
    """
    scored = set(read_training(arena / "train.csv").battles["group"])
    extra = read_training(arena / "extra.csv", source="extra")
    rows = np.arange(len(extra.y))
    if most is not None:
        rows = np.random.default_rng(seed).permutation(rows)[:most]
    rows = rows[~extra.battles["group"].iloc[rows].isin(scored).to_numpy()]
    return extra.battles.iloc[rows], extra.y[rows]
