"""Texts in any number, as real ones are long."""

import re
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from data.battles import TEXT_COLUMNS

BATTLES, SEED = 57_477, 0  # of the whole set
GAP = re.compile(r"(\s+)")


def texts_of(battles: pd.DataFrame) -> list[str]:
    """Return the prompt, answer A and answer B of each battle, one after the other."""
    rows = zip(*(battles[column] for column in TEXT_COLUMNS), strict=True)
    return ["\n".join(t for t in turns if t is not None) for row in rows for turns in row]


def shuffled_texts(texts: Sequence[str], n_texts: int) -> Iterator[str]:
    """Repeat texts up to a number, with the words of each in another order: none comes twice.

    >>> [sorted(text.split()) for text in shuffled_texts(["a b", "c"], 3)]
    [['a', 'b'], ['c'], ['a', 'b']]
    """
    rng = np.random.default_rng(SEED)
    for place in range(n_texts):
        parts = GAP.split(texts[place % len(texts)])
        words = parts[::2]
        parts[::2] = [words[word] for word in rng.permutation(len(words)).tolist()]
        yield "".join(parts)
