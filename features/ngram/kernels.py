"""Compiled loops that find and count n-grams, for `features.ngram.vocabulary`.

This module imports numba, so it is imported where it is used.

An n-gram stretches over `symbols` that follow each other in a unit: unit u holds the places from
``bounds[u]`` to ``bounds[u + 1]``. Each n-gram is known by that of its first n - 1 symbols and by
its last symbol, which make one key of 64 bits: a hash table of keys is a trie, and it is exact.
Text t is made of ``units[texts[t] : texts[t + 1]]``.
"""

import numpy as np
from numpy.typing import NDArray

from features.compiled import FOLD, ONE, SPREAD, START, Codes, Flags, compiled, mixed

Integers = NDArray[np.int32]
Bounds = NDArray[np.int64]
Table = NDArray[np.uint64]  # shape (n_slots, 2): a key, and its number + 1 or 0 where none is

FIRST_SLOTS = 1 << 12
HALF_KEY, ZERO = np.uint64(32), np.uint64(0)
LOW_SIX = np.uint64(63)
# Multiplied by it, each power of two has six high bits of its own (a de Bruijn sequence).
DE_BRUIJN, HIGH_SIX = np.uint64(0x03F79D71B4CB0A89), np.uint64(58)
PLACE_OF_BIT = np.zeros(64, np.int64)
for _bit in range(64):
    PLACE_OF_BIT[((int(DE_BRUIJN) << _bit) & 0xFFFF_FFFF_FFFF_FFFF) >> 58] = _bit


@compiled
def _slot(table: Table, key: np.uint64) -> np.uint64:
    """Return where the key is, or the empty slot where it belongs (open addressing)."""
    last = np.uint64(len(table) - 1)
    slot = ((key * SPREAD) >> FOLD) & last
    while table[slot, 1] != ZERO and table[slot, 0] != key:
        slot = (slot + ONE) & last
    return slot


@compiled
def _grown(table: Table) -> Table:
    """Return the same entries in a table of twice the size."""
    wider = np.zeros((2 * len(table), 2), np.uint64)
    last = np.uint64(len(wider) - 1)
    for entry in range(len(table)):
        if table[entry, 1] != ZERO:
            slot = ((table[entry, 0] * SPREAD) >> FOLD) & last
            while wider[slot, 1] != ZERO:
                slot = (slot + ONE) & last
            wider[slot] = table[entry]
    return wider


@compiled
def _longer(grams: Bounds) -> Bounds:
    longer = np.zeros((2 * len(grams), 3), np.int64)
    for gram in range(len(grams)):  # a slice takes seconds to compile
        for what in range(3):
            longer[gram, what] = grams[gram, what]
    return longer


@compiled
def cut(codes: Codes, bounds: Bounds, inside: Flags,
        least: int) -> tuple[Integers, Bounds, Bounds]:  # fmt: skip
    """Cut texts into the longest runs of characters that are `inside`, of at least so many.

    Returns
    -------
    numbers : ndarray of int32, shape (n_tokens,)
        The tokens of all texts; equal ones have equal numbers.
    texts : ndarray of int64, shape (n_texts + 1,)
        Where each text's tokens start.
    spans : ndarray of int64, shape (2, n_distinct)
        Where each token starts and ends for the first time.
    """
    most = len(codes) // 2 + len(bounds)
    table = np.zeros((FIRST_SLOTS, 2), np.uint64)
    spans, numbers = np.empty((2, most), np.int64), np.empty(most, np.int32)
    texts = np.zeros(len(bounds), np.int64)
    tokens = found = 0
    for text in range(len(bounds) - 1):
        end = bounds[text + 1]
        start = bounds[text]
        hashed = START
        for place in range(bounds[text], end + 1):
            if place < end and inside[codes[place]]:
                hashed = mixed(hashed, np.uint64(codes[place]))
                continue
            length = place - start
            if length >= least:
                if 2 * found >= len(table):
                    table = _grown(table)
                # Written out: as a function numba would count its arrays' users for each token.
                last = np.uint64(len(table) - 1)
                slot = ((hashed * SPREAD) >> FOLD) & last
                while table[slot, 1] != ZERO:
                    number = np.int64(table[slot, 1]) - 1
                    if table[slot, 0] == hashed and spans[1, number] - spans[0, number] == length:
                        same = 0  # characters: tokens of one hash need not be one
                        while (
                            same < length and codes[spans[0, number] + same] == codes[start + same]
                        ):
                            same += 1
                        if same == length:
                            break
                    slot = (slot + ONE) & last
                if table[slot, 1] == ZERO:
                    spans[0, found] = start
                    spans[1, found] = place
                    found += 1
                    table[slot, 0] = hashed
                    table[slot, 1] = np.uint64(found)
                numbers[tokens] = np.int64(table[slot, 1]) - 1
                tokens += 1
            start = place + 1
            hashed = START
        texts[text + 1] = tokens
    return numbers[:tokens].copy(), texts, spans[:, :found].copy()


