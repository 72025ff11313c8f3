"""Texts cut into numbered tokens, as scikit-learn's `CountVectorizer` cuts them.

For `features.ngram.vocabulary`. The compiled loop is imported where it is used.
"""

import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import accumulate, count
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

WORD, CHARACTERS = "word", "char_wb"
Normalise = Callable[[Sequence[str]], list[str]]
Integers = NDArray[np.int32]
Bounds = NDArray[np.int64]

BLOCK = 4_000_000  # characters
# Words of one letter are left out; Python's \w\w+ takes as many as it can, so \b changes nothing.
LEAST = {WORD: 2, CHARACTERS: 1}


class Grams(NamedTuple):
    """One kind of n-gram.

    Attributes
    ----------
    analyzer : {"word", "char_wb"}
        As scikit-learn's `CountVectorizer`: of words, or of characters within words with a space
        at each side.
    shortest, longest : int
        Least and greatest number of words or characters, at least 1.
    normalise : callable, optional
        Of words only: takes different words, returns as many, without white space; an empty one is
        removed, so that its neighbours meet.
    """

    analyzer: str
    shortest: int
    longest: int
    normalise: Normalise | None = None


def check_kind(kind: Grams) -> None:
    """Refuse a kind of n-gram that cannot be.

    Raises
    ------
    ValueError
        Says what is wrong.
    """
    if kind.analyzer not in LEAST:
        raise ValueError(
            f"The analyzer of Grams must be {' or '.join(map(repr, LEAST))}. "
            f"Got {kind.analyzer!r} instead."
        )
    if not 1 <= kind.shortest <= kind.longest:
        raise ValueError(
            "The lengths of Grams must be 1 <= shortest <= longest. "
            f"Got {kind.shortest} and {kind.longest} instead."
        )
    if kind.normalise is not None and kind.analyzer != WORD:
        raise ValueError("normalise is for words. Leave it out for characters.")


class Tokens(NamedTuple):
    """The tokens of some texts: text t has ``numbers[texts[t] : texts[t + 1]]``."""

    distinct: list[str]
    numbers: Integers
    texts: Bounds


def numbers() -> dict[str, int]:
    """Return what numbers things as they come."""
    return defaultdict(count().__next__)


def cut_texts(texts: Sequence[str], kind: Grams) -> Tokens:
    """Cut texts and number their tokens; normalise the different ones and drop the empty ones.

    Raises
    ------
    ValueError
        What `normalise` returns is not one token for each.

    Examples
    --------
    >>> tokens = cut_texts(["It is a test.", "Is it?"], Grams("word", 1, 1))
    >>> tokens.distinct, tokens.numbers.tolist(), tokens.texts.tolist()
    (['it', 'is', 'test'], [0, 1, 2, 1, 0], [0, 3, 5])
    """
    from features.ngram.kernels import cut

    inside, least = _inside(kind.analyzer), LEAST[kind.analyzer]
    index = numbers()
    found, bounds = [np.empty(0, np.int32)], [np.zeros(1, np.int64)]
    for block in _blocks(texts):
        lowered = [text.lower() for text in block]
        joined = "".join(lowered)
        local, ends, spans = cut(codes(joined), bounds_of(map(len, lowered)), inside, least)
        known = [index[joined[start:end]] for start, end in zip(*spans.tolist(), strict=True)]
        found.append(np.array(known, np.int32)[local])
        bounds.append(ends[1:] + bounds[-1][-1])
    tokens = Tokens(list(index), np.concatenate(found), np.concatenate(bounds))
    return tokens if kind.normalise is None else _normalised(tokens, kind.normalise)


def _blocks(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Split texts where a block has grown long enough: what is made of it stays small."""
    first = characters = 0
    for place, text in enumerate(texts):
        characters += len(text)
        if characters >= BLOCK:
            yield texts[first : place + 1]
            first, characters = place + 1, 0
    yield texts[first:]


@cache
def _inside(analyzer: str) -> NDArray[np.bool_]:
    """Say of each code point whether it is part of a token, as Python's re and str.split do."""
    letters = "".join(map(chr, range(sys.maxunicode + 1)))
    outside = re.compile(r"\W+" if analyzer == WORD else r"\s+")
    flags = np.ones(len(letters), np.bool_)
    for match in outside.finditer(letters):
        flags[slice(*match.span())] = False
    return flags


def _normalised(tokens: Tokens, normalise: Normalise) -> Tokens:
    normal = normalise(tokens.distinct)
    if len(normal) != len(tokens.distinct):
        raise ValueError(
            f"normalise must return a token for each of {len(tokens.distinct)}. "
            f"Got {len(normal)} instead."
        )
    spaced = next((token for token in normal if token and token.split() != [token]), None)
    if spaced is not None:
        raise ValueError(f"normalise must return tokens without white space. Got {spaced!r}.")
    index = numbers()
    renumbered = np.array([index[token] if token else -1 for token in normal], np.int32)
    found = renumbered[tokens.numbers]
    kept = found >= 0
    return Tokens(list(index), found[kept], bounds_kept(kept, tokens.texts))


def codes(text: str) -> Integers:
    """Return the code points of a text.

    >>> codes("aé")
    array([ 97, 233], dtype=int32)
    """
    # Of bytes it would be read-only, and all loops over it compiled twice.
    return np.frombuffer(bytearray(text.encode("utf-32-le", "surrogatepass")), np.int32)


def bounds_of(lengths: Iterable[int]) -> Bounds:
    """Return where stretches of these lengths start, and where the last one ends.

    >>> bounds_of([2, 0, 1])
    array([0, 2, 2, 3])
    """
    return np.fromiter(accumulate(lengths, initial=0), np.int64)


def bounds_kept(kept: NDArray[Any], bounds: Bounds) -> Bounds:
    """Return where each stretch starts when so many of each place in it are kept.

    >>> bounds_kept(np.array([True, False, True]), np.array([0, 2, 3]))
    array([0, 1, 2])
    """
    return np.concatenate([[0], np.cumsum(kept, dtype=np.int64)])[bounds]
