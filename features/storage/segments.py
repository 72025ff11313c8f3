"""What was made of many things, kept in segments on disk: found by key, shared by processes."""

import hashlib
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
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


class Segments:
    """What is wanted by its keys, taken out of segments on disk where there is a cache.

    A subclass sets `FIELDS` and writes `_keep`.

    Parameters
    ----------
    cache : Cache or None
    start : str
        Of the segments' names.
    keys : sequence of bytes
        Of what is wanted, each once.

    Attributes
    ----------
    missing : ndarray of bool, shape (n_keys,)
    """

    FIELDS: ClassVar[tuple[str, ...]]  # names of a segment's arrays, beside its keys

    def __init__(self, cache: Cache | None, start: str, keys: Sequence[bytes]) -> None:
        self.cache, self.start = cache, start
        self._names: set[str] = set()
        self._place = {key: place for place, key in enumerate(keys)}
        self.missing = np.ones(len(keys), dtype=np.bool_)

    def refresh(self) -> None:
        """Take over what lies on disk by now; a segment of another shape is none of ours."""
        if self.cache is None or not self.missing.any():
            return
        for name in self.cache.keys(self.start):
            if name not in self._names:
                self._names.add(name)
                arrays = self.cache.get(name, mapped=True)
                if arrays is not None and set(arrays) == {"keys", *self.FIELDS}:
                    self.take([row.tobytes() for row in arrays.pop("keys")], arrays)

    def lacks(self, key: bytes) -> bool:
        """Return whether this is wanted and not there yet."""
        place = self._place.get(key)
        return place is not None and bool(self.missing[place])

    def put(self, keys: Sequence[bytes], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take what was made, and leave it on disk where that can be done."""
        self.take(keys, arrays)
        if self.cache is not None:
            table = np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(len(keys), KEY_BYTES)
            name = self.start + hashlib.blake2b(table.tobytes(), digest_size=KEY_BYTES).hexdigest()
            self._names.add(name)
            if not self.cache.put(name, {"keys": table, **arrays}):
                self.cache = None  # said already, and not again for each segment

    def take(self, keys: Sequence[bytes], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Copy what is wanted and not there yet."""
        places = np.array([self._place.get(key, -1) for key in keys], dtype=np.intp)
        rows = np.flatnonzero(places >= 0)
        rows = rows[self.missing[places[rows]]]
        if len(rows):
            self._keep(places[rows], rows, arrays)
            self.missing[places[rows]] = False

    def _keep(
        self, places: NDArray[np.intp], rows: NDArray[np.intp], arrays: Mapping[str, NDArray[Any]]
    ) -> None:
        """Keep these rows of a segment at these places among what is wanted."""
        raise TypeError(f"{type(self).__name__} must write _keep.")


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
        segments: Segments,
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
