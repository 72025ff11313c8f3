"""Gradient-boosted trees as members: LightGBM."""

from typing import Annotated, Any, Literal, Self

import lightgbm
import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from sklearn.base import BaseEstimator

from features.parameters import Count
from models.device import check_lightgbm
from models.learners.boosting import NotNegative, Positive, Share, raw_of
from models.learners.contract import Learner, Matrix, Model, Orders, Sample, Setting, Watch

RANKING_ROUNDS = 60  # of trees that rank columns
REPRODUCIBLE = ("deterministic", "num_threads", "force_col_wise")


class LightGBMModel(Model):
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

    @property
    def device(self) -> str:
        """What it was trained on, as the model's text tells it."""
        return str(self.booster.params["device_type"])

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


class LightGBMLearner(BaseEstimator, Learner):
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
    device_type : {"cpu", "cuda", "gpu"}
        What LightGBM trains on, whatever the run's device is: ``cuda`` takes a build of one's own,
        ``gpu`` OpenCL. The same rows then no longer give the same bytes. It predicts on the CPU.
    """

    model = LightGBMModel
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
        device_type: Literal["cpu", "cuda", "gpu"] = "cpu",
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
        self.device_type = device_type

    def trains_on(self, device: str) -> str:
        """Return what its settings name."""
        return self.device_type

    def check_device(self) -> None:
        """Raise `models.device.DeviceError` where this LightGBM cannot train on what is named."""
        check_lightgbm(self.device_type)

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
        data = self._binned(sample, setting) or self._bins(sample, setting)
        history: dict[str, Any] = {}
        booster = lightgbm.train(
            params,
            data,
            num_boost_round=complexity or self.max_rounds,
            **({} if watch is None else self._watching(watch, data, setting, history)),
        )
        losses = [] if watch is None else history["watched"]["loss"]
        return LightGBMModel(_trees_alone(booster), losses)

    def _binned(self, rows: Orders, setting: Setting) -> lightgbm.Dataset | None:
        """Return the bins of rows that were taken out of a whole, which was binned once for all."""
        if rows.whole is None:
            return None
        return self._bins(rows.whole.sample, setting).subset(rows.whole.both().tolist())

    def _bins(self, sample: Sample, setting: Setting) -> lightgbm.Dataset:
        def make() -> lightgbm.Dataset:
            data = lightgbm.Dataset(
                sample.both(),
                sample.target,
                weight=sample.weight,
                params=self._bin_params(setting),
            )
            return data.construct()

        return sample.kept(("lightgbm", self.max_bin, self.device_type), make)

    def _bin_params(self, setting: Setting) -> dict[str, Any]:
        """Return what the bins depend on: the fits of all seeds and like settings share them."""
        return {
            "max_bin": self.max_bin,
            "feature_pre_filter": False,  # which columns can be split depends on a fit's settings
            "device_type": self.device_type,
            "num_threads": setting.threads,
            "verbosity": -1,
        }

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
            "seed": setting.seed,
            # Both are for the CPU: a GPU's learner has its own layout, and promises no bytes.
            "deterministic": self.device_type == "cpu",
            "force_col_wise": self.device_type == "cpu",
            "boost_from_average": setting.head != "direction",
            **({"num_class": setting.n_classes} if multiclass else {}),
            **self._bin_params(setting),
        }

    def _watching(
        self, watch: Watch, data: lightgbm.Dataset, setting: Setting, history: dict[str, Any]
    ) -> dict[str, Any]:
        """Return what makes `lightgbm.train` judge the watched rows after each round."""

        def judge(predicted: NDArray[np.float64], _: Any) -> tuple[str, float, bool]:
            return "loss", watch.loss(raw_of(predicted)), False

        watched = self._binned(watch, setting)
        if watched is None:
            watched = lightgbm.Dataset(watch.both(), np.zeros(len(watch)), reference=data)
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


def most_gain(sample: Sample, setting: Setting, number: int) -> NDArray[np.bool_]:
    """Return the mask of the columns of most gain to quick trees on some rows.

    With a column goes its partner, which a swap of the answers puts in its place.
    """
    quick = LightGBMLearner(learning_rate=0.1, feature_fraction=0.3, max_bin=63)
    model = quick.fit(sample, setting._replace(device="cpu"), complexity=RANKING_ROUNDS)
    n_columns, order = sample.X.shape[1], setting.swap.order
    gain = model.importance(n_columns)
    best = np.zeros(n_columns, dtype=np.bool_)
    best[np.argsort(-(gain + gain[order]) / 2.0, kind="stable")[:number]] = True
    chosen: NDArray[np.bool_] = best | best[order]
    return chosen
