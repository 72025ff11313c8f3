"""The keys that are searched: how ``[search]`` writes them, and how Optuna keeps their values."""

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from pipelines.config import SEARCH
from pipelines.settings import ConfigError, as_shown

RANGE = ("low", "high", "log", "step")
TOGGLE = "families."


class Dimension(NamedTuple):
    """One key that is searched.

    Attributes
    ----------
    key : str
        Dotted, as in ``--set``; ``families.NAME`` is whether a family is used.
    distribution : BaseDistribution
    choices : dict
        Label -> value, where the values are listed: Optuna keeps labels, which are no lists.
    """

    key: str
    distribution: CategoricalDistribution | IntDistribution | FloatDistribution
    choices: dict[Any, Any]

    def value(self, label: Any) -> Any:
        """Return what a label stands for."""
        return self.choices.get(label, label) if self.choices else label

    def label(self, value: Any) -> Any:
        """Return the label of a value."""
        return label_of(value) if self.choices else value

    def edges(self) -> list[Any]:
        """Return the values to try: all where they are listed, else both ends."""
        if isinstance(self.distribution, CategoricalDistribution):
            return list(self.choices.values())
        return [self.distribution.low, self.distribution.high]

    def holds(self, label: Any) -> bool:
        """Whether a trial may have it."""
        if isinstance(self.distribution, CategoricalDistribution):
            return label in self.choices
        low, high, step = self.distribution.low, self.distribution.high, self.distribution.step
        if step is not None and not math.isclose(
            steps := (label - low) / step, round(steps), abs_tol=1e-9
        ):
            return False
        return bool(low <= label <= high)


def flat(section: Any, where: str, path: str = "") -> dict[str, Any]:
    """Return a section by dotted keys, whether it was written with dots or nested.

    >>> flat({"model.bag": [1, 2], "model": {"inner_folds": {"low": 2, "high": 4}}}, "a.toml")
    {'model.bag': [1, 2], 'model.inner_folds': {'low': 2, 'high': 4}}
    """
    if not isinstance(section, Mapping):
        raise ConfigError(f"{where}: {SEARCH}{path}: should be a section. Got {as_shown(section)}.")
    found: dict[str, Any] = {}
    for name, spec in section.items():
        inner = f"{path}.{name}"
        if isinstance(spec, list) or (isinstance(spec, Mapping) and set(spec) & {"low", "high"}):
            found[inner[1:]] = spec
        elif isinstance(spec, Mapping):
            found |= flat(spec, where, inner)
        else:
            raise ConfigError(
                f"{where}: {SEARCH}{inner}: should be a list of values, or a range such as "
                f"{{low = 4, high = 64, log = true}}. Got {as_shown(spec)}."
            )
    return found


def choices_of(key: str, values: list[Any], where: str) -> dict[Any, Any]:
    """Return the values of a list by their labels.

    >>> choices_of("features.lexical.words", [[1, 2], []], "a.toml")
    {'[1, 2]': [1, 2], '[]': []}
    """
    choices = {label_of(value): value for value in values}
    if not values or len(choices) < len(values):
        raise ConfigError(
            f"{where}: {SEARCH}.{key}: should list values, each once. Got {as_shown(values)}."
        )
    if key.startswith(TOGGLE) and not all(isinstance(value, bool) for value in values):
        raise ConfigError(
            f"{where}: {SEARCH}.{key}: should be [true, false]. Got {as_shown(values)}."
        )
    return choices


def label_of(value: Any) -> Any:
    """Return a value as Optuna keeps it: what is no number and no text as JSON."""
    return value if isinstance(value, bool | int | float | str) else json.dumps(value)


def check_range(spec: Mapping[str, Any], where: str) -> None:
    """Refuse what is no range of numbers."""
    unknown = [name for name in spec if name not in RANGE]
    if unknown:
        raise ConfigError(f"{where}: unknown key {unknown[0]!r}. Allowed: {', '.join(RANGE)}.")
    for name in ("low", "high"):
        end = spec.get(name)
        if isinstance(end, bool) or not isinstance(end, int | float) or not math.isfinite(end):
            raise ConfigError(f"{where}: {name} should be a number. Got {as_shown(end)}.")
    if spec["low"] >= spec["high"]:
        raise ConfigError(
            f"{where}: low should be less than high. Got {spec['low']} and {spec['high']}."
        )
    if not isinstance(spec.get("log", False), bool):
        raise ConfigError(f"{where}: log should be true or false. Got {as_shown(spec['log'])}.")
