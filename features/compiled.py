"""How loops are compiled by numba, and what hashing loops share.

This module imports numba, so it is imported where it is used. What loops compile to is kept beside
their file or in the user's cache folder; where neither can be written, each process compiles anew
(some seconds).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numba import njit
from numpy.typing import NDArray

from data.home import keeps_compiled

Codes = NDArray[np.uint32]
Flags = NDArray[np.bool_]  # a property of each code point

# Odd multipliers of 64 bits with half of them set; all constants have the type of the keys, since
# a signed integer beside an unsigned one makes a float.
START = np.uint64(0x27D4EB2F165667C5)  # not 0, so that a leading NUL counts
SPREAD, FOLD = np.uint64(0x9E3779B97F4A7C15), np.uint64(32)
ONE, NEWLINE = np.uint64(1), np.uint32(10)


def compiled(loop: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """Compile a loop at its first call, and keep the result on disk where that is possible."""
    kept = keeps_compiled(Path(loop.__code__.co_filename))
    try:
        return njit(nogil=True, cache=kept, **options)(loop)
    except RuntimeError:  # no folder to keep it in
        return njit(nogil=True, **options)(loop)


@compiled
def mixed(state: np.uint64, value: np.uint64) -> np.uint64:
    """Mix a value into the state of a hash."""
    product = (state ^ value) * SPREAD
    return product ^ (product >> FOLD)


def code_points(texts: pl.Series) -> tuple[Codes, NDArray[np.int64]]:
    """Lay the characters of texts one after the other, and say where each text starts and ends.

    >>> import polars as pl
    >>> codes, bounds = code_points(pl.Series(["aé", "", "好"]))
    >>> codes.tolist(), bounds.tolist()
    ([97, 233, 22909], [0, 2, 2, 3])
    """
    array = texts.to_arrow()
    _, offsets, data = array.buffers()
    bounds = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    return _decoded(np.frombuffer(data or b"", np.uint8), bounds)


@compiled
def _decoded(data: NDArray[np.uint8], bounds: NDArray[np.int64]) -> tuple[Codes, NDArray[np.int64]]:
    """Decode UTF-8 that is known to be valid."""
    codes = np.empty(bounds[-1] - bounds[0], np.uint32)
    ends = np.zeros(len(bounds), np.int64)
    size = 0
    for text in range(len(bounds) - 1):
        start, end = bounds[text], bounds[text + 1]
        every = np.uint8(0)
        for byte in data[start:end]:
            every |= byte
        if every < 0x80:  # as most texts: many bytes at a time
            for place in range(end - start):  # a slice of a slice takes seconds to compile
                codes[size + place] = data[start + place]
            size += end - start
        else:
            size = _decode(data, start, end, codes, size)
        ends[text + 1] = size
    return codes[:size], ends


@compiled
def _decode(data: NDArray[np.uint8], place: int, end: int, codes: Codes, size: int) -> int:
    """Decode a text, and return where its characters end."""
    while place < end:
        byte = np.uint32(data[place])
        place += 1
        if byte >= 0x80:
            more = 1 + (byte >= 0xE0) + (byte >= 0xF0)
            byte &= np.uint32(0x3F >> more)
            for _ in range(more):
                byte = (byte << 6) | np.uint32(data[place] & 0x3F)
                place += 1
        codes[size] = byte
        size += 1
    return size
