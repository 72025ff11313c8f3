"""What was made of many things, kept in segments on disk: found by key, shared by processes."""

import hashlib
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.storage.cache import Cache

T = TypeVar("T")
Prepared = TypeVar("Prepared")
KEY_BYTES = 16
SHARD_CHARACTERS = 500_000  # tokenised, encoded and kept at a time, at least


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


SILENT = Silent()


class Segments(Generic[T]):
    """What is wanted by its keys, taken out of segments on disk where there is a cache.

    Parameters
    ----------
    kind : class
        A named tuple of arrays of many things, with the methods `none`, `together` and `take`.
    cache : Cache or None
    start : str
        Of the segments' names.
    keys : sequence of bytes
        Of what is wanted, each once.

    Attributes
    ----------
    missing : ndarray of bool, shape (n_keys,)
    """

    def __init__(
        self, kind: type[T], cache: Cache | None, start: str, keys: Sequence[bytes]
    ) -> None:
        self.kind: Any = kind
        self.cache, self.start = cache, start
        self._names: set[str] = set()
        self._place = {key: place for place, key in enumerate(keys)}
        self._order: list[NDArray[np.intp]] = []
        self._parts: list[T] = []
        self.missing = np.ones(len(keys), dtype=np.bool_)

    def refresh(self) -> None:
        """Take over what lies on disk by now; a segment of another shape is none of ours."""
        if self.cache is None or not self.missing.any():
            return
        for name in self.cache.keys(self.start):
            if name not in self._names:
                self._names.add(name)
                arrays = self.cache.get(name, mapped=True)
                if arrays is not None and set(arrays) == {"keys", *self.kind._fields}:
                    keys = [row.tobytes() for row in arrays.pop("keys")]
                    self.take(keys, self.kind(**arrays))

    def put(self, keys: Sequence[bytes], made: Any) -> None:
        """Take what was made, and leave it on disk where that can be done."""
        self.take(keys, made)
        if self.cache is not None:
            table = np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(len(keys), KEY_BYTES)
            name = self.start + digest_of(keys).hex()
            self._names.add(name)
            if not self.cache.put(name, {"keys": table, **made._asdict()}):
                self.cache = None  # said already, and not again for each segment

    def put_missing(self, keys: Sequence[bytes], made: Any) -> None:
        """Do so with what nobody has put there yet."""
        self.refresh()
        rows, _ = self._wanted(keys)
        if len(rows):
            self.put([keys[row] for row in rows], made.take(rows))

    def take(self, keys: Sequence[bytes], made: Any) -> None:
        """Copy what is wanted and not there yet."""
        rows, places = self._wanted(keys)
        if len(rows):
            self._order.append(places)
            self._parts.append(made.take(rows))
            self.missing[places] = False

    def gathered(self) -> T:
        """Return all that is wanted, in the order of its keys; it must be there."""
        if not self._parts:
            return self.kind.none()
        return self.kind.together(self._parts).take(np.argsort(np.concatenate(self._order)))

    def _wanted(self, keys: Sequence[bytes]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return which of the keys are wanted and not there yet, and their places."""
        places = np.array([self._place.get(key, -1) for key in keys], dtype=np.intp)
        rows = np.flatnonzero(places >= 0)
        rows = rows[self.missing[places[rows]]]
        return rows, places[rows]


class Work:
    """What is still to be read, shard by shard, and how much of it there seems to be.

    Parameters
    ----------
    segments : Segments
    characters : sequence of int
        Of each thing that is wanted, in the order of the segments' keys.
    guess : callable
        Returns how many tokens each has, about; asked if there is work.
    progress : Progress
    together : int, optional
        Characters that can be read at a time, where those are more than usual.

    Attributes
    ----------
    tokens : int
        Read so far.
    """

    def __init__(
        self,
        segments: Segments[Any],
        characters: Sequence[int],
        guess: Callable[[], NDArray[np.float64]],
        progress: Progress,
        together: int = 0,
    ) -> None:
        self.segments, self.characters = segments, characters
        self.guess, self.progress = guess, progress
        self.shard = max(SHARD_CHARACTERS, together)
        self.tokens, self._as_guessed = 0, 0.0

    def shards(self) -> Iterator[list[int]]:
        """Give the numbers of what nobody has read yet, in an order that no other process has."""
        self.segments.refresh()
        if not self.segments.missing.any():
            return
        self._guessed = self.guess()
        self._expect(0.0)
        first, *others = shards(self.characters, self.shard)  # the longest go first
        random.SystemRandom().shuffle(others)
        for shard in (first, *others):
            self.segments.refresh()
            rows = np.array(shard)[self.segments.missing[shard.start : shard.stop]].tolist()
            if rows:
                yield rows

    def read(self, tokens: int) -> None:
        """Count tokens."""
        self.tokens += tokens
        self.progress(tokens)

    def finished(self, rows: Sequence[int]) -> None:
        """Take note that these are in the segments now."""
        self._expect(self._guessed[rows].sum())

    def _expect(self, guessed: float) -> None:
        """Say how many tokens there will be, by how wrong the guesses have been so far."""
        self._as_guessed += guessed
        wrong = self.tokens / self._as_guessed if self._as_guessed else 1.0
        self.progress.expect(
            round(self.tokens + wrong * self._guessed[self.segments.missing].sum())
        )


def shards(characters: Sequence[int], most: int) -> Iterator[range]:
    """Cut rows into ranges of so many characters at most, though one row may have more.

    >>> list(shards([9, 3, 3, 3], 6))
    [range(0, 1), range(1, 3), range(3, 4)]
    """
    ends = np.cumsum(characters)
    start = 0
    while start < len(characters):
        before = ends[start - 1] if start else 0
        end = int(np.searchsorted(ends, before + most, side="right"))
        yield range(start, max(end, start + 1))
        start = max(end, start + 1)


def ahead(items: Iterable[T], prepare: Callable[[T], Prepared]) -> Iterator[tuple[T, Prepared]]:
    """Give items with what is prepared of each, the next one being prepared in the background.

    >>> list(ahead(["a", "b"], str.upper))
    [('a', 'A'), ('b', 'B')]
    """
    items = iter(items)
    with ThreadPoolExecutor(1) as background:

        def begun() -> list[tuple[T, Future[Prepared]]]:
            return [(item, background.submit(prepare, item)) for item in islice(items, 1)]

        at_work = begun()
        while at_work:
            item, future = at_work.pop()
            prepared = future.result()
            at_work = begun()
            yield item, prepared


def digest_of(parts: Sequence[bytes]) -> bytes:
    """Return a BLAKE2b hash of `KEY_BYTES` bytes of parts that have the same length each.

    >>> digest_of([b"7"]).hex()[:8]
    '9e287f59'
    """
    return hashlib.blake2b(b"".join(parts), digest_size=KEY_BYTES).digest()


def key_of(text: str) -> bytes:
    """Return a text's key, a BLAKE2b hash of its content.

    >>> key_of("7").hex()[:8]
    '9e287f59'
    """
    return digest_of([text.encode()])


def index_of(keys: Sequence[str] | Sequence[bytes]) -> pd.Index:
    """Return an index that finds the places of texts or keys."""
    return pd.Index(np.array(keys, dtype=object))
