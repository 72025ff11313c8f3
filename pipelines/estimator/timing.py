"""Where the time of a run goes: the parts of its steps, in seconds."""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sklearn.pipeline import Pipeline

from pipelines.estimator.encoding import encoder_store, families_of

DIGITS = 3
BESIDE = ("tokenise",)  # parts that go on while others do
Seconds = dict[str, float]


@contextmanager
def timed(seconds: Seconds, name: str) -> Iterator[None]:
    """Add the wall-clock time of a block under a name.

    >>> seconds = {}
    >>> with timed(seconds, "model"):
    ...     pass
    >>> list(seconds)
    ['model']
    """
    start = time.perf_counter()
    yield
    seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - start


def fit_parts(pipeline: Pipeline) -> dict[str, Seconds]:
    """Return what the families and the members of a fitted pipeline took to learn.

    They work side by side, so these add up to more than the step took.
    """
    learned = [family for family in families_of(pipeline) if family.learns]
    return {
        "families": {family.name: family.seconds_ for family in learned},
        "members": dict(pipeline.named_steps["model"].seconds_),
    }


def encoding_parts(pipeline: Pipeline) -> Seconds:
    """Return what the parts of a frozen encoder's work took: that of a loaded cache is none."""
    store = encoder_store(pipeline)
    return {} if store is None else dict(store.seconds)


def with_rest(parts: Seconds, step: float | None) -> Seconds:
    """Add what is left of a step's seconds, none where the step was not taken.

    >>> with_rest({"tokenise": 9.0, "network": 3.0}, 4.0)
    {'tokenise': 9.0, 'network': 3.0, 'rest': 1.0}
    """
    if step is None or not parts:
        return parts
    in_turn = sum(seconds for name, seconds in parts.items() if name not in BESIDE)
    return parts | {"rest": max(step - in_turn, 0.0)}


def added(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Add up seconds by name, nested or not.

    >>> added([{"model": 1.0, "members": {"linear": 0.5}}, {"model": 2.0, "members": {}}])
    {'model': 3.0, 'members': {'linear': 0.5}}
    """
    total: dict[str, Any] = {}
    for part in parts:
        for name, value in part.items():
            if isinstance(value, Mapping):
                total[name] = added([total.get(name, {}), value])
            else:
                total[name] = total.get(name, 0.0) + value
    return total


def rounded(parts: Mapping[str, Any]) -> dict[str, Any]:
    """Return seconds, nested or not, as a report shows them."""
    return {
        name: rounded(value) if isinstance(value, Mapping) else round(value, DIGITS)
        for name, value in parts.items()
    }
