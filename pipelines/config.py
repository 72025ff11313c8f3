"""The configuration of a run: presets and files in TOML, checked by pydantic before any work."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tomli_w

from data.battles import make_battles
from features import FAMILIES, BattleFamily
from features.columns import selected_families
from features.encoding.encoder import Encoder
from features.parameters import options_of
from models.learners.contract import Learner
from models.learners.registry import LEARNERS
from pipelines.sections import MEMBERS, Config
from pipelines.settings import (
    ConfigError,
    apply_setting,
    as_shown,
    checked,
    merge,
    read_preset,
    read_toml,
    refuse_stack,
)

# What families with an encoder had each for themselves, of which some is no more.
MOVED = (
    "encoder", "pooling", "layers", "length", "long", "windows", "precision", "batch_tokens",
)  # fmt: skip
__all__ = ["Config", "ConfigError", "build", "check_config", "load_config", "write_config"]


SEARCH = "search"  # a section that `pipelines.tune` alone reads: it is no part of a configuration
NAME = re.compile(r"[a-z][a-z0-9_]*")  # of a section: files of a run are named by it


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
    data, where = read_source(preset=preset, file=file, settings=settings)
    return check_config(data, where)


def read_source(
    *, preset: str | None = None, file: Path | None = None, settings: Iterable[str] = ()
) -> tuple[dict[str, Any], str]:
    """Return what `load_config` checks, and what an error calls it; the section `SEARCH` stays."""
    if file is not None:
        data, where = read_toml(file), str(file)
    else:
        data, where = read_preset("classical" if preset is None else preset)
    settle_members(data, [apply_setting(data, setting) for setting in settings])
    return data, where


def changed_preset(preset: str, changes: Mapping[str, Any], where: str) -> Config:
    """Return a preset's configuration with some of its keys changed.

    Parameters
    ----------
    preset : str
    changes : mapping
        Nested, by the keys of a configuration.
    where : str
        Says in an error where the changes are from.

    Raises
    ------
    ConfigError
        Names the key, what was found, and what is allowed.
    """
    data, _ = read_preset(preset)
    settle_members(data, merge(data, changes))
    return check_config(data, where)


def check_config(data: Mapping[str, Any], where: str) -> Config:
    """Check a configuration given as a dictionary; `where` says in an error where it is from."""
    refuse_stack(data, where, "one of a run is expected. pipelines.fit takes both.")
    data = {name: value for name, value in data.items() if name != SEARCH}
    config = checked(Config, data, where, ())
    checked(options_of(Encoder), config.encoder or {}, where, ("encoder",))
    for name, options in config.features.items():
        if name not in FAMILIES:
            raise ConfigError(
                f"{where}: features.{name}: unknown key. Allowed: {', '.join(FAMILIES)}."
            )
        _check_moved(name, options, where)
        family: type = FAMILIES[name]
        checked(options_of(family), options, where, ("features", name))
        _check_family(name, options, where)
    for name, options in config.learners.items():
        learner, given = _learner(name, options, where)
        checked(options_of(learner), given, where, ("learners", name))
    known = list(dict.fromkeys([*LEARNERS, *config.learners]))
    for key in (*MEMBERS, "members"):
        for name in getattr(config.model, key) or ():
            if name not in known:
                raise ConfigError(f"{where}: model.{key}: {name!r} is none of {', '.join(known)}.")
    config = config.model_copy(update={"model": config.model.resolved()})
    return _resolved(_with_selected(config, where))


def _learner(
    name: str, options: Mapping[str, Any], where: str = "learners"
) -> tuple[type[Learner], dict[str, Any]]:
    """Return which learner a section sets, and what it sets of it."""
    given = {key: value for key, value in options.items() if key != "kind"}
    kind = options.get("kind", name)
    own = kind == name or name not in LEARNERS
    if isinstance(kind, str) and kind in LEARNERS and own and NAME.fullmatch(name):
        return LEARNERS[kind], given
    if name in LEARNERS:
        raise ConfigError(f"{where}: learners.{name}.kind: should be {name!r}. Got {kind!r}.")
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"{where}: learners.{name}: a section's name has lower-case letters, digits and _."
        )
    if "kind" in options:
        raise ConfigError(
            f"{where}: learners.{name}.kind: should be one of {', '.join(LEARNERS)}. "
            f"Got {as_shown(kind)}."
        )
    raise ConfigError(
        f"{where}: learners.{name}: unknown key. Allowed: {', '.join(LEARNERS)}, or another name "
        "with the key kind, one of these."
    )


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
                name: _section(name, config.learners.get(name, {})) for name in config.model.names()
            },
        }
    )


def _written(cls: type, given: Mapping[str, Any]) -> dict[str, Any]:
    return options_of(cls)(**given).model_dump(mode="json", exclude_none=True)


def _section(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    learner, given = _learner(name, options)
    kind = {} if name in LEARNERS else {"kind": options["kind"]}
    return kind | _written(learner, given)


def build_learner(name: str, options: Mapping[str, Any]) -> Learner:
    """Return the learner that a section sets."""
    learner, given = _learner(name, options)
    made: Learner = build(learner, given)
    return made


def _check_family(name: str, options: Mapping[str, Any], where: str) -> None:
    """Let a family see its parameters now, on no battles at all, rather than in the middle."""
    try:
        build(FAMILIES[name], options).fit(make_battles([], [], []))
    except ValueError as error:
        raise ConfigError(f"{where}: features.{name}: {error}") from None


def without_ties(config: Config) -> Config:
    """Return the configuration for votes that know no ties: A against B, by the same members.

    >>> without_ties(load_config(preset="ngram_xgboost")).model.direction
    ['xgboost']
    """
    model = config.model.model_copy(update={"form": "direction", "tie": None}).resolved()
    return _resolved(config.model_copy(update={"model": model}))


def _with_selected(config: Config, where: str) -> Config:
    """Leave out the families none of whose columns is selected."""
    if config.model.select is None:
        return config
    nothing = make_battles([], [], [])
    made = {name: _family(name, config.features.get(name, {})) for name in config.families}
    families = {name: family.fit(nothing) for name, family in made.items()}
    try:
        left = selected_families(config.model.select, families, "model.select")
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from None
    return config.model_copy(update={"families": left})


def _family(name: str, options: Mapping[str, Any]) -> BattleFamily:
    family: BattleFamily = build(FAMILIES[name], options)
    return family


def write_config(config: Config) -> str:
    """Return the configuration as TOML that `load_config` reads back."""
    return tomli_w.dumps(config.model_dump(mode="json", exclude_none=True))


def build(cls: type, options: Mapping[str, Any]) -> Any:
    """Return an instance of a family or a learner with checked parameters."""
    return cls(**checked(options_of(cls), options, cls.__name__, ()).model_dump())


def settle_members(data: dict[str, Any], keys: Sequence[str]) -> None:
    """Take away what the keys that were set, dotted, leave no room for.

    One that names members in one way replaces what stands there in the other, as does the form
    of three classes, which has no heads, and that of two, which has no tie.
    """
    both, by_head = "model.members" in keys, any(f"model.{head}" in keys for head in MEMBERS)
    model = data.get("model")
    if not isinstance(model, dict) or (both and by_head):
        return  # two ways are one too many, which the check of the whole says
    if both or ("model.form" in keys and model["form"] == "multiclass" and not by_head):
        for head in MEMBERS:
            model.pop(head, None)
    elif by_head and "members" in model:
        members = model.pop("members")
        for head in MEMBERS:
            model.setdefault(head, members)
    if "model.form" in keys and model["form"] == "direction" and "model.tie" not in keys:
        model.pop("tie", None)
