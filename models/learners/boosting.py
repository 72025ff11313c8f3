"""Gradient-boosted trees as members: LightGBM and XGBoost."""

import json
from typing import Annotated, Any, Self

import lightgbm
import numpy as np
import xgboost
from numpy.typing import NDArray
from pydantic import Field
from scipy.special import logit
from sklearn.base import BaseEstimator

from models.learners.contract import Matrix, Model, Sample, Setting, Watch

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, le=1)]
Count = Annotated[int, Field(ge=1)]
REPRODUCIBLE = ("deterministic", "num_threads", "force_row_wise")
SURE = float(np.finfo(np.float32).eps) / 2  # the libraries hand over 1 for what is nearly 1


def _raw_of(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the raw scores that both libraries hand over as probabilities, up to a constant."""
    p = np.clip(np.asarray(probabilities, dtype=np.float64), SURE, 1.0 - SURE)
    return np.log(p) if p.ndim > 1 else logit(p)


class LightGBMModel(Model):
    """A fitted LightGBM booster.

    Parameters
    ----------
    booster : lightgbm.Booster
    losses : list of float
        Loss of the watched rows after each round.
    """

    suffix = ".txt"
    device = "cpu"  # its wheels have no CUDA learner

    def __init__(self, booster: lightgbm.Booster, losses: list[float]) -> None:
        self.booster = booster
        self.losses = losses

    def raw(self, X: Matrix, complexity: int | None = None) -> NDArray[np.float64]:
        """Return the raw scores after `complexity` rounds, by default after all."""
        rounds = self.booster.current_iteration() if complexity is None else complexity
        return np.asarray(
            self.booster.predict(X, raw_score=True, num_iteration=rounds), dtype=np.float64
        )

    def dump(self) -> bytes:
        """Return LightGBM's own text format."""
        return _text_of(self.booster).encode()

    @classmethod
    def load(cls, data: bytes, device: str = "cpu") -> Self:
        """Read LightGBM's own text format; it predicts on the CPU whatever the device."""
        return cls(lightgbm.Booster(model_str=data.decode()), [])

    def importance(self, n_columns: int) -> NDArray[np.float64]:
        """Return the total gain of each column's splits, in units of the loss."""
        return np.asarray(self.booster.feature_importance("gain"), dtype=np.float64)

    def settings(self) -> dict[str, dict[str, Any]]:
        """Return LightGBM's parameters for reproducible trees, as the model's text tells them."""
        return {"lightgbm": {name: self.booster.params[name] for name in REPRODUCIBLE}}


def _text_of(booster: lightgbm.Booster) -> str:
    return str(booster.model_to_string(num_iteration=-1))


def _trees_alone(booster: lightgbm.Booster) -> lightgbm.Booster:
    """Return the booster without its training rows, which it would keep in memory."""
    return lightgbm.Booster(model_str=_text_of(booster))


class LightGBMLearner(BaseEstimator):
    """Settings of LightGBM, under the names that LightGBM gives them.

    Parameters
    ----------
    learning_rate : float
    num_leaves : int
    min_data_in_leaf : int
        In rows; a battle is two of them, one in each order.
    feature_fraction, bagging_fraction : float
        Share of the columns of a tree, of the rows of a round.
    lambda_l2 : float
    max_bin : int
    max_rounds : int
        Rounds at most, while inner folds look for the best number.
    patience : int
        Rounds without a better loss after which they stop looking.
    """

    model = LightGBMModel
    uses_gpu = False
    seeded = True

    def __init__(
        self,
        learning_rate: Positive = 0.05,
        num_leaves: Annotated[int, Field(ge=2, le=131_072)] = 15,
        min_data_in_leaf: Count = 40,
        feature_fraction: Share = 0.1,
        bagging_fraction: Share = 0.7,
        lambda_l2: NotNegative = 5.0,
        max_bin: Annotated[int, Field(ge=3, le=255)] = 127,
        max_rounds: Count = 1000,
        patience: Count = 60,
    ) -> None:
        self.learning_rate = learning_rate
        self.num_leaves = num_leaves
        self.min_data_in_leaf = min_data_in_leaf
        self.feature_fraction = feature_fraction
        self.bagging_fraction = bagging_fraction
        self.lambda_l2 = lambda_l2
        self.max_bin = max_bin
        self.max_rounds = max_rounds
        self.patience = patience

    def fit(
        self,
        sample: Sample,
        setting: Setting,
        *,
        complexity: int | None = None,
        watch: Watch | None = None,
    ) -> LightGBMModel:
        """Train `complexity` rounds, or with `watch` until its loss no longer falls."""
        params = self._params(setting)
        data = lightgbm.Dataset(
            sample.X, sample.target, weight=sample.weight, params=params, free_raw_data=True
        )
        history: dict[str, Any] = {}
        booster = lightgbm.train(
            params,
            data,
            num_boost_round=complexity or self.max_rounds,
            **({} if watch is None else self._watching(watch, data, history)),
        )
        losses = history["watched"]["loss"] if watch else []
        return LightGBMModel(_trees_alone(booster), losses)

    def _params(self, setting: Setting) -> dict[str, Any]:
        multiclass = setting.n_classes > 2
        return {
            "objective": "multiclass" if multiclass else "binary",
            "metric": "None",
            "learning_rate": self.learning_rate,
            "num_leaves": self.num_leaves,
            "min_data_in_leaf": self.min_data_in_leaf,
            "feature_fraction": self.feature_fraction,
            "bagging_fraction": self.bagging_fraction,
            "bagging_freq": 1,
            "lambda_l2": self.lambda_l2,
            "max_bin": self.max_bin,
            "seed": setting.seed,
            "num_threads": setting.threads,
            "deterministic": True,
            "force_row_wise": True,
            "boost_from_average": setting.head != "direction",
            "verbosity": -1,
            **({"num_class": setting.n_classes} if multiclass else {}),
        }

    def _watching(
        self, watch: Watch, data: lightgbm.Dataset, history: dict[str, Any]
    ) -> dict[str, Any]:
        """Return what makes `lightgbm.train` judge the watched rows after each round."""

        def judge(predicted: NDArray[np.float64], _: Any) -> tuple[str, float, bool]:
            return "loss", watch.loss(_raw_of(predicted)), False

        watched = lightgbm.Dataset(watch.X, np.zeros(len(watch.X)), reference=data)
        return {
            "keep_training_booster": True,  # else the rounds after the best one are thrown away
            "valid_sets": [watched],
            "valid_names": ["watched"],
            "feval": judge,
            "callbacks": [
                lightgbm.early_stopping(self.patience, verbose=False),
                lightgbm.record_evaluation(history),
            ],
        }


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
        scores = self.booster.predict(
            xgboost.DMatrix(X, nthread=1), output_margin=True, iteration_range=(0, used)
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


class XGBoostLearner(BaseEstimator):
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
    """

    model = XGBoostModel
    uses_gpu = True
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

    def fit(
        self,
        sample: Sample,
        setting: Setting,
        *,
        complexity: int | None = None,
        watch: Watch | None = None,
    ) -> XGBoostModel:
        """Train `complexity` rounds, or with `watch` until its loss no longer falls."""
        data = xgboost.QuantileDMatrix(
            sample.X,
            sample.target,
            weight=sample.weight,
            max_bin=self.max_bin,
            nthread=setting.threads,
        )
        history: dict[str, Any] = {}
        booster = xgboost.train(
            self._params(setting),
            data,
            num_boost_round=complexity or self.max_rounds,
            verbose_eval=False,
            **({} if watch is None else self._watching(watch, data, history, setting)),
        )
        losses = history["watched"]["loss"] if watch else []
        return XGBoostModel(booster, losses)

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
        self, watch: Watch, data: xgboost.DMatrix, history: dict[str, Any], setting: Setting
    ) -> dict[str, Any]:
        """Return what makes `xgboost.train` judge the watched rows after each round."""

        def judge(predicted: NDArray[np.float32], _: xgboost.DMatrix) -> tuple[str, float]:
            return "loss", watch.loss(_raw_of(predicted))

        watched = xgboost.QuantileDMatrix(
            watch.X, ref=data, max_bin=self.max_bin, nthread=setting.threads
        )
        stop = xgboost.callback.EarlyStopping(
            rounds=self.patience, metric_name="loss", data_name="watched", save_best=False
        )
        return {
            "evals": [(watched, "watched")],
            "custom_metric": judge,
            "callbacks": [stop],
            "evals_result": history,
        }
