"""What swapping answer A and answer B does to a column.

A column is named ``family__statistic_side``. The side is all that the rest of the
project needs to know of a column: this module is the only place that knows the algebra.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Side(NamedTuple):
    """One ending of a column's name.

    Attributes
    ----------
    after_swap : str
        The side that the column has once A and B have changed places.
    sign : float
        What its values are multiplied by in a swap: 1 or -1.
    doc : str
        What the column holds.
    compare : callable or None
        ``(a, b) -> values``, for the sides that are made of the two answers' statistics.
    """

    after_swap: str
    sign: float
    doc: str
    compare: Callable[[Array, Array], Array] | None = None


def ratio(a: Array, b: Array) -> Array:
    """Compare two counts without their scale: ``(a - b) / (a + b + 1)``, in (-1, 1).

    Source: Chatbot Arena's style control (Li, Angelopoulos and Chiang, 2024).

    >>> ratio(np.array([3.0]), np.array([1.0]))
    array([0.4])
    """
    return (a - b) / (a + b + 1.0)


SIDES: dict[str, Side] = {
    "a": Side("b", 1.0, "of answer A", lambda a, b: a),
    "b": Side("a", 1.0, "of answer B", lambda a, b: b),
    "diff": Side("diff", -1.0, "A minus B", lambda a, b: a - b),
    "ratio": Side("ratio", -1.0, "(A - B) / (A + B + 1)", ratio),
    "sum": Side("sum", 1.0, "A plus B", lambda a, b: a + b),
    "absdiff": Side("absdiff", 1.0, "absolute difference of A and B", lambda a, b: np.abs(a - b)),
    "prompt": Side("prompt", 1.0, "of the prompt"),
    "pair": Side("pair", 1.0, "of the two answers together, whatever their order"),
}


def side_of(column: str) -> Side:
    """Return the side of a column.

    Raises
    ------
    ValueError
        If the name does not end in a side.

    Examples
    --------
    >>> side_of("length__words_sum_diff").sign
    -1.0
    """
    ending = column.rpartition("_")[2]
    if "__" not in column or ending not in SIDES:
        raise ValueError(
            f"column {column!r}: expected a name of the form family__statistic_side, "
            f"where the side is one of {', '.join(SIDES)}. Rename the column."
        )
    return SIDES[ending]


def swapped_name(column: str) -> str:
    """Return the name of the column that holds this column's values after a swap.

    >>> swapped_name("style__bold_a"), swapped_name("style__bold_diff")
    ('style__bold_b', 'style__bold_diff')
    """
    return column.rpartition("_")[0] + "_" + side_of(column).after_swap


def compare(statistic: str, a: Array, b: Array, sides: Iterable[str]) -> dict[str, Array]:
    """Return the named columns that compare a statistic of A with the same statistic of B.

    Parameters
    ----------
    statistic : str
        Name of the statistic, without family and side.
    a, b : ndarray of float64, shape (n_battles,)
        The statistic of each answer.
    sides : iterable of str
        Which columns to make, of ``a``, ``b``, ``diff``, ``ratio``, ``sum`` and ``absdiff``.

    Examples
    --------
    >>> compare("words", np.array([3.0]), np.array([1.0]), ["diff", "sum"])
    {'words_diff': array([2.]), 'words_sum': array([4.])}
    """
    formulas = {side: SIDES[side].compare for side in sides}
    return {
        f"{statistic}_{side}": formula(a, b)
        for side, formula in formulas.items()
        if formula is not None
    }


class Swap:
    """The swap of A and B as an operation on a feature matrix.

    Parameters
    ----------
    columns : sequence of str
        Names of the matrix's columns.

    Attributes
    ----------
    order : ndarray of intp, shape (n_columns,)
        Where each column of the swapped matrix comes from.
    signs : ndarray of float32, shape (n_columns,)
        What it is multiplied by.

    Raises
    ------
    ValueError
        If a name has no side, or a column of one answer lacks its partner of the other.

    Examples
    --------
    >>> swap = Swap(["length__words_a", "length__words_b", "length__words_diff"])
    >>> swap(np.array([[3.0, 1.0, 2.0]]))
    array([[ 1.,  3., -2.]])
    """

    def __init__(self, columns: Sequence[str]) -> None:
        position = {column: index for index, column in enumerate(columns)}
        lonely = [column for column in columns if swapped_name(column) not in position]
        if lonely:
            raise ValueError(
                f"column {lonely[0]!r}: expected its partner {swapped_name(lonely[0])!r} among the "
                "columns as well, since a swap of A and B turns one into the other. Keep both."
            )
        self.order = np.array([position[swapped_name(column)] for column in columns], dtype=np.intp)
        self.signs = np.array([side_of(column).sign for column in columns], dtype=np.float32)

    def __call__(self, X: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the matrix as it would be with A and B in each other's place."""
        swapped = np.take(X, self.order, axis=1)  # four times as fast as X[:, order]
        swapped *= self.signs.astype(X.dtype)
        return swapped

    @property
    def antisymmetric(self) -> NDArray[np.bool_]:
        """Columns, shape (n_columns,), that a swap multiplies by -1."""
        return self.signs < 0

    @property
    def symmetric(self) -> NDArray[np.bool_]:
        """Columns, shape (n_columns,), that a swap leaves as they are."""
        return (self.signs > 0) & (self.order == np.arange(len(self.order)))
