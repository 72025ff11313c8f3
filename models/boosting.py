"""Gradient-boosted trees as members: LightGBM."""

from typing import Any, Self

import lightgbm
import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.base import BaseEstimator

from models.learners import Matrix, Sample, Setting, Watch


class LightGBMModel:
    """A fitted LightGBM booster.

    Parameters
    ----------
    booster : lightgbm.Booster
    losses : list of float
        Loss of the watched rows after each round.
    """

    suffix = ".txt"

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
        return self.booster.model_to_string(num_iteration=-1).encode()

    @classmethod
    def load(cls, data: bytes) -> Self:
        """Read LightGBM's own text format."""
        return cls(lightgbm.Booster(model_str=data.decode()), [])

    def importance(self, n_columns: int) -> NDArray[np.float64]:
        """Return the total gain of each column's splits, in units of the loss."""
        return np.asarray(self.booster.feature_importance("gain"), dtype=np.float64)


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

    def __init__(
        self,
        learning_rate: float = 0.03,
        num_leaves: int = 15,
        min_data_in_leaf: int = 40,
        feature_fraction: float = 0.3,
        bagging_fraction: float = 0.7,
        lambda_l2: float = 5.0,
        max_bin: int = 127,
        max_rounds: int = 1000,
        patience: int = 60,
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
        return LightGBMModel(booster, losses)

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
            # LightGBM hands over probabilities; their logits are the raw scores up to a constant.
            raw = np.log(predicted) if predicted.ndim > 1 else logit(predicted)
            return "loss", watch.loss(raw), False

        watched = lightgbm.Dataset(watch.X, np.zeros(len(watch.X)), reference=data)
        return {
            "valid_sets": [watched],
            "valid_names": ["watched"],
            "feval": judge,
            "callbacks": [
                lightgbm.early_stopping(self.patience, verbose=False),
                lightgbm.record_evaluation(history),
            ],
        }
