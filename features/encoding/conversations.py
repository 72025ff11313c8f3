"""Conversations as vectors: what a frozen encoder makes of each turn, put together."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.encoding.asked import BLANK, COLUMNS, Asked
from features.encoding.encoder import Encoder
from features.encoding.files import EncoderError, need_libraries
from features.encoding.store import VectorStore
from features.family import PreparedFamily
from features.sides import Array
from features.storage.cache import Cache

Matrix = NDArray[np.float32]
PROMPT, ANSWER_A, ANSWER_B = range(3)  # their numbers
BLOCK = 64  # rows of each matrix product: calls of equal shape round alike


class Conversations(NamedTuple):
    """Vectors of the texts of some battles.

    Attributes
    ----------
    whole : sequence of three ndarrays of float32, shape (n_battles, n_dimensions)
        Of the prompts, answers A and answers B: the mean over the turns, weighted by their tokens.
        0 where there is no text.
    turns : ndarray of float32, shape (n_turns, n_dimensions)
        Of each turn of each text, prompts first, then answers A, then answers B; 0 where there is
        no text.
    owner : ndarray of intp, shape (n_turns,)
        Text and battle of each turn: ``number of the text * n_battles + row``.
    """

    whole: Sequence[Matrix]
    turns: Matrix
    owner: NDArray[np.intp]

    @property
    def prompt(self) -> Matrix:
        """Vectors of the prompts."""
        return self.whole[PROMPT]

    @property
    def a(self) -> Matrix:
        """Vectors of answers A."""
        return self.whole[ANSWER_A]

    @property
    def b(self) -> Matrix:
        """Vectors of answers B."""
        return self.whole[ANSWER_B]

    def aligned(self, one: int, other: int) -> tuple[NDArray[np.intp], Matrix, Matrix]:
        """Return battle, and both vectors, of each turn that two of the three texts have.

        Parameters
        ----------
        one, other : int
            `PROMPT`, `ANSWER_A` or `ANSWER_B`.
        """
        lengths = np.diff(self._starts, append=len(self.owner))
        turn = np.arange(len(self.owner)) - np.repeat(self._starts, lengths)
        text, battle = np.divmod(self.owner, max(len(self.prompt), 1))
        key = battle * (turn.max(initial=0) + 1) + turn
        rows, others = (np.flatnonzero(text == number) for number in (one, other))
        _, left, right = np.intersect1d(
            key[rows], key[others], assume_unique=True, return_indices=True
        )
        return battle[rows[left]], self.turns[rows[left]], self.turns[others[right]]

    def widened(self, width: int) -> Self:
        """Return so many zeros for each text where there is no text at all, and no width known."""
        if self.turns.shape[1]:
            return self
        wide = [np.zeros((len(part), width), np.float32) for part in (*self.whole, self.turns)]
        return self._replace(whole=wide[:-1], turns=wide[-1])

    @property
    def last(self) -> list[Matrix]:
        """Vectors of the last turn of each text, a matrix for each of the three."""
        ends = np.append(self._starts, len(self.owner))[1:] - 1
        return np.split(self.turns[ends], len(COLUMNS))

    @property
    def _starts(self) -> NDArray[np.intp]:
        return np.flatnonzero(np.diff(self.owner, prepend=-1))


class EncodingFamily(PreparedFamily):
    """A family that learns from vectors of texts, and may find them in a store.

    A subclass has the parameters of `features.encoding.encoder.Encoder`, under their names and with
    `encoder` for ``name``.
    """

    encoder: str
    weights_: str
    _store: VectorStore | None

    def wanted_encoder(self) -> Encoder:
        """Return the encoder that the parameters describe, not yet loaded.

        Raises
        ------
        ValueError
            A parameter has a value that no encoder takes.
        """
        options = {
            name: getattr(self, name)
            for name in Encoder.__dataclass_fields__
            if name not in ("name", "layers")
        }
        return Encoder(name=self.encoder, layers=tuple(self.layers), **options)

    def ready(self) -> str:
        """Return a hash of the encoder's files, before any text is read.

        Raises
        ------
        EncoderError
            A library or the encoder is missing; a name of the hub is downloaded now.
        """
        need_libraries()
        return self.store.encoder.weights

    def wanted_store(self, cache: Cache | None = None) -> VectorStore:
        """Return a new store that has all that the family asks for."""
        return VectorStore(self.wanted_encoder(), cache)

    def can_use(self, store: VectorStore) -> bool:
        """Return whether a store has all that the family asks for."""
        return store.encoder == self.wanted_encoder()

    @property
    def store(self) -> VectorStore:
        """What reads the texts; one of its own where none was prepared."""
        if self._store is None or not self.can_use(self._store):
            self._store = self.wanted_store()
        return self._store

    def check_weights(self, battles: pl.DataFrame, weights: str) -> None:
        """Refuse to read battles with other files than those with this hash.

        Raises
        ------
        EncoderError
            The encoder's files are others.
        """
        if battles.height and weights != self.store.encoder.weights:
            raise EncoderError(
                f"encoder {self.encoder}: expected the files it was fitted with (hash "
                f"{weights}), found others ({self.store.encoder.weights})."
            )

    def conversations(self, asked: Asked) -> Conversations:
        """Return the vectors of these battles' texts."""
        encoded = self.store.of_battles(asked)
        held, rows = asked.place != BLANK, asked.place[asked.place != BLANK]
        vectors = np.zeros((len(asked.place), encoded.vectors.shape[1]), dtype=np.float32)
        weight = np.zeros(len(asked.place), dtype=np.float32)
        if len(rows):
            vectors[held], weight[held] = encoded.vectors[rows], encoded.tokens[rows]
        return Conversations(_means(vectors, weight, asked.owner), vectors, asked.owner)


