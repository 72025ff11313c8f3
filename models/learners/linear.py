"""The linear member: logistic regression on squashed columns, symmetric by its columns."""

import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression

from features.sides import Array
from models.learners.contract import BLOCK_ROWS, Learner, Matrix, Model, Sample, Setting, Watch

PathPenalty = Annotated[float, Field(ge=1e-8, le=1e4)]


def _falling(penalties: tuple[float, ...]) -> tuple[float, ...]:
    if list(penalties) != sorted(penalties, reverse=True):
        raise ValueError("must be written from the strongest to the weakest")
    return penalties


PathPenalties = Annotated[tuple[PathPenalty, ...], Field(min_length=1), AfterValidator(_falling)]


class Scaling(NamedTuple):
    """How columns enter a linear model: ``tanh((x - centre) / scale)``.

    Attributes
    ----------
    columns : ndarray of intp, shape (n_used,)
        Positions of the columns that are used.
    folded : ndarray of bool, shape (n_used,)
        Columns that enter by their absolute value.
    centre, scale : ndarray of float64, shape (n_used,)
    """

    columns: NDArray[np.intp]
    folded: NDArray[np.bool_]
    centre: Array
    scale: Array

    def values(self, X: Matrix) -> Array:
        """Return the columns as numbers, absolute where they are folded."""
        values = X[:, self.columns].astype(np.float64)
        return np.where(self.folded, np.abs(values), values)

    def __call__(self, X: Matrix) -> Array:
        """Return the columns as they enter the model, each in (-1, 1); a missing value is 0."""
        U = np.empty((len(X), len(self.columns)))
        for start in range(0, len(X), BLOCK_ROWS):  # no second copy of all the rows
            block = slice(start, start + BLOCK_ROWS)
            squashed = np.tanh((self.values(X[block]) - self.centre) / self.scale)
            U[block] = np.nan_to_num(squashed, nan=0.0)
        return U


def scaling_for(X: Matrix, setting: Setting) -> Scaling:
    """Learn how the columns enter the model of a head.

    The direction uses the antisymmetric columns, scaled by their root mean square and neither
    centred nor given an intercept, so that its score changes sign exactly with the swap. The tie
    uses the symmetric columns and the antisymmetric ones by absolute value, standardised; three
    classes use both.
    """
    odd, even = np.flatnonzero(setting.swap.antisymmetric), np.flatnonzero(setting.swap.symmetric)
    parts = {
        "direction": [(odd, False)],
        "tie": [(even, False), (odd, True)],
        "multiclass": [(odd, False), (even, False), (odd, True)],
    }[setting.head]
    columns = np.concatenate([positions for positions, _ in parts])
    folded = np.concatenate([np.full(len(positions), fold) for positions, fold in parts])
    centred = setting.swap.symmetric[columns] | folded
    raw = Scaling(columns, folded, np.zeros(len(columns)), np.ones(len(columns)))
    known = np.maximum(_sums(X, lambda block: ~np.isnan(raw.values(block))), 1)
    centre = np.where(centred, _sums(X, raw.values) / known, 0.0)
    scale = np.sqrt(_sums(X, lambda block: (raw.values(block) - centre) ** 2) / known)
    return Scaling(columns, folded, centre, np.where(scale > 0, scale, 1.0))


def _sums(X: Matrix, values: Callable[[Matrix], NDArray[Any]]) -> Array:
    """Add up a value of each row's columns, missing ones left out, a block of rows at a time."""
    blocks = [X[start : start + BLOCK_ROWS] for start in range(0, max(len(X), 1), BLOCK_ROWS)]
    return np.sum([np.nansum(values(block), axis=0) for block in blocks], axis=0)


