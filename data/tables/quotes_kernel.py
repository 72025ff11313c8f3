"""The compiled loop of `data.tables.quotes`.

This module imports numba, so it is imported where it is used. What it compiles to is kept beside
this file or in the user's cache folder; where neither can be written, each process compiles anew.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from data.home import keeps_compiled

COMMA, QUOTE, LF, CR, SPACE, TAB = b',"\n\r \t'
# Where the loop is: those of the tokenizer of pandas, which decides what a row is.
ROW, FIELD, PLAIN, QUOTED, CLOSED, AFTER_CR, AFTER_BLANK_CR, BLANK = range(8)
# What it remembers from block to block.
STATE, RECORD, OPENED, ROWS, BEGAN, ODD, N_ODD, N_CUTS = range(8)
SIZE = 8


def compiled(loop: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a loop at its first call, and keep the result on disk where that is possible."""
    kept = keeps_compiled(Path(loop.__code__.co_filename))
    try:
        return njit(nogil=True, cache=kept)(loop)
    except RuntimeError:  # no folder to keep it in
        return njit(nogil=True)(loop)


@compiled
def _end_record(
    memory: NDArray[np.int64], place: int, cuts: NDArray[np.int64], most_rows: int, most_bytes: int
) -> None:
    """Count a record, and end a chunk where it is full; record 0 is the header."""
    memory[RECORD] += 1
    memory[ROWS] += memory[RECORD] > 1
    if memory[ROWS] >= most_rows or place - memory[BEGAN] >= most_bytes:
        if memory[ROWS]:
            cuts[memory[N_CUTS]] = memory[ROWS]
            memory[N_CUTS] += 1
        memory[ROWS] = 0
        memory[BEGAN] = place


@compiled
def scan_block(
    data: NDArray[np.uint8],
    base: int,
    memory: NDArray[np.int64],
    odd: NDArray[np.int64],
    cuts: NDArray[np.int64],
    most_rows: int,
    most_bytes: int,
) -> None:
    """Go through a block that begins at byte `base`.

    `odd` gets the records in which something follows a closing quote, `cuts` the numbers of rows
    of the chunks that end in the block; each needs room for as many entries as the block has bytes.
    """
    state = memory[STATE]
    memory[N_ODD] = memory[N_CUTS] = 0
    i, n = 0, len(data)
    while i < n:
        if state == QUOTED:  # most bytes of a file are passed over here, eight at a time
            while i + 8 <= n and not (
                (data[i] == QUOTE)
                | (data[i + 1] == QUOTE)
                | (data[i + 2] == QUOTE)
                | (data[i + 3] == QUOTE)
                | (data[i + 4] == QUOTE)
                | (data[i + 5] == QUOTE)
                | (data[i + 6] == QUOTE)
                | (data[i + 7] == QUOTE)
            ):
                i += 8
            while i < n and data[i] != QUOTE:
                i += 1
            if i < n:
                state = CLOSED
                i += 1
            continue
        c = data[i]
        if state == AFTER_CR:
            if c == LF:
                i += 1
            _end_record(memory, base + i, cuts, most_rows, most_bytes)
            state = ROW
            continue
        if state == AFTER_BLANK_CR:
            if c in (LF, COMMA):  # the tokenizer loses the comma
                i += 1
            state = ROW
            continue
        i += 1
        if state in (ROW, BLANK) and (c in (LF, CR, SPACE, TAB)):
            if c == LF:
                state = ROW
            elif c == CR:
                state = AFTER_BLANK_CR
            else:
                state = BLANK
        elif c == QUOTE and state in (ROW, FIELD, CLOSED):
            if state != CLOSED:
                memory[OPENED] = base + i - 1
            state = QUOTED
        elif c == COMMA:
            state = FIELD
        elif c == LF:
            _end_record(memory, base + i, cuts, most_rows, most_bytes)
            state = ROW
        elif c == CR:
            state = AFTER_CR
        else:
            if state == CLOSED and memory[ODD] != memory[RECORD]:
                odd[memory[N_ODD]] = memory[ODD] = memory[RECORD]
                memory[N_ODD] += 1
            state = PLAIN
    memory[STATE] = state
