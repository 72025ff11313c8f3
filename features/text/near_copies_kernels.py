"""The compiled loops of `features.text.near_copies`.

This module imports numba, so it is imported where it is used.
"""

import numpy as np
from numpy.typing import NDArray

from features.compiled import FOLD, START, Codes, compiled, mixed

Hashes = NDArray[np.uint64]
Bounds = NDArray[np.int64]

BLANK = np.uint32(32)  # stands before and behind each text, so that its ends count


@compiled
def shingle_hashes(text: Codes, length: int) -> Hashes:
    """Return a hash of each run of so many characters of a text between blanks, or of all of it."""
    padded = np.empty(len(text) + 2, np.uint32)
    padded[0] = padded[-1] = BLANK
    padded[1:-1] = text
    width = min(length, len(padded))
    found = np.empty(len(padded) - width + 1, np.uint64)
    for start in range(len(found)):
        state = START
        for place in range(start, start + width):
            state = mixed(state, np.uint64(padded[place]))
        found[start] = mixed(state, START)
    return found


@compiled
def sign(
    letters: Codes,
    bounds: Bounds,
    length: int,
    multipliers: NDArray[np.uint32],
    signatures: NDArray[np.uint8],
    keys: NDArray[np.uint32],
) -> None:
    """Write each text's MinHash signature, a byte of each hash, and the key of each of its bands.

    Shapes are (n_texts, n_hashes) and (n_texts, n_bands). The k-th hash of a shingle is its own,
    times `multipliers[k]`, which is odd, modulo 2**32; that of a text is the least of them.
    """
    n_hashes, n_bands = len(multipliers), keys.shape[1]
    in_band = n_hashes // n_bands
    least = np.empty(n_hashes, np.uint32)
    for number in range(len(bounds) - 1):
        least[:] = np.uint32(0xFFFFFFFF)
        for shingle in shingle_hashes(letters[bounds[number] : bounds[number + 1]], length):
            low = np.uint32(shingle)
            for k in range(n_hashes):
                value = np.uint32(low * multipliers[k])
                least[k] = min(least[k], value)
        for k in range(n_hashes):
            signatures[number, k] = np.uint8(mixed(START, np.uint64(least[k])))
        for band in range(n_bands):
            state = START
            for k in range(band * in_band, (band + 1) * in_band):
                state = mixed(state, np.uint64(least[k]))
            keys[number, band] = np.uint32(state >> FOLD)


@compiled
def distinct(hashes: Hashes) -> Hashes:
    """Sort hashes where they lie, and return each of them once."""
    hashes.sort()
    size = 1
    for place in range(1, len(hashes)):
        if hashes[place] != hashes[place - 1]:
            hashes[size] = hashes[place]
            size += 1
    return hashes[:size]


@compiled
def agreeing(signatures: NDArray[np.uint8], first: Bounds, second: Bounds) -> NDArray[np.int64]:
    """Return in how many places the signatures of each pair of texts agree."""
    found = np.zeros(len(first), np.int64)
    for pair in range(len(first)):
        one, other = signatures[first[pair]], signatures[second[pair]]
        for k in range(signatures.shape[1]):
            found[pair] += one[k] == other[k]
    return found


@compiled
def jaccard(
    letters: Codes, bounds: Bounds, length: int, first: Bounds, second: Bounds
) -> NDArray[np.float64]:
    """Return the Jaccard similarity of the sets of shingles of each pair of texts."""
    sets = [
        distinct(shingle_hashes(letters[bounds[number] : bounds[number + 1]], length))
        for number in range(len(bounds) - 1)
    ]
    found = np.empty(len(first))
    for pair in range(len(first)):
        one, other = sets[first[pair]], sets[second[pair]]
        i = j = shared = 0
        while i < len(one) and j < len(other):
            shared += one[i] == other[j]
            step, other_step = one[i] <= other[j], other[j] <= one[i]
            i += step
            j += other_step
        found[pair] = shared / (len(one) + len(other) - shared)
    return found
