"""Matches of battles' tokens, and vectors on the way: read once and kept, as vectors alone are."""

import hashlib
import json
from dataclasses import asdict
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.encoding.asked import Asked, Keyed
from features.encoding.encoder import Encoded, Encoder
from features.encoding.store import (
    CHARACTERS_PER_TOKEN,
    Made,
    VectorStore,
    call_of,
    guessed_tokens,
    in_order,
)
from features.matching.matches import MatchChunks, Matches
from features.matching.passes import Matching, MatchingPass
from features.storage.cache import Cache
from features.storage.chunks import Progress, Silent, Work, ahead, digest_of, key_of

VERSION = 1  # of what is kept: one more with each change that gives other numbers


class _Call(NamedTuple):
    """What was made for battles that are not kept: their name, and the vectors of their turns."""

    name: str
    matches: Matches
    made: list[Made]


class MatchStore(VectorStore):
    """What an encoder makes of battles: vectors of their turns, and how their tokens match.

    One pass gives both; see `features.encoding.store` for what is kept, where, and why what
    was not added is kept by the whole call.

    Parameters
    ----------
    encoder : Encoder
    matching : Matching
    cache : Cache, optional
    progress : callable, optional

    Examples
    --------
    >>> import polars as pl
    >>> battle = {"prompt": [["Name a prime."]], "response_a": [["7"]], "response_b": [["7"]]}
    >>> store = MatchStore(Encoder(length=16), Matching(temperature=0.1, tokens=64))
    >>> matches = store.matches(Asked.of(pl.DataFrame(battle)))
    >>> matches.lengths.tolist(), matches.best.shape
    ([[4, 1, 1]], (6, 2))
    """

    def __init__(
        self,
        encoder: Encoder,
        matching: Matching,
        cache: Cache | None = None,
        progress: Progress | None = None,
    ) -> None:
        super().__init__(encoder, cache, progress)
        self.matching = matching
        self.seconds["matches"] = 0.0
        self._matched: tuple[pd.Index, Matches] = (_index([]), Matches.none())
        self._call: _Call | None = None

    def add_battles(self, asked: Asked, progress: Progress | None = None) -> None:
        """Read battles, and keep what was made of them for all that ask.

        Raises
        ------
        EncoderError
            The encoder cannot be had or used.
        """
        with self._lock:
            index, known = self._matched
            keyed, there = asked.keyed, set(index)
            new = keyed.only([key not in there for key in keyed.keys])
            made: list[Made] = []
            if new.keys:
                matches, made = self._read(new, "", "", progress)
                self._matched = (_index([*index, *new.keys]), Matches.together([known, matches]))
            self._add(set(asked.texts), progress, made)

    def of_battles(self, asked: Asked) -> Encoded:
        """Return the vectors of the turns of battles, in the order of `asked.texts`."""
        with self._lock:
            keyed = asked.keyed
            known = self._matched[0].get_indexer(_index(keyed.keys))
            made = [] if (known >= 0).all() else self._called(keyed).made
            return self._vectors(asked.texts, made)

    def matches(self, asked: Asked) -> Matches:
        """Return the matches of battles, in their order, answer A as the first one."""
        with self._lock:
            keyed = asked.keyed
            index, matches = self._matched
            rows = index.get_indexer(_index(keyed.keys))
            if (rows < 0).any():
                rows, matches = np.arange(len(keyed.keys)), self._called(keyed).matches
            return matches.take(rows[keyed.place], keyed.swapped)

    def emptied(self, cache: Cache | None) -> "MatchStore":
        """Return a store with the same encoder, loaded or not, that has read nothing."""
        return MatchStore(self.encoder, self.matching, cache)

    def _called(self, keyed: Keyed) -> _Call:
        """Return what was made for these battles now, or for the same ones the last time."""
        name = digest_of(keyed.keys).hex()
        if self._call is None or self._call.name != name:
            of_texts = call_of(in_order(keyed.texts))
            self._call = _Call(name, *self._read(keyed, name, of_texts, self.progress))
        return self._call

    def _read(
        self, keyed: Keyed, call: str, of_texts: str, progress: Progress | None
    ) -> tuple[Matches, list[Made]]:
        """Return matches, found or made now, and what vectors were made for it."""
        text_keys = list(map(key_of, keyed.texts))
        chunks = MatchChunks(self.cache, f"matches{self._identity}p{call}p", keyed.keys)
        vectors = self.vector_chunks(of_texts, text_keys)
        at_work = MatchingPass(self.encoder, self.matching, self.seconds)
        characters = [len(text) for text in keyed.texts]

        def guess() -> NDArray[np.float64]:
            return np.array(keyed.sums(guessed_tokens(characters, self.most_read()).tolist()))

        together = int(self.matching.most_held(self.encoder.device) * CHARACTERS_PER_TOKEN)
        work = Work(chunks, keyed.sums(characters), guess, progress or Silent(), together)
        made: list[Made] = []
        shards = ((rows, *keyed.local(rows)) for rows in work.shards())
        for (rows, turns, battles), pieces in ahead(
            shards, lambda shard: self.tokenised([keyed.texts[turn] for turn in shard[1]])
        ):
            equal = [keyed.equal[row] for row in rows]
            encoded, matches = at_work.read(battles, equal, pieces, work.read)
            chunks.put([keyed.keys[row] for row in rows], matches._asdict())
            made.append(([text_keys[turn] for turn in turns], encoded))
            if self.cache is not None:
                vectors.put_missing(*made[-1])
            work.finished(rows)
        self.tokens_read += work.tokens
        return chunks.gathered(), made

    @property
    def _identity(self) -> str:
        """A hash of all that matches depend on, in hexadecimal."""
        known = asdict(self.matching) | {"encoder": self.encoder.identity, "version": VERSION}
        known.pop("held_tokens")
        content = json.dumps(known, sort_keys=True).encode()
        return hashlib.blake2b(content, digest_size=12).hexdigest()


def _index(keys: list[bytes]) -> pd.Index:
    return pd.Index(np.array(keys, dtype=object))
