"""The columns of a fold, family by family: those that a trial does not change are found."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from data.weights import training_weights
from features import BattleFamily, to_polars
from features.columns import selected
from features.layout import texts_of
from features.matching.store import EncoderStore
from features.ngram.counting import CountStore
from features.storage.cache import Arrays, Cache
from pipelines.config import Config
from pipelines.estimator.build import PassThrough, build_pipeline, in_blocks
from pipelines.estimator.encoding import encode, encoder_store, families_of, hand_over
from pipelines.estimator.union import none_of, union_of
from pipelines.tuning.kept import Kept

COLUMNS = "columns"
MOST_COUNTED = 4  # settings of a family that share counts, before these are dropped


class Split(NamedTuple):
    """Which rows train, and which are held out.

    Attributes
    ----------
    fold : int
    train, held : ndarray of bool, shape (n_battles,)
        Extra rows of weight 0 do not train.
    """

    fold: int
    train: NDArray[np.bool_]
    held: NDArray[np.bool_]


class FoldColumns(NamedTuple):
    """Columns of training rows and of rows held out, with those that are passed through."""

    train: pd.DataFrame
    held: pd.DataFrame


class Plan(NamedTuple):
    """What a configuration describes, and what its columns depend on.

    Attributes
    ----------
    config : Config
    pipeline : Pipeline
        Unfitted.
    families : dict of str to BattleFamily
        In the order of their columns.
    told : dict of str to dict
        By family, what its columns depend on beside the rows.
    """

    config: Config
    pipeline: Pipeline
    families: dict[str, BattleFamily]
    told: dict[str, dict[str, Any]]

    @classmethod
    def of(cls, config: Config, pipeline: Pipeline) -> "Plan":
        """Return the plan of a configuration and its pipeline."""
        families = {family.name: family for family in families_of(pipeline)}
        told = {name: _told(config, family) for name, family in families.items()}
        return cls(config, pipeline, families, told)

    def place(self, name: str, split: Split) -> dict[str, Any]:
        """Return by what the columns of a family are found: each fold has its own, if it learns."""
        fold = {"fold": split.fold} if self.families[name].learns else {}
        return self.told[name] | fold


def _told(config: Config, family: BattleFamily) -> dict[str, Any]:
    told: dict[str, Any] = {"family": family.name, "options": config.features[family.name]}
    if family.uses == "encoder":
        told["encoder"] = config.encoder
    if family.learns:
        told["extra_weight"] = config.model.extra_weight
    return told


class Columns:
    """Makes the columns of folds, and keeps them.

    Parameters
    ----------
    frame : DataFrame
        The plain rows, then the extra ones.
    y : ndarray of int8, shape (n_battles,)
    kept : Kept
    device : {"cpu", "cuda"}
    cache : Cache, optional
        Of counts and of what an encoder makes.
    n_jobs : int
        Families that are fitted at the same time.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        y: NDArray[np.int8],
        kept: Kept,
        device: str,
        cache: Cache | None,
        n_jobs: int,
    ) -> None:
        self.frame, self.y = frame, y
        self.passed = PassThrough().fit(frame).transform(frame)
        self._kept, self._device, self._cache, self._n_jobs = kept, device, cache, n_jobs
        self._counts: CountStore | None = None
        self._counted: set[str] = set()
        self._encoders: dict[str, EncoderStore] = {}

    def plan(self, config: Config) -> Plan:
        """Return the families and the model of a configuration, none of them fitted."""
        return Plan.of(config, build_pipeline(config, self._device, self._cache))

    def of(self, plan: Plan, split: Split) -> FoldColumns:
        """Return the columns of a fold; those that nobody has made are made now."""
        places = {name: plan.place(name, split) for name in plan.families}
        found = {name: self._kept.get(COLUMNS, place) for name, place in places.items()}
        missing = [plan.families[name] for name, arrays in found.items() if arrays is None]
        if missing:
            self._lend(plan, missing)
            for family, arrays in zip(missing, self._make(plan, missing, split), strict=True):
                self._kept.put(COLUMNS, places[family.name], arrays)
                found[family.name] = arrays
        each = [arrays for arrays in found.values() if arrays is not None]
        select = plan.config.model.select
        train, held = (
            self._joined(each, side, getattr(split, side), select) for side in FoldColumns._fields
        )
        return FoldColumns(train, held)

    def _make(self, plan: Plan, missing: Sequence[BattleFamily], split: Split) -> Sequence[Arrays]:
        passed = self.passed[split.train]
        drawn = np.where(passed["source"] == "plain", 1.0, plan.config.model.extra_weight)
        weight = drawn * training_weights(passed)
        with threadpool_limits(limits=1, user_api="blas"):
            made: list[Arrays] = Parallel(self._n_jobs, prefer="threads")(
                delayed(self._made)(family, split, weight) for family in missing
            )
        return made

    def _lend(self, plan: Plan, missing: Sequence[BattleFamily]) -> None:
        """Let families that read from a store do so from the one of earlier trials."""
        counting = [family for family in missing if family.uses == "counts"]
        if counting:
            self._counted |= {repr(family) for family in counting}
            if self._counts is None or len(self._counted) > MOST_COUNTED:
                distinct = texts_of(to_polars(self.frame)).distinct
                self._counts = CountStore(distinct, self._cache)
                self._counted = {repr(family) for family in counting}
            for family in counting:
                family.use(self._counts)
        if any(family.uses == "encoder" for family in missing):
            self._encode(plan, missing)

    def _encode(self, plan: Plan, missing: Sequence[BattleFamily]) -> None:
        """Let the families read with one encoder, and keep what it made for the next trial."""
        name = repr(plan.config.encoder)
        if name not in self._encoders:
            fresh = encoder_store(plan.pipeline)
            self._encoders = {} if fresh is None else {name: fresh}
        for store in self._encoders.values():
            hand_over(plan.pipeline, store)
        encode(plan.pipeline, self.frame)

    def _made(self, family: BattleFamily, split: Split, weight: NDArray[np.float64]) -> Arrays:
        """Return the columns of all rows, or of both sides of a split where the family learns."""
        if not family.learns:
            columns = in_blocks(union_of([(family.name, family)]), self.frame, lambda rows: None)
            return {"names": _names(columns), "all": columns.to_numpy()}
        own = clone(family)
        weights = {} if (weight == 1).all() else {"sample_weight": weight}
        train = own.fit_transform(self.frame[split.train], self.y[split.train], **weights)
        held = own.transform(self.frame[split.held])
        return {"names": _names(train), "train": train.to_numpy(), "held": held.to_numpy()}

    def _joined(
        self,
        each: Sequence[Arrays],
        side: str,
        rows: NDArray[np.bool_],
        select: Sequence[str] | None,
    ) -> pd.DataFrame:
        names = np.concatenate([arrays["names"] for arrays in each])
        values = np.empty((int(rows.sum()), len(names)), dtype=np.float32)
        start = 0
        for arrays in each:
            end = start + len(arrays["names"])
            values[:, start:end] = arrays["all"][rows] if "all" in arrays else arrays[side]
            start = end
        passed = self.passed[rows]
        made = pd.DataFrame(values, passed.index, names.astype(object))
        if select is not None:
            made = made.loc[:, selected(names.tolist(), select)]
            if made.shape[1] == 0:
                raise none_of(select)
        return made.join(passed)


def _names(columns: pd.DataFrame) -> NDArray[Any]:
    return np.array(columns.columns.to_list(), dtype=np.str_)
