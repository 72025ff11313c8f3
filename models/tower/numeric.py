"""Statistics of the length family as numbers that a tower is given beside the texts."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.families.length import LengthFeatures

Numbers = NDArray[np.float32]


def numbers(battles: pd.DataFrame, statistics: Sequence[str]) -> Numbers:
    """Return statistics of both answers.

    Parameters
    ----------
    battles : DataFrame
    statistics : sequence of str
        Of `features.families.length.STATISTICS`.

    Returns
    -------
    ndarray of float32, shape (n_battles, 2, n_statistics)
        A's in row 0 of each battle, B's in row 1.

    Examples
    --------
    >>> from data.battles import make_battles
    >>> numbers(make_battles(["Why?"], ["Because."], ["So it is."]), ["words_sum"]).tolist()
    [[[1.0], [3.0]]]
    """
    if not statistics:
        return np.empty((len(battles), 2, 0), dtype=np.float32)
    family = LengthFeatures(statistics, sides=("a", "b"), bucketed=())
    columns = family.fit_transform(battles)
    sides = [
        columns[[f"{family.name}__{name}_{side}" for name in statistics]].to_numpy(np.float32)
        for side in ("a", "b")
    ]
    return np.stack(sides, axis=1)


class Scale(NamedTuple):
    """Mean and standard deviation of statistics, of both answers pooled: a swap changes neither.

    Attributes
    ----------
    mean, scale : tuple of float
        One of each statistic; the scale of one that never changes is 1.
    """

    mean: tuple[float, ...]
    scale: tuple[float, ...]

    @classmethod
    def of(cls, numbers: Numbers) -> Self:
        """Learn them from training rows.

        Raises
        ------
        ValueError
            There are no rows.

        Examples
        --------
        >>> Scale.of(np.array([[[1.0, 7.0], [3.0, 7.0]]], dtype=np.float32))
        Scale(mean=(2.0, 7.0), scale=(1.0, 1.0))
        """
        if not len(numbers):
            raise ValueError("The numbers of Scale.of must hold one battle at least. Got none.")
        a, b = numbers[:, 0].astype(np.float64), numbers[:, 1].astype(np.float64)
        # A and B are added up first, so that the last bits do not know their order either.
        mean = (a + b).sum(axis=0) / (2 * len(a))
        spread = np.sqrt(((a - mean) ** 2 + (b - mean) ** 2).sum(axis=0) / (2 * len(a)))
        # Sums of equal float32 numbers are exact in float64: of a constant the spread is 0.
        return cls(tuple(mean.tolist()), tuple(np.where(spread > 0, spread, 1.0).tolist()))

    def __call__(self, numbers: Numbers) -> Numbers:
        """Return numbers of any rows standardised, in their shape."""
        scaled = (numbers.astype(np.float64) - np.array(self.mean)) / np.array(self.scale)
        return scaled.astype(np.float32)

    def told(self) -> dict[str, list[float]]:
        """Return what JSON keeps of it, to the last bit."""
        return {name: list(values) for name, values in self._asdict().items()}

    @classmethod
    def read(cls, told: Mapping[str, Sequence[float]]) -> Self:
        """Return what was told.

        >>> scale = Scale(mean=(2.5,), scale=(0.1,))
        >>> Scale.read(scale.told()) == scale
        True
        """
        return cls(*(tuple(map(float, told[name])) for name in cls._fields))
