"""What the matches of tokens say of a battle, as columns of the family `cross_attention`."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.matching.attention import FIGURES
from features.matching.matches import DIRECTIONS, Matches, where
from features.sides import Array, compare
from features.table import SHARE, Row

PROMPT, FIRST, SECOND = range(3)  # numbers of the texts: the prompt, answer A, answer B

# What is made of the best matches of a text's tokens in another text, and what their attention over
# it looks like.
MEASURES: dict[str, str] = {
    "maxsim": "mean of their best cosines",
    "maxsim_idf": "mean of their best cosines, rare tokens counting more (IDF)",
    "coverage": "share of them with a cosine of at least the threshold",
    "coverage_idf": "share of them with a cosine of at least the threshold, by IDF",
    "entropy": "attention, mean entropy, 1 where it is spread evenly",
    "first": "attention, mass on the first quarter",
    "last": "attention, mass on the last quarter",
}


class Look(NamedTuple):
    """Whose tokens look at whose."""

    doc: str
    measures: tuple[str, ...]
    sides: tuple[str, ...]  # the columns to make
    a: tuple[int, int]  # for answer A: the text that looks, and the one that is looked at
    b: tuple[int, int]


LOOKS: dict[str, Look] = {
    "prompt": Look(
        "the prompt's tokens in the answer",
        tuple(MEASURES), SHARE, (PROMPT, FIRST), (PROMPT, SECOND),
    ),
    "answer": Look(
        "the answer's tokens in the prompt",
        ("maxsim", "maxsim_idf", "entropy"), SHARE, (FIRST, PROMPT), (SECOND, PROMPT),
    ),
    "other": Look(
        "the answer's tokens in the other answer",
        tuple(MEASURES), (*SHARE, "sum"), (FIRST, SECOND), (SECOND, FIRST),
    ),
}  # fmt: skip

STATISTICS: dict[str, Row] = {
    f"{who}_{measure}": Row(f"{look.doc}: {MEASURES[measure]}", look.sides)
    for who, look in LOOKS.items()
    for measure in look.measures
}


def scores(matches: Matches, idf: Array, threshold: float) -> dict[str, Array]:
    """Return the family's columns.

    Parameters
    ----------
    matches : Matches
    idf : ndarray of float64, shape (n_tokens,)
        Weight of each token of the matches.
    threshold : float
        Cosine from which on a token counts as covered.
    """
    best = np.asfortranarray(matches.best, dtype=np.float64)  # each column in one piece
    covered = (best >= threshold).astype(np.float64)
    of = {
        "maxsim": means(matches, best),
        "maxsim_idf": means(matches, best, idf),
        "coverage": means(matches, covered),
        "coverage_idf": means(matches, covered, idf),
    }
    figures = dict(zip(FIGURES, matches.figures.astype(np.float64).T, strict=True))
    columns: dict[str, Array] = {}
    for who, look in LOOKS.items():
        for name in look.measures:
            a, b = (
                of[name][:, pair[0], where(*pair)]
                if name in of
                else figures[name][DIRECTIONS.index(pair)]
                for pair in (look.a, look.b)
            )
            columns |= compare(f"{who}_{name}", a, b, look.sides)
    return columns


def means(matches: Matches, values: Array, weights: Array | None = None) -> Array:
    """Return the weighted means of two values a token over each text's tokens.

    Parameters
    ----------
    matches : Matches
    values : ndarray, shape (n_tokens, 2)
    weights : ndarray, shape (n_tokens,), optional
        Above 0; 1 by default.

    Returns
    -------
    ndarray, shape (n_battles, 3, 2)
        0 for a text without tokens.

    Examples
    --------
    >>> matches = Matches.none()._replace(lengths=np.int32([[2, 0, 0]]))
    >>> means(matches, np.array([[1.0, 0.0], [3.0, 8.0]]), np.array([3.0, 1.0]))[0, 0]
    array([1.5, 2. ])
    """
    held, starts = matches.lengths.ravel() > 0, matches.starts.ravel()
    weight = np.ones(len(values)) if weights is None else weights
    found = np.zeros((matches.lengths.size, 2))
    if held.any():
        total, *both = (
            np.add.reduceat(of, starts[held]) for of in (weight, *(weight * of for of in values.T))
        )
        found[held] = np.stack(both, axis=1) / total[:, None]
    return found.reshape(*matches.lengths.shape, 2)


def document_frequency(owner: NDArray[np.intp], tokens: NDArray[np.int32]) -> NDArray[np.int32]:
    """Count in how many texts each token occurs.

    >>> document_frequency(np.array([0, 0, 0, 1]), np.array([2, 2, 0, 2]))
    array([1, 0, 2], dtype=int32)
    """
    most = int(tokens.max(initial=-1)) + 1
    pairs = owner * max(most, 1) + tokens
    pairs.sort()
    distinct = pairs[np.diff(pairs, prepend=-1) > 0]
    return np.bincount(distinct % max(most, 1), minlength=most).astype(np.int32)


def inverse_document_frequency(
    tokens: NDArray[np.int32], frequency: NDArray[np.int32], n_texts: int
) -> Array:
    """Return each token's weight, ``ln((1 + n_texts) / (1 + frequency)) + 1``.

    >>> inverse_document_frequency(np.array([0, 7]), np.array([1], np.int32), 1)
    array([1.        , 1.69314718])
    """
    known = np.append(frequency, 0)[np.minimum(tokens, len(frequency))]
    return np.log((1.0 + n_texts) / (1.0 + known)) + 1.0
