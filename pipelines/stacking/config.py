"""The configuration of a stack: its members, each a preset with changes, and what they share.

Seed and folds are the stack's own, so that all members have the same ones.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import tomli_w
from pydantic import Field

from features.parameters import Section
from models.tower.settings import TowerSettings
from pipelines.config import NAME, Config, changed_preset
from pipelines.presets import PRESETS, STACKS, TOWERS
from pipelines.run.files import check_ordinary
from pipelines.settings import (
    ConfigError,
    apply_setting,
    as_shown,
    checked,
    folder_of,
    read_preset,
    read_toml,
)
from pipelines.stacking.settings import StackSettings
from pipelines.stacking.sources import STACK
from pipelines.tower.settings import changed_tower

DEFAULT = "stack"
SHARED = ("seed", "folds", "n_folds")  # what no member has for itself


class StackFolds(Section):
    """``[folds]``: one is held out, one chooses, and one is left to fit on."""

    n_folds: Annotated[int, Field(ge=3, le=100)] = 5


class _Sections(Section):
    """What may stand in the file."""

    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    folds: StackFolds = StackFolds()
    stack: dict[str, Any] = {}
    members: dict[str, dict[str, Any]] = {}


class RunPart(NamedTuple):
    """A member that `pipelines.fit.fit` makes."""

    preset: str
    config: Config

    def written(self) -> dict[str, Any]:
        """Return its section, with every key that it has for itself."""
        return _section(self.preset, self.config)


class TowerPart(NamedTuple):
    """A member that `pipelines.finetune.finetune` makes."""

    preset: str
    settings: TowerSettings

    def written(self) -> dict[str, Any]:
        """Return its section, with every key that it has for itself."""
        return _section(self.preset, self.settings)


class StackConfig(NamedTuple):
    """A whole configuration.

    Attributes
    ----------
    seed : int
        Of the folds, of every member, and of what joins them.
    n_folds : int
        At least 3.
    stack : StackSettings
        What joins the members.
    members : dict of str to RunPart or TowerPart
        By name, in the order in which they are made.
    """

    seed: int
    n_folds: int
    stack: StackSettings
    members: dict[str, RunPart | TowerPart]


def runs_of(config: StackConfig) -> dict[str, RunPart]:
    """Return the members that are runs."""
    return {name: part for name, part in config.members.items() if isinstance(part, RunPart)}


def is_stack(preset: str | None, file: Path | None) -> bool:
    """Whether a preset, or a file, is a stack's.

    Raises
    ------
    ConfigError, DataError
        There is no such preset, or the file cannot be read.
    """
    if file is not None:
        check_ordinary(file)
        return "members" in read_toml(file)
    if preset is None:
        return False
    return folder_of(preset, (PRESETS, STACKS), f"--preset {preset}") == STACKS


def load_stack_config(
    *, preset: str | None = None, file: Path | None = None, settings: Iterable[str] = ()
) -> StackConfig:
    """Read a stack's preset or file, apply ``KEY=VALUE`` settings, and check the whole.

    Parameters
    ----------
    preset : str, optional
        `DEFAULT` where neither it nor a file is given.
    file : Path, optional
        A TOML file with a section ``[members.NAME]`` for each member.
    settings : iterable of str
        Each ``dotted.key=value``, the value in TOML; what is no TOML is a string.

    Raises
    ------
    ConfigError
        Names the file or setting and the key, what was found, and what is allowed.

    Examples
    --------
    >>> config = load_stack_config(settings=["members.tower.epochs=2", "seed=1"])
    >>> list(config.members), config.members["tower"].settings.epochs
    (['classical', 'neural', 'tower'], 2)
    """
    if file is not None:
        data, where = read_toml(file), str(file)
    else:
        data, where = read_preset(DEFAULT if preset is None else preset, STACKS)
    for setting in settings:
        apply_setting(data, setting)
    sections = checked(_Sections, data, where)
    if not sections.members:
        raise ConfigError(
            f"{where}: members: expected a section [members.NAME] for each, found none."
        )
    if "seed" in sections.stack:
        raise ConfigError(f"{where}: stack.seed: unknown key. Set seed: one serves the whole.")
    stack = checked(StackSettings, {**sections.stack, "seed": sections.seed}, where, ("stack",))
    members = {
        name: _member(name, section, sections, where) for name, section in sections.members.items()
    }
    return StackConfig(sections.seed, sections.folds.n_folds, stack, members)


def _member(
    name: str, section: Mapping[str, Any], shared: _Sections, where: str
) -> RunPart | TowerPart:
    """Check a member's section, and return its preset with what is changed of it."""
    if not NAME.fullmatch(name) or name == STACK:
        raise ConfigError(
            f"{where}: members.{as_shown(name)}: a member's name has lower-case letters, digits "
            f"and _, begins with a letter, and is not {STACK}, the name of the whole."
        )
    own = f"{where}: members.{name}"
    changes = {key: value for key, value in section.items() if key != "preset"}
    for key in SHARED:
        if key in changes:
            raise ConfigError(
                f"{own}.{key}: unknown key. One seed and one set of folds serve all members: set "
                "seed and folds.n_folds."
            )
    preset = section.get("preset")
    if not isinstance(preset, str):
        raise ConfigError(
            f"{own}.preset: expected the name of a preset, of a run or of a tower, found "
            f"{'none' if preset is None else as_shown(preset)}. The members are "
            f"{', '.join(shared.members)}."
        )
    seed, n_folds = shared.seed, shared.folds.n_folds
    if folder_of(preset, (PRESETS, TOWERS), f"{own}.preset: {preset}") == TOWERS:
        changes |= {"seed": seed, "n_folds": n_folds}
        return TowerPart(preset, changed_tower(preset, changes, own))
    changes |= {"seed": seed, "folds": {"n_folds": n_folds}}
    return RunPart(preset, changed_preset(preset, changes, own))


def write_stack_config(config: StackConfig) -> str:
    """Return the configuration as TOML that `load_stack_config` reads back."""
    return tomli_w.dumps(
        {
            "seed": config.seed,
            "folds": {"n_folds": config.n_folds},
            "stack": config.stack.model_dump(mode="json", exclude_none=True, exclude={"seed"}),
            "members": {name: member.written() for name, member in config.members.items()},
        }
    )


def _section(preset: str, made: Section) -> dict[str, Any]:
    written = made.model_dump(mode="json", exclude_none=True, exclude=set(SHARED))
    return {"preset": preset, **written}
