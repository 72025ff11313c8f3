"""TOML files, presets and ``KEY=VALUE`` settings become one dictionary, unchecked."""

import tomllib
from pathlib import Path
from typing import Any

from pipelines.presets import PRESETS, presets

MOST_SHOWN = 100  # characters of a setting in an error message


class ConfigError(ValueError):
    """A configuration that cannot be used. The message names the key and what is allowed."""


def read_preset(name: str) -> tuple[dict[str, Any], str]:
    """Return a preset's content, and what an error calls it."""
    if name not in presets():
        raise ConfigError(f"--preset {name}: no such preset. Allowed: {', '.join(presets())}.")
    return read_toml(PRESETS / f"{name}.toml"), f"preset {name}"


def read_toml(path: Path) -> dict[str, Any]:
    """Return a file's content, or raise `ConfigError`."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}).") from None
    except (ValueError, RecursionError) as error:  # also of bytes, depth and numbers too long
        raise ConfigError(f"{path}: expected TOML. {error}.") from None


def apply_setting(data: dict[str, Any], setting: str) -> str:
    """Put ``dotted.key=value`` into a nested dictionary, and return the key."""
    key, equals, text = setting.partition("=")
    *sections, name = key.strip().split(".")
    if not equals or not name:
        raise ConfigError(
            f"--set {_cut(setting)}: expected KEY=VALUE, such as model.inner_folds=4."
        )
    for section in sections:
        data = data.setdefault(section, {})
        if not isinstance(data, dict):
            raise ConfigError(f"--set {_cut(setting)}: {_cut(section)} is no section.")
    try:
        read = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        read = {"value": text}
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"--set {_cut(setting)}: expected TOML. {error}.") from None
    if len(read) > 1:
        raise ConfigError(f"--set {_cut(setting)}: expected one value, found more than one line.")
    data[name] = read["value"]
    return ".".join((*sections, name))


def _cut(text: str) -> str:
    return text if len(text) <= MOST_SHOWN else text[:MOST_SHOWN] + "..."
