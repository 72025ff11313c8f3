"""What the trained layers are given: tokens, or the states of frozen layers, computed once.

States lie in shards of a folder, rounded to float16 as all that are given are, stored or not: a
tower does not depend on how many fitted.
"""

import hashlib
import json
import os
import shutil
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from data.source import source_hash
from features.encoding.batches import SHORTEST, batched, out_of_memory, workers
from features.encoding.truncation import Tokens
from models.tower.attention import Packs
from models.tower.backbone import Backbone
from models.tower.device import Place
from models.tower.errors import TowerError
from models.tower.held import MARK, hold, seize, share
from models.tower.watch import Watch
from models.tower.world import World

BATCH_TOKENS = {"cpu": 1_024, "cuda": 32_768}  # of a call of the frozen layers
SHARD = 1 << 16  # tokens of a file
BYTES = 2  # of a number
LIBRARIES = ("torch", "transformers", "tokenizers")

SOURCE = tuple(
    f"models.tower.{module}"
    for module in ("attention", "backbone", "disentangled", "layers", "states")
)
States = NDArray[np.float16]


class StateStore(NamedTuple):
    """Where states are kept.

    Attributes
    ----------
    folder : Path
        That holds nothing else. Any number of processes may share it.
    limit : int
        Bytes that it may take; what was made for other towers goes first, unless one of these is
        being trained: then less is kept of this one.
    """

    folder: Path
    limit: int


