"""A measure with its interval, as the report tells it."""

from typing import TypedDict, cast

import numpy as np
from numpy.typing import NDArray

from features.sides import Array
from models.measures.evaluation import group_weights, interval, resamples
from models.measures.metrics import log_loss


class Figure(TypedDict):
    """A measure and its 95 % interval over prompts; null where it is undefined."""

    value: float | None
    low: float | None
    high: float | None


def log_loss_figure(
    y: NDArray[np.int8], proba: Array, group: NDArray[np.object_], share: Array | None = None
) -> Figure:
    """Return the log loss of some rows, as `models.measures.evaluation.evaluate` does of all.

    >>> log_loss_figure(np.array([0], np.int8), np.array([[1.0, 0.0, 0.0]]), np.array(["p"]))
    {'value': 0.0, 'low': 0.0, 'high': 0.0}
    """
    if not len(y):
        return {"value": None, "low": None, "high": None}
    blocks = group_weights(group, resamples(len(y)), seed=0)
    own = 1.0 if share is None else share
    samples = np.concatenate([np.asarray(log_loss(y, proba, weight * own)) for weight in blocks])
    return cast(Figure, interval(float(log_loss(y, proba, share)), samples))
