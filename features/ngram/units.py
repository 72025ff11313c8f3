"""What n-grams run over, and which of them may be frequent, for `features.ngram.vocabulary`."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.ngram.tokens import CHARACTERS, Bounds, Grams, Integers, Tokens, bounds_of, codes


class Units(NamedTuple):
    """What n-grams run over, as in `features.ngram.kernels`: texts of words, words of letters."""

    symbols: Integers
    bounds: Bounds
    units: Integers
    texts: Bounds


def lay_out(tokens: Tokens, kind: Grams, words: dict[str, int] | None = None) -> Units:
    """Lay out what n-grams run over; with `words`, other words are -1."""
    if kind.analyzer == CHARACTERS:
        symbols = codes("".join(f" {token} " for token in tokens.distinct))
        bounds = bounds_of(len(token) + 2 for token in tokens.distinct)
        return Units(symbols, bounds, tokens.numbers, tokens.texts)
    symbols = tokens.numbers
    if words is not None:
        known = np.array([words.get(token, -1) for token in tokens.distinct], np.int32)
        symbols = known[symbols]
    texts = len(tokens.texts) - 1
    own = np.arange(texts, dtype=np.int32), np.arange(texts + 1)
    return Units(symbols, tokens.texts, *own)


def candidates(units: Units, kind: Grams, min_df: int) -> tuple[Integers, Bounds]:
    """Find the n-grams that may occur in so many texts, and give each a number.

    Their units do, each counted for itself: of words exactly the texts; of characters a text with
    two such words counts twice.

    Returns
    -------
    found : ndarray of int32, shape (n_symbols, longest - shortest + 1)
        Which of them start at a place, or -1.
    places : ndarray of int64, shape (2, n_grams)
        Where each starts and ends for the first time.
    """
    from features.ngram.kernels import extend, text_frequencies

    n_units = len(units.bounds) - 1
    own = np.arange(n_units, dtype=np.int32), np.arange(n_units + 1)
    weights = text_frequencies(*own, units.units, units.texts, n_units)
    found = np.full((len(units.symbols), kind.longest - kind.shortest + 1), -1, np.int32)
    places = [np.empty((2, 0), np.int64)]
    shorter, known = np.zeros(len(units.symbols), np.int32), 0
    for length in range(1, kind.longest + 1):
        numbers, weight, first = extend(units.symbols, units.bounds, shorter, length, weights)
        frequent = weight >= min_df
        renumbered = np.append(np.where(frequent, np.cumsum(frequent) - 1, -1), -1)
        shorter = renumbered.astype(np.int32)[numbers]
        there = shorter >= 0
        if length < kind.shortest:
            there &= _whole(units, length, kind)
        found[there, max(length - kind.shortest, 0)] = shorter[there] + known
        known += int(frequent.sum())
        places.append(np.stack([first[frequent], first[frequent] + length]))
    return found, np.concatenate(places, axis=1)


def _whole(units: Units, length: int, kind: Grams) -> NDArray[np.bool_]:
    """Mark where words of a length start; scikit-learn counts those too short for an n-gram."""
    marks = np.zeros(len(units.symbols), np.bool_)
    if kind.analyzer == CHARACTERS:
        marks[units.bounds[:-1][np.diff(units.bounds) == length]] = True
    return marks


def written(places: Bounds, units: Units, tokens: Tokens, kind: Grams) -> list[str]:
    """Write n-grams as scikit-learn does, from where each starts and ends."""
    spans = zip(*places.tolist(), strict=True)
    if kind.analyzer == CHARACTERS:
        letters = units.symbols.tobytes().decode("utf-32-le", "surrogatepass")
        return [letters[start:end] for start, end in spans]
    word = tokens.distinct.__getitem__
    numbers = units.symbols
    return [" ".join(map(word, numbers[start:end].tolist())) for start, end in spans]
