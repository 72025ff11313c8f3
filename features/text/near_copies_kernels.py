"""The compiled loops of `features.text.near_copies`.

This module imports numba, so it is imported where it is used.
"""

import numpy as np
from numpy.typing import NDArray

from features.compiled import compiled

Hashes = NDArray[np.uint64]
Bounds = NDArray[np.int64]


@compiled
def least_hashes(
    shingles: NDArray[np.uint32], bounds: Bounds, multipliers: NDArray[np.uint32],
    least: NDArray[np.uint32],
) -> None:  # fmt: skip
    """Write each text's MinHash, shape (n_texts, n_hashes): the least of each hash of its shingles.

    The k-th hash of a shingle is its own, times `multipliers[k]`, which is odd, modulo 2**32.
    """
    for number in range(len(bounds) - 1):
        row = least[number]
        for place in range(bounds[number], bounds[number + 1]):
            for k in range(len(multipliers)):
                row[k] = min(row[k], np.uint32(shingles[place] * multipliers[k]))


@compiled
def shared(
    hashes: Hashes, bounds: Bounds, first: Bounds, second: Bounds, found: NDArray[np.int64]
) -> None:
    """Write how many hashes each pair of sets shares; each set ascends between its bounds."""
    for pair in range(len(first)):
        i, end = bounds[first[pair]], bounds[first[pair] + 1]
        j, other_end = bounds[second[pair]], bounds[second[pair] + 1]
        while i < end and j < other_end:
            one, other = hashes[i], hashes[j]
            found[pair] += one == other
            i += one <= other
            j += other <= one
