"""Bounds of an estimator's parameters, declared once: in the annotations of its constructor."""

import inspect
from functools import cache
from typing import Annotated, Any, get_type_hints

import numpy as np
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    create_model,
    field_validator,
)

GIVEN = ("device", "encoder")  # by the run, and by no configuration of a class

Count = Annotated[int, Field(ge=1)]
Number = Annotated[int, Field(ge=0)]
Penalty = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Penalties = Annotated[tuple[Penalty, ...], Field(min_length=1)]


class Section(BaseModel):
    """Keys that are all known, and no boolean where a number is expected (Python takes them)."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_boolean_number(cls, value: Any, info: ValidationInfo) -> Any:
        found = value if isinstance(value, list | tuple) else [value]
        expected = cls.model_fields[str(info.field_name)].annotation
        if expected is not bool and any(isinstance(item, bool) for item in found):
            raise ValueError("should not be true or false")
        return value


@cache
def options_of(cls: type) -> type[BaseModel]:
    """Return a pydantic model of a class's constructor: its parameters, types and defaults.

    What a run gives is left out: the device, and to families the encoder.

    >>> from features.families.lexical import LexicalFeatures
    >>> list(options_of(LexicalFeatures).model_fields)[:2]
    ['words', 'characters']
    """
    hints = get_type_hints(cls.__init__, include_extras=True)  # type: ignore[misc]
    fields: dict[str, Any] = {
        name: (hints[name], parameter.default)
        for name, parameter in inspect.signature(cls).parameters.items()
        if name not in GIVEN
    }
    return create_model(f"{cls.__name__}Options", __base__=Section, **fields)


def check_parameters(estimator: Any) -> None:
    """Refuse a parameter that the annotations of the constructor do not allow.

    Raises
    ------
    ValueError
        Names the parameter, the class, what is allowed and what was found.

    Examples
    --------
    >>> from features.families.lexical import LexicalFeatures
    >>> check_parameters(LexicalFeatures(min_df=0))
    Traceback (most recent call last):
    ValueError: The min_df of LexicalFeatures must be greater than or equal to 1. Got 0 instead.
    """
    cls: type = type(estimator)
    allowed = options_of(cls)
    given = {name: getattr(estimator, name) for name in allowed.model_fields}
    try:
        taken = allowed.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        message = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
        must = (
            message.replace("should", "must", 1) if "should" in message else f"must fit: {message}"
        )
        where = ".".join(map(str, first["loc"]))
        raise ValueError(_refused(cls, where, must, first["input"])) from None
    for name, value in given.items():
        if not _is_kept(value, getattr(taken, name)):
            kind = type(getattr(taken, name)).__name__
            raise ValueError(_refused(cls, name, f"must be of type {kind}", value))


def _refused(cls: type, name: str, must: str, found: Any) -> str:
    return f"The {name} of {cls.__name__} {must}. Got {found!r} instead."


def _is_kept(given: Any, taken: Any) -> bool:
    """Return whether a value is what pydantic takes it for: "5" is no 5, and a set no list."""
    if isinstance(taken, tuple | list):
        return isinstance(given, tuple | list | np.ndarray) and all(map(_is_kept, given, taken))
    given = given.item() if isinstance(given, np.generic) else given
    if isinstance(taken, bool | int | float | str):
        wider = isinstance(taken, float) and type(given) is int
        return wider or type(given) is type(taken)
    return True
