"""The contract of feature families: scikit-learn's, and what a run asks of them besides."""

from collections.abc import Iterable, Mapping
from time import perf_counter
from typing import Any, ClassVar, NamedTuple, Self
from zlib import crc32

import numpy as np
import pandas as pd
import polars as pl
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from data.battles import make_battles
from data.folds import hash_folds
from data.labels import TIE, A, B
from data.weights import shares
from features.layout import not_battles, to_polars
from features.parameters import check_parameters
from features.sides import Array
from features.storage.records import dump_record, load_record

INNER_FOLDS = 5


class BattleFamily(TransformerMixin, BaseEstimator):
    """A named group of columns computed from battles: the contract of all families.

    A subclass sets `name` and writes `_columns`, which gives the values by column name
    without the family (``words_diff``), the same names in the same order for any battles,
    and `_documentation`, which explains each of those names in a line. Ranges and choices of its
    parameters stand in the annotations of its constructor, and are checked by `fit`.

    Attributes
    ----------
    learns : bool
        Whether `fit` takes anything from the rows it sees.
    uses : {"counts", "encoder"} or None
        The store of a run that it reads from, see `use`: ``counts`` of n-grams
        (`features.ngram.counting.CountingFamily`) or what the ``encoder`` makes
        (`features.matching.family.EncoderFamily`).
    seconds_ : float
        Wall-clock time of learning.
    """

    name: ClassVar[str]
    learns: ClassVar[bool] = False
    uses: ClassVar[str | None] = None
    seconds_: float = 0.0
    _store: Any = None

    def fit(self, battles: pd.DataFrame, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn the columns' names. `y` and `sample_weight` are ignored."""
        frame = to_polars(battles)
        check_parameters(self)
        self._name_columns(self._columns(frame.head(0)))
        self.n_features_in_ = battles.shape[1]
        return self

    def transform(self, battles: pd.DataFrame) -> pd.DataFrame:
        """Compute the columns: a float32 frame of shape (n_battles, n_columns)."""
        check_is_fitted(self)
        return self._frame(self._columns(self._read(battles)), battles.index)

    def _frame(self, columns: Mapping[str, Array], index: pd.Index) -> pd.DataFrame:
        matrix = np.empty((len(index), len(columns)), dtype=np.float32, order="F")
        for position, values in enumerate(columns.values()):
            matrix[:, position] = values
        return pd.DataFrame(matrix, columns=self.feature_names_out_, index=index)

    def _name_columns(self, columns: Iterable[str]) -> None:
        self.feature_names_out_ = np.array([f"{self.name}__{c}" for c in columns], dtype=object)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the columns' names, shape (n_columns,)."""
        check_is_fitted(self)
        return self.feature_names_out_

    def describe(self) -> dict[str, str]:
        """Return a line of documentation for each column."""
        return {f"{self.name}__{name}": doc for name, doc in self._documentation().items()}

    def anew(self) -> tuple[str, ...]:
        """Return how the columns begin, without the family, that each fit makes anew.

        They have no lasting meaning one by one: a component, an n-gram of those of most texts.
        """
        return ()

    def possible(self) -> list[str]:
        """Return the columns that a fit may give it, those of `anew` by how they begin and ``*``.

        The family is fitted, be it on no battles at all.
        """
        begins = tuple(self.anew())
        lasting = [name for name in self._possible() if not name.startswith(begins)]
        return [f"{self.name}__{name}" for name in (*lasting, *(f"{start}*" for start in begins))]

    def _possible(self) -> Iterable[str]:
        """Return the names without the family of all columns but those made anew."""
        return self._documentation()

    def use(self, store: Any) -> Self:
        """Read from what is made once of all texts of a run, in clones as well.

        It changes no column. Who names nothing in `uses` is given none.
        """
        self._store = store
        return self

    def dump(self) -> dict[str, bytes]:
        """Return what was learned as files (name -> content) that run no code when read."""
        return {}

    def load(self, files: Mapping[str, bytes]) -> Self:
        """Take over what `dump` gave of a family with the same parameters."""
        return self.fit(make_battles([], [], []))

    def report(self) -> dict[str, Any]:
        """Return what was learned, in figures, ready for JSON."""
        return {}

    def __sklearn_clone__(self) -> Self:
        twin: Self = super().__sklearn_clone__()
        twin._store = self._store
        return twin

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = {**super().__getstate__()}
        state.pop("_store", None)  # as large as the battles it came from
        return state

    def _read(self, battles: pd.DataFrame) -> pl.DataFrame:
        """Return what `_columns` is given: the three texts, and what a family reads besides."""
        return to_polars(battles)

    def _columns(self, battles: pl.DataFrame) -> dict[str, Array]:
        raise TypeError(f"{type(self).__name__} must write _columns.")

    def _documentation(self) -> dict[str, str]:
        raise TypeError(f"{type(self).__name__} must write _documentation.")


class Training(NamedTuple):
    """What a family learns from.

    Attributes
    ----------
    frame : DataFrame, shape (n_battles, ...)
        The battles.
    y : ndarray of int8, shape (n_battles,)
        `A`, `B` or `TIE` of `data.labels`.
    plain : ndarray of bool, shape (n_battles,)
        Whether a row was drawn as those that are predicted; only they tell how often battles tie.
    weight : ndarray of float64, shape (n_battles,)
    fold : ndarray of int8, shape (n_battles,)
        Inner folds, from 0 to `INNER_FOLDS` - 1, that keep prompts together: a row's columns must
        come from rows of other folds.
    """

    frame: pd.DataFrame
    y: NDArray[np.int8]
    plain: NDArray[np.bool_]
    weight: Array
    fold: NDArray[np.int8]

    @property
    def share(self) -> Array | None:
        """What each row counts in a figure, None where each is a whole vote."""
        return shares(self.frame)


class LearningFamily(BattleFamily):
    """A family that learns from battles and their labels: `fit_transform` is out of fold.

    A subclass names in `LEARNED` the named tuple of what it learns, and writes `_learn`, which
    returns one of them and the columns of the same battles as models that have not seen their
    prompt give them, and `_columns`, which gives those of the full fit, found in `learned_`. Files
    and report are made of the tuple: arrays and Arrow tables of it are written as such, the rest
    must be ready for JSON, and a field `figures` is the report.

    Parameters
    ----------
    seed : int
        Of the inner folds; a subclass may have none.

    Attributes
    ----------
    learned_ : NamedTuple
    """

    LEARNED: ClassVar[type[Any]]
    learns = True

    def fit(
        self,
        battles: pd.DataFrame,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Learn from battles, which need the columns ``group`` and ``source``, and labels.

        Parameters
        ----------
        battles : DataFrame, shape (n_battles, ...)
        y : array-like of int, shape (n_battles,)
            0 A, 1 B, 2 tie.
        sample_weight : array-like of float, shape (n_battles,), optional
            1 by default.
        """
        self.fit_transform(battles, y, sample_weight)
        return self

    def fit_transform(
        self,
        battles: pd.DataFrame,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> pd.DataFrame:
        """Learn, and return the columns of these battles out of fold, prompts kept together."""
        to_polars(battles.head(0) if isinstance(battles, pd.DataFrame) else battles)
        check_parameters(self)
        training, start = self._training(battles, y, sample_weight), perf_counter()
        self.learned_, columns = self._learn(training)
        self._lay_out()
        self.seconds_ = perf_counter() - start
        self._name_columns(columns)
        self._check_names()
        self.n_features_in_ = battles.shape[1]
        return self._frame(columns, battles.index)

    def _training(
        self, battles: pd.DataFrame, y: ArrayLike | None, sample_weight: ArrayLike | None
    ) -> Training:
        missing = [name for name in ("group", "source") if name not in battles]
        if missing:
            raise TypeError(not_battles(f"DataFrame without {', '.join(missing)}"))
        weight = np.ones(len(battles)) if sample_weight is None else np.asarray(sample_weight)
        if weight.shape != (len(battles),):
            raise ValueError(
                f"The sample_weight of {type(self).__name__} must hold a number for each of "
                f"{len(battles)} battles. Got shape {weight.shape} instead."
            )
        salt = crc32(self.name.encode()) + getattr(self, "seed", 0)
        group = battles["group"].to_numpy(dtype=object)
        return Training(
            frame=battles,
            y=self._labels(len(battles), y),
            plain=(battles["source"] == "plain").to_numpy(dtype=np.bool_),
            weight=weight.astype(np.float64),
            fold=hash_folds(group, n_folds=INNER_FOLDS, salt=salt),
        )

    def _labels(self, n_battles: int, y: ArrayLike | None) -> NDArray[np.int8]:
        labels = np.asarray([] if y is None else y)
        if labels.shape != (n_battles,) or not np.isin(labels, (A, B, TIE)).all():
            raise ValueError(
                f"The y of {type(self).__name__} must hold 0 (A), 1 (B) or 2 (tie) for each of "
                f"{n_battles} battles. Got {'nothing' if y is None else labels} instead."
            )
        return labels.astype(np.int8)

    def _learn(self, training: Training) -> tuple[Any, Mapping[str, Array]]:
        raise TypeError(f"{type(self).__name__} must write _learn.")

    def _check_names(self) -> None:
        """Refuse columns that a loaded family would give other names, or that nothing explains."""
        explained = list(self.describe())
        if explained != self.feature_names_out_.tolist():
            raise TypeError(
                f"_learn and _documentation of {type(self).__name__} must name the same columns in "
                f"the same order. Got {self.feature_names_out_.tolist()} and {explained} instead."
            )

    def _lay_out(self) -> None:
        """Make of `learned_`, learned or loaded, what each call of `_columns` needs."""

    def dump(self) -> dict[str, bytes]:
        """Return what was learned as files (name -> content) that run no code when read."""
        return dump_record(self.name, self.learned_)

    def load(self, files: Mapping[str, bytes]) -> Self:
        """Take over what `dump` gave of a family with the same parameters."""
        self.learned_ = load_record(self.name, self.LEARNED, files)
        self._lay_out()
        self._name_columns(self._documentation())
        return self

    def report(self) -> dict[str, Any]:
        """Return what was learned, in figures, ready for JSON."""
        return dict(getattr(self.learned_, "figures", {}))
