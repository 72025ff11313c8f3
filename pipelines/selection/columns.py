"""The columns of a part of the battles, computed once, and models fitted on some of them."""

import time
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from joblib import parallel_config
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from data.labels import TIE, A, B
from data.weights import shares, training_weights
from features.sides import Array
from models.heads import classes_of
from models.preference import PASSED_THROUGH, PreferenceModel
from pipelines.estimator.build import PreferencePipeline, fit_pipeline
from pipelines.estimator.encoding import families_of


class _Taker(BaseEstimator):
    """Stands where the model stands, and keeps what the model would be given."""

    def __init__(self, extra_weight: float = 1.0) -> None:
        self.extra_weight = extra_weight

    def fit(self, X: pd.DataFrame, y: Any) -> Self:
        """Keep it all."""
        self.given_ = X, np.asarray(y)
        return self


class Learned(NamedTuple):
    """What is learned from, and what is predicted.

    Attributes
    ----------
    X : DataFrame
        Columns, and what the model needs beside them; of rows that learn out of fold.
    y : ndarray of int8, shape (n_rows,)
    held : DataFrame or None
        The same of rows that are held out.
    """

    X: pd.DataFrame
    y: NDArray[np.int8]
    held: pd.DataFrame | None

    @property
    def columns(self) -> pd.DataFrame:
        """The columns alone."""
        return self.X.drop(columns=list(PASSED_THROUGH))

    @property
    def plain(self) -> NDArray[np.bool_]:
        """Which rows are plain."""
        return np.asarray(self.X["source"] == "plain", dtype=np.bool_)

    def weight(self, extra_weight: float) -> Array:
        """Return what each row weighs where it teaches."""
        return self._drawn(extra_weight) * training_weights(self.X)

    def judging(self, extra_weight: float) -> Array:
        """Return what each row counts where it judges: its share of a battle, never its weight."""
        share = shares(self.X)
        return self._drawn(extra_weight) * (1.0 if share is None else share)

    def _drawn(self, extra_weight: float) -> Array:
        return np.where(self.plain, 1.0, extra_weight)


def learn_columns(
    pipeline: Pipeline, battles: pd.DataFrame, y: NDArray[np.int8], held: pd.DataFrame | None
) -> Learned:
    """Fit the families of a pipeline on battles, and return their columns and those of others."""
    model = pipeline.named_steps["model"]
    families = clone(pipeline.named_steps["features"])
    taking = PreferencePipeline([("features", families), ("model", _Taker(model.extra_weight))])
    fit_pipeline(taking, battles, y)
    X, labels = taking.named_steps["model"].given_
    return Learned(X, labels, None if held is None else families.transform(held))


def fit_and_predict(
    model: PreferenceModel, learned: Learned, columns: Sequence[str]
) -> tuple[Array, float]:
    """Return what a model of some columns says of the held rows, and the seconds of its fit.

    Without any column that is the share of each class, A and B alike.
    """
    if learned.held is None:
        raise ValueError("held must be rows to predict. Got None instead.")
    if not columns:
        return np.tile(_constant(model.form, learned), (len(learned.held), 1)), 0.0
    names, start = [*columns, *PASSED_THROUGH], time.perf_counter()
    with threadpool_limits(limits=1, user_api="blas"), parallel_config("threading", n_jobs=-1):
        fitted = clone(model).fit(learned.X[names], learned.y)
        seconds = time.perf_counter() - start
        proba: Array = fitted.predict_proba(learned.held[names])
    return proba, seconds


def _constant(form: str, learned: Learned) -> Array:
    """Return what is said of every battle without any column."""
    y, share = learned.y[learned.plain], learned.judging(1.0)[learned.plain]
    ties = float(np.average(y == TIE, weights=share))
    said = np.empty(3)
    said[[A, B, TIE]] = (1.0 - ties) / 2.0, (1.0 - ties) / 2.0, ties
    return said[list(classes_of(form))]


def made_anew(pipeline: Pipeline) -> list[str]:
    """Return how columns begin that each fit of a pipeline's families makes anew."""
    return [
        f"{family.name}__{start}" for family in families_of(pipeline) for start in family.anew()
    ]
