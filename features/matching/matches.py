"""How the tokens of a battle's three texts match, battle by battle, as far as that is kept."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from features.matching.attention import FIGURES

N_TEXTS = 3  # prompt, first answer, second answer
PAIRS = ((0, 1), (0, 2), (1, 2))
# Who attends to whom, in the order of `Matches.figures`.
DIRECTIONS = ((0, 1), (0, 2), (1, 0), (2, 0), (1, 2), (2, 1))
SWAPPED = [1, 0, 3, 2, 5, 4]  # their order once the answers have changed places


class Matches(NamedTuple):
    """What is kept of the token states of some battles: numbers of each token and each text.

    Attributes
    ----------
    lengths : ndarray of int32, shape (n_battles, 3)
        Tokens of the prompt, the first and the second answer.
    tokens : ndarray of int32, shape (n_tokens,)
        All tokens: those of the first battle's prompt, of its first answer, of its second, and so
        on.
    best : ndarray of float32, shape (n_tokens, 2)
        Each token's greatest cosine with one of another text: of a prompt's in the first and in
        the second answer, of an answer's in the prompt and in the other answer; 0 where that has
        no tokens.
    figures : ndarray of float32, shape (n_battles, 6, 3)
        `features.matching.attention.FIGURES` of each of `DIRECTIONS`.
    """

    lengths: NDArray[np.int32]
    tokens: NDArray[np.int32]
    best: NDArray[np.float32]
    figures: NDArray[np.float32]

    @classmethod
    def none(cls) -> Self:
        """Return the matches of no battle."""
        return cls(
            np.zeros((0, N_TEXTS), np.int32),
            np.zeros(0, np.int32),
            np.zeros((0, 2), np.float32),
            np.zeros((0, len(DIRECTIONS), len(FIGURES)), np.float32),
        )

    @classmethod
    def together(cls, parts: Sequence[Self]) -> Self:
        """Return the battles of all parts, one after the other."""
        fields = zip(*parts, strict=True) if parts else zip(cls.none(), strict=True)
        return cls(*(np.concatenate(arrays) for arrays in fields))

    @property
    def starts(self) -> NDArray[np.intp]:
        """Where each text's tokens start, shape (n_battles, 3)."""
        ends = np.cumsum(self.lengths.ravel(), dtype=np.intp)
        return (ends - self.lengths.ravel()).reshape(self.lengths.shape)

    @property
    def owner(self) -> NDArray[np.intp]:
        """Whose each token is, shape (n_tokens,): ``3 * battle + text``."""
        return np.repeat(np.arange(self.lengths.size), self.lengths.ravel())

    def take(self, rows: NDArray[np.intp], swapped: NDArray[np.bool_] | None = None) -> Self:
        """Return some battles, with the answers in each other's place where that is asked for."""
        order = np.tile(np.arange(N_TEXTS), (len(rows), 1))
        swap = np.zeros(len(rows), np.bool_) if swapped is None else swapped
        order[swap] = (0, 2, 1)
        lengths = self.lengths[rows[:, None], order]
        at = _ranges(self.starts[rows[:, None], order].ravel(), lengths.ravel())
        best, figures = self.best[at], self.figures[rows]
        of_prompt = np.repeat(np.arange(lengths.size) % N_TEXTS == 0, lengths.ravel())
        turned = of_prompt & np.repeat(swap, lengths.sum(axis=1))
        best[turned] = best[turned][:, ::-1]
        figures[swap] = figures[swap][:, SWAPPED]
        return type(self)(lengths, self.tokens[at], best, figures)


def where(text: int, other: int) -> int:
    """Return in which column of `Matches.best` a text's tokens find their match in another one.

    >>> where(0, 2), where(2, 0), where(2, 1)
    (1, 0, 1)
    """
    return other - (other > text)


def _ranges(starts: NDArray[np.intp], lengths: NDArray[np.int32]) -> NDArray[np.intp]:
    """Return the numbers of ranges, one after the other.

    >>> _ranges(np.array([5, 0]), np.array([2, 3]))
    array([5, 6, 0, 1, 2])
    """
    ends = np.cumsum(lengths, dtype=np.intp)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - ends + lengths, lengths)