class Inputs:
    """What the trained layers are given of some sequences.

    Parameters
    ----------
    pieces : sequence of ndarray of int32
        Tokens of each.
    lower : Backbone or None
        The frozen layers; None where all are trained.
    place : Place
    weights : str
        Names the frozen layers' weights.
    store : StateStore, optional
        Where states are kept; each time computed anew without one.
    """

    def __init__(
        self,
        pieces: Sequence[Tokens],
        lower: Backbone | None,
        place: Place,
        weights: str,
        store: StateStore | None = None,
    ) -> None:
        self.pieces, self.lower, self.place, self.store = pieces, lower, place, store
        self.lengths = np.array([len(piece) for piece in pieces], dtype=np.int64)
        self.weights = weights
        self._shard = np.full(len(pieces), -1)
        self._start = np.zeros(len(pieces), dtype=np.int64)
        self._shards: list[_Shard] = []

    def prepare(self, watch: Watch, world: World) -> None:
        """Run the frozen layers over all sequences, as far as their states may be kept."""
        if self.lower is None or self.store is None or self._shards:
            return
        folder = self.store.folder / self._key()
        planned = world.broadcast(self._filled(folder, watch) if world.main else None)
        for number, shard in enumerate(planned):
            self._shards.append(_Shard.of(_shard(folder, number)))
            self._shard[shard] = number
            self._start[shard] = np.cumsum(self.lengths[shard]) - self.lengths[shard]

    def _filled(self, folder: Path, watch: Watch) -> list[NDArray[np.intp]]:
        """Write what may be kept, and keep hold of it; return which sequences share a shard."""
        limit = self.store.limit if self.store else 0
        alone = seize(folder)
        held = hold(folder) if alone is None else alone
        weakref.finalize(self, os.close, held)
        taken = _make_room(folder, limit, sum(map(self._bytes, self._planned(limit))))
        planned = self._planned(limit - taken)
        if alone is not None:
            kept = {_shard(folder, at) for at in range(len(planned))}
            for path in {*folder.glob("*.npy")} - kept:
                path.unlink()  # kept under a higher limit, or cut off while it was written
            share(held)
        self._fill(folder, planned, watch)
        return planned

    def given(self, places: Sequence[int] | NDArray[np.intp]) -> list[Tensor]:
        """Return what is given of each sequence, on the device.

        Returns
        -------
        list of Tensor, shape (n_tokens,) or (n_tokens, n_dimensions)
            Token ids, or states as float16 rounds them, in float32.
        """
        if self.lower is None:
            return self._sent([self.pieces[place].astype(np.int64) for place in places])
        lacking = [place for place in places if self._shard[place] < 0]
        made = dict(zip(lacking, self._made(lacking), strict=True))
        found = [made[place] if place in made else self._kept(place) for place in places]
        return [of.float() for of in self._sent(found)]

    def _sent(self, arrays: Sequence[NDArray[Any]]) -> list[Tensor]:
        """Return arrays on the device, where all of them go at once."""
        if not arrays:
            return []
        whole = torch.from_numpy(np.concatenate(arrays)).to(self.place.device)
        return list(whole.split([len(array) for array in arrays]))

    def _kept(self, place: int) -> States:
        shard = self._shards[self._shard[place]]
        return shard.read(int(self._start[place]), int(self.lengths[place]))

    def _made(self, places: Sequence[int]) -> list[States]:
        """Run the frozen layers now."""
        if self.lower is None or not len(places):
            return []
        pieces = [self.pieces[place] for place in places]
        return frozen_states(self.lower, pieces, self.place)

    def _planned(self, limit: int) -> list[NDArray[np.intp]]:
        """Return which sequences share a shard, the longest first, as far as there is room."""
        digests = [
            hashlib.blake2b(piece.tobytes(), digest_size=8).digest() for piece in self.pieces
        ]
        if not digests:
            return []
        order = np.lexsort((np.array(digests, dtype="S8"), -self.lengths))
        ends = np.cumsum(self.lengths[order]) // SHARD
        shards = np.split(order, np.flatnonzero(np.diff(ends)) + 1)
        sizes = np.cumsum([self._bytes(shard) for shard in shards])
        return [shard for shard, size in zip(shards, sizes, strict=True) if size <= limit]

    def _bytes(self, shard: NDArray[np.intp]) -> int:
        width = self.lower.width if self.lower else 0
        return int(self.lengths[shard].sum()) * width * BYTES

    def _fill(self, folder: Path, planned: Sequence[NDArray[np.intp]], watch: Watch) -> None:
        """Write the shards that are not there yet, each whole."""
        (folder / MARK).touch()
        lacking = [at for at in range(len(planned)) if not _shard(folder, at).is_file()]
        watch.expect(int(sum(self.lengths[planned[at]].sum() for at in lacking)))
        for number in lacking:
            path, shard = _shard(folder, number), planned[number]
            states = np.concatenate(self._made(shard.tolist()))
            aside = path.with_suffix(f".{os.getpid()}.npy")
            np.save(aside, states)
            aside.replace(path)
            watch.read(int(self.lengths[shard].sum()))

    def _key(self) -> str:
        """Return what names these states: the weights, the layers, the sequences, the source."""
        lower = self.lower and (self.lower.n_layers, self.lower.packed, self.lower.flash)
        known = [self.weights, lower, self.place.precision, self.place.device.type]
        known += [source_hash(*SOURCE), *map(version, LIBRARIES)]
        whole = hashlib.blake2b(json.dumps(known).encode(), digest_size=12)
        for piece in self.pieces:
            whole.update(len(piece).to_bytes(4, "little") + piece.tobytes())
        return whole.hexdigest()


class _Shard(NamedTuple):
    """A file of states. It is read and not mapped: what is mapped counts as memory of ours."""

    path: Path
    header: int  # bytes before the first state
    width: int

    @classmethod
    def of(cls, path: Path) -> Self:
        """Look where the states begin."""
        mapped = np.load(path, mmap_mode="r")
        return cls(path, mapped.offset, mapped.shape[1])

    def read(self, start: int, n_tokens: int) -> States:
        """Return the states of tokens that lie one after the other."""
        number, offset = n_tokens * self.width, self.header + start * self.width * BYTES
        found = np.fromfile(self.path, dtype=np.float16, count=number, offset=offset)
        return found.reshape(n_tokens, self.width)


def _shard(folder: Path, number: int) -> Path:
    return folder / f"{number}.npy"


