"""The search space: ``[search]`` in a preset, at the same key paths as the values it stands for."""

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from itertools import combinations
from typing import Any, NamedTuple

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
)

from data.labels import TIE
from features import FAMILIES
from features.columns import names_family
from models.heads import FORMS, classes_of
from pipelines.config import SEARCH, Config, check_config, settle_members
from pipelines.estimator.form import has_ties
from pipelines.run.folder import digest
from pipelines.settings import ConfigError, as_shown
from pipelines.tuning.dimensions import TOGGLE, Dimension, check_range, choices_of, flat

FORM = "model.form"
LACKING = {  # what a form has none of
    "multiclass": ("model.direction", "model.tie"),
    "direction": ("model.tie",),
}
UNSEARCHED = ("seed", "folds")  # trials are compared over the same folds
Values = Mapping[str, Any]  # dotted key -> value, of a configuration's or as Optuna keeps it


class Settled(NamedTuple):
    """A trial's configuration, and the keys of the space that it reads."""

    config: Config
    active: list[str]


class Space:
    """What is searched, over a preset's content.

    Parameters
    ----------
    data : mapping
        Content of a preset or a file, with the section ``[search]``.
    where : str
        What an error calls it.

    Raises
    ------
    ConfigError
        A key that does not exist, a range that the parameter forbids, or one without the preset's
        own value: names the key, what was found, and what is allowed.

    Attributes
    ----------
    base : Config
        The preset as it is.
    dimensions : dict of str to Dimension
        By key, in rising order.
    unread : list of str
        Keys that no trial would read, as of a learner that is no member: they are left out.
    preset : dict
        Labels of the preset's own values.
    """

    def __init__(self, data: Mapping[str, Any], where: str) -> None:
        self.where = where
        self.data = {name: value for name, value in data.items() if name != SEARCH}
        self.base = check_config(self.data, where)
        given = flat(data.get(SEARCH, {}), where)
        if not given:
            raise ConfigError(
                f"{where}: no section [{SEARCH}]: there is nothing to tune. Add one, such as "
                f"--set {SEARCH}.learners.lightgbm.num_leaves='{{low = 4, high = 64}}'."
            )
        self._check_keys(given)
        listed = {
            key: choices_of(key, spec, where)
            for key, spec in given.items()
            if isinstance(spec, list)
        }
        self._check_forms(listed.get(FORM, {}))
        variants = list(self._variants(listed))
        every = {
            key: Dimension(key, CategoricalDistribution(list(listed[key])), listed[key])
            if key in listed
            else self._range(key, given[key], variants)
            for key in sorted(given)
        }
        variants += [config for one in every.values() for config in self._at_edges(one)]
        read = {key for key in every if any(_reads(config, key) for config in variants)}
        self.dimensions = {key: one for key, one in every.items() if key in read}
        self.unread = [key for key in every if key not in read]
        if not read:
            raise ConfigError(
                f"{where}: [{SEARCH}]: nothing reads {', '.join(every)}: there is nothing to tune."
            )
        self.preset = self._own()

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """By key, in rising order."""
        return {key: found.distribution for key, found in self.dimensions.items()}

    def digest(self) -> str:
        """Return what tells this space from others."""
        told = {key: distribution_to_json(found) for key, found in self.distributions.items()}
        return digest(json.dumps(told).encode())

    def settle(self, labels: Values) -> Settled:
        """Return the configuration of a proposal, and which of its keys it reads.

        Parameters
        ----------
        labels : mapping
            Of keys of the space, those that are read or all.

        Raises
        ------
        ConfigError
            They do not go together.
        """
        values = {key: self.dimensions[key].value(label) for key, label in labels.items()}
        config = self._applied(values, self.where)
        off = [key for key in values if key.startswith(TOGGLE) and not values[key]]
        return Settled(config, [key for key in sorted(values) if key in off or _reads(config, key)])

    def _applied(self, values: Values, where: str) -> Config:
        return check_config(_with(self.data, self.base.families, values), where)

    def _check_keys(self, given: Mapping[str, Any]) -> None:
        for key in given:
            head, _, rest = key.partition(".")
            if head in UNSEARCHED:
                raise ConfigError(
                    f"{self.where}: {SEARCH}.{key}: trials are compared over the same folds: name "
                    "one value beside the section."
                )
            if key.startswith(TOGGLE) and rest not in FAMILIES:
                raise ConfigError(
                    f"{self.where}: {SEARCH}.{key}: no such family. Allowed: {', '.join(FAMILIES)}."
                )
        for one, other in combinations(sorted(given), 2):
            if other.startswith(f"{one}."):
                raise ConfigError(
                    f"{self.where}: {SEARCH}.{other} is a part of {SEARCH}.{one}: name one of them."
                )

    def _check_forms(self, forms: Mapping[Any, Any]) -> None:
        """Refuse forms with ties beside one without: the same votes know ties or do not."""
        ties = has_ties(self.base)
        for form in forms:
            if form in FORMS and (TIE in classes_of(form)) != ties:
                raise ConfigError(
                    f"{self.where}: {SEARCH}.{FORM}: {form!r} {'knows no' if ties else 'has'} ties "
                    f"and {self.base.model.form!r} {'has them' if ties else 'none'}: their log "
                    "losses are not of the same votes. Leave it out."
                )

    def _variants(self, listed: Mapping[str, Mapping[Any, Any]]) -> Iterator[Config]:
        """Give configurations that together read whatever a trial's may read."""
        yield self.base
        every = {key: True for key in listed if key.startswith(TOGGLE)}
        yield self._applied(every, f"{self.where}: {SEARCH}.families")
        for key in listed:
            if key.startswith("model.") or key == "families":
                for value in listed[key].values():
                    yield self._applied(every | {key: value}, f"{self.where}: {SEARCH}.{key}")

    def _range(self, key: str, spec: Mapping[str, Any], variants: list[Config]) -> Dimension:
        where = f"{self.where}: {SEARCH}.{key}"
        check_range(spec, where)
        own = next((_at(config, key) for config in variants if _reads(config, key)), spec["low"])
        if isinstance(own, bool) or not isinstance(own, int | float):
            raise ConfigError(
                f"{where}: no number, of which there could be a range. List its values: "
                f"[{as_shown(own)}, …]."
            )
        ends = spec["low"], spec["high"]
        whole = isinstance(own, int)
        if whole and not all(isinstance(end, int) for end in ends):
            raise ConfigError(f"{where}: should be from one whole number to another. Got {ends}.")
        kind = IntDistribution if whole else FloatDistribution
        options = {"log": spec.get("log", False)}
        if "step" in spec:
            options["step"] = spec["step"]
        try:
            return Dimension(key, kind(*ends, **options), {})
        except (ValueError, TypeError) as error:
            raise ConfigError(f"{where}: {error}") from None

    def _at_edges(self, dimension: Dimension) -> list[Config]:
        """Return the configurations of each value, or both ends: what they may not be is told."""
        where = f"{self.where}: {SEARCH}.{dimension.key}"
        return [self._applied({dimension.key: value}, where) for value in dimension.edges()]

    def _own(self) -> dict[str, Any]:
        """Return the labels of the preset's own values, of the keys that it reads."""
        own = {}
        for key, dimension in self.dimensions.items():
            if not _reads(self.base, key):
                continue
            label = dimension.label(_at(self.base, key))
            if not dimension.holds(label):
                raise ConfigError(
                    f"{self.where}: {SEARCH}.{key}: should hold the preset's own value "
                    f"{as_shown(_at(self.base, key))}, for trial 0 is the preset as it is. "
                    f"Got {as_shown(dimension.edges())}."
                )
            own[key] = label
        return own


