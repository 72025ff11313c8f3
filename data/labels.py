"""What a vote says: the three classes, their names in messages, and labels given from Python."""

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

A, B, TIE = 0, 1, 2
CLASS_NAMES = ("A (winner_model_a)", "B (winner_model_b)", "tie (winner_tie)")
WINNERS = {"model_a": A, "model_b": B, "tie": TIE}  # as Kaggle's columns and the Arena say it
ONE_HOT = tuple(f"winner_{name}" for name in WINNERS)
EXPECTED = "0 or 'model_a' (A preferred), 1 or 'model_b' (B preferred), or 2 or 'tie'"


def as_labels(y: ArrayLike | pd.DataFrame | pd.Series, n_battles: int) -> NDArray[np.int8]:
    """Return labels as 0 (A), 1 (B) and 2 (tie), checked as strictly as those of a file.

    Parameters
    ----------
    y : array-like, shape (n_battles,), or one-hot, shape (n_battles, 3)
        The numbers 0, 1 and 2, or the strings ``model_a``, ``model_b`` and ``tie``; or a table
        with one 1 in each row, its columns A, B and tie, in a frame ``winner_model_a``,
        ``winner_model_b`` and ``winner_tie`` in any order. Taken by position, whatever its index.
    n_battles : int

    Returns
    -------
    ndarray of int8, shape (n_battles,)

    Raises
    ------
    ValueError
        Says what was found instead, and in which row, counted from 1.

    Examples
    --------
    >>> as_labels(["tie", "model_a"], 2), as_labels([[0, 1, 0]], 1)
    (array([2, 0], dtype=int8), array([1], dtype=int8))
    """
    values = _columns(y) if isinstance(y, pd.DataFrame) else _array(y)
    if values.ndim == 0 or len(values) != n_battles:
        found = f"{len(values):,} of them" if values.ndim else repr(y)
        raise ValueError(f"y must hold a label for each of {n_battles:,} battles. Got {found}.")
    if values.ndim == 2 and values.shape[1] == len(WINNERS):
        return _one_hot(values)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise ValueError(
            "y must be one label a battle, or a one-hot table with the columns "
            f"{', '.join(ONE_HOT)}. Got the shape {values.shape} instead."
        )
    return _by_value(values)


def _array(y: Any) -> NDArray[Any]:
    return y.to_numpy() if isinstance(y, pd.Series | pd.Index) else np.asarray(y)


def _columns(y: pd.DataFrame) -> NDArray[Any]:
    """Return a frame's values, three columns in the order of the classes."""
    if len(y.columns) != len(WINNERS):
        return y.to_numpy()
    if set(y.columns) != set(ONE_HOT):
        raise ValueError(
            f"y must have the columns {', '.join(ONE_HOT)}. Got {', '.join(map(str, y.columns))}: "
            "rename them, so that it is known which is which."
        )
    return y[list(ONE_HOT)].to_numpy()


def _one_hot(values: NDArray[Any]) -> NDArray[np.int8]:
    ones = values == 1
    wrong = np.flatnonzero(~(ones | (values == 0)).all(axis=1) | (ones.sum(axis=1) != 1))
    if len(wrong):
        row = int(wrong[0])
        raise ValueError(
            f"y, row {row + 1}: expected one 1 and two 0 for A, B and tie, got "
            f"{', '.join(map(str, values[row]))}. A vote names one of the three."
        )
    return ones.argmax(axis=1).astype(np.int8)


def _by_value(values: NDArray[Any]) -> NDArray[np.int8]:
    """Read each distinct value once."""
    if values.dtype == np.bool_:
        raise ValueError(f"y must hold {EXPECTED}. Got True and False: say which answer each is.")
    codes, distinct = pd.factorize(values, use_na_sentinel=False)
    labels = np.empty(len(distinct), dtype=np.int8)
    for place, value in enumerate(distinct):
        label = _label(value)
        if label is None:
            row = int(np.flatnonzero(codes == place)[0])
            raise ValueError(f"y, row {row + 1}: expected {EXPECTED}, got {_told(value)}.")
        labels[place] = label
    return labels[codes] if len(distinct) else np.empty(0, dtype=np.int8)


def _label(value: Any) -> int | None:
    known: dict[Hashable, int] = {A: A, B: B, TIE: TIE}
    known.update(WINNERS)
    if isinstance(value, bool | np.bool_) or not isinstance(value, Hashable) or value is pd.NA:
        return None
    return known.get(value)


def _told(value: Any) -> str:
    """Say what was found, and what to do about it."""
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or value is pd.NA or value != value:
        return f"{value}: leave out battles without a vote"
    if isinstance(value, float) and not value.is_integer():
        return f"{value}: a vote is one of the three, and no share of them"
    if isinstance(value, str) and value.startswith("tie"):
        return f"{value!r}: write 'tie' where both are as bad, or leave such battles out"
    return repr(value)[:60]
