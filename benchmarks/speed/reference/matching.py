"""Tokens matched plainly: padded to the longest of a batch, a loop over the pairs in NumPy."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Half = tuple[Floats, list[float]]
BATCH = 32


def plain(battles: Sequence[Sequence[Floats]], temperature: float) -> tuple[Floats, Floats]:
    """Match battles batch by batch.

    Returns
    -------
    best : ndarray of float32, shape (n_tokens, 2)
    figures : ndarray of float32, shape (n_battles, 6, 3)
    """
    best, figures = [], []
    for start in range(0, len(battles), BATCH):
        batch = battles[start : start + BATCH]
        padded = [pad([texts[n] for texts in batch]) for n in range(3)]
        for row, texts in enumerate(batch):
            states = [(padded[n][row], len(texts[n])) for n in range(3)]
            found = {}
            for x, y in ((0, 1), (0, 2), (1, 2)):
                found[x, y], found[y, x] = plain_pair(*states[x], *states[y], temperature)
            for x in range(3):
                others = [found[x, y][0] for y in range(3) if y != x]
                best.append(np.stack(others, axis=1))
            order = ((0, 1), (0, 2), (1, 0), (2, 0), (1, 2), (2, 1))
            figures.append([found[pair][1] for pair in order])
    return np.concatenate(best), np.array(figures, dtype=np.float32)


def pad(texts: Sequence[Floats]) -> Floats:
    """Fill up with zeros to the longest text."""
    padded = np.zeros((len(texts), max(map(len, texts)), texts[0].shape[1]), dtype=np.float32)
    for row, text in enumerate(texts):
        padded[row, : len(text)] = text
    return padded


def plain_pair(x: Floats, n: int, y: Floats, m: int, temperature: float) -> tuple[Half, Half]:
    """Return best matches, and entropy and masses of the attention, of both texts' tokens."""
    if not n or not m:
        nothing = [0.0, 0.0, 0.0]
        return (np.zeros(n, np.float32), nothing), (np.zeros(m, np.float32), nothing)
    cosines = x @ y.T
    cosines[n:], cosines[:, m:] = -np.inf, -np.inf
    return plain_half(cosines[:n], m, temperature), plain_half(cosines.T[:m], n, temperature)


def plain_half(cosines: Floats, m: int, temperature: float) -> Half:
    """Return that of one text, whose cosines with padding are minus infinity."""
    logits = cosines / temperature
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    attention = (weights / weights.sum(axis=1, keepdims=True))[:, :m]
    surprise = -np.log(np.maximum(attention, np.finfo(np.float32).tiny))
    entropy = (attention * surprise).sum(axis=1) / np.log(m) if m > 1 else np.zeros(1)
    quarter = -(-m // 4)
    first, last = attention[:, :quarter].sum(axis=1), attention[:, m - quarter :].sum(axis=1)
    return cosines.max(axis=1), [float(of.mean()) for of in (entropy, first, last)]