def _make_room(own: Path, limit: int, wanted: int) -> int:
    """Remove what nobody uses, the oldest first, until there is room; return what others take."""
    others = [mark.parent for mark in own.parent.glob(f"*/{MARK}") if mark.parent != own]
    sizes = {of: _size(of) for of in others}
    for of in sorted(sizes, key=_age):
        if sum(sizes.values()) + wanted <= limit:
            break
        held = seize(of)
        if held is not None:
            sizes.pop(of)
            shutil.rmtree(of, ignore_errors=True)
            os.close(held)
    return sum(sizes.values())


def _size(folder: Path) -> int:
    with suppress(FileNotFoundError):  # another process takes it away
        return sum(file.stat().st_size for file in folder.iterdir())
    return 0


def _age(folder: Path) -> float:
    with suppress(FileNotFoundError):
        return (folder / MARK).stat().st_mtime
    return 0.0


@torch.inference_mode()
def frozen_states(lower: Backbone, pieces: Sequence[Tokens], place: Place) -> list[States]:
    """Return the states of sequences, shape (n_tokens, n_dimensions) each, as float16 rounds them.

    On a CPU only sequences of one length share a call, so that the bits of none depend on others.
    """
    lower.to(place.device)
    rows = [torch.from_numpy(piece.astype(np.int64)).to(place.device) for piece in pieces]
    found: list[States | None] = [None] * len(pieces)
    for where, states in in_batches(lower, rows, place):
        for at, own in zip(where, states, strict=True):
            found[at] = _rounded(own)
    return [own for own in found if own is not None]


def _rounded(states: Tensor) -> States:
    rounded = states.to(torch.float16)
    if not torch.isfinite(rounded).all():
        raise TowerError(
            f"train_layers: states below the trained layers are as large as "
            f"{float(states.abs().max()):,.0f}, which float16 does not hold. Leave train_layers "
            "out, or choose another number of layers."
        )
    return rounded.cpu().numpy()


def in_batches(
    backbone: Backbone, rows: Sequence[Tensor], place: Place
) -> Iterator[tuple[NDArray[np.intp], list[Tensor]]]:
    """Run a part of a network over sequences, in batches that suit the device.

    Yields
    ------
    ndarray of intp, shape (n_sequences,)
        Which of `rows`.
    list of Tensor, shape (n_tokens, n_dimensions)
        Their states.
    """
    stand_ins = [np.zeros(len(row), dtype=np.int32) for row in rows]
    step = 1 if not place.on_card else 16
    budget = BATCH_TOKENS[place.device.type]
    batches = [batch.places for batch in batched(stand_ins, budget, step)]

    def run(where: NDArray[np.intp]) -> list[tuple[NDArray[np.intp], list[Tensor]]]:
        try:
            with torch.inference_mode(), place.autocast():
                return [(where, states_of(backbone, [rows[at] for at in where], place))]
        except RuntimeError as error:
            if not out_of_memory(error) or len(where) == 1:
                raise
        if place.on_card:
            torch.cuda.empty_cache()
        half = len(where) // 2
        return run(where[:half]) + run(where[half:])

    with workers(place.device.type) as each:
        made: Iterable[list[tuple[NDArray[np.intp], list[Tensor]]]] = each(run, batches)
        for parts in made:
            yield from parts


def states_of(backbone: Backbone, rows: Sequence[Tensor], place: Place) -> list[Tensor]:
    """Return the states of sequences: side by side on a CPU, filled up to one length."""
    lengths = [len(row) for row in rows]
    if place.on_card:
        packs = Packs.of(lengths, place.device)
        return list(backbone(torch.cat(list(rows)), packs).split(lengths))
    width = max(SHORTEST, *lengths)  # products of fewer rows round in another way
    filled = [pad(row, (0, 0) * (row.ndim - 1) + (0, width - len(row))) for row in rows]
    states = backbone.side_by_side(filled, lengths)
    return [own[:length] for own, length in zip(states, lengths, strict=True)]
