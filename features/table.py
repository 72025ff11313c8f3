"""Families that are one table: a row a statistic, counted by turn and compared by side."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, ClassVar, NamedTuple, TypeVar

import polars as pl

from features.family import BattleFamily
from features.layout import TEXTS, Formula, Turns, count, share, turns_of
from features.sides import SIDES, Array, compare

T = TypeVar("T")

MOST_LISTED = 40  # names in an error message
SHARE = ("a", "b", "diff")  # the sides of a statistic that has no scale


class Statistic(NamedTuple):
    """One row of a family's table: a number for each text, and how A and B are compared by it.

    Attributes
    ----------
    doc : str
        What is counted, in words.
    formula : callable
        Polars expression of a turn's text. Its values are added up over a text's turns.
    per : callable or None
        If given, the statistic is the share ``total(formula) / total(per)``, 0 where there is
        nothing to divide by.
    sides : tuple of str
        The columns to make, see `features.sides.SIDES`.
    """

    doc: str
    formula: Formula
    per: Formula | None = None
    sides: tuple[str, ...] = ("a", "b", "ratio")


class Row(NamedTuple):
    """A statistic that is computed elsewhere: what it is in words, and the columns to make."""

    doc: str
    sides: tuple[str, ...] = SHARE


class StatisticsFamily(BattleFamily):
    """A family that is one table of statistics, each counted by turn and added up.

    Subclasses set `name` and `STATISTICS`.

    Parameters
    ----------
    statistics : sequence of str, optional
        Names of the statistics to compute; all of them by default.

    Examples
    --------
    >>> from data.battles import make_battles
    >>> from features.text.formulas import literal
    >>> class Loudness(StatisticsFamily):
    ...     name = "loudness"
    ...     STATISTICS = {"exclamations": Statistic("exclamation marks", literal("!"))}
    >>> battles = make_battles(["Hi"], ["Hello!!"], ["Hello."])
    >>> Loudness().fit_transform(battles).to_dict("list")
    {'loudness__exclamations_a': [2.0], 'loudness__exclamations_b': [0.0], \
'loudness__exclamations_ratio': [0.6666666865348816]}
    """

    STATISTICS: ClassVar[dict[str, Statistic]]

    def __init__(self, statistics: Sequence[str] | None = None) -> None:
        self.statistics = statistics

    def _table(self) -> dict[str, Statistic]:
        return chosen(self, self.STATISTICS, self.statistics)

    def _columns(self, battles: pl.DataFrame) -> dict[str, Array]:
        table = self._table()
        sides = {side for row in table.values() for side in row.sides}
        read = {"prompt": "prompt" in sides, "a": bool(sides - {"prompt"})}
        texts = [text for text in TEXTS if read.get(text, read["a"])]
        turns = turns_of(battles, [TEXTS[text] for text in texts])
        columns: dict[str, Array] = {}
        for name, values in evaluate(turns, table).items():
            columns |= side_columns(name, dict(zip(texts, values, strict=True)), table[name].sides)
        return columns

    def _documentation(self) -> dict[str, str]:
        return documentation(self._table())


def documentation(table: Mapping[str, Any]) -> dict[str, str]:
    """Return a line for each column of a table, whose rows have a `doc` and `sides`.

    >>> documentation({"words": Row("words", ("a",))})
    {'words_a': 'words, of answer A'}
    """
    return {
        f"{name}_{side}": f"{row.doc}, {SIDES[side].doc}"
        for name, row in table.items()
        for side in row.sides
    }


def side_columns(name: str, of: Mapping[str, Array], sides: Iterable[str]) -> dict[str, Array]:
    """Return the columns of a statistic, given its values by text (``prompt``, ``a``, ``b``)."""
    columns: dict[str, Array] = {}
    for side in sides:
        columns |= (
            {f"{name}_prompt": of["prompt"]}
            if side == "prompt"
            else compare(name, of["a"], of["b"], [side])
        )
    return columns


def evaluate(turns: Turns, table: Mapping[str, Statistic]) -> dict[str, Array]:
    """Return each statistic of each text, shape (n_columns, n_battles)."""
    formulas = {name: row.formula for name, row in table.items()}
    formulas |= {f"{name} per": row.per for name, row in table.items() if row.per}
    totals = {name: turns.total(values) for name, values in count(turns, formulas).items()}
    return {
        name: share(totals[name], totals[f"{name} per"]) if row.per else totals[name]
        for name, row in table.items()
    }


def chosen(
    caller: object, table: Mapping[str, T], names: Iterable[str] | None, what: str = "statistics"
) -> dict[str, T]:
    """Return the named rows of a table, in the order of the names; all where `names` is None.

    Raises
    ------
    ValueError
        If a name does not stand in the table, or none is named.
    """
    wanted = list(table) if names is None else list(names)
    unknown = [name for name in wanted if name not in table]
    if unknown or not wanted:
        found = repr(unknown[0] if unknown else wanted)
        raise ValueError(
            f"The {what} of {type(caller).__name__} must be one or more of "
            f"{_listed(list(table), found)}. Got {found} instead."
        )
    return {name: table[name] for name in wanted}


def _listed(names: list[str], found: str) -> str:
    """Return all names, or of too many to read those that are most like what was found."""
    if len(names) <= MOST_LISTED:
        return ", ".join(names)
    alike = get_close_matches(found, names, n=MOST_LISTED // 4, cutoff=0.0)
    return f"{len(names)} names such as {', '.join(alike)}"
