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
BANDS, IN_BAND = (
    32,
    5,
)  # a pair at `NEAR` shares a band with probability 1 - (1 - 0.7**5)**32 = 0.997
# Share of a signature that must agree before texts are compared: 2.8 standard errors under `NEAR`.
PROMISING = 0.6
NEXT = 4  # texts of the same band that a text is held against, in an order that each band has anew
MOST_FOUND, MOST_COMPARED = 4, 16  # near-copies, comparisons after which a text seeks no more
BLOCK_CHARACTERS = 4_000_000

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
    from features.text.near_copies_kernels import jaccard

    found = [np.empty(0)]
    lengths = [len(texts[one]) + len(texts[other]) for one, other in pairs.tolist()]
    for block in _blocks(np.array(lengths, dtype=np.int64)):
        places, numbers = np.unique(pairs[block], return_inverse=True)
        first, second = numbers.reshape(-1, 2).T.copy()
        found.append(jaccard(*_codes([texts[n] for n in places]), LENGTH, first, second))
    return np.concatenate(found)


def _signed(texts: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.uint32]]:
    """Return signatures, shape (n_texts, n_hashes), and keys of bands, shape (n_texts, n_bands)."""
    from features.text.near_copies_kernels import sign

    rng = np.random.default_rng(0)
    multipliers = rng.integers(1 << 32, size=BANDS * IN_BAND, dtype=np.uint32) | np.uint32(1)
    signatures = np.empty((len(texts), len(multipliers)), np.uint8)
    keys = np.empty((len(texts), BANDS), np.uint32)
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    for block in _blocks(lengths):
        codes = _codes(texts[block])
        sign(*codes, LENGTH, multipliers, signatures[block], keys[block])
    return signatures, keys


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
    from features.text.near_copies_kernels import agreeing

    agree = agreeing(signatures, pairs[:, 0].copy(), pairs[:, 1].copy())
    return agree >= PROMISING * signatures.shape[1]


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


def _codes(texts: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Return the code points of texts, one text behind the other, and where each begins."""
    letters = "".join(texts).encode("utf-32-le", "surrogatepass")
    bounds = np.concatenate([[0], np.cumsum([len(text) for text in texts], dtype=np.int64)])
    return np.frombuffer(letters, np.uint32), bounds.astype(np.int64)
