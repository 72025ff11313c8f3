"""Compiled passes over the characters of texts, and what each of them counts.

Each pass takes the texts' characters one after the other, where each text starts and ends, and what
to count in them; it returns a row of counts for each of these (see `features.tally`). All give what
the regular expressions beside their names would.
"""

import sys
from collections.abc import Hashable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.tally import Bounds, Codes

# What `runs` counts, in the order of its columns.
RUNS = (
    "words",  # \w+
    "sentences",  # [.!?…]+(?:\s|$)|[。！？]+
    "lines",  # (?m)^[^\S\n]*\S
    "paragraphs",  # \S[^\n]*(?:\n[^\S\n]*\S[^\n]*)*
)
# What `marks` counts.
MARKS = (
    "tokens",  # \w+|[^\w\s]
    "headers",  # (?m)^#{1,6}\s
    "ordered",  # (?m)^[^\S\n]*\d+\.\s
    "unordered",  # (?m)^[^\S\n]*[-*+]\s
    "bold_items",  # (?m)^[^\S\n]*(?:\d+\.|[-*+])[^\S\n]+\*\*
    "table_rows",  # (?m)^[^\S\n]*\|[^\n]*\|
    "quotes",  # (?m)^[^\S\n]*>\s
)
# What a character is, as bits; white space is neither of the first two, which loops add up.
WORD, MARK, DIGIT, STOP, FULL_STOP = (np.uint8(1 << bit) for bit in range(5))


@cache
def matching(pattern: str) -> NDArray[np.bool_]:
    r"""Return for each code point whether polars' `pattern` matches it, shape (0x110000,).

    >>> matching(r"\s")[[0x20, 0x41, 0xA0]].tolist()
    [True, False, True]
    """
    every = np.arange(sys.maxunicode + 1, dtype=np.uint32)
    every = every[(every < 0xD800) | (every >= 0xE000)]  # no text holds half a surrogate pair
    whole = pl.Series([every.tobytes().decode("utf-32-le")])
    others = whole.str.replace_all(pattern, "").item()
    matches = np.ones(sys.maxunicode + 1, dtype=np.bool_)
    matches[np.frombuffer(others.encode("utf-32-le"), np.uint32)] = False
    return matches


@cache
def kinds() -> NDArray[np.uint8]:
    """Return for each code point what it is, as bits. Shape (0x110000,)."""
    word, space = matching(r"\w"), matching(r"\s")
    of_code = word * WORD | ~(word | space) * MARK | matching(r"\d") * DIGIT
    of_code[[ord(stop) for stop in ".!?…"]] |= STOP
    of_code[[ord(stop) for stop in "。！？"]] |= FULL_STOP
    return of_code


def runs(codes: Codes, bounds: Bounds, names: Sequence[Hashable]) -> NDArray[np.int64]:
    """Count runs of characters and of lines, by their names in `RUNS`."""
    from features.text import pass_kernels

    return pass_kernels.runs(codes, bounds, kinds())[[RUNS.index(name) for name in names]]


def marks(codes: Codes, bounds: Bounds, names: Sequence[Hashable]) -> NDArray[np.int64]:
    """Count tokens, and lines by the markdown that they open with, by their names in `MARKS`."""
    from features.text import pass_kernels

    return pass_kernels.marks(codes, bounds, kinds())[[MARKS.index(name) for name in names]]


def characters(codes: Codes, bounds: Bounds, sets: Sequence[Hashable]) -> NDArray[np.int64]:
    """Count the characters of each set, a string of different characters."""
    from features.text import pass_kernels

    classes = _classes(tuple(sets))
    histogram = pass_kernels.histogram(codes, bounds, classes.of_code, classes.members.shape[1])
    return classes.members @ histogram


class Classes(NamedTuple):
    """Characters by the sets that they are in; class 0 is in none."""

    of_code: NDArray[np.uint8]  # shape (0x110000,)
    members: NDArray[np.int64]  # shape (n_sets, n_classes)


@cache
def _classes(sets: tuple[str, ...]) -> Classes:
    of_code = np.zeros(sys.maxunicode + 1, np.uint8)
    number = {(False,) * len(sets): 0}
    members = [frozenset(one) for one in sets]
    for character in sorted(frozenset().union(*members)):
        among = tuple(character in one for one in members)
        of_code[ord(character)] = number.setdefault(among, len(number))
    return Classes(of_code, np.array(list(number), np.int64).T)
