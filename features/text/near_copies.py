"""Texts that are nearly the same: found by MinHash, confirmed by the exact measure.

Likeness is the Jaccard similarity of two texts' sets of runs of `LENGTH` characters (Broder 1997).
MinHash (the same) gives texts that are alike equal values in some bands of their signatures; only
those that share a band are compared, and of them only as many that time and memory grow with the
number of texts, whatever they are. In a crowd (a thousand prompts from one template) each text is
so compared with some of the others, not with all.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

LENGTH = 5  # characters of a shingle
NEAR = 0.7  # Jaccard similarity from which on texts are near-copies
# A pair at `NEAR` shares a band with probability 1 - (1 - 0.7**5)**32 = 0.997.
BANDS, IN_BAND = 32, 5
# Share of a signature that must agree before texts are compared: 2.8 standard errors under `NEAR`.
PROMISING = 0.6
NEXT = 4  # texts of the same band that a text is held against, in an order that each band has anew
MOST_FOUND, MOST_COMPARED = 4, 16  # near-copies, comparisons after which a text seeks no more
BLOCK_CHARACTERS, BLOCK_PAIRS = 4_000_000, 65_536
START = np.uint64(0x27D4EB2F165667C5)  # of a hash
SPREAD, FOLD = np.uint64(0x9E3779B97F4A7C15), np.uint64(32)

Hashes = NDArray[np.uint64]
Bounds = NDArray[np.int64]  # where each text's begin, and the end
Pairs = NDArray[np.int64]  # shape (n_pairs, 2)


def near_copies(texts: Sequence[str]) -> Pairs:
    """Return the pairs of texts that are near-copies of each other.

    Parameters
    ----------
    texts : sequence of str
        An empty one is no copy of any.

    Returns
    -------
    ndarray of int64, shape (n_pairs, 2)
        Places of texts, the lower one first, in rising order. In a crowd not all pairs are found.

    Examples
    --------
    >>> near_copies(["Write a poem about the sea.", "Name a prime.", "write a poem about the sea"])
    array([[0, 2]])
    """
    held = np.flatnonzero([bool(text) for text in texts])
    signatures, keys = _signed([text for text in texts if text])
    compared, copies = np.zeros((2, len(held)), np.int64)
    judged, near = np.empty(0, np.int64), [np.empty((0, 2), np.int64)]
    for band in range(BANDS):
        key = keys[:, band].copy()
        pairs = _together(key, band, (compared < MOST_COMPARED) & (copies < MOST_FOUND))
        pairs = pairs[_promising(signatures, pairs)]
        names = np.sort(pairs[:, 0] * len(held) + pairs[:, 1])
        names = names[~_among(names, judged)]
        pairs = np.stack(np.divmod(names, len(held)), axis=1)
        judged = np.sort(np.concatenate([judged, names]), kind="stable")
        near.append(pairs[likeness(texts, held[pairs]) >= NEAR])
        compared += np.bincount(pairs.ravel(), minlength=len(held))
        copies += np.bincount(near[-1].ravel(), minlength=len(held))
    found = np.concatenate(near)
    return held[found[np.lexsort(found.T[::-1])]]


def likeness(texts: Sequence[str], pairs: Pairs) -> NDArray[np.float64]:
    """Return the Jaccard similarity of the shingles of each pair of texts, which are not empty.

    Of 4 and 5 shingles, with the blanks around the texts, 3 are shared:

    >>> likeness(["abcdef", "abcdefg"], np.array([[0, 1]])).tolist()
    [0.5]
    """
    from features.text.near_copies_kernels import shared

    found = [np.empty(0)]
    lengths = [len(texts[one]) + len(texts[other]) for one, other in pairs.tolist()]
    for block in _blocks(np.array(lengths, dtype=np.int64)):
        places, numbers = np.unique(pairs[block], return_inverse=True)
        sets, bounds = _sets(*_shingles([texts[n] for n in places]))
        first, second = numbers.reshape(-1, 2).T.copy()
        common = np.zeros(len(first), np.int64)
        shared(sets, bounds, first, second, common)
        sizes = np.diff(bounds)
        found.append(common / (sizes[first] + sizes[second] - common))
    return np.concatenate(found)


def _sets(hashes: Hashes, bounds: Bounds) -> tuple[Hashes, Bounds]:
    """Return each text's hashes in rising order and each of them once."""
    text = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
    order = np.lexsort((hashes, text))
    hashes, text = hashes[order], text[order]
    new = np.ones(len(hashes), dtype=np.bool_)
    new[1:] = (hashes[1:] != hashes[:-1]) | (text[1:] != text[:-1])
    return hashes[new], _bounds(np.bincount(text[new], minlength=len(bounds) - 1))


