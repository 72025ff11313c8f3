"""Conversations as vectors: what a frozen encoder makes of each turn, put together."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from features.encoding.encoder import Encoded
from features.encoding.turns import BLANK, COLUMNS, DistinctTurns

Matrix = NDArray[np.float32]


class Conversations(NamedTuple):
    """Vectors of the texts of some battles, shape (n_battles, n_dimensions) each."""

    # The mean over a text's turns, weighted by their tokens; 0 where there is no text.
    prompt: Matrix
    a: Matrix
    b: Matrix
    last: Sequence[Matrix]  # of the last turn of prompt, A and B; 0 where that is blank

    @classmethod
    def of(cls, turns: DistinctTurns, encoded: Encoded) -> Self:
        """Return the vectors of battles, given those of their distinct turns."""
        held, rows = turns.place != BLANK, turns.place[turns.place != BLANK]
        vectors = np.zeros((len(turns.place), encoded.vectors.shape[1]), dtype=np.float32)
        weight = np.zeros(len(turns.place), dtype=np.float32)
        if len(rows):
            vectors[held], weight[held] = encoded.vectors[rows], encoded.tokens[rows]
        starts = np.flatnonzero(np.diff(turns.owner, prepend=-1))
        last = vectors[np.append(starts, len(turns.owner))[1:] - 1]
        prompt, a, b = _means(vectors, weight, starts)
        return cls(prompt, a, b, np.split(last, len(COLUMNS)))

    def widened(self, width: int) -> Self:
        """Return so many zeros for each text where there is no text at all, and no width known."""
        if self.prompt.shape[1]:
            return self
        zeros = np.zeros((len(self.prompt), width), np.float32)
        return type(self)(zeros, zeros, zeros, [zeros] * len(COLUMNS))


def _means(vectors: Matrix, weight: NDArray[np.float32], starts: NDArray[np.intp]) -> list[Matrix]:
    """Return the weighted mean of each text's turns, a matrix for each text column."""
    if not len(starts):
        return [vectors[:0]] * len(COLUMNS)
    total = np.add.reduceat(vectors * weight[:, None], starts, axis=0)
    tokens = np.add.reduceat(weight, starts)[:, None]
    means = np.divide(total, tokens, out=np.zeros_like(total), where=tokens > 0)
    return np.split(means, len(COLUMNS))
