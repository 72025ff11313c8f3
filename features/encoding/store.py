"""Vectors of texts, encoded once and kept: in memory for a run, on disk for the next one."""

from collections.abc import Iterable, Sequence
from threading import RLock
from time import perf_counter

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.encoding.encoder import Encoded, Encoder
from features.encoding.truncation import Tokens
from features.storage.cache import Cache
from features.storage.segments import (
    SILENT,
    Progress,
    Segments,
    Work,
    ahead,
    digest_of,
    index_of,
    key_of,
)

PARTS = ("load", "tokenise", "network")
CHARACTERS_PER_TOKEN, SPECIAL = 4.5, 2  # a guess, until some texts have been read
Made = tuple[Sequence[bytes], Encoded]  # keys of texts, and their vectors


class VectorStore:
    """What an encoder makes of texts.

    Texts that were given to `add` are encoded once, whatever asks for them. Others are encoded
    when they are asked for, and then kept on disk under the whole call: a prediction does not
    depend on what was encoded before it.

    On disk vectors lie in segments of float16, named by the encoder's identity and by what they
    hold, which are mapped to take out what is wanted. They are rounded to float16 before anyone
    uses them, found or not. Processes that share a folder take over each other's segments while
    they work, and threads may share a store.

    Parameters
    ----------
    encoder : Encoder
    cache : Cache, optional
        Where segments are kept on disk.

    Attributes
    ----------
    progress : callable or None
        Told of the tokens of texts that were not added.
    tokens_read : int
        What was read by this store, and not found.
    seconds : dict of str to float
        Wall-clock time of its parts: ``load``, ``tokenise`` (which goes on beside the others) and
        ``network``.

    Examples
    --------
    >>> store = VectorStore(Encoder(length=16))
    >>> store.add(["Name a prime.", "7"])
    >>> store.vectors(["7", "7"]).tokens.tolist(), store.tokens_read
    ([3, 3], 9)
    """

    def __init__(self, encoder: Encoder, cache: Cache | None = None) -> None:
        self.encoder, self.cache = encoder, cache
        self.progress: Progress | None = None
        self.tokens_read = 0
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self._lock = RLock()
        self._known: tuple[pd.Index, Encoded] = (index_of([]), Encoded.none())

    def add(
        self, texts: Iterable[str], progress: Progress | None = None, made: Sequence[Made] = ()
    ) -> None:
        """Encode texts, and keep them for all that ask; `made` holds vectors of some of them.

        Raises
        ------
        EncoderError
            The encoder cannot be had or used.
        """
        with self._lock:
            wanted, (index, known) = set(texts), self._known
            if not wanted <= set(index):
                distinct = in_order(wanted.union(index))
                there = [(list(map(key_of, index)), known), *made]
                self._known = (index_of(distinct), self._encoded(distinct, "", progress, there))

    def vectors(self, texts: Sequence[str], made: Sequence[Made] = ()) -> Encoded:
        """Return the vectors of texts, in their order, as float16 rounds them; see `add`."""
        index, known = self._known
        rows = index.get_indexer(index_of(texts))
        if (rows >= 0).all():
            return known.take(rows)
        distinct = in_order(set(texts))
        with self._lock:
            encoded = self._encoded(distinct, call_of(distinct), self.progress, made)
        return encoded.take(index_of(distinct).get_indexer(index_of(texts)))

    def most_read(self) -> int:
        """Return how many tokens of a text are read at most; loads the network."""
        started = perf_counter()
        most = self.encoder.most_read
        self.seconds["load"] += perf_counter() - started
        return most

    def tokenised(self, texts: Sequence[str]) -> list[Tokens]:
        """Return what is read of each text, as tokens."""
        started = perf_counter()
        pieces = self.encoder.pieces(texts)
        self.seconds["tokenise"] += perf_counter() - started
        return pieces

    def vector_segments(self, call: str, keys: Sequence[bytes]) -> Segments[Encoded]:
        """Return where vectors of texts with these keys are found; `call` is "" for added ones."""
        start = f"vectors{self.encoder.identity}p{call}p"  # no hexadecimal digit is a p
        return Segments(Encoded, self.cache, start, keys)

    def _encoded(
        self, texts: list[str], call: str, progress: Progress | None, made: Iterable[Made]
    ) -> Encoded:
        """Return the vectors of distinct texts, given in order: made already, found or made now."""
        keys = list(map(key_of, texts))
        segments = self.vector_segments(call, keys)
        for of, encoded in made:
            segments.take(of, encoded)
        characters = [len(text) for text in texts]

        def guess() -> NDArray[np.float64]:
            return guessed_tokens(characters, self.most_read())

        def tokenised(rows: list[int]) -> list[Tokens]:
            return self.tokenised([texts[row] for row in rows])

        work = Work(segments, characters, guess, progress or SILENT)
        for rows, pieces in ahead(work.shards(), tokenised):
            started = perf_counter()
            encoded = self.encoder.encode_pieces(pieces, work.read)
            self.seconds["network"] += perf_counter() - started
            segments.put([keys[row] for row in rows], encoded)
            work.finished(rows)
        self.tokens_read += work.tokens
        return segments.gathered()


def guessed_tokens(characters: Sequence[int], most: int) -> NDArray[np.float64]:
    """Guess how many tokens of texts of so many characters will be read.

    >>> guessed_tokens([0, 90, 9000], 256)
    array([  2.,  22., 256.])
    """
    length = np.array(characters, dtype=np.float64)
    return np.minimum(length / CHARACTERS_PER_TOKEN + SPECIAL, most)


def call_of(texts: Sequence[str]) -> str:
    """Return what names a call for texts that were given in order, in hexadecimal."""
    return digest_of(list(map(key_of, texts))).hex()


def in_order(texts: Iterable[str]) -> list[str]:
    """Sort by length, then by content, so that no order in which texts were met counts."""
    return sorted(texts, key=lambda text: (-len(text), key_of(text)))
