"""The configuration of a run: presets and files in TOML, checked by pydantic before any work."""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import tomli_w
from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    ValidationError,
)
from pydantic_core import ErrorDetails

from data.battles import make_battles
from data.tables.read import shown
from features import FAMILIES
from features.encoding.encoder import Encoder
from features.parameters import Section, options_of
from models.learners.registry import LEARNERS
from pipelines.presets import PRESETS, presets

# What families with an encoder had each for themselves, of which some is no more.
MOVED = (
    "encoder", "pooling", "layers", "length", "long", "windows", "precision", "batch_tokens",
)  # fmt: skip
MOST_SHOWN = 100  # characters of a setting in an error message
M = TypeVar("M", bound=BaseModel)


class ConfigError(ValueError):
    """A configuration that cannot be used. The message names the key and what is allowed."""


def _names_from(registry: Mapping[str, Any]) -> AfterValidator:
    """Return a check that a list holds distinct names of a registry."""

    def check(names: list[str]) -> list[str]:
        unknown = [name for name in names if name not in registry]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is none of {', '.join(registry)}")
        if len(set(names)) < len(names):
            raise ValueError("each name may stand once")
        return names

    return AfterValidator(check)


class FoldsConfig(Section):
    """``[folds]``: how the plain rows are cut, grouped by prompt and stratified by label."""

    n_folds: Annotated[int, Field(ge=2, le=100)] = 5


class ModelConfig(Section):
    """``[model]``: the preference model, see `models.preference.PreferenceModel`."""

    members: Annotated[list[str], Field(min_length=1), _names_from(LEARNERS)] = [
        "lightgbm",
        "xgboost",
        "linear",
    ]
    form: Literal["heads", "multiclass"] = "heads"
    inner_folds: Annotated[int, Field(ge=2, le=100)] = 4
    extra_weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    calibrate: bool = True
    bag: Annotated[int, Field(ge=1, le=100)] = 1


class Config(Section):
    """A whole configuration.

    Attributes
    ----------
    families : list of str
        Feature families, names from `features.FAMILIES`.
    seed : int
        Seeds folds and models.
    folds, model
        The sections ``[folds]`` and ``[model]``.
    encoder : dict or None
        ``[encoder]``, parameters of `features.encoding.encoder.Encoder`; None where no family
        reads with one.
    features, learners : dict
        ``[features.NAME]`` and ``[learners.NAME]`` hold parameters of a family or a learner that
        are not its defaults, by the names of its constructor.
    """

    families: Annotated[list[str], Field(min_length=1), _names_from(FAMILIES)]
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    folds: FoldsConfig = FoldsConfig()
    model: ModelConfig = ModelConfig()
    encoder: dict[str, Any] | None = None
    features: dict[str, dict[str, Any]] = {}
    learners: dict[str, dict[str, Any]] = {}


def load_config(
    *, preset: str | None = None, file: Path | None = None, settings: Iterable[str] = ()
) -> Config:
    """Read a preset or a file, apply ``KEY=VALUE`` settings, and check the whole.

    Parameters
    ----------
    preset : str, optional
        Name of a preset; ``classical`` where neither it nor a file is given.
    file : Path, optional
        A TOML file with all that differs from the defaults.
    settings : iterable of str
        Each ``dotted.key=value``, the value in TOML; what is no TOML is a string.

    Raises
    ------
    ConfigError
        Names the file or setting and the key, what was found, and what is allowed.

    Examples
    --------
    >>> load_config(settings=["model.inner_folds=3"]).model.inner_folds
    3
    """
    if file is not None:
        data, where = _read_toml(file), str(file)
    else:
        data, where = _read_preset("classical" if preset is None else preset)
    for setting in settings:
        _apply(data, setting)
    return check_config(data, where)


