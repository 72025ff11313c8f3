"""What trials have computed, on disk: other trials, workers and later calls find it."""

import json
from collections import Counter
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

from features.storage.cache import Arrays, Cache

LIMIT = 5_000_000_000  # bytes of columns
PARTS_LIMIT = 2_000_000_000  # bytes of what parts predict
ROOMS = "0123456789abcdef"  # of parts: there are many, and a cache looks at all its files


class Kept:
    """Columns and parts by what they were made from.

    Parameters
    ----------
    folder : Path
        Bounded: what was not used for the longest time gives way.
    base : mapping
        What all of it depends on: files, folds, source, versions, device.

    Attributes
    ----------
    asked, found : Counter
        How often there was something to look for, and how often it was there, by kind.
    """

    def __init__(self, folder: Path, base: Mapping[str, Any]) -> None:
        self._base = json.dumps(base, sort_keys=True)
        self._columns = Cache(folder / "columns", LIMIT, sync=False)
        each = PARTS_LIMIT // len(ROOMS)
        self._parts = {room: Cache(folder / "parts" / room, each, sync=False) for room in ROOMS}
        self.asked: Counter[str] = Counter()
        self.found: Counter[str] = Counter()

    def get(self, kind: str, what: Mapping[str, Any]) -> Arrays | None:
        """Return what was made from the same, None where there is nothing."""
        key = self._key(kind, what)
        arrays = self._room(kind, key).get(key)
        self.asked[kind] += 1
        self.found[kind] += arrays is not None
        return arrays

    def put(self, kind: str, what: Mapping[str, Any], arrays: Arrays) -> None:
        """Keep something, if there is room on the disk."""
        key = self._key(kind, what)
        self._room(kind, key).put(key, arrays)

    def _key(self, kind: str, what: Mapping[str, Any]) -> str:
        told = f"{kind} {self._base} {json.dumps(what, sort_keys=True)}"
        return blake2b(told.encode(), digest_size=20).hexdigest()

    def _room(self, kind: str, key: str) -> Cache:
        return self._parts[key[0]] if kind == "parts" else self._columns
