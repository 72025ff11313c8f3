"""The settings of a tower: presets and files in TOML, checked before any work."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import tomli_w

from models.tower.settings import TowerSettings
from pipelines.presets import TOWERS
from pipelines.settings import apply_setting, checked, read_preset, read_toml, refuse_stack

DEFAULT = "minilm_tower"


def load_settings(
    *, preset: str | None = None, file: Path | None = None, settings: Iterable[str] = ()
) -> TowerSettings:
    """Read a preset or a file, apply ``KEY=VALUE`` settings, and check the whole.

    Parameters
    ----------
    preset : str, optional
        Name of a tower's preset; `DEFAULT` where neither it nor a file is given.
    file : Path, optional
        A TOML file with all that differs from the defaults.
    settings : iterable of str
        Each ``key=value``, the value in TOML; what is no TOML is a string.

    Raises
    ------
    ConfigError
        Names the file or setting and the key, what was found, and what is allowed.

    Examples
    --------
    >>> load_settings(settings=["epochs=2"]).epochs
    2
    """
    if file is not None:
        data, where = read_toml(file), str(file)
    else:
        data, where = read_preset(DEFAULT if preset is None else preset, TOWERS)
    for setting in settings:
        apply_setting(data, setting)
    refuse_stack(data, where, "a tower's is expected. pipelines.fit takes it.")
    return checked(TowerSettings, data, where).resolved()


def changed_tower(preset: str, changes: Mapping[str, Any], where: str) -> TowerSettings:
    """Return a preset's settings with some of its keys changed.

    Parameters
    ----------
    preset : str
    changes : mapping
    where : str
        Says in an error where the changes are from.

    Raises
    ------
    ConfigError
        Names the key, what was found, and what is allowed.
    """
    data, _ = read_preset(preset, TOWERS)
    return checked(TowerSettings, {**data, **changes}, where).resolved()


def write_settings(settings: TowerSettings) -> str:
    """Return the settings as TOML that `load_settings` reads back."""
    return tomli_w.dumps(settings.model_dump(mode="json", exclude_none=True))
