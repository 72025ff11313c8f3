"""The settings of a stack, checked before any work."""

from collections.abc import Iterable
from typing import Annotated, Any

import tomli_w
from pydantic import AfterValidator, Field

from features.parameters import Section
from models.stacking.candidates import CANDIDATES
from pipelines.settings import apply_setting, checked


def _known(names: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [name for name in names if name not in CANDIDATES]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is none of {', '.join(CANDIDATES)}")
    if len(set(names)) < len(names):
        raise ValueError("each name may stand once")
    if all(CANDIDATES[name].flexible for name in names):
        raise ValueError("one that can blend any members is needed beside it")
    return names


class StackSettings(Section):
    """How members become one prediction, see `models.stacking.model.StackingModel`.

    Attributes
    ----------
    candidates : tuple of str
        What may be chosen, names from `models.stacking.candidates.CANDIDATES`; the first is
        taken unless another is better by one standard error.
    calibrate : bool
        Whether members are calibrated before, and the blend after, on out-of-fold logits, where
        that holds on folds left out.
    seed : int
    """

    candidates: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_known)] = tuple(
        CANDIDATES
    )
    calibrate: bool = True
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0


def load_stack_settings(settings: Iterable[str] = ()) -> StackSettings:
    """Apply ``KEY=VALUE`` settings to the defaults, and check the whole.

    Raises
    ------
    ConfigError
        Names the key, what was found, and what is allowed.

    Examples
    --------
    >>> load_stack_settings(["calibrate=false"]).calibrate
    False
    """
    data: dict[str, Any] = {}
    for setting in settings:
        apply_setting(data, setting)
    return checked(StackSettings, data, "--set")


def write_stack_settings(settings: StackSettings) -> str:
    """Return the settings as TOML."""
    return tomli_w.dumps(settings.model_dump(mode="json"))
