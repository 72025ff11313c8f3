"""What a learner is given, and the small interface that all learners share.

A learner holds settings; its `fit` gives a model that answers rows with raw scores. What inner
folds choose of it is one number, its ``complexity``: rounds of boosting, or a place on a path
of penalties.
"""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, NamedTuple, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from features.sides import Swap

Matrix = NDArray[np.float32]
T = TypeVar("T")
BLOCK_ROWS = 16_384  # rows that are swapped at a time


class Kept:
    """What learners made of some rows, each thing once, whoever asks for it first.

    >>> kept = Kept()
    >>> kept("sum", lambda: 1 + 2), kept("sum", lambda: 1 / 0)
    (3, 3)
    """

    def __init__(self) -> None:
        self._made: dict[Hashable, Any] = {}
        self._lock = Lock()

    def __call__(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what stands under `key`; `make` gives it where there is nothing yet."""
        with self._lock:
            if key not in self._made:
                self._made[key] = make()
            made: T = self._made[key]
            return made


@dataclass(frozen=True, eq=False)
class Orders:
    """Rows as they came and, behind them, the same with A and B in each other's place.

    They are copied where they are needed, all of them or a block at a time.

    Attributes
    ----------
    X : ndarray of float32, shape (n_all, n_columns)
        May belong to others: nobody writes to it.
    rows : ndarray of intp, shape (n,), optional
        Which rows of `X` count; without it all do.
    swap : Swap, optional
        The columns' algebra; without it the rows count in one order alone.
    whole : Whole, optional
        The rows out of which these were taken, for what their fits share.
    kept : Kept
        What the fits on these very rows share.
    """

    X: Matrix
    rows: NDArray[np.intp] | None = field(default=None, kw_only=True)
    swap: Swap | None = field(default=None, kw_only=True)
    whole: "Whole | None" = field(default=None, kw_only=True)
    kept: Kept = field(default_factory=Kept, init=False, repr=False)

    @property
    def n(self) -> int:
        """Number of rows in one order."""
        return len(self.X if self.rows is None else self.rows)

    def __len__(self) -> int:
        """Return the number of rows, in both orders together."""
        return self.n * (1 if self.swap is None else 2)

    def one(self) -> Matrix:
        """Return the rows as they came, shape (n, n_columns)."""
        return self.X if self.rows is None else self.X[self.rows]

    def both(self) -> Matrix:
        """Return the rows in both orders, shape (2 n, n_columns).

        >>> X, rows = np.array([[0, 0], [3, 1]], np.float32), np.array([1])
        >>> Orders(X, rows=rows, swap=Swap(["f__words_a", "f__words_b"])).both().tolist()
        [[3.0, 1.0], [1.0, 3.0]]
        """
        if self.swap is None:
            return self.one()
        both = np.empty((len(self), self.X.shape[1]), dtype=self.X.dtype)
        for place, block in self.blocks():
            both[place] = block
        return both

    def blocks(self) -> Iterator[tuple[slice, Matrix]]:
        """Give the rows of both orders a block at a time, each with its place among all rows."""
        n, swap = self.n, self.swap
        starts = range(0, n, BLOCK_ROWS)
        for start in starts:
            block = self._block(start)
            yield slice(start, start + len(block)), block
        if swap is None:
            return
        for start in starts:
            block = swap(self._block(start))
            yield slice(n + start, n + start + len(block)), block

    def _block(self, start: int) -> Matrix:
        place = slice(start, start + BLOCK_ROWS)
        return self.X[place] if self.rows is None else self.X[self.rows[place]]


class Whole(NamedTuple):
    """All rows of a head, some of which are taken for a fit, and where those stand among them.

    What is made of the whole must see no target: the rows that judge a fit are among them.
    """

    sample: "Sample"
    places: NDArray[np.intp]  # among the rows in one order, rising

    def both(self) -> NDArray[np.intp]:
        """Return the places among the rows of both orders.

        >>> Whole(Sample(np.zeros((5, 2)), np.zeros(5), np.ones(5)), np.array([1, 3])).both()
        array([1, 3, 6, 8])
        """
        return np.concatenate([self.places, self.places + self.sample.n])


@dataclass(frozen=True, eq=False)
class Sample(Orders):
    """Rows to learn from.

    Attributes
    ----------
    target : ndarray of int8, shape (n_rows,)
        0 or 1, or 0, 1, 2 for three classes; of both orders, where there are two.
    weight : ndarray of float64, shape (n_rows,)
    """

    target: NDArray[np.int8]
    weight: NDArray[np.float64]

    def one_order(self) -> Self:
        """Return the rows as they came, each with the weight of both orders."""
        n = self.n
        return type(self)(self.X, self.target[:n], 2.0 * self.weight[:n], rows=self.rows)


@dataclass(frozen=True, eq=False)
class Watch(Orders):
    """Rows kept apart to choose the complexity by.

    Attributes
    ----------
    loss : callable
        From the raw scores of the rows, in both orders where there are two, to a loss.
    """

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
    device : {"cpu", "cuda", "gpu"}
        What the learner's `trains_on` gave.
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

    def contributions(self, X: Matrix) -> NDArray[np.float64]:
        """Return what each column adds to the raw scores, and the score of the average row last.

        Shape (n_rows, n_columns + 1), or (n_rows, 3, n_columns + 1); they add up to `raw`.
        """

    def settings(self) -> dict[str, dict[str, Any]]:
        """Return what makes its library give the same bytes again, by library; here nothing."""
        return {}


class Learner(Protocol):
    """Settings of a member."""

    model: type[Model]
    seeded: bool  # whether another seed gives another model

    def trains_on(self, device: str) -> str:
        """Return where it trains in a run on `device`: ``cpu``, or what a GPU is used through."""
        return "cpu"

    def check_device(self) -> None:
        """Raise `models.device.DeviceError` where a device that its settings name is not there."""
        return  # here they name none

    def fit(
        self,
        sample: Sample,
        setting: Setting,
        *,
        complexity: int | None = None,
        watch: Watch | None = None,
    ) -> Model:
        """Fit at a given complexity, or along the path that `watch` judges."""
