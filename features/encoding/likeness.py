"""How near two texts of a battle are, as a frozen encoder sees them."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.encoding.conversations import (
    ANSWER_A,
    ANSWER_B,
    PROMPT,
    Conversations,
    Matrix,
    cosine,
    euclidean,
)
from features.sides import SIDES, Array, compare

PROMPT_SIDES = ("a", "b", "diff")
Pairs = tuple[NDArray[np.intp], Matrix, Matrix]  # battle, and the two vectors


def whole(texts: Conversations, one: int, other: int) -> Pairs:
    """Pair the vectors of whole texts."""
    return np.arange(len(texts.prompt)), texts.whole[one], texts.whole[other]


def last(texts: Conversations, one: int, other: int) -> Pairs:
    """Pair the vectors of last turns."""
    return np.arange(len(texts.prompt)), texts.last[one], texts.last[other]


class Scope(NamedTuple):
    """Which vectors of two texts are put beside each other, and what that is in words."""

    pairs: Callable[[Conversations, int, int], Pairs]
    doc: str


SCOPES: dict[str, Scope] = {
    "": Scope(whole, ""),
    "turns_": Scope(Conversations.aligned, ", turn by turn, in the mean"),
    "last_": Scope(last, ", last turns"),
}
MEASURES: dict[str, tuple[Callable[[Matrix, Matrix], Array], str]] = {
    "cosine": (cosine, "cosine"),
    "distance": (euclidean, "Euclidean distance"),
}


def likeness(texts: Conversations) -> dict[str, Array]:
    """Return a column for each measure, scope, pair of texts and side."""
    columns: dict[str, Array] = {}
    for start, scope in SCOPES.items():
        to_a, to_b, between = (
            scope.pairs(texts, one, other)
            for one, other in ((PROMPT, ANSWER_A), (PROMPT, ANSWER_B), (ANSWER_A, ANSWER_B))
        )
        for name, (measure, _) in MEASURES.items():
            of_a, of_b, of_both = (
                averaged(pairs, measure, len(texts.prompt)) for pairs in (to_a, to_b, between)
            )
            columns |= compare(f"prompt_{start}{name}", of_a, of_b, PROMPT_SIDES)
            columns[f"answers_{start}{name}_pair"] = of_both
    return columns


def averaged(pairs: Pairs, measure: Callable[[Matrix, Matrix], Array], n_battles: int) -> Array:
    """Return the mean of a measure over the pairs of each battle; 0 where it has none.

    >>> one = np.float32([[1.0, 0.0], [0.0, 1.0]])
    >>> averaged((np.array([0, 0]), one, one[:1].repeat(2, axis=0)), cosine, 2)
    array([0.5, 0. ])
    """
    battle, x, y = pairs
    total = np.bincount(battle, weights=measure(x, y), minlength=n_battles)
    return total / np.maximum(np.bincount(battle, minlength=n_battles), 1)


def documentation() -> dict[str, str]:
    """Return what each column of `likeness` holds."""
    docs: dict[str, str] = {}
    for start, scope in SCOPES.items():
        for name, (_, doc) in MEASURES.items():
            for side in PROMPT_SIDES:
                of = f"{doc} of the prompt's vector and the answer's{scope.doc}"
                docs[f"prompt_{start}{name}_{side}"] = f"{of}, {SIDES[side].doc}"
            docs[f"answers_{start}{name}_pair"] = f"{doc} of the two answers' vectors{scope.doc}"
    return docs
