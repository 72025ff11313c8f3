"""How long the answers are: five units, ten ways to sum them up over the turns."""

from collections.abc import Callable, Mapping, Sequence
from itertools import product, starmap
from typing import NamedTuple

import numpy as np
import polars as pl

from features.family import BattleFamily
from features.layout import TEXTS, count, turns_of
from features.sides import SIDES, Array, ratio
from features.table import chosen, side_columns
from features.text import formulas as text

UNITS: dict[str, text.Formula] = {
    "characters": text.characters,
    "words": text.words,
    "sentences": text.sentences,
    "lines": text.lines,
    "paragraphs": text.paragraphs,
}


class Aggregate(NamedTuple):
    """One way to sum up a text's turns: a polars expression over them, and what it means."""

    formula: text.Formula
    doc: str


def efficiency_mean(unit: pl.Expr) -> pl.Expr:
    """Mean over the turns that hold at least one of the unit; 0 where none does.

    >>> turns = pl.DataFrame({"words": [4, 0, 2]})
    >>> turns.select(efficiency_mean(pl.col("words"))).item()
    3.0
    """
    return unit.sum() / (unit > 0).sum().clip(lower_bound=1)


AGGREGATES: dict[str, Aggregate] = {
    "sum": Aggregate(lambda unit: unit.sum(), "in all turns"),
    "mean": Aggregate(lambda unit: unit.mean(), "mean over the turns"),
    "max": Aggregate(lambda unit: unit.max(), "in the longest turn"),
    "log_sum": Aggregate(lambda unit: unit.sum().log1p(), "log(1 + sum over the turns)"),
    "log_mean": Aggregate(lambda unit: unit.mean().log1p(), "log(1 + mean over the turns)"),
    "log_max": Aggregate(lambda unit: unit.max().log1p(), "log(1 + longest turn)"),
    "median": Aggregate(lambda unit: unit.median(), "median over the turns"),
    "std": Aggregate(lambda unit: unit.std(ddof=0), "standard deviation over the turns"),
    "efficiency_mean": Aggregate(efficiency_mean, "mean over the turns that hold any"),
    "last": Aggregate(lambda unit: unit.last(), "in the last turn"),
}


class Against(NamedTuple):
    """One way to put an answer's statistic beside its prompt's."""

    formula: Callable[[Array, Array], Array]
    doc: str


AGAINST_PROMPT: dict[str, Against] = {
    "minus_prompt": Against(np.subtract, "minus the prompt's"),
    "to_prompt": Against(ratio, "against the prompt's: (answer - prompt) / (answer + prompt + 1)"),
}


class LengthStatistic(NamedTuple):
    """A unit, summed up over the turns, and put beside the prompt's where `against` is named."""

    unit: str
    aggregate: str
    against: str | None = None

    @property
    def name(self) -> str:
        """Name without family and side."""
        return "_".join(part for part in self if part)

    @property
    def doc(self) -> str:
        """What it measures, in words."""
        tail = f", {AGAINST_PROMPT[self.against].doc}" if self.against else ""
        return f"{self.unit}, {AGGREGATES[self.aggregate].doc}{tail}"

    @property
    def left_out(self) -> set[str]:
        """Sides that make no sense: a ratio of signed numbers or of logarithms, for one."""
        if self.against:
            return {"ratio", "prompt"}
        return {"ratio"} if self.aggregate.startswith("log") else set()


STATISTICS: dict[str, LengthStatistic] = {
    statistic.name: statistic
    for statistic in starmap(LengthStatistic, product(UNITS, AGGREGATES, (None, *AGAINST_PROMPT)))
}

# The 14 statistics a side of a published network, in its order, in characters.
KERAS_BASELINE = tuple(
    f"characters_{name}"
    for name in (
        "sum", "mean", "max", "log_sum", "log_mean", "log_max", "median", "std", "efficiency_mean",
        "sum_minus_prompt", "mean_minus_prompt", "max_minus_prompt", "median_minus_prompt",
        "efficiency_mean_minus_prompt",
    )
)  # fmt: skip

# What the presets use. With 87 % of the battles of one turn, the aggregates over turns are nearly
# copies of one another; more of them only slow the trees down.
DEFAULT = (
    "characters_sum", "characters_mean", "characters_last", "characters_log_sum",
    "characters_log_mean", "characters_std",
    "words_sum", "words_log_sum", "words_last", "sentences_sum", "sentences_log_sum",
    "lines_sum", "lines_log_sum", "paragraphs_sum", "paragraphs_log_sum",
    "characters_sum_to_prompt", "characters_last_to_prompt", "words_sum_to_prompt",
    "characters_log_sum_minus_prompt", "sentences_sum_to_prompt", "lines_sum_to_prompt",
)  # fmt: skip

