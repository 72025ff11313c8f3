"""The sections of a run's configuration, and what each key may hold."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from features import FAMILIES
from features.parameters import Section

MEMBERS = {
    "direction": ["lightgbm", "xgboost", "linear"],
    "tie": ["linear"],
}


def _names_from(registry: Mapping[str, Any]) -> AfterValidator:
    """Return a check that a list holds distinct names of a registry."""

    def check(names: list[str]) -> list[str]:
        unknown = [name for name in names if name not in registry]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is none of {', '.join(registry)}")
        return _distinct(names)

    return AfterValidator(check)


def _distinct(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise ValueError("each name may stand once")
    return names


Members = Annotated[list[str], Field(min_length=1), AfterValidator(_distinct)]


class FoldsConfig(Section):
    """``[folds]``: how the plain rows are cut, grouped by prompt and stratified by label."""

    n_folds: Annotated[int, Field(ge=2, le=100)] = 5


class ModelConfig(Section):
    """``[model]``: the preference model, see `models.preference.PreferenceModel`.

    Members are named by head, or for both heads at once: learners by the registry's names, or
    sections ``[learners.NAME]`` that say with ``kind`` which learner they set. Of files whose votes
    know no ties a run has the form ``direction``, whatever a preset says. Columns that ``select``
    does not name are left out, and families of which it names none.
    """

    direction: Members | None = None
    tie: Members | None = None
    members: Members | None = None  # of both heads, or of the three classes
    form: Literal["heads", "multiclass", "direction"] = "heads"
    inner_folds: Annotated[int, Field(ge=2, le=100)] = 4
    extra_weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    calibrate: bool = True
    bag: Annotated[int, Field(ge=1, le=100)] = 1
    select: Members | None = None  # columns, see `features.columns`; all of them where it is None

    @model_validator(mode="after")
    def _names_members_in_one_way(self) -> Self:
        by_head = self.direction is not None or self.tie is not None
        if by_head and self.members is not None:
            raise ValueError("members stands for direction and tie, and not beside them")
        if by_head and self.form == "multiclass":
            raise ValueError("three classes have one list: name members, not direction and tie")
        if self.tie is not None and self.form == "direction":
            raise ValueError("the form direction knows no ties: leave the members of tie out")
        return self

    def resolved(self) -> Self:
        """Return the same with every list that the form has, and no other."""
        if self.form == "multiclass":
            return self.model_copy(update={"members": self.members or MEMBERS["direction"]})
        by_head = {head: getattr(self, head) or self.members or MEMBERS[head] for head in MEMBERS}
        if self.form == "direction":
            by_head["tie"] = None
        return self.model_copy(update={**by_head, "members": None})

    def names(self) -> list[str]:
        """Return the members of all heads, each once."""
        named = self.direction, self.tie, self.members
        return list(dict.fromkeys(name for names in named for name in names or ()))


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
        are not its defaults, by the names of its constructor. A learner's section of another name
        than a learner's has the key ``kind``.
    """

    families: Annotated[list[str], Field(min_length=1), _names_from(FAMILIES)]
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    folds: FoldsConfig = FoldsConfig()
    model: ModelConfig = ModelConfig()
    encoder: dict[str, Any] | None = None
    features: dict[str, dict[str, Any]] = {}
    learners: dict[str, dict[str, Any]] = {}
