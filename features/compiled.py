"""How loops are compiled by numba, and what hashing loops share.

This module imports numba, so it is imported where it is used. What loops compile to is kept beside
their file or in the user's cache folder; where neither can be written, each process compiles anew
(some seconds).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Codes = NDArray[np.uint32]
Flags = NDArray[np.bool_]  # a property of each code point

# Odd multipliers of 64 bits with half of them set; all constants have the type of the keys, since
# a signed integer beside an unsigned one makes a float.
START = np.uint64(0x27D4EB2F165667C5)  # not 0, so that a leading NUL counts
SPREAD, FOLD = np.uint64(0x9E3779B97F4A7C15), np.uint64(32)
ONE, NEWLINE = np.uint64(1), np.uint32(10)


def compiled(loop: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """Compile a loop at its first call, and keep the result on disk where that is possible."""
    try:
        return njit(nogil=True, cache=True, **options)(loop)
    except RuntimeError:  # no folder to keep it in
        return njit(nogil=True, **options)(loop)


@compiled
def mixed(state: np.uint64, value: np.uint64) -> np.uint64:
    """Mix a value into the state of a hash."""
    product = (state ^ value) * SPREAD
    return product ^ (product >> FOLD)
