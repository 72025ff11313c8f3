"""What a learner is given, and the small interface that all learners share.

A learner holds settings; its `fit` gives a model that answers rows with raw scores. What inner
folds choose of it is one number, its ``complexity``: rounds of boosting, or a place on a path
of penalties.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from features.sides import Swap

Matrix = NDArray[np.float32]


class Sample(NamedTuple):
    """Rows to learn from.

    Attributes
    ----------
    X : ndarray of float32, shape (n_rows, n_columns)
    target : ndarray of int8, shape (n_rows,)
        0 or 1, or 0, 1, 2 for three classes.
    weight : ndarray of float64, shape (n_rows,)
    mirrored : bool
        Whether the second half of the rows is the first one with A and B in each other's place.
    """

    X: Matrix
    target: NDArray[np.int8]
    weight: NDArray[np.float64]
    mirrored: bool = False

    def one_order(self) -> Self:
        """Return the first half of mirrored rows, each with the weight of both orders."""
        half = len(self.X) // 2
        return type(self)(self.X[:half], self.target[:half], 2.0 * self.weight[:half])


class Watch(NamedTuple):
    """Rows kept apart to choose the complexity by.

    Attributes
    ----------
    X : ndarray of float32, shape (n_rows, n_columns)
    loss : callable
        From the rows' raw scores to a loss.
    """

    X: Matrix
    loss: Callable[[NDArray[np.float64]], float]


class Setting(NamedTuple):
    """What a fit needs to know beside its rows.

    Attributes
    ----------
    swap : Swap
        The columns' algebra.
    head : str
        ``direction``, ``tie`` or ``multiclass``.
    n_classes : int
        2 or 3.
    seed, threads : int
    device : {"cpu", "cuda"}
        Taken by the learners that can use a GPU.
    """

    swap: Swap
    head: str
    n_classes: int
    seed: int
    threads: int
    device: str = "cpu"


class Model(Protocol):
    """A fitted member of one head."""

    suffix: str  # ending of the file that `dump` is for
    losses: list[float]  # of the watched rows, by complexity; empty without them

    @property
    def device(self) -> str:
        """What it was really trained on."""

    def raw(self, X: Matrix, complexity: int | None = None) -> NDArray[np.float64]:
        """Return raw scores, shape (n_rows,) or (n_rows, 3)."""

    def dump(self) -> bytes:
        """Return the model in a format that runs no code when read."""

    @classmethod
    def load(cls, data: bytes, device: str = "cpu") -> Self:
        """Read what `dump` gave, to predict on a device."""

    def importance(self, n_columns: int) -> NDArray[np.float64]:
        """Return how much each column contributes, shape (n_columns,)."""

    def settings(self) -> dict[str, dict[str, Any]]:
        """Return what makes its library give the same bytes again, by library; here nothing."""
        return {}


class Learner(Protocol):
    """Settings of a member."""

    model: type[Model]
    uses_gpu: bool  # whether it trains on a CUDA device that is there
    seeded: bool  # whether another seed gives another model

    def fit(
        self,
        sample: Sample,
        setting: Setting,
        *,
        complexity: int | None = None,
        watch: Watch | None = None,
    ) -> Model:
        """Fit at a given complexity, or along the path that `watch` judges."""