def _signed(texts: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.uint32]]:
    """Return signatures, shape (n_texts, n_hashes), and keys of bands, shape (n_texts, n_bands)."""
    from features.text.near_copies_kernels import least_hashes

    rng = np.random.default_rng(0)
    multipliers = rng.integers(1 << 32, size=BANDS * IN_BAND, dtype=np.uint32) | np.uint32(1)
    signatures = np.empty((len(texts), len(multipliers)), np.uint8)
    keys = np.empty((len(texts), BANDS), np.uint32)
    for block in _blocks(np.array([len(text) for text in texts], dtype=np.int64)):
        hashes, bounds = _shingles(texts[block])
        least = np.full((len(bounds) - 1, len(multipliers)), 0xFFFFFFFF, np.uint32)
        least_hashes(hashes.astype(np.uint32), bounds, multipliers, least)
        signatures[block] = mixed(START, least)
        state: Hashes = np.full((), START)
        for values in np.moveaxis(least.reshape(-1, BANDS, IN_BAND), 2, 0):
            state = mixed(state, values)
        keys[block] = state >> FOLD
    return signatures, keys


def _shingles(texts: Sequence[str]) -> tuple[Hashes, Bounds]:
    """Return a hash of each run of `LENGTH` characters of texts between blanks.

    A text that is shorter has one, of all of it. The bounds say where each text's begin.
    """
    joined = "".join(f" {text}{' ' * max(1, LENGTH - 1 - len(text))}" for text in texts)
    letters = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
    ends = np.cumsum([max(len(text) + 2, LENGTH) for text in texts], dtype=np.int64)
    runs = len(letters) - LENGTH + 1
    state = np.full(max(runs, 0), START)
    for place in range(LENGTH):
        state = mixed(state, letters[place : place + len(state)])
    across = (ends[:-1, None] - np.arange(1, LENGTH)).ravel()  # begin in one text, end in another
    return np.delete(state, across), _bounds(np.diff(ends, prepend=0) - LENGTH + 1)


def mixed(state: Hashes | np.uint64, value: NDArray[np.uint32]) -> Hashes:
    """Mix values into states of hashes."""
    product = (state ^ value.astype(np.uint64)) * SPREAD
    return product ^ (product >> FOLD)


def _bounds(sizes: NDArray[np.int64]) -> Bounds:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def _together(key: NDArray[np.uint32], band: int, seeks: NDArray[np.bool_]) -> Pairs:
    """Return pairs of texts with the same key, one of which at least seeks still."""
    shuffled = np.random.default_rng(band).permutation(len(key))
    order = shuffled[np.argsort(key[shuffled], kind="stable")]
    pairs = [np.empty((0, 2), np.int64)]
    for step in range(1, NEXT + 1):
        one, other = order[:-step], order[step:]
        same = np.flatnonzero((key[one] == key[other]) & (seeks[one] | seeks[other]))
        pairs.append(np.sort(np.stack([one[same], other[same]], axis=1), axis=1))
    return np.concatenate(pairs)


def _promising(signatures: NDArray[np.uint8], pairs: Pairs) -> NDArray[np.bool_]:
    found = np.empty(len(pairs), dtype=np.bool_)
    for start in range(0, len(pairs), BLOCK_PAIRS):
        block = slice(start, start + BLOCK_PAIRS)
        agree = (signatures[pairs[block, 0]] == signatures[pairs[block, 1]]).sum(axis=1)
        found[block] = agree >= PROMISING * signatures.shape[1]
    return found


def _among(values: NDArray[np.int64], known: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which values are known; both ascend."""
    # NumPy's isin and unique hash integers of 64 bits so that products like these all collide.
    if not len(known):
        return np.zeros(len(values), dtype=np.bool_)
    place = np.minimum(np.searchsorted(known, values), len(known) - 1)
    return np.asarray(known[place] == values)


def _blocks(lengths: NDArray[np.int64]) -> Iterator[slice]:
    """Give runs of things that have about `BLOCK_CHARACTERS` together."""
    number = np.cumsum(lengths) // BLOCK_CHARACTERS
    edges = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(lengths)]
    return (slice(start, end) for start, end in pairwise(edges))
