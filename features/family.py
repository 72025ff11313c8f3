"""What every feature family shares: the scikit-learn contract and the way to columns."""

from collections.abc import Iterable, Mapping
from time import perf_counter
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
import polars as pl
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from features.layout import not_battles, to_polars
from features.sides import Array


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
            raise TypeError(not_battles(f"DataFrame without {', '.join(missing)}"))
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
