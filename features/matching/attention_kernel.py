"""`features.matching.attention` of two texts on a CPU, in one pass over their cosines.

This module imports numba, so it is imported where it is used; see `features.text.overlap_kernels`.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.compiled import compiled
from features.matching.attention import FIGURES

Floats = NDArray[np.float32]
# Sums may be taken in another order, so that they can be taken several at a time: always the same.
FAST = {"reassoc", "contract", "nsz"}


class Alone(NamedTuple):
    """The fields of `features.matching.attention.Match` without the axis of the pairs."""

    best_x: Floats
    best_y: Floats
    of_x: Floats
    of_y: Floats


def match_alone(cosines: Floats, temperature: float) -> Alone:
    """Return what `match` makes of two texts, given the cosines of their tokens.

    Parameters
    ----------
    cosines : ndarray of float32, shape (n, m)
        Neither n nor m is 0.
    temperature : float

    Examples
    --------
    >>> found = match_alone(np.float32([[0.6], [0.8]]), 0.1)
    >>> found.best_x.tolist() == [np.float32(0.6), np.float32(0.8)], found.of_x.tolist()
    (True, [0.0, 1.0, 1.0])
    """
    n, m = cosines.shape
    logarithms = cosines - np.float32(1.0)
    logarithms *= np.float32(1.0 / temperature)
    found = Alone(*(np.empty(size, np.float32) for size in (n, m, len(FIGURES), len(FIGURES))))
    _reduce(cosines, logarithms, np.exp(logarithms), *found)
    return found


def _loop(
    cosines: Floats,
    logarithms: Floats,
    weights: Floats,
    best_x: Floats,
    best_y: Floats,
    of_x: Floats,
    of_y: Floats,
) -> None:
    """Sum up by row and by column at once."""
    n, m = cosines.shape
    rows, columns = (n + 3) // 4, (m + 3) // 4  # a quarter of each
    total, weighted = np.zeros(m, np.float32), np.zeros(m, np.float32)
    first, last = np.zeros(m, np.float32), np.zeros(m, np.float32)
    best_y[:] = cosines[0]
    entropy = mass_first = mass_last = np.float64(0.0)
    for i in range(n):
        best = cosines[i, 0]
        z = s = front = back = np.float32(0.0)
        for j in range(m):
            c, w = cosines[i, j], weights[i, j]
            wl = w * logarithms[i, j]
            best, best_y[j] = max(best, c), max(best_y[j], c)
            z, s = z + w, s + wl
            total[j] += w
            weighted[j] += wl
        for j in range(columns):
            front += weights[i, j]
            back += weights[i, m - columns + j]
        if i < rows:
            for j in range(m):
                first[j] += weights[i, j]
        if i >= n - rows:
            for j in range(m):
                last[j] += weights[i, j]
        best_x[i] = best
        entropy += np.log(z) - s / z
        mass_first += front / z
        mass_last += back / z
    of_x[0] = entropy / n / np.log(m) if m > 1 else 0.0
    of_x[1], of_x[2] = mass_first / n, mass_last / n
    entropy = mass_first = mass_last = np.float64(0.0)
    for j in range(m):
        entropy += np.log(total[j]) - weighted[j] / total[j]
        mass_first += first[j] / total[j]
        mass_last += last[j] / total[j]
    of_y[0] = entropy / m / np.log(n) if n > 1 else 0.0
    of_y[1], of_y[2] = mass_first / m, mass_last / m


_reduce = compiled(_loop, fastmath=FAST)
