"""Vectors of texts, encoded once and kept: in memory for a run, on disk for the next one."""

import hashlib
import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from threading import Lock
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.cache import Cache
from features.encoder import Encoded, Encoder

KEY_BYTES = 16
SHARD_CHARACTERS = 500_000  # tokenised, encoded and kept at a time
CHARACTERS_PER_TOKEN, SPECIAL = 4.5, 2  # a guess, until some texts have been read


class Progress(Protocol):
    """Is told of the tokens that were read, and of how many there seem to be."""

    def __call__(self, done: int, /) -> None:
        """Take note of tokens."""

    def expect(self, total: int, /) -> None:
        """Take note of how many tokens there will have been."""


class Silent:
    """Takes no notice."""

    def __call__(self, done: int, /) -> None:
        """Do nothing."""

    def expect(self, total: int, /) -> None:
        """Do nothing."""


class VectorStore:
    """What an encoder makes of texts.

    Texts that were given to `add` are encoded once, whatever asks for them. Others are encoded
    when they are asked for, and then kept on disk under the whole call: a prediction does not
    depend on what was encoded before it.

    On disk vectors lie in chunks of float16, named by the encoder's identity and by what they hold,
    which are mapped to take out what is wanted. They are rounded to float16 before anyone uses
    them, found or not. Processes that share a folder take over each other's chunks while they work,
    and threads may share a store.

    Parameters
    ----------
    encoder : Encoder
    cache : Cache, optional
        Where chunks are kept on disk.
    progress : callable, optional
        Told of the tokens of texts that were not added.

    Attributes
    ----------
    tokens_read : int
        What was read by this store, and not found.

    Examples
    --------
    >>> store = VectorStore(Encoder(length=16))
    >>> store.add(["Name a prime.", "7"])
    >>> store.vectors(["7", "7"]).tokens.tolist(), store.tokens_read
    ([3, 3], 9)
    """

    def __init__(
        self, encoder: Encoder, cache: Cache | None = None, progress: Progress | None = None
    ) -> None:
        self.encoder, self.cache, self.progress = encoder, cache, progress
        self.tokens_read = 0
        self._lock = Lock()
        nothing = Encoded(np.empty((0, 0), np.float16), np.empty(0, np.int32))
        self._known: tuple[pd.Index, Encoded] = (_index([]), nothing)

    def add(self, texts: Iterable[str], progress: Progress | None = None) -> None:
        """Encode texts, and keep them for all that ask.

        Parameters
        ----------
        texts : iterable of str
        progress : callable, optional

        Raises
        ------
        EncoderError
            The encoder cannot be had or used.
        """
        wanted = set(texts)
        with self._lock:
            index, known = self._known
            if wanted <= set(index):
                return
            distinct = _in_order(wanted.union(index))
            found = self._encoded(distinct, "", progress, (list(map(key_of, index)), known))
            self._known = (_index(distinct), found)

    def vectors(self, texts: Sequence[str]) -> Encoded:
        """Return the vectors of texts, in their order, as float16 rounds them."""
        index, known = self._known
        rows = index.get_indexer(_index(texts))
        if (rows >= 0).all():
            return Encoded(known.vectors[rows], known.tokens[rows])
        distinct = _in_order(set(texts))
        call = hashlib.blake2b(b"".join(map(key_of, distinct)), digest_size=KEY_BYTES)
        with self._lock:
            encoded = self._encoded(distinct, call.hexdigest(), self.progress)
        places = _index(distinct).get_indexer(_index(texts))
        return Encoded(encoded.vectors[places], encoded.tokens[places])

    def _encoded(
        self,
        texts: list[str],
        call: str,
        progress: Progress | None,
        known: tuple[list[bytes], Encoded] | None = None,
    ) -> Encoded:
        """Return the vectors of distinct texts, given in order, known, found or made."""
        start = f"vectors{self.encoder.identity}p{call}p"  # no hexadecimal digit is a p
        keys = list(map(key_of, texts))
        chunks = Chunks(self.cache, start, keys)
        if known:
            chunks.take(*known)
        work = _Work(texts, keys, chunks, progress or Silent())
        shards = work.shards(lambda: self.encoder.most_read)
        for encoded in self.encoder.encode_shards(shards, work.read):
            work.finished(encoded)
        self.tokens_read += work.tokens
        return chunks.gathered()


