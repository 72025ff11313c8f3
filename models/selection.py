"""Which columns earn their place: wrapper selection along a ranking, as a scikit-learn selector.

Columns are ranked without each inner fold, then the best of each ranking are taken, twice as many
each time, while what is taken in addition earns its place; then families, their halves, and so on
down to single columns are dropped again that do not. What is judged in a fold was so ranked without
it. To earn their place columns must lower the log loss by more than one standard error over
prompts, and be better by as much than their own shuffled copies in their place. See `models.judge`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Self

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
from models.judge import Columns, Gain, Judge
from models.parts import Rows
from models.ranking import RANKINGS, Units, rank

FIRST = 4  # units that are tried first
PATIENCE = 2  # tries in a row that fail, after which no more are taken
KEPT = 4  # losses of sets that the next step may need
Mask = NDArray[np.bool_]  # of units
Sets = list[Mask]  # the units of each fold, and behind them those of all rows


class Step(NamedTuple):
    """A group of units that was judged beside others.

    Attributes
    ----------
    adds : bool
        Whether they were to be taken in addition; else whether they were to be dropped.
    units : tuple of str
        Those of the ranking of all rows.
    gain : dict of str to Gain
        By how much the others are better with them, by head.
    shuffled : dict of str to Gain
        By how much they are better than their shuffled copies; empty where that was not asked.
    """

    adds: bool
    units: tuple[str, ...]
    gain: dict[str, Gain]
    shuffled: dict[str, Gain]

    @property
    def earned(self) -> bool:
        """Whether they earned their place."""
        return any(self.gain[head].clear and gain.clear for head, gain in self.shuffled.items())

    def told(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return self._asdict() | {"gain": _told(self.gain), "shuffled": _told(self.shuffled)}

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Self:
        """Take over what `told` gave."""
        gain, shuffled = (
            {head: Gain(**one) for head, one in told[name].items()} for name in ("gain", "shuffled")
        )
        return cls(told["adds"], tuple(told["units"]), gain, shuffled)


def _told(gains: Mapping[str, Gain]) -> dict[str, dict[str, float]]:
    return {head: gain._asdict() for head, gain in gains.items()}


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
            rows, group = self._rows(X, as_labels(y, len(X)), groups, plain, sample_weight)
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
            search = _Search(judge, self.units_, [*importances, self.importance_], known, told)
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

    def _get_support_mask(self) -> Mask:
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
        )
        return rows, pd.factorize(named)[0].astype(np.intp)


class _Search:
    """Takes and drops units; `steps` are those that were made."""

    def __init__(
        self,
        judge: Judge,
        units: Units,
        importances: Sequence[Array],
        known: Sequence[Step],
        told: Callable[[Step], None],
    ) -> None:
        self.judge, self.names, self.importances = judge, list(units), importances
        self.places = [np.array(places, dtype=np.intp) for places in units.values()]
        self.known, self.told = list(known), told
        self.steps: list[Step] = []
        self.sets: Sets = [np.zeros(len(units), dtype=np.bool_) for _ in importances]
        self._kept: dict[bytes, Array] = {}  # the losses of the last sets

    def run(self) -> Mask:
        """Return the units that stay, by the ranking of all rows."""
        self._take()
        last = self.sets[-1]
        self.sets = [units & last for units in self.sets]  # what is not shipped is not judged
        for family in self._families():
            self._drop(family)
        return self.sets[-1]

    def _take(self) -> None:
        orders = [np.argsort(-importance, kind="stable") for importance in self.importances]
        useful = min(int((importance > 0).sum()) for importance in self.importances)
        failed, size = 0, FIRST
        while failed < PATIENCE and self.sets[-1].sum() < useful:
            size = min(size, useful)
            more = [
                _first(order, size) & ~now for order, now in zip(orders, self.sets, strict=True)
            ]
            larger = [now | some for now, some in zip(self.sets, more, strict=True)]
            if self._earned(self.sets, more, adds=True):
                self.sets = larger
                failed = 0
            else:
                failed += 1
            if size == useful:
                return
            size *= 2

    def _families(self) -> list[list[int]]:
        """Return the units of each family that were taken, the least important first."""
        families: dict[str, list[int]] = {}
        for unit in np.argsort(self.importances[-1], kind="stable"):
            if self.sets[-1][unit]:
                families.setdefault(self.names[unit].partition("__")[0], []).append(int(unit))
        weight = self.importances[-1]
        return sorted(families.values(), key=lambda units: float(weight[units].sum()))

    def _drop(self, units: list[int], *, known_to_earn: bool = False) -> None:
        """Drop units that do not earn their place, all at once or by halves, the worse one first.

        Where all of the worse half went, the better one is what earned the place of both.
        """
        group = np.zeros(len(self.names), dtype=np.bool_)
        group[units] = True
        if not known_to_earn:
            some = [now & group for now in self.sets]
            rest = [now & ~group for now in self.sets]
            if not self._earned(rest, some, adds=False):
                self.sets = rest
                return
        if len(units) > 1:
            worse, better = units[: len(units) // 2], units[len(units) // 2 :]
            self._drop(worse)
            self._drop(better, known_to_earn=not self.sets[-1][worse].any())

    def _earned(self, rest: Sets, some: Sets, *, adds: bool) -> bool:
        """Judge some units beside the rest, unless that is known already."""
        names = tuple(self.names[unit] for unit in np.flatnonzero(some[-1]))
        if len(self.steps) < len(self.known):
            step = self.known[len(self.steps)]
        else:
            step = self._judged(rest, some, names, adds=adds)
            self.told(step)
        self.steps.append(step)
        return step.earned

    def _judged(self, rest: Sets, some: Sets, names: tuple[str, ...], *, adds: bool) -> Step:
        both = [one | other for one, other in zip(rest, some, strict=True)]
        with_them = self._loss(both)
        gain, shuffled = self.judge.gains(self._loss(rest), with_them), {}
        if any(one.clear for one in gain.values()):
            shuffled = self.judge.gains(self._loss(rest, some), with_them)
        return Step(adds, names, gain, shuffled)

    def _loss(self, sets: Sets, shuffled: Sets | None = None) -> Array:
        """Return the losses of some sets, beside shuffled copies of others; the last are kept."""
        none = [np.zeros_like(units) for units in sets]
        pairs = list(zip(sets, shuffled or none, strict=True))[:-1]
        key = b"".join(units.tobytes() for pair in pairs for units in pair)
        losses = self._kept.pop(key, None)
        if losses is None:
            columns = [Columns(self._columns(one), self._columns(other)) for one, other in pairs]
            losses = self.judge.losses(columns)
        self._kept[key] = losses  # the last of them now
        if len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]
        return losses

    def _columns(self, units: Mask) -> NDArray[np.intp]:
        places: Iterable[NDArray[np.intp]] = (self.places[unit] for unit in np.flatnonzero(units))
        return np.concatenate([np.empty(0, dtype=np.intp), *places])


def _first(order: NDArray[np.intp], size: int) -> Mask:
    """Return the mask of the best units.

    >>> _first(np.array([2, 0, 1]), 2).tolist()
    [True, False, True]
    """
    mask = np.zeros(len(order), dtype=np.bool_)
    mask[order[:size]] = True
    return mask
