"""What a model loses when a column says nothing: its values are dealt out anew among the rows.

Columns that are dealt out together keep to one another. No model is fitted again, and a part of a
model that does not read any of the columns is not asked again.

Source: Breiman, 2001, "Random forests", section 10; of groups, Gregorutti, Michel and Saint-Pierre,
2015, "Grouped variable importance with random forests".
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from features.sides import Array, Swap
from models.heads import probabilities
from models.importance.contributions import matrix_of
from models.learners.contract import Matrix
from models.parts import average, part_logits
from models.preference import PreferenceModel

BLOCK_ROWS = 8_192  # that are predicted at a time, of several units
NORMAL = 1.959964  # standard errors on either side, which hold 95 %

Unit = NDArray[np.intp]  # places of the columns that are dealt out together


class Sums(NamedTuple):
    """What a mean over rows, and its spread over prompts, are made of; those of folds add up.

    Attributes
    ----------
    total, squares, products : ndarray of float64, shape (n_units,)
        Over the prompts: the sums of a prompt's rows, their squares, and their products with the
        number of its rows.
    rows, rows_squares : float
        Over the prompts: numbers of rows, and their squares.
    """

    total: Array
    squares: Array
    products: Array
    rows: float
    rows_squares: float

    @classmethod
    def of(cls, values: Array, group: NDArray[np.object_]) -> "Sums":
        """Add up values, shape (n_units, n_rows), of rows whose prompts are known."""
        _, code = np.unique(group, return_inverse=True)
        ones = csr_matrix((np.ones(len(code)), (np.arange(len(code)), code)))
        n, s = np.bincount(code).astype(np.float64), values @ ones
        return cls(s.sum(axis=1), (s**2).sum(axis=1), s @ n, n.sum(), (n**2).sum())

    @classmethod
    def added(cls, parts: Sequence["Sums"]) -> "Sums":
        """Add up those of folds, which share no prompt."""
        return cls(
            np.sum([of.total for of in parts], axis=0),
            np.sum([of.squares for of in parts], axis=0),
            np.sum([of.products for of in parts], axis=0),
            sum(of.rows for of in parts),
            sum(of.rows_squares for of in parts),
        )

    def interval(self) -> tuple[Array, Array, Array]:
        """Return the mean, and the ends of its 95 % interval over prompts.

        The variance of a ratio of two sums over clusters, by its linear terms.

        Source: Cochran, 1977, "Sampling techniques", equation 9A.8 (all prompts drawn alike).

        >>> values = np.array([[1.0, 1.0, 4.0]])
        >>> mean, low, high = Sums.of(values, np.array(["p", "p", "q"])).interval()
        >>> float(mean[0]), round(float(high[0] - mean[0]), 3)
        (2.0, 1.848)
        """
        mean = self.total / self.rows
        spread = self.squares - 2 * mean * self.products + mean**2 * self.rows_squares
        half = NORMAL * np.sqrt(np.maximum(spread, 0.0)) / self.rows
        return mean, mean - half, mean + half


def permuted_losses(
    model: PreferenceModel,
    X: pd.DataFrame,
    votes: Array,
    units: Sequence[Unit],
    *,
    repeats: int = 1,
    seed: int = 0,
) -> Array:
    """Return how much more each battle costs without each unit, shape (n_units, n_battles).

    Parameters
    ----------
    model : PreferenceModel
        Fitted on other battles.
    X : DataFrame, shape (n_battles, ...)
        The model's columns, and ``characters``.
    votes : ndarray of float64, shape (n_battles, n_classes)
        What is said of each class by a battle's vote: see `data.soft.probabilities_of`.
    units : sequence of ndarray of intp
        Places of columns, which are dealt out by the same order of the rows.
    repeats, seed : int
        Orders, which are the same for all units, and the seed of the first.

    Returns
    -------
    ndarray of float64
        Log loss (cross-entropy, where votes are shared) with a unit's columns dealt out anew,
        minus that without, mean over the orders.
    """
    asked = _Asked(model, X, votes)
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(len(votes)) for _ in range(repeats)]
    return np.mean([asked.without(units, order) for order in orders], axis=0) - asked.loss


class _Asked:
    """A model and battles, and what its parts say of them."""

    def __init__(self, model: PreferenceModel, X: pd.DataFrame, votes: Array) -> None:
        self.model, self.votes = model, votes
        self.X, self.length = matrix_of(model, X), X["characters"].to_numpy(dtype=np.float64)
        self.swap = Swap(list(model.feature_names_in_))
        self.parts = model.fitted_parts()
        n_columns = self.X.shape[1]
        reads = [fitted.importance(n_columns) > 0 for _, fitted in self.parts]
        self.reads = [own | own[self.swap.order] for own in reads]  # in either order of the answers
        self.known = [self._logits(number, self.X) for number in range(len(self.parts))]
        self.loss = self._losses([{k: v[None] for k, v in of.items()} for of in self.known])[0]

    def without(self, units: Sequence[Unit], order: NDArray[np.intp]) -> Array:
        """Return the battles' losses with each unit dealt out, shape (n_units, n_battles)."""
        found = np.empty((len(units), len(self.votes)))
        for block in self._blocks(len(units)):
            found[block] = self._block(units[block], order)
        return found

    def _blocks(self, n_units: int) -> Iterator[slice]:
        size = max(BLOCK_ROWS // max(len(self.votes), 1), 1)
        for start in range(0, n_units, size):
            yield slice(start, start + size)

    def _block(self, units: Sequence[Unit], order: NDArray[np.intp]) -> Array:
        """Return the losses of some units; a part is asked of those alone of which it reads."""
        dealt = np.repeat(self.X[None], len(units), axis=0)
        for copy, unit in zip(dealt, units, strict=True):
            copy[:, unit] = self.X[np.ix_(order, unit)]
        logits = []
        for number, reads in enumerate(self.reads):
            of = {k: np.repeat(v[None], len(units), axis=0) for k, v in self.known[number].items()}
            read = [place for place, unit in enumerate(units) if reads[unit].any()]
            if read:
                asked = self._logits(number, dealt[read].reshape(-1, self.X.shape[1]))
                for name, values in asked.items():
                    of[name][read] = values.reshape(len(read), -1)
            logits.append(of)
        return self._losses(logits)

    def _logits(self, number: int, X: Matrix) -> dict[str, Array]:
        part, fitted = self.parts[number]
        return part_logits(part, fitted, X, self.swap)

    def _losses(self, logits: Sequence[dict[str, Array]]) -> Array:
        """Return the log losses of logits of the parts, shape (n_copies, n_battles) each."""
        n_copies = len(next(iter(logits[0].values())))
        flat = [{name: values.ravel() for name, values in of.items()} for of in logits]
        of_parts = ((part, of) for (part, _), of in zip(self.parts, flat, strict=True))
        length = np.tile(self.length, n_copies)
        p = probabilities(*self.model.chosen_.calibration(*average(of_parts), length))
        losses: Array = -(self.votes * np.log(p).reshape(n_copies, *self.votes.shape)).sum(axis=2)
        return losses