def check_config(data: Mapping[str, Any], where: str) -> Config:
    """Check a configuration given as a dictionary; `where` says in an error where it is from."""
    config = _checked(Config, data, where, ())
    _checked(options_of(Encoder), config.encoder or {}, where, ("encoder",))
    registries: dict[str, Mapping[str, type]] = {"features": FAMILIES, "learners": LEARNERS}
    for section, registry in registries.items():
        for name, options in getattr(config, section).items():
            if name not in registry:
                raise ConfigError(
                    f"{where}: {section}.{name}: unknown key. Allowed: {', '.join(registry)}."
                )
            if section == "features":
                _check_moved(name, options, where)
            _checked(options_of(registry[name]), options, where, (section, name))
    for name, options in config.features.items():
        _check_family(name, options, where)
    return _resolved(config)


def _check_moved(name: str, options: Mapping[str, Any], where: str) -> None:
    """Refuse what families held, each for itself, before a run had one encoder."""
    family: type = FAMILIES[name]
    for key in MOVED if FAMILIES[name].uses == "encoder" else ():
        if key in options and key not in options_of(family).model_fields:
            raise ConfigError(
                f"{where}: features.{name}.{key}: unknown key. A run has one encoder, in the "
                f"section [encoder]. Allowed there: {', '.join(options_of(Encoder).model_fields)}."
            )


def _resolved(config: Config) -> Config:
    """Write out every parameter of what is in use, and none of the others."""
    reads = any(FAMILIES[name].uses == "encoder" for name in config.families)
    return config.model_copy(
        update={
            "encoder": _written(Encoder, config.encoder or {}) if reads else None,
            "features": {
                name: _written(FAMILIES[name], config.features.get(name, {}))
                for name in config.families
            },
            "learners": {
                name: _written(LEARNERS[name], config.learners.get(name, {}))
                for name in config.model.members
            },
        }
    )


def _written(cls: type, given: Mapping[str, Any]) -> dict[str, Any]:
    return options_of(cls)(**given).model_dump(mode="json", exclude_none=True)


def _check_family(name: str, options: Mapping[str, Any], where: str) -> None:
    """Let a family see its parameters now, on no battles at all, rather than in the middle."""
    try:
        build(FAMILIES[name], options).fit(make_battles([], [], []))
    except ValueError as error:
        raise ConfigError(f"{where}: features.{name}: {error}") from None


def write_config(config: Config) -> str:
    """Return the configuration as TOML that `load_config` reads back."""
    return tomli_w.dumps(config.model_dump(mode="json", exclude_none=True))


def build(cls: type, options: Mapping[str, Any]) -> Any:
    """Return an instance of a family or a learner with checked parameters."""
    return cls(**_checked(options_of(cls), options, cls.__name__, ()).model_dump())


def _checked(model: type[M], data: Mapping[str, Any], where: str, path: tuple[str, ...]) -> M:
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
    return f"{key}: {message}. Got {_found(error['input'])}."


def _found(value: object) -> str:
    try:
        return shown(value)
    except (ValueError, RecursionError):
        return "what is too long to show"


def _section_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """Return the keys that are allowed in the section where an unknown one was found."""
    for part in loc[:-1]:
        model = model.model_fields[str(part)].annotation  # type: ignore[assignment]
    return list(model.model_fields)


def _read_preset(name: str) -> tuple[dict[str, Any], str]:
    if name not in presets():
        raise ConfigError(f"--preset {name}: no such preset. Allowed: {', '.join(presets())}.")
    return _read_toml(PRESETS / f"{name}.toml"), f"preset {name}"


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}).") from None
    except (ValueError, RecursionError) as error:  # also of bytes, depth and numbers too long
        raise ConfigError(f"{path}: expected TOML. {error}.") from None


def _apply(data: dict[str, Any], setting: str) -> None:
    """Put ``dotted.key=value`` into a nested dictionary."""
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


def _cut(text: str) -> str:
    return text if len(text) <= MOST_SHOWN else text[:MOST_SHOWN] + "..."
