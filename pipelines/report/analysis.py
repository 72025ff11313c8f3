"""What the out-of-fold predictions and the votes say: reliability, slices, and style control."""

from typing import Any, TypedDict, cast

import numpy as np
import pandas as pd
import polars as pl
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from data.weights import shares
from features import to_polars
from features.families.style import CONTROL, StyleFeatures
from models.heads import probabilities
from models.measures.reliability import by_slice, reliability
from models.measures.style_control import style_control
from pipelines.estimator.build import PassThrough
from pipelines.estimator.out_of_fold import OutOfFold

LENGTH_EDGES = (500, 1000, 2000, 4000, 8000)  # characters of both answers together
MOST_MODELS = 150
MOST_TURNS = 6  # battles with more turns are put together


class Slice(TypedDict):
    """Battles that have something in common, which `key` says."""

    key: str
    rows: int
    log_loss: float
    direction_auc: float | None
    tie_observed: float
    tie_predicted: float


class Coefficient(TypedDict):
    """What a standard deviation of a covariate of style is worth to the voters, in log odds."""

    value: float | None
    low: float | None
    high: float | None
    arena: float | None


class Style(TypedDict):
    """The voters' taste; `strengths` says whether the models' strengths were fitted beside it."""

    rows: int
    groups: int
    strengths: bool
    models: int
    coefficients: dict[str, Coefficient]


class Analysis(TypedDict):
    """Reliability before and after calibration, slices, and style, see `models.measures`."""

    reliability: dict[str, dict[str, list[dict[str, Any]]]]
    by_turns: list[Slice]
    by_length: list[Slice]
    style_control: Style


def analyse(battles: pd.DataFrame, y: NDArray[np.int8], oof: OutOfFold) -> Analysis:
    """Return what the report tells beside the scores, ready for JSON.

    Parameters
    ----------
    battles : DataFrame
        The plain rows.
    y : ndarray of int8, shape (n_battles,)
    oof : OutOfFold
    """
    share = shares(battles)
    with threadpool_limits(limits=1, user_api="blas"):
        style = style_coefficients(battles, y)
    return {
        "reliability": {
            "before_calibration": reliability(y, probabilities(oof.z, oof.t), share=share),
            "after_calibration": reliability(y, oof.proba, share=share),
        },
        "by_turns": _named(by_slice(y, oof.proba, _turns(battles), share), _turns_label),
        "by_length": _named(by_slice(y, oof.proba, _length_bin(battles), share), _length_label),
        "style_control": style,
    }


def style_coefficients(battles: pd.DataFrame, y: NDArray[np.int8]) -> Style:
    """Return the voters' coefficients for length, lists, headers and bold, beside the Arena's.

    The votes of these battles alone: no prediction takes part. Of more than `MOST_MODELS` models
    the rarest ones are taken as unknown: the time grows with the cube of their number.
    """
    features = StyleFeatures(list(CONTROL.values())).fit_transform(battles)
    columns = [f"style__{statistic}_ratio" for statistic in CONTROL.values()]
    model_a, model_b = _frequent(battles["model_a"], battles["model_b"])
    found = style_control(
        features[columns].to_numpy(dtype=np.float64),
        list(CONTROL),
        y,
        model_a,
        model_b,
        battles["group"].to_numpy(dtype=object),
        share=shares(battles),
    )
    return cast(Style, found)


def _frequent(*sides: pd.Series) -> list[NDArray[np.object_]]:
    known = pd.concat(sides).value_counts().index[:MOST_MODELS]
    return [side.astype(object).where(side.isin(known), None).to_numpy(object) for side in sides]


def _turns(battles: pd.DataFrame) -> NDArray[np.int64]:
    turns = to_polars(battles).select(pl.col("prompt").list.len().clip(upper_bound=MOST_TURNS))
    return turns.to_series().to_numpy().astype(np.int64)


def _turns_label(turns: int) -> str:
    return f"{turns} or more" if turns == MOST_TURNS else str(turns)


def _length_bin(battles: pd.DataFrame) -> NDArray[np.int64]:
    characters = PassThrough().fit(battles).transform(battles)["characters"]
    return np.searchsorted(LENGTH_EDGES, characters.to_numpy(), side="right").astype(np.int64)


def _length_label(place: int) -> str:
    lower = 0 if place == 0 else LENGTH_EDGES[place - 1]
    return f"{lower} to {LENGTH_EDGES[place] - 1}" if place < len(LENGTH_EDGES) else f"from {lower}"


def _named(slices: list[dict[str, Any]], label: Any) -> list[Slice]:
    return [cast(Slice, {**part, "key": label(int(part["key"]))}) for part in slices]
