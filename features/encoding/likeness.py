"""How near two texts of a battle are, as a frozen encoder sees them."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from features.encoding.conversations import Conversations, Matrix
from features.sides import Array, compare
from features.table import SHARE, Row, documentation

SCOPES = {"": "", "last_": ", last turns"}  # which vectors, in the columns' names and in words


def likeness(texts: Conversations) -> dict[str, Array]:
    """Return a column for each measure, scope, pair of texts and side."""
    columns: dict[str, Array] = {}
    for start, (prompt, a, b) in zip(SCOPES, (texts[:3], texts.last), strict=True):
        for name, (measure, _) in MEASURES.items():
            of_a, of_b = measure(prompt, a), measure(prompt, b)
            columns |= compare(f"prompt_{start}{name}", of_a, of_b, SHARE)
            columns[f"answers_{start}{name}_pair"] = measure(a, b)
    return columns


def likeness_documentation() -> dict[str, str]:
    """Return what each column of `likeness` holds."""
    docs: dict[str, str] = {}
    for start, scope in SCOPES.items():
        for name, (_, doc) in MEASURES.items():
            row = Row(f"{doc} of the prompt's vector and the answer's{scope}")
            docs |= documentation({f"prompt_{start}{name}": row})
            docs[f"answers_{start}{name}_pair"] = f"{doc} of the two answers' vectors{scope}"
    return docs


def cosine_of_rows(x: Matrix, y: Matrix) -> Array:
    """Return the cosine of each pair of rows, in [-1, 1]; 0 where one of them is 0.

    >>> cosine_of_rows(np.float32([[3, 4], [0, 0]]), np.float32([[4, 3], [1, 0]]))
    array([0.96, 0.  ])
    """
    size = np.sqrt(_dot(x, x) * _dot(y, y))
    return np.clip(np.divide(_dot(x, y), size, out=np.zeros(len(x)), where=size > 0), -1.0, 1.0)


def distance_of_rows(x: Matrix, y: Matrix) -> Array:
    """Return the Euclidean distance of each pair of rows.

    >>> distance_of_rows(np.float32([[3.0, 4.0]]), np.float32([[0.0, 0.0]]))
    array([5.])
    """
    gap = x.astype(np.float64) - y
    return np.sqrt(_dot(gap, gap))


def _dot(x: NDArray[np.floating], y: NDArray[np.floating]) -> Array:
    products: Array = np.multiply(x, y, dtype=np.float64).sum(axis=1)
    return products


MEASURES: dict[str, tuple[Callable[[Matrix, Matrix], Array], str]] = {
    "cosine": (cosine_of_rows, "cosine"),
    "distance": (distance_of_rows, "Euclidean distance"),
}