@compiled
def extend(symbols: Integers, bounds: Bounds, shorter: Integers, length: int,
           weights: Bounds) -> tuple[Integers, Bounds, Bounds]:  # fmt: skip
    """Give a number to each n-gram of a length.

    `shorter` has for each place the number of the n-gram one symbol shorter that starts there, or
    -1: an n-gram is taken only where both of its parts are. It is all zeros for the length 1.

    Returns
    -------
    numbers : ndarray of int32, shape (n_symbols,)
        Which n-gram starts at a place, -1 for none.
    weight : ndarray of int64, shape (n_grams,)
        The sum of the `weights` of the units that hold the n-gram.
    first : ndarray of int64, shape (n_grams,)
        A place where it starts.
    """
    numbers = np.full(len(symbols), -1, np.int32)
    table = np.zeros((FIRST_SLOTS, 2), np.uint64)
    grams = np.zeros((FIRST_SLOTS // 2, 3), np.int64)  # first place, weight, unit + 1 seen last
    found = 0
    for unit in range(len(bounds) - 1):
        for place in range(bounds[unit], bounds[unit + 1] - length + 1):
            if shorter[place] < 0 or (length > 1 and shorter[place + 1] < 0):
                continue
            key = (np.uint64(shorter[place]) << HALF_KEY) | np.uint64(symbols[place + length - 1])
            slot = _slot(table, key)
            if table[slot, 1] == ZERO:
                if found == len(grams):
                    table, grams = _grown(table), _longer(grams)
                    slot = _slot(table, key)
                grams[found, 0] = place
                found += 1
                table[slot, 0] = key
                table[slot, 1] = np.uint64(found)
            number = np.int64(table[slot, 1]) - 1
            numbers[place] = number
            if grams[number, 2] != unit + 1:
                grams[number, 2] = unit + 1
                grams[number, 1] += weights[unit]
    return numbers, grams[:found, 1].copy(), grams[:found, 0].copy()


@compiled
def plant(symbols: Integers, bounds: Bounds) -> tuple[Table, Bounds]:
    """Make the trie of some n-grams, and return the node where each ends. The root is node 0."""
    table = np.zeros((FIRST_SLOTS, 2), np.uint64)
    ends = np.zeros(len(bounds) - 1, np.int64)
    nodes = 0
    for gram in range(len(ends)):
        node = np.uint64(0)
        for place in range(bounds[gram], bounds[gram + 1]):
            key = (node << HALF_KEY) | np.uint64(symbols[place])
            slot = _slot(table, key)
            if table[slot, 1] == ZERO:
                if 2 * nodes >= len(table):
                    table = _grown(table)
                    slot = _slot(table, key)
                nodes += 1
                table[slot, 0] = key
                table[slot, 1] = np.uint64(nodes)
            node = table[slot, 1]
        ends[gram] = np.int64(node)
    return table, ends


@compiled
def walk(symbols: Integers, bounds: Bounds, table: Table, columns: Integers, shortest: int,
         longest: int, whole: bool) -> Integers:  # fmt: skip
    """Look up which columns start at each place, shape (n_symbols, longest - shortest + 1).

    `columns` has the column of each node or -1, and -1 stands where there is no n-gram. With
    `whole` a unit shorter than `shortest` is an n-gram of its own.
    """
    found = np.full((len(symbols), longest - shortest + 1), -1, np.int32)
    for unit in range(len(bounds) - 1):
        start, end = bounds[unit], bounds[unit + 1]
        for place in range(start, end):
            node = np.uint64(0)
            for length in range(1, min(longest, end - place) + 1):
                symbol = symbols[place + length - 1]
                if symbol < 0:
                    break
                slot = _slot(table, (node << HALF_KEY) | np.uint64(symbol))
                node = table[slot, 1]
                if node == ZERO:
                    break
                if length >= shortest:
                    found[place, length - shortest] = columns[node]
                elif whole and length == end - start:
                    found[place, 0] = columns[node]
    return found


@compiled
def listed(found: Integers, columns: Integers, bounds: Bounds) -> tuple[Integers, Bounds]:
    """List the columns of the n-grams `found` in each unit, and where each unit's start.

    Those whose column is -1 are left out, and so is -1 itself.
    """
    starts = np.zeros(len(bounds), np.int64)
    size = 0
    for unit in range(len(bounds) - 1):
        for place in range(bounds[unit], bounds[unit + 1]):
            for gram in found[place]:
                size += gram >= 0 and columns[gram] >= 0
        starts[unit + 1] = size
    lists = np.empty(size, np.int32)
    size = 0
    for place in range(len(found)):
        for gram in found[place]:
            if gram >= 0 and columns[gram] >= 0:
                lists[size] = columns[gram]
                size += 1
    return lists, starts


@compiled
def text_frequencies(lists: Integers, bounds: Bounds, units: Integers, texts: Bounds,
                     n_columns: int) -> Bounds:  # fmt: skip
    """Count the texts that hold each column; unit u holds ``lists[bounds[u] : bounds[u + 1]]``."""
    frequency = np.zeros(n_columns, np.int64)
    latest = np.zeros(n_columns, np.int32)  # text + 1 that was counted last
    read = np.zeros(len(bounds) - 1, np.int32)
    for text in range(len(texts) - 1):
        for occurrence in range(texts[text], texts[text + 1]):
            unit = units[occurrence]
            if read[unit] == text + 1:
                continue
            read[unit] = text + 1
            for place in range(bounds[unit], bounds[unit + 1]):
                column = lists[place]
                if latest[column] != text + 1:
                    latest[column] = text + 1
                    frequency[column] += 1
    return frequency


@compiled
def fill(lists: Integers, bounds: Bounds, units: Integers, texts: Bounds, n_columns: int,
         size: int) -> tuple[Integers, Integers, Bounds]:  # fmt: skip
    """Count the columns of each text: the data, indices and row bounds of a sparse matrix.

    `size` is how many cells are not zero. Two levels of bits remember which columns a text has
    touched, and give them back in order.
    """
    data, indices = np.empty(size, np.int32), np.empty(size, np.int32)
    rows = np.zeros(len(texts), np.int64)
    counts = np.zeros(n_columns, np.int32)
    bits = np.zeros(n_columns // 64 + 1, np.uint64)
    pages = np.zeros(len(bits) // 64 + 1, np.uint64)
    times = np.zeros(len(bounds) - 1, np.int32)
    for text in range(len(texts) - 1):
        for occurrence in range(texts[text], texts[text + 1]):
            times[units[occurrence]] += 1
        for occurrence in range(texts[text], texts[text + 1]):
            unit = units[occurrence]
            many = times[unit]
            if many == 0:
                continue
            times[unit] = 0
            for place in range(bounds[unit], bounds[unit + 1]):
                column = lists[place]
                if counts[column] == 0:
                    word = column >> 6
                    bits[word] |= ONE << (np.uint64(column) & LOW_SIX)
                    pages[word >> 6] |= ONE << (np.uint64(word) & LOW_SIX)
                counts[column] += many
        cell = rows[text]
        for page in range(len(pages)):
            marks = pages[page]
            pages[page] = ZERO
            while marks != ZERO:
                word = 64 * page + _lowest(marks)
                marks &= marks - ONE
                columns = bits[word]
                bits[word] = ZERO
                while columns != ZERO:
                    column = 64 * word + _lowest(columns)
                    columns &= columns - ONE
                    indices[cell] = column
                    data[cell] = counts[column]
                    counts[column] = 0
                    cell += 1
        rows[text + 1] = cell
    return data, indices, rows


@compiled
def _lowest(bits: np.uint64) -> int:
    """Return the place of the lowest bit that is set."""
    alone = bits & (~bits + ONE)
    return PLACE_OF_BIT[np.int64((alone * DE_BRUIJN) >> HIGH_SIX)]