def _means(vectors: Matrix, weight: NDArray[np.float32], owner: NDArray[np.intp]) -> list[Matrix]:
    """Return the weighted mean of each text's turns, a matrix for each text column."""
    if not len(owner):
        return [vectors[:0]] * len(COLUMNS)
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    total = np.add.reduceat(vectors * weight[:, None], starts, axis=0)
    tokens = np.add.reduceat(weight, starts)[:, None]
    means = np.divide(total, tokens, out=np.zeros_like(total), where=tokens > 0)
    return np.split(means, len(COLUMNS))


def cosine(x: Matrix, y: Matrix) -> Array:
    """Return the cosine of each pair of rows, in [-1, 1]; 0 where one of them is 0.

    >>> cosine(np.float32([[3.0, 4.0], [0.0, 0.0]]), np.float32([[4.0, 3.0], [1.0, 0.0]]))
    array([0.96, 0.  ])
    """
    size = np.sqrt(_dot(x, x) * _dot(y, y))
    return np.clip(np.divide(_dot(x, y), size, out=np.zeros(len(x)), where=size > 0), -1.0, 1.0)


def euclidean(x: Matrix, y: Matrix) -> Array:
    """Return the Euclidean distance of each pair of rows.

    >>> euclidean(np.float32([[3.0, 4.0]]), np.float32([[0.0, 0.0]]))
    array([5.])
    """
    gap = x.astype(np.float64) - y
    return np.sqrt(_dot(gap, gap))


def _dot(x: NDArray[np.floating], y: NDArray[np.floating]) -> Array:
    products: Array = np.multiply(x, y, dtype=np.float64).sum(axis=1)
    return products


def multiply(x: NDArray[np.floating], weights: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return ``x @ weights.T``, each row in a product of the same shape, whatever is beside it.

    Parameters
    ----------
    x : ndarray, shape (n_rows, n_dimensions)
    weights : ndarray of the same type, shape (n_out, n_dimensions)

    Examples
    --------
    >>> multiply(np.array([[1.0, 2.0]]), np.array([[1.0, 0.0], [1.0, 1.0]]))
    array([[1., 3.]])
    """
    found = np.empty((len(x), len(weights)), dtype=x.dtype)
    block = np.zeros((BLOCK, x.shape[1]), dtype=x.dtype)
    for start in range(0, len(x), BLOCK):
        rows = x[start : start + BLOCK]
        block[: len(rows)], block[len(rows) :] = rows, 0
        found[start : start + BLOCK] = (block @ weights.T)[: len(rows)]
    return found