class LinearModel(Model):
    """Fitted linear scores, one row of coefficients for each place on the path of penalties.

    Parameters
    ----------
    scaling : Scaling
    coefficients : ndarray of float64, shape (n_penalties, n_scores, n_used)
    intercepts : ndarray of float64, shape (n_penalties, n_scores)
    losses : list of float
        Loss of the watched rows at each penalty.
    """

    suffix = ".json"
    device = "cpu"

    def __init__(
        self, scaling: Scaling, coefficients: Array, intercepts: Array, losses: list[float]
    ) -> None:
        self.scaling = scaling
        self.coefficients = coefficients
        self.intercepts = intercepts
        self.losses = losses

    def raw(self, X: Matrix, complexity: int | None = None) -> Array:
        """Return the scores at place `complexity` of the path (counted from 1), or the last."""
        place = -1 if complexity is None else complexity - 1
        return self._scores(self.scaling(X), place)

    def _scores(self, U: Array, place: int) -> Array:
        # A sum by rows, not a matrix product: a row's score must not depend on its neighbours.
        scores = [(U * row).sum(axis=1) for row in self.coefficients[place]]
        raw = np.column_stack(scores) + self.intercepts[place]
        return raw[:, 0] if raw.shape[1] == 1 else raw

    def dump(self) -> bytes:
        """Return JSON; Python writes floats so that reading gives the same float64."""
        fields = {**self.scaling._asdict(), **self._parameters()}
        return json.dumps({name: values.tolist() for name, values in fields.items()}).encode()

    def _parameters(self) -> dict[str, Array]:
        return {"coefficients": self.coefficients[-1:], "intercepts": self.intercepts[-1:]}

    @classmethod
    def load(cls, data: bytes, device: str = "cpu") -> Self:
        """Read what `dump` gave; it predicts on the CPU whatever the device."""
        fields = {name: np.array(values) for name, values in json.loads(data).items()}
        scaling = Scaling(
            fields["columns"].astype(np.intp),
            fields["folded"].astype(np.bool_),
            fields["centre"].astype(np.float64),
            fields["scale"].astype(np.float64),
        )
        return cls(scaling, fields["coefficients"], fields["intercepts"], [])

    def importance(self, n_columns: int) -> Array:
        """Return the summed absolute coefficients of each column."""
        weights = np.abs(self.coefficients[-1]).sum(axis=0)
        sums = np.bincount(self.scaling.columns, weights=weights, minlength=n_columns)
        return sums.astype(np.float64)

    def contributions(self, X: Matrix) -> Array:
        """Return coefficient times squashed value of each column, and the intercept last.

        They are measured from a row whose columns are all at their centre, which is the mean of
        those that are centred; of the others the mean over both orders is 0.
        """
        U, coefficients = self.scaling(X), self.coefficients[-1]
        found = np.zeros((len(X), len(coefficients), X.shape[1] + 1))
        for score, row in enumerate(coefficients):
            terms = (U * row).T  # two of one column, where its absolute value is used as well
            np.add.at(found[:, score].T, self.scaling.columns, terms)
        found[:, :, -1] = self.intercepts[-1]
        return found[:, 0] if len(coefficients) == 1 else found


class LinearLearner(BaseEstimator, Learner):
    """Settings of the linear member.

    Parameters
    ----------
    penalties : sequence of float
        Path of the L2 penalty ``lambda`` in ``mean loss + lambda / 2 * |w|**2``, strongest
        first; inner folds choose the place.
    """

    model = LinearModel
    seeded = False

    def __init__(
        self, penalties: PathPenalties = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003)
    ) -> None:
        self.penalties = penalties

    def fit(
        self,
        sample: Sample,
        setting: Setting,
        *,
        complexity: int | None = None,
        watch: Watch | None = None,
    ) -> LinearModel:
        """Fit the place `complexity` of the path (counted from 1), or with `watch` all of it."""
        if sample.swap is not None and setting.n_classes == 2:
            # By the symmetry of the columns a row and its mirror have the same loss.
            sample = sample.one_order()
        places = self.penalties if complexity is None else self.penalties[complexity - 1 :][:1]
        X = sample.both()
        scaling = scaling_for(X, setting)
        U = scaling(X)
        fits = _path(U, sample, setting, places)
        coefficients, intercepts = (np.array(part) for part in zip(*fits, strict=True))
        model = LinearModel(scaling, coefficients, intercepts, losses=[])
        if watch:
            V = scaling(watch.both())
            model.losses = [watch.loss(model._scores(V, place)) for place in range(len(places))]
        return model


def _path(
    U: Array, sample: Sample, setting: Setting, penalties: Sequence[float]
) -> list[tuple[Array, Array]]:
    """Return coefficients, shape (n_scores, n_used), and intercepts, by penalty.

    Each fit starts from the one before.
    """
    free = setting.head != "direction"  # an intercept would favour a side
    if not U.shape[1]:
        return [_shares(sample, setting, free=free)] * len(penalties)
    logistic = LogisticRegression(
        fit_intercept=free, solver="newton-cholesky", tol=1e-7, max_iter=200, warm_start=True
    )
    fits = []
    for penalty in penalties:
        logistic.set_params(C=1.0 / (penalty * sample.weight.sum()))
        logistic.fit(U, sample.target, sample_weight=sample.weight)
        coefficients = logistic.coef_.copy()
        intercepts = np.broadcast_to(logistic.intercept_, len(coefficients)).copy()
        fits.append((coefficients, intercepts))
    return fits


def _shares(sample: Sample, setting: Setting, *, free: bool) -> tuple[Array, Array]:
    """Return what is left without a column: the log shares of the classes, or nothing."""
    shares = np.bincount(sample.target, weights=sample.weight, minlength=setting.n_classes)
    logs = np.log(shares / shares.sum())
    scores = logs if setting.n_classes > 2 else logs[1:] - logs[:1]
    return np.empty((len(scores), 0)), scores if free else np.zeros(len(scores))
