"""Soft labels: probabilities of A, B and tie, which are weighted votes of one battle.

In a battles frame such a battle has a row for each class that has a probability, one behind the
other in the order A, B, tie; the column ``share`` holds the probabilities, and 1 in the row of a
whole vote. Rows weigh by it in training and in every score, so that the log loss of such a battle
is its cross-entropy; its rows have the same prompt and never stand on two sides of a split.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from data.rows import WINNER_COLUMNS, RowError
from data.tables.read import DataError
from data.weights import SHARE, shares

Shares = tuple[float, float, float]
TOLERANCE = 0.0015 + 1e-9  # of their sum, each rounded to three digits
LEAST = 1e-12  # what is less is none


def soft_label(cells: Sequence[object]) -> Shares | None:
    """Return what three winner cells say as probabilities; None where they are no such thing.

    Cells that are all 0 or 1 are votes, see `data.rows.label_of`, and so is the fault of a cell
    that is no number from 0 to 1.

    Raises
    ------
    RowError
        They are probabilities, and do not add up to 1.

    Examples
    --------
    >>> soft_label(["0.5", "0.25", "0.25"]), soft_label(["1", "0", "0"]), soft_label(["0.5", "", 0])
    ((0.5, 0.25, 0.25), None, None)
    """
    found = [_probability(cell) for cell in cells]
    if any(math.isnan(p) for p in found) or not any(0 < p < 1 for p in found):
        return None
    if abs(sum(found) - 1) > TOLERANCE:
        raise RowError(
            f"columns {', '.join(WINNER_COLUMNS)}",
            "one 1 and two 0, or three probabilities that add up to 1",
            f"{', '.join(map(str, cells))}, which add up to {sum(found):.4g}",
        )
    a, b, tie = _normalised(np.array([found]))[0].tolist()
    return a, b, tie


def _probability(cell: object) -> float:
    if isinstance(cell, bool) or not isinstance(cell, str | int | float | Decimal):
        return math.nan
    try:
        found = float(cell)
    except (ValueError, OverflowError):
        return math.nan
    return found if 0 <= found <= 1 else math.nan


def _normalised(found: NDArray[np.float64]) -> NDArray[np.float64]:
    kept = np.where(found < LEAST, 0.0, found)
    return np.asarray(kept / kept.sum(axis=1, keepdims=True))


def soft_votes(
    battles: pd.DataFrame, probabilities: ArrayLike
) -> tuple[pd.DataFrame, NDArray[np.int8]]:
    """Return battles and labels to learn from probabilities, as a file of soft labels gives them.

    Parameters
    ----------
    battles : DataFrame, shape (n_battles, ...)
        A row for each battle.
    probabilities : array-like, shape (n_battles, 3)
        Of A, B and tie, each row adding up to 1 within 0.0015; a one-hot row is a whole vote.

    Returns
    -------
    battles : DataFrame, shape (n_rows, ...)
        A row for each probability that is not 0, with the column ``share``, and a new RangeIndex.
    y : ndarray of int8, shape (n_rows,)

    Raises
    ------
    DataError
        The table has another shape, or a row is no three probabilities.

    Examples
    --------
    >>> from data.frames import make_battles
    >>> one = make_battles(["Hi"], ["Hello!"], ["Hey"])
    >>> frame, y = soft_votes(one, [[0.75, 0.0, 0.25]])
    >>> frame["share"].tolist(), y.tolist()
    ([0.75, 0.25], [0, 2])
    """
    found = np.asarray(probabilities, dtype=np.float64)
    if found.shape != (len(battles), len(WINNER_COLUMNS)):
        raise DataError(
            f"soft_votes: expected probabilities of the shape {(len(battles), 3)}, for A, B and "
            f"tie of each battle, got {found.shape}."
        )
    right = ((found >= 0) & (found <= 1)).all(axis=1)
    right &= np.abs(found.sum(axis=1) - 1) <= TOLERANCE
    if not right.all():
        row = int(np.flatnonzero(~right)[0])
        raise DataError(
            f"soft_votes, row {row + 1}: expected three probabilities that add up to 1, got "
            f"{', '.join(map(str, found[row].tolist()))}."
        )
    found = _normalised(found)
    rows, labels = np.nonzero(found)
    frame = battles.iloc[rows].reset_index(drop=True)
    return frame.assign(**{SHARE: found[rows, labels]}), labels.astype(np.int8)


def probabilities_of(
    battles: pd.DataFrame, y: NDArray[np.int8], n_classes: int = len(WINNER_COLUMNS)
) -> NDArray[np.float64]:
    """Return what each battle's rows say of the classes: what `soft_votes` was given.

    Parameters
    ----------
    battles : DataFrame, shape (n_rows, ...)
        In the order in which it was read.
    y : ndarray of int8, shape (n_rows,)
    n_classes : int
        2 where votes know no ties.

    Returns
    -------
    ndarray of float64, shape (n_battles, n_classes)
        With a 1 where it is a whole vote.

    Examples
    --------
    >>> y = np.array([0, 2, 1], np.int8)
    >>> probabilities_of(pd.DataFrame({"id": list("aab"), "share": [0.75, 0.25, 1.0]}), y)
    array([[0.75, 0.  , 0.25],
           [0.  , 1.  , 0.  ]])
    """
    starts, share = battle_starts(battles, y), shares(battles)
    found = np.zeros((int(starts.sum()), n_classes))
    found[np.cumsum(starts) - 1, y] = 1.0 if share is None else share
    return found


def battle_starts(battles: pd.DataFrame, y: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Return which rows are the first, or the only one, of their battle.

    Parameters
    ----------
    battles : DataFrame, shape (n_rows, ...)
        In the order in which it was read.
    y : ndarray of int8, shape (n_rows,)

    Returns
    -------
    ndarray of bool, shape (n_rows,)

    Notes
    -----
    A battle's labels rise, and the last of one is at least B where the first of the next, should
    it have the same id and be soft as well, is at most B: so the next begins where they do not.

    Examples
    --------
    >>> y = np.array([0, 2, 0, 1, 1], np.int8)
    >>> frame = pd.DataFrame({"id": list("aaaab"), "share": [0.5, 0.5, 0.5, 0.5, 1.0]})
    >>> battle_starts(frame, y).tolist()
    [True, False, True, False, True]
    """
    starts = np.ones(len(y), dtype=np.bool_)
    if SHARE in battles and len(y):
        share = battles[SHARE].to_numpy(dtype=np.float64)
        ids = battles["id"].to_numpy(dtype=object)
        whole = (share[1:] == 1) | (share[:-1] == 1)
        starts[1:] = whole | (ids[1:] != ids[:-1]) | (y[1:] <= y[:-1])
    return starts
