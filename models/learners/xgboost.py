"""Gradient-boosted trees as members: XGBoost."""

import json
from dataclasses import replace
from typing import Annotated, Any, Self, TypeVar

import numpy as np
import xgboost
from numpy.typing import NDArray
from pydantic import Field
from sklearn.base import BaseEstimator

from features.parameters import Count, Number
from models.learners.boosting import NotNegative, Positive, Share, raw_of
from models.learners.contract import Learner, Matrix, Model, Orders, Sample, Setting, Watch
from models.learners.lightgbm import most_gain
from models.learners.quantiles import quantile_matrix

Rows = TypeVar("Rows", bound=Orders)


class XGBoostModel(Model):
    """A fitted XGBoost booster.

    Parameters
    ----------
    booster : xgboost.Booster
    losses : list of float
        Loss of the watched rows after each round.
    """

    suffix = ".ubj"

    def __init__(self, booster: xgboost.Booster, losses: list[float]) -> None:
        self.booster = booster
        self.losses = losses

    @property
    def device(self) -> str:
        """What the booster says that it runs on: XGBoost may leave the device it was asked for."""
        config = json.loads(self.booster.save_config())
        return str(config["learner"]["generic_param"]["device"]).partition(":")[0]

    def raw(self, X: Matrix, complexity: int | None = None) -> NDArray[np.float64]:
        """Return the raw scores after `complexity` rounds, by default after all."""
        rounds = self.booster.num_boosted_rounds()
        used = rounds if complexity is None else min(complexity, rounds)
        # A card waits for the host's copy of the rows, which any number of threads make the same.
        threads = 1 if self.device == "cpu" else None
        scores = self.booster.predict(
            xgboost.DMatrix(X, nthread=threads), output_margin=True, iteration_range=(0, used)
        )
        return np.asarray(scores, dtype=np.float64)

    def dump(self) -> bytes:
        """Return XGBoost's own binary format, UBJSON."""
        return bytes(self.booster.save_raw("ubj"))

    @classmethod
    def load(cls, data: bytes, device: str = "cpu") -> Self:
        """Read XGBoost's own binary format."""
        booster = xgboost.Booster({"device": device, "nthread": 1})
        booster.load_model(bytearray(data))
        return cls(booster, [])

    def importance(self, n_columns: int) -> NDArray[np.float64]:
        """Return the total gain of each column's splits, in units of the loss."""
        gain = np.zeros(n_columns)
        for name, value in self.booster.get_score(importance_type="total_gain").items():
            gain[int(name.removeprefix("f"))] = value
        return gain


def _with(rows: Rows, columns: NDArray[np.bool_]) -> Rows:
    """Return rows whose other columns are 0 throughout: no tree splits there, in no other rows."""
    return replace(rows, X=np.where(columns, rows.X, np.float32(0)), whole=None)


class XGBoostLearner(BaseEstimator, Learner):
    """Settings of XGBoost, under the names that XGBoost gives them.

    Parameters
    ----------
    learning_rate : float
    max_depth : int
    min_child_weight : float
        Sum of the loss's second derivatives: a quarter of the rows at a probability of one half.
    colsample_bytree, subsample : float
        Share of the columns of a tree, of the rows of a round.
    reg_lambda : float
    max_bin : int
    max_rounds : int
        Rounds at most, while inner folds look for the best number.
    patience : int
        Rounds without a better loss after which they stop looking.
    ranked : int
        Columns that trees may split at most, those of most gain to LightGBM on the very rows of a
        fit, so that no ranking sees the votes that the fit is judged by; 0 for all.
    """

    model = XGBoostModel
    seeded = True

    def __init__(
        self,
        learning_rate: Positive = 0.05,
        max_depth: Count = 6,
        min_child_weight: NotNegative = 10.0,
        colsample_bytree: Share = 0.1,
        subsample: Share = 0.7,
        reg_lambda: NotNegative = 5.0,
        max_bin: Annotated[int, Field(ge=3)] = 127,
        max_rounds: Count = 1000,
        patience: Count = 60,
        ranked: Number = 0,
    ) -> None:
        self.learning_rate = learning_rate
        self.max_depth = max_depth
        self.min_child_weight = min_child_weight
        self.colsample_bytree = colsample_bytree
        self.subsample = subsample
        self.reg_lambda = reg_lambda
        self.max_bin = max_bin
        self.max_rounds = max_rounds
        self.patience = patience
        self.ranked = ranked

    def trains_on(self, device: str) -> str:
        """Return the run's device."""
        return device

    def fit(
        self,
        sample: Sample,
        setting: Setting,
        *,
        complexity: int | None = None,
        watch: Watch | None = None,
    ) -> XGBoostModel:
        """Train `complexity` rounds, or with `watch` until its loss no longer falls."""
        if self.ranked:
            best = most_gain(sample, setting, self.ranked)
            sample = _with(sample, best)
            watch = None if watch is None else _with(watch, best)
        info = {"label": sample.target, "weight": sample.weight}
        data = self._matrix(sample, setting, info)
        history: dict[str, Any] = {}
        booster = xgboost.train(
            self._params(setting),
            data,
            num_boost_round=complexity or self.max_rounds,
            verbose_eval=False,
            **({} if watch is None else self._watching(watch, data, history, setting)),
        )
        losses = [] if watch is None else history["watched"]["loss"]
        return XGBoostModel(booster, losses)

    def _matrix(
        self,
        rows: Orders,
        setting: Setting,
        info: dict[str, Any],
        ref: xgboost.QuantileDMatrix | None = None,
    ) -> xgboost.QuantileDMatrix:
        """Return the rows' quantiles, which the fits of all seeds and like settings share.

        They are cut by the values of all rows of the head, where these were taken out of such.
        """
        if rows.whole is not None and ref is None:
            whole = rows.whole.sample
            ref = self._matrix(whole, setting, {"label": whole.target, "weight": whole.weight})
        return rows.kept(
            ("xgboost", self.max_bin, setting.device, ref),
            lambda: quantile_matrix(
                rows,
                info,
                device=setting.device,
                max_bin=self.max_bin,
                nthread=setting.threads,
                ref=ref,
            ),
        )

    def _params(self, setting: Setting) -> dict[str, Any]:
        multiclass = setting.n_classes > 2
        return {
            "objective": "multi:softprob" if multiclass else "binary:logistic",
            "disable_default_eval_metric": True,
            "tree_method": "hist",
            "learning_rate": self.learning_rate,
            "max_depth": self.max_depth,
            "min_child_weight": self.min_child_weight,
            "colsample_bytree": self.colsample_bytree,
            "subsample": self.subsample,
            "reg_lambda": self.reg_lambda,
            "max_bin": self.max_bin,
            "seed": setting.seed,
            "nthread": setting.threads,
            "device": setting.device,
            "verbosity": 1,
            **({"num_class": setting.n_classes} if multiclass else {}),
        }

    def _watching(
        self, watch: Watch, data: xgboost.QuantileDMatrix, history: dict[str, Any], setting: Setting
    ) -> dict[str, Any]:
        """Return what makes `xgboost.train` judge the watched rows after each round."""

        def judge(predicted: NDArray[np.float32], _: xgboost.DMatrix) -> tuple[str, float]:
            return "loss", watch.loss(raw_of(predicted))

        watched = self._matrix(watch, setting, info={}, ref=data)
        stop = xgboost.callback.EarlyStopping(
            rounds=self.patience, metric_name="loss", data_name="watched", save_best=False
        )
        return {
            "evals": [(watched, "watched")],
            "custom_metric": judge,
            "callbacks": [stop],
            "evals_result": history,
        }
