"""Battles laid out for counting: turns one under the other, texts each once."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from features.forked import check_forked
from features.sides import Array
from features.tally import Formula, counted

TEXTS: dict[str, str] = {"prompt": "prompt", "a": "response_a", "b": "response_b"}
_TURNS = pa.large_list(pa.large_string())


def to_polars(battles: pd.DataFrame) -> pl.DataFrame:
    """Hand the three text columns of a battles frame to polars, as lists of turns.

    Raises
    ------
    TypeError
        If `battles` is no pandas frame with the columns of a battles frame.
    ForkedError
        If this process was forked from one in which polars was at work.
    """
    check_forked()
    columns = set(battles.columns) if isinstance(battles, pd.DataFrame) else set()
    missing = [column for column in TEXTS.values() if column not in columns]
    if missing:
        raise TypeError(not_battles(f"{type(battles).__name__} without {', '.join(missing)}"))
    try:
        arrays = {column: pa.array(battles[column], type=_TURNS) for column in TEXTS.values()}
    except pa.ArrowException as error:
        raise TypeError(not_battles(f"other cells than lists of turns ({error})")) from None
    return pl.DataFrame(pl.from_arrow(pa.table(arrays)))


def not_battles(found: str) -> str:
    """Return an error message: what battles must be, and what was found."""
    return (
        f"battles must be a pandas DataFrame with the columns {', '.join(TEXTS.values())}, each "
        f"cell a list of turns. Got {found} instead. "
        "Make one with data.battles.make_battles or data.battles.read_training."
    )


class Turns(NamedTuple):
    """The turns of some texts, one under the other.

    Attributes
    ----------
    text : polars.DataFrame, shape (n_turns, 1)
        Column ``text``; a null turn, and the one turn of a text without any, is empty.
    owner : ndarray of intp, shape (n_turns,)
        Whose turn it is: ``index of the text column * n_battles + row of the battle``.
    shape : tuple of int
        (number of text columns, number of battles).
    present : ndarray of bool, shape (n_turns,)
        False for the turn that stands in for a text without turns.
    null : ndarray of bool, shape (n_turns,)
        Whether the turn is null.
    """

    text: pl.DataFrame
    owner: NDArray[np.intp]
    shape: tuple[int, int]
    present: NDArray[np.bool_]
    null: NDArray[np.bool_]

    def total(self, values: Array) -> Array:
        """Add up one value a turn. Shape (n_columns, n_battles)."""
        size = self.shape[0] * self.shape[1]
        sums = np.bincount(self.owner, weights=values, minlength=size)
        return sums.astype(np.float64).reshape(self.shape)  # of no rows at all, bincount gives int

    def aggregate(
        self, values: Mapping[str, Array], formulas: Mapping[tuple[str, str], Formula]
    ) -> dict[tuple[str, str], Array]:
        """Sum up values of turns by polars expressions, keyed (value, way of summing up).

        Each result has the shape (n_columns, n_battles).
        """
        frame = pl.DataFrame({"owner": self.owner, **values}).set_sorted("owner")
        expressions = [
            formula(pl.col(value)).cast(pl.Float64).alias(f"{value} {way}")
            for (value, way), formula in formulas.items()
        ]
        table = frame.group_by("owner", maintain_order=True).agg(expressions)
        return {key: table[" ".join(key)].to_numpy().reshape(self.shape) for key in formulas}


def turns_of(battles: pl.DataFrame, columns: Sequence[str]) -> Turns:
    """Lay the turns of some text columns one under the other."""
    stacked = pl.concat([battles.select(pl.col(column).alias("text")) for column in columns])
    marked = stacked.with_row_index("owner").with_columns(present=pl.col("text").list.len() > 0)
    exploded = marked.explode("text", empty_as_null=True)
    present = exploded["present"].fill_null(False).to_numpy()
    return Turns(
        text=exploded.select(pl.col("text").fill_null("")),
        owner=exploded["owner"].to_numpy().astype(np.intp),
        shape=(len(columns), battles.height),
        present=present,
        null=exploded["text"].is_null().to_numpy() & present,
    )


def count(turns: Turns, formulas: Mapping[str, Formula]) -> dict[str, Array]:
    """Evaluate formulas on every turn, each shared part once. Shape (n_turns,) each."""
    return counted(turns.text, formulas)


Places = NDArray[np.intp]


class Texts(NamedTuple):
    """The texts of battles, each different one once.

    Attributes
    ----------
    distinct : list of str
        In the order in which they first occur: prompts, answers A, answers B.
    prompt, a, b : ndarray of intp, shape (n_battles,)
        Where each battle's text stands in `distinct`.
    """

    distinct: list[str]
    prompt: Places
    a: Places
    b: Places


def texts_of(battles: pl.DataFrame) -> Texts:
    r"""Join the turns of each text by line breaks; a null turn is left out.

    >>> battles = pl.DataFrame({"prompt": [["Hi", None]], "response_a": [["Yes", "No"]],
    ...                         "response_b": [["Hi"]]})
    >>> texts = texts_of(battles)
    >>> texts.distinct, texts.b
    (['Hi', 'Yes\nNo'], array([0]))
    """
    joined = pl.concat(
        [
            battles[column].list.join("\n", ignore_nulls=True).fill_null("")
            for column in TEXTS.values()
        ]
    )
    codes, distinct = pd.factorize(joined.to_numpy())
    places = codes.astype(np.intp).reshape(len(TEXTS), battles.height)
    return Texts(distinct.tolist(), *places)


def share(part: Array, whole: Array) -> Array:
    """Divide, giving 0 where the whole is 0.

    >>> share(np.array([1.0, 0.0]), np.array([4.0, 0.0]))
    array([0.25, 0.  ])
    """
    return np.divide(part, whole, out=np.zeros_like(part), where=whole != 0)
