"""A member as it is made: known before any work, tried, and then fitted in a folder of its own."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from features.encoding.files import need_libraries
from features.storage.cache import Cache
from models.device import Choice, Device
from pipelines import finetune, fit
from pipelines.command.flags import STATES, STATES_LIMIT
from pipelines.estimator.encoding import encoder_store
from pipelines.estimator.importance import Level
from pipelines.run.folder import CHECKPOINTS
from pipelines.run.inputs import Inputs
from pipelines.stacking.config import RunPart, TowerPart
from pipelines.stacking.sources import RunSource, Source, TowerSource
from pipelines.tower.origin import Origin


class Options(NamedTuple):
    """What all members are made with.

    Attributes
    ----------
    inputs : Inputs
        Without a test file, which the stack predicts.
    skip_bad_rows : bool
    device : {"auto", "cpu", "cuda"}
    cache : Cache or None
    states : Path or None
        Where states of frozen layers are kept; with None in the unfinished stack alone.
    console : rich.console.Console
    importance : {"none", "gain", "families", "full"}
        What runs tell of their columns.
    """

    inputs: Inputs
    skip_bad_rows: bool
    device: Choice
    cache: Cache | None
    states: Path | None
    console: Console
    importance: Level = "gain"


class Making(ABC):
    """A member to be.

    Parameters
    ----------
    name : str
    options : Options
    """

    def __init__(self, name: str, options: Options) -> None:
        self.name, self.options = name, options

    @property
    @abstractmethod
    def device(self) -> Device:
        """Where it trains."""

    @property
    @abstractmethod
    def key(self) -> Mapping[str, Any]:
        """What it depends on; what cannot be had is told of here."""

    @abstractmethod
    def check(self) -> None:
        """Load the network that it reads with, so that one that will not do is told of now."""

    @abstractmethod
    def source(self, folder: Path) -> Source:
        """Return the finished member that lies in a folder."""

    @abstractmethod
    def make(self, folder: Path) -> None:
        """Make it, or go on with what lies there."""


class RunMaking(Making):
    """A run to be.

    Parameters
    ----------
    name : str
    part : RunPart
    options : Options
    """

    def __init__(self, name: str, part: RunPart, options: Options) -> None:
        super().__init__(name, options)
        self.config = part.config

    @cached_property
    def _prepared(self) -> fit.Prepared:
        of = self.options
        return fit.prepare(self.config, of.inputs, of.device, of.cache)

    @property
    def device(self) -> Device:
        """Where it trains."""
        return self._prepared.device

    @property
    def key(self) -> Mapping[str, Any]:
        """What it depends on; what cannot be had is told of here."""
        return self._prepared.key

    def check(self) -> None:
        """Load the encoder, if there is one."""
        store = encoder_store(self._prepared.pipeline)
        if store is not None:
            store.encoder.pieces([""])

    def source(self, folder: Path) -> Source:
        """Return the finished run."""
        return RunSource(self.name, folder)

    def make(self, folder: Path) -> None:
        """Make it, or go on with what lies there."""
        of = self.options
        fit.fit(
            self.config,
            of.inputs,
            folder,
            skip_bad_rows=of.skip_bad_rows,
            device=of.device,
            cache=of.cache,
            console=of.console,
            member=self.name,
            importance=of.importance,
        )


class TowerMaking(Making):
    """A tower to be.

    Parameters
    ----------
    name : str
    part : TowerPart
    options : Options
    """

    def __init__(self, name: str, part: TowerPart, options: Options) -> None:
        super().__init__(name, options)
        self.settings = part.settings
        self.origin = Origin(options.inputs, options.skip_bad_rows)

    @cached_property
    def _prepared(self) -> finetune.Prepared:
        return finetune.prepare(self.settings, self.origin, self.options.device)

    @property
    def device(self) -> Device:
        """Where it trains."""
        return self._prepared.device

    @property
    def key(self) -> Mapping[str, Any]:
        """What it depends on; what cannot be had is told of here."""
        return self._prepared.key

    def check(self) -> None:
        """Load the backbone, and cut it where it is to be trained from."""
        need_libraries()
        from models.tower.device import Place
        from models.tower.loaded import Loaded
        from models.tower.watch import Silent

        place = Place.of(self.device.name, self.settings.precision)
        Loaded.of(self.settings, place, Silent())

    def source(self, folder: Path) -> Source:
        """Return the finished tower."""
        return TowerSource(self.name, folder)

    def make(self, folder: Path) -> None:
        """Make it, or go on with what lies there."""
        need_libraries()
        from models.tower.states import StateStore

        states = self.options.states or folder.parents[1] / CHECKPOINTS / STATES
        finetune.finetune(
            self.settings,
            self.origin,
            folder,
            device=self.options.device,
            states=StateStore(states, int(STATES_LIMIT * 1e9)),
            console=self.options.console,
            member=self.name,
        )


def making(name: str, part: RunPart | TowerPart, options: Options) -> Making:
    """Return what makes a member."""
    if isinstance(part, TowerPart):
        return TowerMaking(name, part, options)
    return RunMaking(name, part, options)
