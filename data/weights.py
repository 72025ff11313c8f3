"""What rows weigh: in training by a column of their own, and as shares of one battle's vote.

Both are optional columns of a battles frame: ``weight``, which no score looks at, and ``share``,
which is below 1 where several rows are one battle of soft labels (see `data.soft`).
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.layouts.layout import WEIGHT, Row

SHARE = "share"
Weights = NDArray[np.float64]


def weight_of(row: Row) -> float:
    """Return what a row weighs, 1 where its table has no such column.

    Raises
    ------
    RowError
        It is no finite number above 0.
    """
    cell = row.get(WEIGHT, 1.0)
    try:
        weight = math.nan if isinstance(cell, bool) else float(cell)
    except (TypeError, ValueError, OverflowError):
        weight = math.nan
    if not 0 < weight < math.inf:
        raise row.error(WEIGHT, "a finite number above 0")
    return weight


def training_weights(battles: pd.DataFrame) -> Weights:
    """Return what each row weighs in training: its weight, times its share of the vote.

    Raises
    ------
    ValueError
        A weight is no finite number above 0: says in which row, counted from 1.

    Examples
    --------
    >>> training_weights(pd.DataFrame({"weight": [2.0, 1.0], "share": [0.25, 1.0]}))
    array([0.5, 1. ])
    >>> training_weights(pd.DataFrame(index=range(2)))
    array([1., 1.])
    """
    weights = np.ones(len(battles))
    for name in (WEIGHT, SHARE):
        if name in battles:
            weights = weights * _checked(battles, name)
    return weights


def shares(battles: pd.DataFrame) -> Weights | None:
    """Return what each row counts in a score, None where each of them is a whole vote.

    >>> shares(pd.DataFrame({"share": [0.25, 0.75, 1.0]}))
    array([0.25, 0.75, 1.  ])
    >>> shares(pd.DataFrame({"weight": [3.0]})) is None
    True
    """
    return whole_or(_checked(battles, SHARE)) if SHARE in battles else None


def whole_or(share: Weights) -> Weights | None:
    """Return the shares, None where all are 1: then nothing need be weighed."""
    return None if (share == 1).all() else share


def _checked(battles: pd.DataFrame, name: str) -> Weights:
    values = battles[name].to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
    if len(wrong):
        row = int(wrong[0])
        raise ValueError(
            f"battles, row {row + 1}, column {name}: expected a finite number above 0, got "
            f"{values[row]}. Leave out rows that are to count for nothing."
        )
    return values
