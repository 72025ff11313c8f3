"""A preference model put together from what its parts predict, some of which is known already.

What a part (a head of a member) predicts depends on its learner's settings, on the columns and on
the inner folds, and on no other part: who changes one part need not fit the others again.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from data.weights import whole_or
from features.sides import Array, Swap
from models.calibration import Calibration, taken
from models.choice import chosen_complexity, mean_loss
from models.heads import Labels, probabilities
from models.learners.contract import Model
from models.parts import Fit, Material, Part, Rows, average, part_logits
from models.preference import PreferenceModel

Arrays = dict[str, NDArray[Any]]
INNER, HELD = "inner-", "held-"


class KnownPart(NamedTuple):
    """What a part predicts, before calibration.

    Attributes
    ----------
    folds : ndarray of int64
        Inner folds that it was judged on.
    inner : dict of str to ndarray of float64, shape (n_plain,)
        ``z`` or ``t`` or both, of the plain training rows, each by the model without its inner
        fold; 0 in those on which it was not judged.
    held : dict of str to ndarray of float64, shape (n_held,)
        The same of rows that are held out, by the model of all training rows.
    complexity : int
        What the inner folds chose.
    loss : float
        Mean loss of the inner folds at it.
    """

    folds: NDArray[np.int64]
    inner: dict[str, Array]
    held: dict[str, Array]
    complexity: int
    loss: float

    def arrays(self) -> Arrays:
        """Return it as arrays that `read` takes back."""
        named = {INNER + name: values for name, values in self.inner.items()}
        named |= {HELD + name: values for name, values in self.held.items()}
        return {
            "folds": self.folds,
            "complexity": np.array(self.complexity),
            "loss": np.array(self.loss),
            **named,
        }

    @classmethod
    def read(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Take over what `arrays` gave."""

        def named(start: str) -> dict[str, Array]:
            return {k.removeprefix(start): v for k, v in arrays.items() if k.startswith(start)}

        complexity, loss = int(arrays["complexity"]), float(arrays["loss"])
        return cls(arrays["folds"], named(INNER), named(HELD), complexity, loss)


class PartwiseModel(PreferenceModel):
    """A `PreferenceModel` whose parts are fitted some at a time.

    Its predictions are those that `PreferenceModel` gives of the same rows, bit for bit.
    """

    _only: frozenset[str] | None = None

    @classmethod
    def of(cls, model: PreferenceModel) -> Self:
        """Return one with the parameters of another model."""
        return cls(**model.get_params(deep=False))

    def parts(self) -> list[Part]:
        """Return all parts, in the order in which they are averaged."""
        return super()._parts()

    def _parts(self) -> list[Part]:
        parts = super()._parts()
        return [part for part in parts if self._only is None or part.name in self._only]

    def fit_parts(
        self, names: Sequence[str], X: pd.DataFrame, y: Labels, held: pd.DataFrame
    ) -> dict[str, KnownPart]:
        """Fit some parts without each inner fold and on all rows, and let them predict.

        Parameters
        ----------
        names : sequence of str
            Names of the parts.
        X : DataFrame, shape (n_battles, n_columns + 3) to (n_battles, n_columns + 5)
            As `PreferenceModel.fit` takes it.
        y : ndarray of int8, shape (n_battles,)
        held : DataFrame, shape (n_held, n_columns or more)
            Rows that are held out.
        """
        self._only = frozenset(names)
        try:
            with threadpool_limits(limits=1, user_api="blas"):
                return self._fit_parts(X, y, held)
        finally:
            self._only = None

    def _fit_parts(self, X: pd.DataFrame, y: Labels, held: pd.DataFrame) -> dict[str, KnownPart]:
        rows = self._rows(X, y)
        self.seconds_ = dict.fromkeys((part.name for part in self._parts()), 0.0)
        material = Material(rows, Swap(list(self.feature_names_in_)))
        inner = self._inner_fits(material)
        chosen = {name: chosen_complexity(models) for name, models in inner.items()}
        fits = [Fit(part, complexity=chosen[part.name]) for part in self._parts()]
        models = self._run(fits, material)
        columns = held[self.feature_names_in_].to_numpy(dtype=np.float32)
        unseen = np.ascontiguousarray(columns)
        return {
            fit.part.name: KnownPart(
                folds=np.array(sorted(inner[fit.part.name]), dtype=np.int64),
                inner=_inner_logits(fit, inner[fit.part.name], material),
                held=part_logits(fit.part, model, unseen, material.swap),
                complexity=chosen[fit.part.name],
                loss=mean_loss(inner[fit.part.name], chosen[fit.part.name]),
            )
            for fit, model in zip(fits, models, strict=True)
        }

    def put_together(
        self, known: Mapping[str, KnownPart], passed: pd.DataFrame, y: Labels, length: Array
    ) -> Array:
        """Return the calibrated probabilities of the rows that are held out.

        Parameters
        ----------
        known : mapping of str to KnownPart
            Of every part.
        passed : DataFrame, shape (n_battles, 3) to (n_battles, 5)
            The columns `PASSED_THROUGH` of the training rows, as far as there are such.
        y : ndarray of int8, shape (n_battles,)
        length : ndarray of float64, shape (n_held,)
            Characters of both answers together, of the rows that are held out.
        """
        rows = self._rows(passed, y)
        with threadpool_limits(limits=1, user_api="blas"):
            calibration = self._calibrated(known, rows.take(rows.plain))
        z, t = average((part, known[part.name].held) for part in self.parts())
        return probabilities(*calibration(z, t, length))

    def _calibrated(self, known: Mapping[str, KnownPart], plain: Rows) -> Calibration:
        shared = set.intersection(*(set(part.folds.tolist()) for part in known.values()))
        if not self.calibrate or not shared:
            return Calibration()
        z, t = average((part, known[part.name].inner) for part in self.parts())
        used = np.isin(plain.fold, list(shared))
        share = None if plain.judging is None else whole_or(plain.judging[used])
        seen = plain.y[used], plain.length[used], plain.fold[used]
        return Calibration.fit(z[used], taken(t, used), *seen, share=share)


def _inner_logits(fit: Fit, models: Mapping[int, Model], material: Material) -> dict[str, Array]:
    """Return what the models without an inner fold say of its plain rows, at their complexity."""
    rows = material.rows
    plain = rows.fold[rows.plain]
    found: dict[str, Array] = {}
    for fold, model in models.items():
        held = rows.X[rows.plain & (rows.fold == fold)]
        logits = part_logits(fit.part, model, held, material.swap, fit.complexity)
        for name, values in logits.items():
            found.setdefault(name, np.zeros(len(plain)))[plain == fold] = values
    return found