class Chunks:
    """Vectors of wanted texts by their keys, taken out of chunks on disk where there is a cache.

    Parameters
    ----------
    cache : Cache or None
    start : str
        Of the chunks' names.
    keys : sequence of bytes
        Of the wanted texts, each once.
    """

    def __init__(self, cache: Cache | None, start: str, keys: Sequence[bytes]) -> None:
        self.cache, self.start = cache, start
        self._names: set[str] = set()
        self._place = {key: place for place, key in enumerate(keys)}
        self.missing = np.ones(len(keys), dtype=np.bool_)
        self._tokens = np.zeros(len(keys), dtype=np.int32)
        self._vectors: NDArray[np.float16] | None = None

    def refresh(self) -> None:
        """Take over what lies on disk by now; a chunk of another shape is none of ours."""
        if self.cache is None or not self.missing.any():
            return
        for name in self.cache.keys(self.start):
            if name not in self._names:
                self._names.add(name)
                arrays = self.cache.get(name, mapped=True)
                if arrays is not None and set(arrays) == {"keys", *Encoded._fields}:
                    keys = [row.tobytes() for row in arrays.pop("keys")]
                    self.take(keys, Encoded(**arrays))

    def put(self, keys: Sequence[bytes], encoded: Encoded) -> None:
        """Take vectors, and leave them on disk where that can be done."""
        self.take(keys, encoded)
        if self.cache is not None:
            table = np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(len(keys), KEY_BYTES)
            name = self.start + hashlib.blake2b(table.tobytes(), digest_size=KEY_BYTES).hexdigest()
            self._names.add(name)
            if not self.cache.put(name, {"keys": table, **encoded._asdict()}):
                self.cache = None  # said already, and not again for each chunk

    def take(self, keys: Sequence[bytes], encoded: Encoded) -> None:
        """Copy the vectors that are wanted and not there yet."""
        places = np.array([self._place.get(key, -1) for key in keys], dtype=np.intp)
        rows = np.flatnonzero(places >= 0)
        rows = rows[self.missing[places[rows]]]
        if not len(rows):
            return
        if self._vectors is None:
            width = encoded.vectors.shape[1]
            self._vectors = np.zeros((len(self.missing), width), dtype=np.float16)
        self._vectors[places[rows]] = encoded.vectors[rows]
        self._tokens[places[rows]] = encoded.tokens[rows]
        self.missing[places[rows]] = False

    def gathered(self) -> Encoded:
        """Return the vectors of all wanted texts, which must be there."""
        vectors = np.zeros((0, 0), np.float16) if self._vectors is None else self._vectors
        return Encoded(vectors, self._tokens)


class _Work:
    """What is still to be read, shard by shard, and how much of it there seems to be."""

    def __init__(
        self, texts: Sequence[str], keys: Sequence[bytes], chunks: Chunks, progress: Progress
    ) -> None:
        self.texts, self.keys, self.chunks, self.progress = texts, keys, chunks, progress
        self.begun: deque[list[int]] = deque()
        self.tokens, self._as_guessed = 0, 0.0

    def shards(self, most: Callable[[], int]) -> Iterator[list[str]]:
        """Give lists of texts that nobody has read yet, in an order that no other process has.

        Parameters
        ----------
        most : callable
            Returns how many tokens of a text are read at most; asked if there is work.
        """
        self.chunks.refresh()
        if not self.chunks.missing.any():
            return
        self._guessed = _guess(self.texts, most())
        self._expect(0.0)
        first, *others = _shards(self.texts)  # the longest texts, for which memory is scarcest
        random.SystemRandom().shuffle(others)
        for shard in (first, *others):
            self.chunks.refresh()
            rows = np.array(shard)[self.chunks.missing[shard.start : shard.stop]].tolist()
            if rows:
                self.begun.append(rows)
                yield [self.texts[row] for row in rows]

    def read(self, tokens: int) -> None:
        """Count tokens."""
        self.tokens += tokens
        self.progress(tokens)

    def finished(self, encoded: Encoded) -> None:
        """Keep the oldest of the shards that were begun."""
        rows = self.begun.popleft()
        self.chunks.put([self.keys[row] for row in rows], encoded)
        self._expect(self._guessed[rows].sum())

    def _expect(self, guessed: float) -> None:
        """Say how many tokens there will be, by how wrong the guesses have been so far."""
        self._as_guessed += guessed
        wrong = self.tokens / self._as_guessed if self._as_guessed else 1.0
        self.progress.expect(round(self.tokens + wrong * self._guessed[self.chunks.missing].sum()))


def _guess(texts: Sequence[str], most: int) -> NDArray[np.float64]:
    """Guess how many tokens of each text will be read."""
    characters = np.array([len(text) for text in texts], dtype=np.float64)
    return np.minimum(characters / CHARACTERS_PER_TOKEN + SPECIAL, most)


def key_of(text: str) -> bytes:
    """Return a text's key, a BLAKE2b hash of its content.

    >>> key_of("7").hex()[:8]
    '9e287f59'
    """
    return hashlib.blake2b(text.encode(), digest_size=KEY_BYTES).digest()


def _in_order(texts: Iterable[str]) -> list[str]:
    """Sort by length, then by content, so that no order in which texts were met counts."""
    return sorted(texts, key=lambda text: (-len(text), key_of(text)))


def _index(texts: Sequence[str]) -> pd.Index:
    return pd.Index(np.array(texts, dtype=object))


def _shards(texts: Sequence[str]) -> Iterator[range]:
    """Cut rows into ranges of about so many characters each."""
    ends = np.cumsum([len(text) for text in texts])
    start = 0
    while start < len(texts):
        before = ends[start - 1] if start else 0
        end = int(np.searchsorted(ends, before + SHARD_CHARACTERS, side="right"))
        yield range(start, max(end, start + 1))
        start = max(end, start + 1)
