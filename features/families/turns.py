"""How a conversation runs over its turns: how many, which are empty, growing or shrinking."""

from collections.abc import Callable
from typing import NamedTuple

import polars as pl

from features.family import BattleFamily
from features.layout import TEXTS, count, turns_of
from features.sides import Array
from features.table import SHARE, documentation, side_columns
from features.text import formulas as text

Unit = pl.Expr  # characters of each turn of one text


def last_share(length: Unit) -> pl.Expr:
    """Share of a text's characters that stands in its last turn; 0 where there are none.

    >>> pl.DataFrame({"length": [10, 30]}).select(last_share(pl.col("length"))).item()
    0.75
    """
    return length.last() / length.sum().clip(lower_bound=1)


def growth(length: Unit) -> pl.Expr:
    """Last turn against the first: ``(last - first) / (last + first + 1)``, in (-1, 1).

    >>> pl.DataFrame({"length": [1, 5, 3]}).select(growth(pl.col("length"))).item()
    0.4
    """
    return (length.last() - length.first()) / (length.last() + length.first() + 1)


def unevenness(length: Unit) -> pl.Expr:
    """Mean absolute change from turn to turn over the mean length; 0 for a single turn.

    >>> pl.DataFrame({"length": [10, 30, 20]}).select(unevenness(pl.col("length"))).item()
    0.75
    """
    changes = length.slice(1) - length.head(length.len() - 1)  # as `diff`, 50 times as fast
    return changes.abs().mean().fill_null(0.0) / length.mean().clip(lower_bound=1)


class TurnStatistic(NamedTuple):
    """A way to sum up one value of each turn, and the columns to make of it."""

    doc: str
    value: str
    formula: Callable[[pl.Expr], pl.Expr]
    sides: tuple[str, ...] = SHARE


STATISTICS: dict[str, TurnStatistic] = {
    "turns": TurnStatistic("turns", "turn", lambda turn: turn.sum(), ("prompt", "absdiff")),
    "null": TurnStatistic("turns that are null", "null", lambda null: null.sum()),
    "empty": TurnStatistic("turns of white space alone", "empty", lambda empty: empty.sum()),
    "last_share": TurnStatistic(
        "share of the characters in the last turn", "length", last_share, (*SHARE, "prompt")
    ),
    "growth": TurnStatistic("last turn against the first, in characters", "length", growth),
    "unevenness": TurnStatistic("mean change from turn to turn", "length", unevenness),
}


class TurnFeatures(BattleFamily):
    """Number, emptiness and evenness of the turns.

    Examples
    --------
    >>> from data.battles import make_battles
    >>> battles = make_battles([["Hi", "More"]], [["Hello", None]], [["Yes", "No"]])
    >>> TurnFeatures().fit_transform(battles)[["turns__turns_prompt", "turns__null_a"]].values
    array([[2., 1.]], dtype=float32)
    """

    name = "turns"

    def _columns(self, battles: pl.DataFrame) -> dict[str, Array]:
        turns = turns_of(battles, list(TEXTS.values()))
        counts = count(turns, {"length": text.characters, "stripped": text.stripped_characters})
        values = {
            "turn": turns.present.astype(float),
            "null": turns.null.astype(float),
            "empty": ((counts["stripped"] == 0) & turns.present & ~turns.null).astype(float),
            "length": counts["length"],
        }
        sums = turns.aggregate(
            values, {(row.value, name): row.formula for name, row in STATISTICS.items()}
        )
        columns: dict[str, Array] = {}
        for name, row in STATISTICS.items():
            of = dict(zip(TEXTS, sums[row.value, name], strict=True))
            columns |= side_columns(name, of, row.sides)
        return columns

    def _documentation(self) -> dict[str, str]:
        return documentation(STATISTICS)
