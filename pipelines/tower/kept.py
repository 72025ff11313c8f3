"""The folder that is being made, as each of several processes sees it: the first alone writes."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines.run.folder import CHECKPOINTS, UnfinishedRun

if TYPE_CHECKING:
    from models.tower.world import World

Arrays = dict[str, NDArray[Any]]
TOLD = "told"  # the array of what is no array, as JSON


class Kept(NamedTuple):
    """What is kept of finished and of unfinished parts of the work.

    Attributes
    ----------
    world : World
    run : UnfinishedRun or None
        None in all processes but the first.
    """

    world: "World"
    run: UnfinishedRun | None

    def saved(self, name: str) -> Arrays | None:
        """Return what `save` kept, in every process."""
        found: Arrays | None = self.world.broadcast(self.run.saved(name) if self.run else None)
        return found

    def save(self, name: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keep a finished part, and no more what was kept while it was being made."""
        if self.run:
            self.run.save(name, arrays)
            self.run.remove(_training(name))

    def checkpoints(self, name: str) -> "TrainingFile":
        """Return where the training of a part is kept while it lasts."""
        return TrainingFile(self.run, _training(name))


class TrainingFile(NamedTuple):
    """Where an unfinished training is kept, see `models.tower.checkpoint.Checkpoints`."""

    run: UnfinishedRun | None
    name: str

    def read(self) -> bytes | None:
        """Return what was written last, None where there is nothing."""
        return self.run.read(self.name) if self.run else None

    def write(self, content: bytes) -> None:
        """Keep this in the place of what was kept before."""
        if self.run:
            self.run.write(self.name, content)


def _training(name: str) -> str:
    return f"{CHECKPOINTS}/{name}.training"


@contextmanager
def kept_in(world: "World", target: Path, key: Mapping[str, Any], *, force: bool) -> Iterator[Kept]:
    """Open the unfinished folder in the first process; the others learn of it what they need."""
    if not world.main:
        yield Kept(world, None)
        return
    with UnfinishedRun(target, key, force=force) as run:
        yield Kept(world, run)


def told_array(told: Mapping[str, Any]) -> NDArray[Any]:
    """Return what is no array as one.

    >>> told_of({"told": told_array({"epochs": 1.5})})
    {'epochs': 1.5}
    """
    return np.array(json.dumps(told))


def told_of(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """Take over what `told_array` gave."""
    told: dict[str, Any] = json.loads(str(arrays[TOLD]))
    return told
