"""TOML files, presets and ``KEY=VALUE`` settings become one dictionary, and that a checked section.

Whatever is set by them (a run, a tower) is checked here, so that faults are told in one way.
"""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from data.tables.read import shown
from pipelines.presets import PRESETS, presets

MOST_SHOWN = 100  # characters of a setting in an error message
M = TypeVar("M", bound=BaseModel)


class ConfigError(ValueError):
    """A configuration that cannot be used. The message names the key and what is allowed."""


def read_preset(name: str, folder: Path = PRESETS) -> tuple[dict[str, Any], str]:
    """Return the content of a preset that lies in a folder, and what an error calls it."""
    folder_of(name, (folder,), f"--preset {name}")
    return read_toml(folder / f"{name}.toml"), f"preset {name}"


def folder_of(name: str, folders: Sequence[Path], where: str) -> Path:
    """Return which of some folders a preset lies in; `where` says in an error who names it."""
    known = {preset: folder for folder in folders for preset in presets(folder)}
    if name not in known:
        raise ConfigError(f"{where}: no such preset. Allowed: {', '.join(known)}.")
    return known[name]


def read_toml(path: Path) -> dict[str, Any]:
    """Return a file's content, or raise `ConfigError`."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}).") from None
    except (ValueError, RecursionError) as error:  # also of bytes, depth and numbers too long
        raise ConfigError(f"{path}: expected TOML. {error}.") from None


def refuse_stack(data: Mapping[str, Any], where: str, expected: str) -> None:
    """Raise `ConfigError` for the configuration of a stack, where another one is expected."""
    if "members" in data:
        raise ConfigError(
            f"{where}: members: the sections [members.NAME] make it the configuration of a stack, "
            f"found where {expected}"
        )


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


def merge(data: dict[str, Any], changes: Mapping[str, Any]) -> list[str]:
    """Put a nested dictionary into another one, key by key, and return the dotted keys.

    >>> data = {"model": {"bag": 1, "form": "heads"}}
    >>> merge(data, {"model": {"bag": 2}, "seed": 3}), data
    (['model.bag', 'seed'], {'model': {'bag': 2, 'form': 'heads'}, 'seed': 3})
    """
    keys = []
    for name, value in changes.items():
        there = data.get(name)
        if isinstance(value, Mapping) and (there is None or isinstance(there, dict)):
            inner = merge(data.setdefault(name, {}), value)
            keys += [f"{name}.{key}" for key in inner]
        else:
            data[name] = value
            keys.append(name)
    return keys


def _cut(text: str) -> str:
    return text if len(text) <= MOST_SHOWN else text[:MOST_SHOWN] + "..."


def checked(model: type[M], data: Mapping[str, Any], where: str, path: tuple[str, ...] = ()) -> M:
    """Return a section that holds only what is allowed.

    Parameters
    ----------
    model : type of BaseModel
        What is allowed.
    data : mapping
    where : str
        Says in an error where the content is from.
    path : tuple of str
        Of the section in the whole.

    Raises
    ------
    ConfigError
        Names the key, what is allowed, and what was found.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{where}: {_explain(error.errors()[0], model, path)}") from None


def _explain(error: ErrorDetails, model: type[BaseModel], path: tuple[str, ...]) -> str:
    key = ".".join(map(str, (*path, *error["loc"])))
    if error["type"] == "extra_forbidden":
        allowed = ", ".join(_section_at(model, error["loc"])) or "nothing, it has no parameters"
        return f"{key}: unknown key. Allowed: {allowed}."
    if error["type"] == "missing":
        return f"{key}: this key is required."
    message = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    if not key:  # what does not fit together is told by its own words, and not by all of it
        return f"{message}."
    return f"{key}: {message}. Got {as_shown(error['input'])}."


def as_shown(value: object) -> str:
    """Return a value as an error shows it."""
    try:
        return shown(value)
    except (ValueError, RecursionError):
        return "what is too long to show"


def _section_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """Return the keys that are allowed in the section where an unknown one was found."""
    for part in loc[:-1]:
        model = model.model_fields[str(part)].annotation  # type: ignore[assignment]
    return list(model.model_fields)