BUCKETS = np.array([1, 10, 25, 50, 100, 200, 400, 800, 1600, 3200], dtype=np.float64)


def signed_bucket(difference: Array) -> Array:
    """Return ``sign(d) * bucket(abs(d))``, the bucket's number growing with the edges `BUCKETS`.

    >>> signed_bucket(np.array([0.0, 9.0, -60.0, 60.0]))
    array([ 0.,  1., -4.,  4.])
    """
    return np.sign(difference) * np.searchsorted(BUCKETS, np.abs(difference), side="right")


# The sides that a statistic of each text can have; `pair` is no comparison of two numbers.
COMPARED = {name: side for name, side in SIDES.items() if side.compare or name == "prompt"}


class LengthFeatures(BattleFamily):
    """Lengths of the prompt and of both answers, and how they compare.

    Parameters
    ----------
    statistics : sequence of str, default=`DEFAULT`
        Names from `STATISTICS`: ``unit_aggregate``, ``unit_aggregate_minus_prompt`` or
        ``unit_aggregate_to_prompt``. `KERAS_BASELINE` is a ready choice.
    sides : sequence of str, default=("a", "b", "ratio", "diff", "prompt")
        The columns of each statistic, see `features.sides.SIDES`. A logarithm has no ``ratio``
        column, a statistic that is put against the prompt has no ``ratio`` and no ``prompt``.
    bucketed : sequence of str, default=("characters_sum", "words_sum", "sentences_sum")
        Statistics whose signed difference also comes in buckets, as ``NAME_bucket_diff``.

    Examples
    --------
    >>> from data.battles import make_battles
    >>> battles = make_battles(["Why?"], ["Because."], ["So it is."])
    >>> length = LengthFeatures(KERAS_BASELINE[:1], sides=("a", "b"), bucketed=())
    >>> length.fit_transform(battles).to_dict("list")
    {'length__characters_sum_a': [8.0], 'length__characters_sum_b': [9.0]}
    """

    name = "length"

    def __init__(
        self,
        statistics: Sequence[str] = DEFAULT,
        sides: Sequence[str] = ("a", "b", "ratio", "diff", "prompt"),
        bucketed: Sequence[str] = ("characters_sum", "words_sum", "sentences_sum"),
    ) -> None:
        self.statistics = statistics
        self.sides = sides
        self.bucketed = bucketed

    def _sides(self, statistic: LengthStatistic) -> list[str]:
        sides = chosen(self, COMPARED, self.sides, "sides")
        kept = [side for side in sides if side not in statistic.left_out]
        if not kept:
            raise ValueError(
                f"The sides of LengthFeatures must leave {statistic.name} a column: it has no "
                f"{' or '.join(sorted(statistic.left_out))}. Got {list(self.sides)!r} instead."
            )
        return kept

    def _columns(self, battles: pl.DataFrame) -> dict[str, Array]:
        table = chosen(self, STATISTICS, self.statistics)
        bucketed = chosen(self, STATISTICS, self.bucketed) if self.bucketed else {}
        values = _evaluate(battles, table | bucketed)
        columns: dict[str, Array] = {}
        for name, statistic in table.items():
            columns |= side_columns(name, values[name], self._sides(statistic))
        for name in bucketed:
            columns[f"{name}_bucket_diff"] = signed_bucket(values[name]["a"] - values[name]["b"])
        return columns

    def _documentation(self) -> dict[str, str]:
        table = chosen(self, STATISTICS, self.statistics)
        return {
            f"{name}_{side}": f"{statistic.doc}, {SIDES[side].doc}"
            for name, statistic in table.items()
            for side in self._sides(statistic)
        } | {
            f"{name}_bucket_diff": f"{STATISTICS[name].doc}, A minus B, in signed buckets"
            for name in self.bucketed
        }


def _evaluate(
    battles: pl.DataFrame, table: Mapping[str, LengthStatistic]
) -> dict[str, dict[str, Array]]:
    """Return each statistic by text (``prompt``, ``a``, ``b``), shape (n_battles,) each."""
    turns = turns_of(battles, list(TEXTS.values()))
    units = {row.unit: UNITS[row.unit] for row in table.values()}
    sums = turns.aggregate(
        count(turns, units),
        {(row.unit, row.aggregate): AGGREGATES[row.aggregate].formula for row in table.values()},
    )
    values: dict[str, dict[str, Array]] = {}
    for name, row in table.items():
        of = dict(zip(TEXTS, sums[row.unit, row.aggregate], strict=True))
        if row.against:
            against = AGAINST_PROMPT[row.against].formula
            of = {side: against(of[side], of["prompt"]) for side in ("a", "b")}
        values[name] = of
    return values
