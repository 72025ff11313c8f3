"""Compiled loops over the characters of many texts, for the family `overlap`.

This module imports numba, so it is imported where it is used. The loops let go of the interpreter's
lock, and threads run them side by side.

Each loop takes the characters of all texts as one array of code points, and `bounds`, shape
(n_rows, n_texts + 1): text t of row r is ``codes[bounds[r, t] : bounds[r, t + 1]]``. A row's sets
are one table from the element to its mask, in which bit t says that text t holds the element.
What comes back for each row is how many elements have each mask, and so any union or intersection
(see `holding`). Entry 0 of that is of no use.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from features.compiled import FOLD, NEWLINE, ONE, SPREAD, START, Codes, Flags, compiled, mixed
from features.sides import Array

Bounds = NDArray[np.int64]
Counts = NDArray[np.int64]

LAST_TURN = 3  # bit t + 3 of a word's mask: the last turn of text t, one of three, holds it
LONG = 6  # bit 6 of a word's mask: it is long
WORD_KINDS: dict[str, Callable[[int], tuple[int, ...]]] = {  # the bits of a kind of a text's words
    "words": lambda text: (text,),
    "long": lambda text: (text, LONG),
    "last": lambda text: (text + LAST_TURN,),
}

FIRST, SECOND = np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x165667B19E3779F9)
ASCII = np.uint32(128)  # the first code point beyond
CODE_BITS, THREE_CODES = np.uint64(21), np.uint64((1 << 63) - 1)


def holding(masks: Counts, *bits: int) -> Array:
    """Count the elements that all these bits of the mask are set for, shape (n_rows,).

    >>> masks = np.array([[-6, 3, 2, 1]])  # 3 elements in text 0 alone, 2 in text 1, 1 in both
    >>> holding(masks, 0), holding(masks, 0, 1)
    (array([4.]), array([1.]))
    """
    wanted = sum(1 << bit for bit in set(bits))
    columns = np.flatnonzero((np.arange(masks.shape[1]) & wanted) == wanted)
    return masks[:, columns].sum(axis=1).astype(np.float64)


@compiled
def _slots(elements: int) -> int:
    """Return the size of a table that so many elements do not fill, a power of two.

    Fewer than half of a text's trigrams are different, so that most tables stay half empty.
    """
    size = 16
    while size < elements + elements // 4:
        size *= 2
    return size


@compiled
def _add(keys: NDArray[np.uint64], marks: NDArray[np.uint8], last: np.uint64, key: np.uint64,
         mark: int, masks: Counts, row: int) -> None:  # fmt: skip
    """Set the bits of `mark` for a key (open addressing), and keep the row's masks up to date.

    The table is what lies up to `last`. Neither slices nor a branch around the writes: with them
    numba counts the users of the arrays at each call, which takes four times as long as the rest.
    """
    slot = ((key * SPREAD) >> FOLD) & last
    while marks[slot] != 0 and keys[slot] != key:
        slot = (slot + ONE) & last
    before = marks[slot]
    after = before | np.uint8(mark)
    keys[slot] = key
    marks[slot] = after
    masks[row, before] -= 1
    masks[row, after] += 1


@compiled
def word_sets(
    codes: Codes, bounds: Bounds, last: Bounds, is_word: Flags, long: int
) -> tuple[Counts, Counts, Counts]:
    """Count words, word trigrams and running words; words and trigrams by a hash of 64 bits.

    `last` holds where the last turn of each of the three texts starts; words of `long` characters
    or more are marked `LONG`. Shapes (n_rows, 128), (n_rows, 8), (n_rows, 3).
    """
    rows, texts = last.shape
    words = np.zeros((rows, 128), np.int64)
    phrases = np.zeros((rows, 8), np.int64)
    running = np.zeros((rows, texts), np.int64)
    size = _slots(np.max(bounds[:, -1] - bounds[:, 0]) // 2 + texts) if rows else 0
    word_keys, word_marks = np.empty(size, np.uint64), np.empty(size, np.uint8)
    phrase_keys, phrase_marks = np.empty(size, np.uint64), np.empty(size, np.uint8)
    for row in range(rows):
        used = _slots((bounds[row, -1] - bounds[row, 0]) // 2 + texts)
        edge = np.uint64(used - 1)
        word_marks[:used] = 0
        phrase_marks[:used] = 0
        for text in range(texts):
            end = bounds[row, text + 1]
            first = second = hashed = np.uint64(0)
            length = 0
            for place in range(bounds[row, text], end + 1):
                if place < end and is_word[codes[place]]:
                    hashed = mixed(hashed, np.uint64(codes[place]))
                    length += 1
                elif length > 0:
                    mark = 1 << text
                    if place - length >= last[row, text]:
                        mark |= 1 << (text + LAST_TURN)
                    if length >= long:
                        mark |= 1 << LONG
                    _add(word_keys, word_marks, edge, hashed, mark, words, row)
                    running[row, text] += 1
                    if running[row, text] > 2:
                        phrase = mixed(first * FIRST + second * SECOND, hashed)
                        _add(phrase_keys, phrase_marks, edge, phrase, 1 << text, phrases, row)
                    first, second, hashed = second, hashed, np.uint64(0)
                    length = 0
    return words, phrases, running


@compiled
def trigram_sets(codes: Codes, bounds: Bounds) -> Counts:
    """Count the character trigrams, exact: three code points are one key. Shape (n_rows, 8).

    Three characters of ASCII are a place in a table without keys, for a row that has no others.
    """
    rows, texts = bounds.shape[0], bounds.shape[1] - 1
    masks = np.zeros((rows, 8), np.int64)
    size = _slots(np.max(bounds[:, -1] - bounds[:, 0])) if rows else 0
    keys, marks = np.empty(size, np.uint64), np.empty(size, np.uint8)
    of_ascii = np.zeros(1 << 21, np.uint8)
    for row in range(rows):
        every = np.uint32(0)
        for place in range(bounds[row, 0], bounds[row, texts]):
            every |= codes[place]
        if every < ASCII:
            for text in range(texts):
                for place in range(bounds[row, text], bounds[row, text + 1] - 2):
                    of_ascii[_trigram(codes, place)] |= np.uint8(1 << text)
            for text in range(texts):
                for place in range(bounds[row, text], bounds[row, text + 1] - 2):
                    trigram = _trigram(codes, place)
                    masks[row, of_ascii[trigram]] += 1
                    of_ascii[trigram] = 0
            continue
        used = _slots(bounds[row, -1] - bounds[row, 0])
        marks[:used] = 0
        for text in range(texts):
            key = np.uint64(0)
            for place in range(bounds[row, text], bounds[row, text + 1]):
                key = ((key << CODE_BITS) | np.uint64(codes[place])) & THREE_CODES
                if place >= bounds[row, text] + 2:
                    _add(keys, marks, np.uint64(used - 1), key, 1 << text, masks, row)
    return masks


@compiled
def _trigram(codes: Codes, place: int) -> int:
    """Return three neighbouring characters of ASCII as one number of 21 bits."""
    return (codes[place] << 14) | (codes[place + 1] << 7) | codes[place + 2]


@compiled
def line_sets(codes: Codes, bounds: Bounds, is_space: Flags) -> tuple[Counts, Counts]:
    """Count lines that are not blank, without the white space around them, by a hash of 64 bits.

    The different ones by mask, shape (n_rows, 8), and all of them, shape (n_rows, n_texts).
    """
    rows, texts = bounds.shape[0], bounds.shape[1] - 1
    masks = np.zeros((rows, 8), np.int64)
    running = np.zeros((rows, texts), np.int64)
    size = _slots(np.max(bounds[:, -1] - bounds[:, 0]) // 2 + texts) if rows else 0
    keys, marks = np.empty(size, np.uint64), np.empty(size, np.uint8)
    for row in range(rows):
        used = _slots((bounds[row, -1] - bounds[row, 0]) // 2 + texts)
        marks[:used] = 0
        for text in range(texts):
            end = bounds[row, text + 1]
            hashed = hashed_at_ink = START  # of the line so far, and up to its last ink
            inked = False
            for place in range(bounds[row, text], end + 1):
                if place == end or codes[place] == NEWLINE:
                    if inked:
                        _add(keys, marks, np.uint64(used - 1), hashed_at_ink, 1 << text, masks, row)
                        running[row, text] += 1
                    hashed = START
                    inked = False
                elif not is_space[codes[place]]:
                    hashed = hashed_at_ink = mixed(hashed, np.uint64(codes[place]))
                    inked = True
                elif inked:
                    hashed = mixed(hashed, np.uint64(codes[place]))
    return masks, running


@compiled
def common_ends(codes: Codes, bounds: Bounds) -> Counts:
    """Count the characters that two texts begin with, and end with, in common. Shape (n_rows, 2).

    >>> codes = np.frombuffer("The catThe rat".encode("utf-32-le"), np.uint32)
    >>> common_ends(codes, np.array([[0, 7, 14]]))
    array([[4, 2]])
    """
    common = np.zeros((len(bounds), 2), np.int64)
    for row in range(len(bounds)):
        start, middle, end = bounds[row]
        shorter = min(middle - start, end - middle)
        while common[row, 0] < shorter and (
            codes[start + common[row, 0]] == codes[middle + common[row, 0]]
        ):
            common[row, 0] += 1
        while common[row, 1] < shorter and (
            codes[middle - 1 - common[row, 1]] == codes[end - 1 - common[row, 1]]
        ):
            common[row, 1] += 1
    return common
