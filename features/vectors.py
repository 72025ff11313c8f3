"""Vectors of texts, encoded once and kept: in memory for a run, on disk for the next one."""

import hashlib
import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.cache import Arrays, Cache
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

    On disk vectors lie in chunks of float16, named by the encoder's identity and by what they hold.
    They are rounded to float16 before anyone uses them, found or not. Processes that share a folder
    take over each other's chunks while they work.

    Parameters
    ----------
    encoder : Encoder
    cache : Cache, optional
        Where chunks are kept on disk.

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

    def __init__(self, encoder: Encoder, cache: Cache | None = None) -> None:
        self.encoder, self.cache = encoder, cache
        self.tokens_read = 0
        self._chunks: Chunks | None = None
        self._index = _index([])
        self._known = Encoded(np.empty((0, 0), np.float16), np.empty(0, np.int32))

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
        distinct = _in_order({*texts, *self._index})
        if len(distinct) > len(self._index):
            self._known = self._encoded(distinct, "", progress or Silent())
            self._index = _index(distinct)

    def vectors(self, texts: Sequence[str]) -> Encoded:
        """Return the vectors of texts, in their order, as float16 rounds them."""
        rows = self._index.get_indexer(_index(texts))
        if (rows >= 0).all():
            return Encoded(self._known.vectors[rows], self._known.tokens[rows])
        distinct = _in_order(set(texts))
        call = hashlib.blake2b(b"".join(map(key_of, distinct)), digest_size=KEY_BYTES)
        encoded = self._encoded(distinct, call.hexdigest(), Silent())
        places = _index(distinct).get_indexer(_index(texts))
        return Encoded(encoded.vectors[places], encoded.tokens[places])

    def _encoded(self, texts: list[str], call: str, progress: Progress) -> Encoded:
        """Return the vectors of distinct texts, given in order, found or made."""
        start = f"vectors{self.encoder.identity}p{call}p"  # no hexadecimal digit is a p
        if call:
            chunks = Chunks(self.cache, start)
        else:
            chunks = self._chunks = self._chunks or Chunks(self.cache, start)
            chunks.cache = self.cache
        keys = list(map(key_of, texts))
        work = _Work(texts, keys, chunks, progress)
        shards = work.shards(lambda: self.encoder.most_read)
        for encoded in self.encoder.encode_shards(shards, work.read):
            work.finished(encoded)
        self.tokens_read += work.tokens
        return chunks.gathered(keys)


class Chunks:
    """Vectors by the key of their text, in pieces that lie on disk where there is a cache.

    Parameters
    ----------
    cache : Cache or None
    start : str
        Of the names of the pieces.
    """

    def __init__(self, cache: Cache | None, start: str) -> None:
        self.cache, self.start = cache, start
        self._names: set[str] = set()
        self._pieces: list[Arrays] = []
        self._place: dict[bytes, tuple[int, int]] = {}

    def refresh(self) -> None:
        """Take over what lies on disk by now."""
        for name in self.cache.keys(self.start) if self.cache else ():
            if name not in self._names:
                self._names.add(name)
                self._take(self.cache.get(name, mapped=True) if self.cache else None)

    def __contains__(self, key: bytes) -> bool:
        return key in self._place

    def put(self, keys: Sequence[bytes], encoded: Encoded) -> None:
        """Take vectors, and leave them on disk where that can be done."""
        table = np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(len(keys), KEY_BYTES)
        arrays: Arrays = {"keys": table, **encoded._asdict()}
        if self.cache is not None:
            name = self.start + hashlib.blake2b(table.tobytes(), digest_size=KEY_BYTES).hexdigest()
            self._names.add(name)
            if self.cache.put(name, arrays):
                arrays = self.cache.get(name, mapped=True) or arrays
            else:  # said already, and not again for each piece
                self.cache = None
        self._take(arrays)

    def _take(self, arrays: Arrays | None) -> None:
        """Note where each text's vector lies; a piece of another shape is none of ours."""
        if arrays is None or set(arrays) != {"keys", *Encoded._fields}:
            return
        number = len(self._pieces)
        self._pieces.append(arrays)
        for row, key in enumerate(np.asarray(arrays["keys"])):
            self._place.setdefault(key.tobytes(), (number, row))

    def gathered(self, keys: Sequence[bytes]) -> Encoded:
        """Return the vectors of these keys, all of which must be there."""
        places = np.array([self._place[key] for key in keys], dtype=np.intp).reshape(-1, 2)
        width = self._pieces[0]["vectors"].shape[1] if self._pieces else 0
        vectors = np.empty((len(keys), width), dtype=np.float16)
        tokens = np.empty(len(keys), dtype=np.int32)
        for number in np.unique(places[:, 0]):
            wanted = places[:, 0] == number
            rows = places[wanted, 1]
            vectors[wanted] = self._pieces[number]["vectors"][rows]
            tokens[wanted] = self._pieces[number]["tokens"][rows]
        return Encoded(vectors, tokens)


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
        self._left = [row for row, key in enumerate(self.keys) if key not in self.chunks]
        self._guessed = _guess(self.texts, most()) if self._left else np.zeros(0)
        self._expect(0)
        shards = list(_shards(self.texts))
        random.SystemRandom().shuffle(shards)
        for shard in shards:
            self.chunks.refresh()
            rows = [row for row in shard if self.keys[row] not in self.chunks]
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
        done = set(rows)
        self._left = [row for row in self._left if row not in done]
        self._expect(self._guessed[rows].sum())

    def _expect(self, guessed: float) -> None:
        """Say how many tokens there will be, by how wrong the guesses have been so far."""
        self._as_guessed += guessed
        wrong = self.tokens / self._as_guessed if self._as_guessed else 1.0
        self.progress.expect(round(self.tokens + wrong * self._guessed[self._left].sum()))


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
