"""What every feature family shares: the scikit-learn contract and the way to columns."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from time import perf_counter
from typing import Any, ClassVar, NamedTuple, Self, TypeVar

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from features.sides import SIDES, Array, compare
from features.text import Formula

TEXTS: dict[str, str] = {"prompt": "prompt", "a": "response_a", "b": "response_b"}
T = TypeVar("T")
MOST_LISTED = 40  # names in an error message
_TURNS = pa.large_list(pa.large_string())


def to_polars(battles: pd.DataFrame) -> pl.DataFrame:
    """Hand the three text columns of a battles frame to polars, as lists of turns.

    Raises
    ------
    TypeError
        If `battles` is no pandas frame with the columns of a battles frame.
    """
    columns = set(battles.columns) if isinstance(battles, pd.DataFrame) else set()
    missing = [column for column in TEXTS.values() if column not in columns]
    if missing:
        raise TypeError(_not_battles(f"{type(battles).__name__} without {', '.join(missing)}"))
    try:
        arrays = {column: pa.array(battles[column], type=_TURNS) for column in TEXTS.values()}
    except pa.ArrowException as error:
        raise TypeError(_not_battles(f"other cells than lists of turns ({error})")) from None
    return pl.DataFrame(pl.from_arrow(pa.table(arrays)))


def _not_battles(found: str) -> str:
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
    text = pl.col("text")
    expressions = [formula(text).alias(name) for name, formula in formulas.items()]
    counts = turns.text.lazy().select(expressions).collect()
    return {name: counts[name].to_numpy().astype(np.float64) for name in formulas}


class BattleFamily(TransformerMixin, BaseEstimator):
    """A named group of columns computed from battles: the contract of all families.

    A subclass sets `name` and writes `_columns`, which gives the values by column name
    without the family (``words_diff``), the same names in the same order for any battles,
    and `_documentation`, which explains each of those names in a line.
    """

    name: ClassVar[str]
    learns: ClassVar[bool] = False  # whether `fit` takes anything from the rows it sees

    def fit(self, battles: pd.DataFrame, y: Any = None) -> Self:
        """Learn the columns' names. `y` is ignored."""
        columns = self._columns(to_polars(battles).head(0))
        self.feature_names_out_ = np.array([f"{self.name}__{c}" for c in columns], dtype=object)
        self.n_features_in_ = battles.shape[1]
        return self

    def transform(self, battles: pd.DataFrame) -> pd.DataFrame:
        """Compute the columns: a float32 frame of shape (n_battles, n_columns)."""
        check_is_fitted(self)
        return self._frame(self._columns(to_polars(battles)), battles.index)

    def _frame(self, columns: Mapping[str, Array], index: pd.Index) -> pd.DataFrame:
        matrix = np.empty((len(index), len(columns)), dtype=np.float32, order="F")
        for position, values in enumerate(columns.values()):
            matrix[:, position] = values
        return pd.DataFrame(matrix, columns=self.feature_names_out_, index=index)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the columns' names, shape (n_columns,)."""
        check_is_fitted(self)
        return self.feature_names_out_

    def describe(self) -> dict[str, str]:
        """Return a line of documentation for each column."""
        return {f"{self.name}__{name}": doc for name, doc in self._documentation().items()}

    def _columns(self, battles: pl.DataFrame) -> dict[str, Array]:
        raise TypeError(f"{type(self).__name__} must write _columns.")

    def _documentation(self) -> dict[str, str]:
        raise TypeError(f"{type(self).__name__} must write _documentation.")


class LearningFamily(BattleFamily):
    """A family that learns from battles and their labels: `fit_transform` is out of fold.

    A subclass writes `_learn`, which sets what it learns and returns the columns of the same
    battles as models that have not seen their prompt give them; `_columns`, which gives those of
    the full fit; `dump` and `load`.

    Attributes
    ----------
    seconds_ : float
        Wall-clock time of learning.
    """

    learns = True

    def fit(self, battles: pd.DataFrame, y: ArrayLike | None = None) -> Self:
        """Learn from battles, which need the columns ``group`` and ``source``, and labels.

        Parameters
        ----------
        battles : DataFrame, shape (n_battles, ...)
        y : array-like of int, shape (n_battles,)
            0 A, 1 B, 2 tie.
        """
        self.fit_transform(battles, y)
        return self

    def fit_transform(
        self, battles: pd.DataFrame, y: ArrayLike | None = None, **_: object
    ) -> pd.DataFrame:
        """Learn, and return the columns of these battles out of fold, prompts kept together."""
        to_polars(battles.head(0) if isinstance(battles, pd.DataFrame) else battles)
        labels, start = self._labels(battles, y), perf_counter()
        columns = self._learn(battles, labels)
        self.seconds_ = perf_counter() - start
        self._name_columns(columns)
        self.n_features_in_ = battles.shape[1]
        return self._frame(columns, battles.index)

    def _name_columns(self, columns: Iterable[str]) -> None:
        self.feature_names_out_ = np.array([f"{self.name}__{c}" for c in columns], dtype=object)

    def _labels(self, battles: pd.DataFrame, y: ArrayLike | None) -> NDArray[np.int8]:
        missing = [name for name in ("group", "source") if name not in battles]
        if missing:
            raise TypeError(_not_battles(f"DataFrame without {', '.join(missing)}"))
        labels = np.asarray([] if y is None else y)
        if labels.shape != (len(battles),) or not np.isin(labels, (0, 1, 2)).all():
            raise ValueError(
                f"The y of {type(self).__name__} must hold 0 (A), 1 (B) or 2 (tie) for each of "
                f"{len(battles)} battles. Got {'nothing' if y is None else labels} instead."
            )
        return labels.astype(np.int8)

    def _learn(self, battles: pd.DataFrame, y: NDArray[np.int8]) -> Mapping[str, Array]:
        raise TypeError(f"{type(self).__name__} must write _learn.")

    def dump(self) -> dict[str, bytes]:
        """Return what was learned as files (name -> content) that run no code when read."""
        raise TypeError(f"{type(self).__name__} must write dump.")

    def load(self, files: Mapping[str, bytes]) -> Self:
        """Take over what `dump` gave of a family with the same parameters."""
        raise TypeError(f"{type(self).__name__} must write load.")

    def report(self) -> dict[str, Any]:
        """Return what was learned, in figures, ready for JSON."""
        return {}


class PreparedFamily(LearningFamily):
    """A family that learns from what is made once of all texts of a run, and kept in a store."""

    _store: Any = None

    def prepare(self, store: Any) -> Self:
        """Take what was made of the texts from a store from now on, in clones as well."""
        self._store = store
        return self

    def __sklearn_clone__(self) -> Self:
        twin: Self = super().__sklearn_clone__()
        twin._store = self._store
        return twin

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = {**super().__getstate__()}
        state.pop("_store", None)  # as large as the battles it came from
        return state


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


SHARE = ("a", "b", "diff")  # the sides of a statistic that has no scale


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
    >>> from features.text import literal
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
        return {
            f"{name}_{side}": f"{row.doc}, {SIDES[side].doc}"
            for name, row in self._table().items()
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


def share(part: Array, whole: Array) -> Array:
    """Divide, giving 0 where the whole is 0.

    >>> share(np.array([1.0, 0.0]), np.array([4.0, 0.0]))
    array([0.25, 0.  ])
    """
    return np.divide(part, whole, out=np.zeros_like(part), where=whole != 0)


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
