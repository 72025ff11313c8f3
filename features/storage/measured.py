"""What was measured of battles once, found again by their texts."""

from collections.abc import Callable
from hashlib import blake2b
from threading import Lock

import numpy as np
import polars as pl
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Measure = Callable[[pl.DataFrame], Numbers]


class Measured:
    """Numbers of battles, which the folds of a run share.

    Parameters
    ----------
    measure : callable
        Returns an array with a row for each battle, which depends on its texts alone.

    Examples
    --------
    >>> seen = []
    >>> measured = Measured(lambda battles: np.array([[seen.append(n)] for n in battles["a"]]))
    >>> for texts in ([["x"], ["y"]], [["y"], ["z"]]):
    ...     _ = measured(pl.DataFrame({"a": texts}))
    >>> [turns.to_list() for turns in seen]
    [['x'], ['y'], ['z']]
    """

    def __init__(self, measure: Measure) -> None:
        self.measure = measure
        self._place: dict[bytes, int] = {}
        self._rows: Numbers | None = None
        self._lock = Lock()

    def __call__(self, battles: pl.DataFrame) -> Numbers:
        """Return the numbers of battles, measured now where they were not before."""
        keys = keys_of(battles)
        with self._lock:  # folds ask at the same time: one measures, the others find it
            new = [row for row, key in enumerate(keys) if key not in self._place]
            if new or self._rows is None:
                found = self.measure(battles[new])
                self._rows = found if self._rows is None else np.concatenate([self._rows, found])
                start = len(self._rows) - len(found)
                self._place |= {keys[row]: start + number for number, row in enumerate(new)}
            places: NDArray[np.intp] = np.array([self._place[key] for key in keys], dtype=np.intp)
            rows: Numbers = self._rows[places]
        return rows


def keys_of(battles: pl.DataFrame) -> list[bytes]:
    """Return what stands for the texts of each battle: no two that differ in a turn have the same.

    >>> frame = pl.DataFrame({"a": [["x", ""], ["x", None], ["x"]], "b": [["y"]] * 3})
    >>> len(set(keys_of(frame)))
    3
    """
    turn = pl.element()
    length = turn.str.len_bytes().cast(pl.String)
    written = pl.when(turn.is_null()).then(pl.lit("-")).otherwise(length + pl.lit(":") + turn)
    texts = [
        pl.format("{}[{}", pl.col(name).list.len(), pl.col(name).list.eval(written).list.join(""))
        for name in battles.columns
    ]
    joined = battles.select(key=pl.concat_str(text.fill_null("-") for text in texts))["key"]
    return [
        blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).digest() for key in joined
    ]
