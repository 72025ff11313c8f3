"""Matches of battles' tokens, and vectors on the way: read once and kept, as vectors alone are."""

import hashlib
import json
from dataclasses import asdict
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.source import source_hash
from features.encoding.encoder import Encoded, Encoder
from features.encoding.store import (
    CHARACTERS_PER_TOKEN,
    Made,
    VectorStore,
    call_of,
    guessed_tokens,
    in_order,
)
from features.encoding.turns import DistinctTurns, UnorderedBattles
from features.matching.matches import Matches
from features.matching.passes import Matching, MatchingPass
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

# What matches come from beside the encoder, whose identity holds the hash of its own source.
SOURCE = (
    "features.compiled",
    "features.encoding.turns",
    "features.matching.attention",
    "features.matching.attention_kernel",
    "features.matching.matches",
    "features.matching.passes",
    "features.matching.store",
)


class _Call(NamedTuple):
    """What was made for battles that are not kept: their name, and the vectors of their turns."""

    name: str
    matches: Matches
    made: list[Made]


class EncoderStore(VectorStore):
    """What the encoder of a run makes of battles: vectors of their turns, matches of their tokens.

    Where matches are asked for, one pass gives both; see `features.encoding.store` for what is
    kept, where, and why what was not added is kept by the whole call.

    Attributes
    ----------
    matching : Matching or None
        How tokens are matched, None where they are not.

    Examples
    --------
    >>> import polars as pl
    >>> battle = {"prompt": [["Name a prime."]], "response_a": [["7"]], "response_b": [["7"]]}
    >>> store = EncoderStore(Encoder(length=16))
    >>> matching = Matching(temperature=0.1, tokens=64)
    >>> matches = store.matches(DistinctTurns.of(pl.DataFrame(battle)), matching)
    >>> matches.lengths.tolist(), matches.best.shape
    ([[4, 1, 1]], (6, 2))
    """

    def __init__(self, encoder: Encoder, cache: Cache | None = None) -> None:
        super().__init__(encoder, cache)
        self.seconds["matches"] = 0.0
        self.matching: Matching | None = None
        self._matched: tuple[pd.Index, Matches] = (index_of([]), Matches.none())
        self._call: _Call | None = None

    def match_by(self, matching: Matching) -> None:
        """Match the tokens of all battles that are read, so; other matches are forgotten."""
        with self._lock:
            if matching != self.matching:
                self._matched, self._call = (index_of([]), Matches.none()), None
            self.matching = matching

    def add_battles(self, turns: DistinctTurns, progress: Progress | None = None) -> None:
        """Read battles, and keep what was made of them for all that ask.

        Raises
        ------
        EncoderError
            The encoder cannot be had or used.
        """
        with self._lock:
            made: list[Made] = []
            if self.matching is not None:
                made = self._match(turns.unordered, self.matching, progress)
            self.add(turns.texts, progress, made)

    def vectors_of(self, turns: DistinctTurns) -> Encoded:
        """Return the vectors of the turns of battles, in the order of `turns.texts`."""
        with self._lock:
            made: list[Made] = []
            if self.matching is not None and not set(turns.unordered.keys) <= set(self._matched[0]):
                made = self._called(turns.unordered, self.matching).made
            return self.vectors(turns.texts, made)

    def matches(self, turns: DistinctTurns, matching: Matching) -> Matches:
        """Return the matches of battles, in their order, answer A as the first one."""
        with self._lock:
            self.match_by(matching)
            unordered = turns.unordered
            index, matches = self._matched
            rows = index.get_indexer(index_of(unordered.keys))
            if (rows < 0).any():
                rows = np.arange(len(unordered.keys))
                matches = self._called(unordered, matching).matches
            return matches.take(rows[unordered.place], unordered.swapped)

    def _match(
        self, unordered: UnorderedBattles, matching: Matching, progress: Progress | None
    ) -> list[Made]:
        """Keep the matches of battles, and return what vectors were made for it."""
        index, known = self._matched
        there = set(index)
        new = unordered.only([key not in there for key in unordered.keys])
        if not new.keys:
            return []
        matches, made = self._read(new, matching, "", "", progress)
        self._matched = (index_of([*index, *new.keys]), Matches.together([known, matches]))
        return made

    def _called(self, unordered: UnorderedBattles, matching: Matching) -> _Call:
        """Return what was made for these battles now, or for the same ones the last time."""
        name = digest_of(unordered.keys).hex()
        if self._call is None or self._call.name != name:
            of_texts = call_of(in_order(unordered.texts))
            self._call = _Call(
                name, *self._read(unordered, matching, name, of_texts, self.progress)
            )
        return self._call

    def _read(
        self,
        unordered: UnorderedBattles,
        matching: Matching,
        call: str,
        of_texts: str,
        progress: Progress | None,
    ) -> tuple[Matches, list[Made]]:
        """Return matches, found or made now, and what vectors were made for it."""
        text_keys = list(map(key_of, unordered.texts))
        start = f"matches{self._identity(matching)}p{call}p"
        segments = Segments(Matches, self.cache, start, unordered.keys)
        vectors = self.vector_segments(of_texts, text_keys)
        at_work = MatchingPass(self.encoder, matching, self.seconds)
        characters = [len(text) for text in unordered.texts]

        def guess() -> NDArray[np.float64]:
            return np.array(unordered.sums(guessed_tokens(characters, self.most_read()).tolist()))

        together = int(matching.most_held(self.encoder.device) * CHARACTERS_PER_TOKEN)
        work = Work(segments, unordered.sums(characters), guess, progress or SILENT, together)
        made: list[Made] = []
        shards = ((rows, *unordered.local(rows)) for rows in work.shards())
        for (rows, turns, battles), pieces in ahead(
            shards, lambda shard: self.tokenised([unordered.texts[turn] for turn in shard[1]])
        ):
            equal = [unordered.equal[row] for row in rows]
            encoded, matches = at_work.read(battles, equal, pieces, work.read)
            segments.put([unordered.keys[row] for row in rows], matches)
            made.append(([text_keys[turn] for turn in turns], encoded))
            if self.cache is not None:
                vectors.put_missing(*made[-1])
            work.finished(rows)
        self.tokens_read += work.tokens
        return segments.gathered(), made

    def _identity(self, matching: Matching) -> str:
        """Return a hash of all that matches depend on, in hexadecimal."""
        known = asdict(matching) | {"source": source_hash(*SOURCE)}
        known |= {"encoder": self.encoder.identity}
        known.pop("held_tokens")
        content = json.dumps(known, sort_keys=True).encode()
        return hashlib.blake2b(content, digest_size=12).hexdigest()