def without_ties(data: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return a preset's content for votes that know no ties: A against B, with no form to search.

    >>> data = {"model": {"tie": ["linear"]}, "search": {"model.form": ["heads", "multiclass"]}}
    >>> without_ties(data, "a.toml")
    {'model': {'form': 'direction'}, 'search': {}}
    """
    changed = deepcopy(dict(data))
    _put(changed, FORM.split("."), "direction")
    settle_members(changed, [FORM])
    searched = flat(changed.get(SEARCH, {}), where)
    return changed | {SEARCH: {key: spec for key, spec in searched.items() if key != FORM}}


def _with(data: Mapping[str, Any], families: list[str], values: Values) -> dict[str, Any]:
    """Return a preset's content with some keys set; those of no form that it has are left out."""
    changed = deepcopy(dict(data))
    form = values.get(FORM, changed.get("model", {}).get("form"))
    keys = [key for key in sorted(values) if key not in LACKING.get(form, ())]
    for key in keys:
        if not key.startswith(TOGGLE):
            _put(changed, key.split("."), values[key])
    toggles = {key[len(TOGGLE) :]: values[key] for key in keys if key.startswith(TOGGLE)}
    if toggles:
        named = changed.get("families", families)
        added = [name for name in toggles if name not in named]
        changed["families"] = [name for name in [*named, *added] if toggles.get(name, True)]
        _leave_out(changed, [name for name in toggles if not toggles[name]])
    settle_members(changed, keys)
    return changed


def _leave_out(data: dict[str, Any], families: list[str]) -> None:
    """Take what a selection names of families that are off out of it."""
    model = data.get("model", {})
    if model.get("select") and families:
        on = data["families"]
        model["select"] = [
            name
            for name in model["select"]
            if not any(names_family(name, family) for family in families)
            or any(names_family(name, family) for family in on)
        ]


def _put(data: dict[str, Any], path: list[str], value: Any) -> None:
    for name in path[:-1]:
        data = data.setdefault(name, {})
    data[path[-1]] = value


def _at(config: Config, key: str) -> Any:
    """Return the value that stands at a key, None where there is none."""
    if key.startswith(TOGGLE):
        return _toggled(config, key[len(TOGGLE) :])
    if key == "model.members" and config.model.form != "multiclass":
        direction, tie = config.model.direction, config.model.tie
        return direction if tie in (None, direction) else None
    found: Any = config.model_dump(mode="json", exclude_none=True)
    for name in key.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _toggled(config: Config, family: str) -> bool | None:
    """Return whether a family is in use, None where a selection leaves it out in any case."""
    select = config.model.select
    if select is not None and not any(names_family(name, family) for name in select):
        return None
    return family in config.families


def _reads(config: Config, key: str) -> bool:
    return _at(config, key) is not None
