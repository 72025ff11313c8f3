"""The compiled loops of `features.text.passes`.

This module imports numba, so it is imported where it is used. The loops let go of the interpreter's
lock. Text t is ``codes[bounds[t] : bounds[t + 1]]``, and counts have the shape (n_counts, n_texts).
"""

import numpy as np
from numpy.typing import NDArray

from features.compiled import NEWLINE, Codes, compiled
from features.text.passes import DIGIT, FULL_STOP, MARK, STOP, WORD

Bounds = NDArray[np.int64]
Counts = NDArray[np.int64]
Kinds = NDArray[np.uint8]
INK, ENDS, ONE = WORD | MARK, STOP | FULL_STOP, np.uint8(1)
HASH, DOT, BAR, GREATER, STAR, PLUS, MINUS = (np.uint32(ord(mark)) for mark in "#.|>*+-")


@compiled
def histogram(codes: Codes, bounds: Bounds, classes: Kinds, n_classes: int) -> Counts:
    """Count the characters of each class but 0."""
    counts = np.zeros((n_classes, len(bounds) - 1), np.int64)
    for text in range(len(bounds) - 1):
        for place in range(bounds[text], bounds[text + 1]):
            of = classes[codes[place]]
            if of:
                counts[of, text] += 1
    return counts


@compiled
def runs(codes: Codes, bounds: Bounds, kinds: Kinds) -> Counts:
    """Count words, sentences, lines and paragraphs."""
    counts = np.zeros((4, len(bounds) - 1), np.int64)
    for text in range(len(bounds) - 1):
        words = sentences = lines = paragraphs = 0
        before = np.uint8(0)
        inked, after_blank = False, True
        for place in range(bounds[text], bounds[text + 1]):
            kind = kinds[codes[place]]
            words += kind & ~before & WORD
            if (kind | before) & ENDS:
                sentences += (kind & ~before & FULL_STOP) != 0
                sentences += (before & STOP) != 0 and not kind & INK
            before = kind
            if codes[place] == NEWLINE:
                after_blank = not inked
                inked = False
            elif not inked and kind & INK:
                inked = True
                lines += 1
                paragraphs += after_blank
        counts[0, text] = words
        counts[1, text] = sentences + ((before & STOP) != 0)
        counts[2, text] = lines
        counts[3, text] = paragraphs
    return counts


@compiled
def marks(codes: Codes, bounds: Bounds, kinds: Kinds) -> Counts:
    """Count tokens, and lines by what they open with, see `features.text.passes.MARKS`."""
    counts = np.zeros((7, len(bounds) - 1), np.int64)
    for text in range(len(bounds) - 1):
        end = bounds[text + 1]
        tokens = 0
        before = np.uint8(0)
        opens = True
        for place in range(bounds[text], end):
            code = codes[place]
            kind = kinds[code]
            tokens += (kind & ~before & WORD) + (kind >> ONE & ONE)
            before = kind
            if code == NEWLINE:
                opens = True
            elif opens and kind & INK:
                opens = False
                if kind & DIGIT or code in (MINUS, STAR, PLUS):
                    _item(codes, kinds, place, end, counts, text)
                elif code == HASH:
                    _header(codes, kinds, place, end, bounds[text], counts, text)
                elif code == GREATER:
                    counts[6, text] += place + 1 < end and not kinds[codes[place + 1]] & INK
                elif code == BAR:
                    _row(codes, place, end, counts, text)
        counts[0, text] = tokens
    return counts


@compiled
def _item(codes: Codes, kinds: Kinds, place: int, end: int, counts: Counts, text: int) -> None:
    """Count what opens with a number and a dot or with a sign, and white space after it."""
    numbered = (kinds[codes[place]] & DIGIT) != 0
    while place < end and (kinds[codes[place]] & DIGIT):
        place += 1
    if place == end or (numbered and codes[place] != DOT):
        return
    place += 1
    if place == end or kinds[codes[place]] & INK:
        return
    counts[2 if numbered else 3, text] += 1
    blank = place
    while place < end and not kinds[codes[place]] & INK and codes[place] != NEWLINE:
        place += 1
    bold = blank < place < end - 1 and codes[place] == STAR and codes[place + 1] == STAR
    counts[4, text] += bold


@compiled
def _header(codes: Codes, kinds: Kinds, place: int, end: int, start: int,
            counts: Counts, text: int) -> None:  # fmt: skip
    """Count what opens with one to six hashes, without blanks before and with white space after."""
    if place > start and codes[place - 1] != NEWLINE:
        return
    level = 0
    while place < end and codes[place] == HASH:
        place += 1
        level += 1
    counts[1, text] += level <= 6 and place < end and not kinds[codes[place]] & INK


@compiled
def _row(codes: Codes, place: int, end: int, counts: Counts, text: int) -> None:
    """Count what opens with a bar and has another one in the same line."""
    place += 1
    while place < end and codes[place] != BAR and codes[place] != NEWLINE:
        place += 1
    counts[5, text] += place < end and codes[place] == BAR
