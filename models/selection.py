"""Which columns earn their place: wrapper selection along a ranking, as a scikit-learn selector.

Columns are ranked without each inner fold, then the best of each ranking are taken, twice as many
each time, while the more that are taken lower the log loss of the direction, or that of ties, by
more than a standard error over prompts, and by more than their own shuffled copies do. Then
families, their halves, and so on down to single columns are dropped again that do not, or are not
better than their copies by a standard error as well; all together these must not cost more than
one. What is judged in a fold was ranked without it. See `models.judge`.
"""

from collections.abc import Callable, Sequence
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from data.folds import hash_folds
from data.labels import as_labels
from features.columns import units_of
from features.sides import Array
from models.judge import Judge
from models.parts import Rows
from models.ranking import RANKINGS, rank
from models.search import Search, Step


class ColumnSelector(SelectorMixin, BaseEstimator):
    """Wrapper selection of columns that are named ``family__statistic_side``.

    Parameters
    ----------
    ranking : {"gain", "permutation", "shap"}, default="gain"
        In what order columns are tried, see `models.ranking.rank`.
    n_folds : int, default=3
        That judge, cut by a hash of the groups.
    anew : sequence of str
        How columns begin that each fit makes anew: those that begin alike stay together, as do two
        that a swap of the answers puts in each other's place.
    seed : int, default=0
        Of folds, rankings and shuffled copies.
    n_jobs : int, default=-1
        Fits at the same time. No result depends on it.

    Attributes
    ----------
    feature_names_in_ : ndarray of str, shape (n_columns,)
    units_ : dict of str to list of int
        What was chosen or left together: see `features.columns.units_of`.
    importance_ : ndarray of float64, shape (n_units,)
        By the ranking of all rows.
    selected_ : list of str
        Units that stay, the most important first.
    steps_ : list of Step

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame(rng.normal(size=(600, 3)), columns=[f"f__x{n}_diff" for n in range(3)])
    >>> y = np.where(X["f__x1_diff"] + rng.normal(size=600) > 0, 0, 1)
    >>> ColumnSelector().fit(X, y).get_feature_names_out().tolist()
    ['f__x1_diff']
    """

    def __init__(
        self,
        ranking: str = "gain",
        n_folds: int = 3,
        anew: Sequence[str] = (),
        seed: int = 0,
        n_jobs: int = -1,
    ) -> None:
        self.ranking = ranking
        self.n_folds = n_folds
        self.anew = anew
        self.seed = seed
        self.n_jobs = n_jobs

    def fit(
        self,
        X: pd.DataFrame,
        y: ArrayLike,
        groups: ArrayLike | None = None,
        *,
        plain: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        judging: ArrayLike | None = None,
        known: Sequence[Step] = (),
        told: Callable[[Step], None] = lambda step: None,
    ) -> Self:
        """Rank, take and drop.

        Parameters
        ----------
        X : DataFrame, shape (n_rows, n_columns)
        y : array-like, shape (n_rows,)
            0 A, 1 B, 2 tie. Without ties the direction alone is judged.
        groups : array-like of str, shape (n_rows,), optional
            Prompts, which no fold parts; by default each row is one.
        plain : array-like of bool, shape (n_rows,), optional
            Rows that tell how often battles tie; by default all.
        sample_weight : array-like of float, shape (n_rows,), optional
            By which rows teach.
        judging : array-like of float, shape (n_rows,), optional
            What they count where they judge; by default what they weigh.
        known : sequence of Step
            What `told` was told of by an earlier call with the same data: not judged again.
        told : callable
            Told of each step that is judged now. What it raises ends the work.

        Raises
        ------
        ValueError
            The ranking is none of those there are, a column has no side or lacks its partner, or no
            head can be judged: too few rows, prompts or classes.
        """
        self._check()
        with threadpool_limits(limits=1, user_api="blas"):
            weights = sample_weight, judging
            rows, group = self._rows(X, as_labels(y, len(X)), groups, plain, *weights)
            judge = Judge(rows, list(X.columns), group, seed=self.seed, n_jobs=self.n_jobs)
            if not judge.heads:
                raise ValueError(
                    f"y must hold both outcomes in and beside one of {self.n_folds} folds of "
                    f"groups. Got {len(rows.y)} rows. Give more, or more distinct groups."
                )
            self.units_ = units_of(list(X.columns), self.anew)
            importances = [
                self._rank(rows.take(rows.fold != fold), X) for fold in range(self.n_folds)
            ]
            self.importance_ = self._rank(rows, X)
            search = Search(judge, self.units_, [*importances, self.importance_], known, told)
            chosen = search.run()
        self.steps_ = search.steps
        names, best_first = list(self.units_), np.argsort(-self.importance_, kind="stable")
        self.selected_ = [names[unit] for unit in best_first if chosen[unit]]
        self.feature_names_in_ = X.columns.to_numpy(dtype=object)
        self.n_features_in_ = X.shape[1]
        return self

    def _check(self) -> None:
        if self.ranking not in RANKINGS:
            raise ValueError(
                f"The ranking of ColumnSelector must be one of {', '.join(RANKINGS)}. "
                f"Got {self.ranking!r} instead."
            )

    def _get_support_mask(self) -> NDArray[np.bool_]:
        check_is_fitted(self)
        support = np.zeros(self.n_features_in_, dtype=np.bool_)
        support[[place for unit in self.selected_ for place in self.units_[unit]]] = True
        return support

    def _rank(self, rows: Rows, X: pd.DataFrame) -> Array:
        return rank(
            rows,
            [*map(str, X.columns)],
            self.units_,
            way=self.ranking,
            seed=self.seed,
            n_jobs=self.n_jobs,
        )

    def _rows(
        self,
        X: pd.DataFrame,
        y: NDArray[np.int8],
        groups: ArrayLike | None,
        plain: ArrayLike | None,
        sample_weight: ArrayLike | None,
        judging: ArrayLike | None,
    ) -> tuple[Rows, NDArray[np.intp]]:
        n = len(X)
        group = np.arange(n).astype(str) if groups is None else groups
        named = np.asarray(group, dtype=object)
        rows = Rows(
            X=np.ascontiguousarray(X.to_numpy(dtype=np.float32)),
            y=y,
            plain=np.ones(n, np.bool_) if plain is None else np.asarray(plain, dtype=np.bool_),
            weight=np.ones(n) if sample_weight is None else np.asarray(sample_weight, np.float64),
            length=np.zeros(n),
            fold=hash_folds(named, n_folds=self.n_folds, salt=self.seed),
            judging=None if judging is None else np.asarray(judging, np.float64),
        )
        return rows, pd.factorize(named)[0].astype(np.intp)
