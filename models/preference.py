"""The preference model: a tie head and a direction head, exactly symmetric under a swap.

With S for the swap of a row's answers, f for the direction scores and g for the tie scores of a
member, all in float64::

    z = (f(x) - f(Sx)) / 2        t = (g(x) + g(Sx)) / 2

are averaged over the members, calibrated, and turned into probabilities by
`models.heads.probabilities`.
"""

import json
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from data.folds import hash_folds
from data.labels import as_labels
from data.weights import shares, training_weights, whole_or
from features.sides import Array, Swap
from models.calibration import Calibration
from models.choice import Chosen, chosen_complexity, mean_loss
from models.fits import run_fits
from models.heads import FORMS, Head, Labels, check_classes, classes_of, probabilities
from models.learners.contract import Learner, Matrix, Model
from models.parts import (
    Fit,
    Material,
    Part,
    Rows,
    average,
    judgeable,
    part_logits,
)

# Columns that are no features; the last two may lack, and are 1 then.
PASSED_THROUGH = ("group", "source", "characters", "weight", "share")
SEED_STRIDE = 1000  # between the seeds of a bag: neighbouring runs must not share them


class PreferenceModel(ClassifierMixin, BaseEstimator):
    """Probabilities that a person prefers A, prefers B, or calls it a tie.

    Parameters
    ----------
    members : sequence of (str, learner)
        Their logits are averaged.
    direction, tie : sequence of str, optional
        Names of the members of a head, where not all answer both; of the form ``heads`` alone.
    form : {"heads", "multiclass", "direction"}, default="heads"
        A direction head and a tie head, or one model of three classes, the plain alternative,
        which learns from extra rows how often battles tie as well: calibrate it. Or the direction
        head alone, where votes know no ties: of extra rows it learns from those without a tie.
    inner_folds : int, default=4
        Folds, cut by a hash of ``group``, that choose each part's complexity and calibrate. The
        direction's complexity is judged by extra rows as well, all else by plain rows alone.
    extra_weight : float, default=1.0
        Weight of a row whose ``source`` is ``extra``; 0 leaves such rows out.
    calibrate : bool, default=True
    bag : int, default=1
        Seeds that each member is averaged over, where a seed makes a difference to it.
    device : {"cpu", "cuda"}, default="cpu"
        Taken by the members that can use a GPU; see `models.device.find_device`.
    seed : int, default=0
    n_jobs : int, default=-1
        Fits at the same time, those on a GPU being one of them. On the CPU each runs on one
        thread, so that no result depends on it.
    chosen : Chosen, optional
        What inner folds would choose, known from elsewhere: then none are cut, and each part is
        fitted once. A run has it from its outer folds.

    Attributes
    ----------
    classes_ : ndarray of shape (3,), or (2,) of the form ``direction``
        0 for A, 1 for B, 2 for tie.
    feature_names_in_ : ndarray of str, shape (n_columns,)
        Without the columns `PASSED_THROUGH`.
    models_ : dict
        ``member_head`` -> fitted model.
    chosen_ : Chosen
        What the inner folds chose, or was given.
    device_ : dict
        ``member_head`` -> what it was really trained on.
    seconds_ : dict
        ``member_head`` -> wall-clock time of its fits together; those of others go on beside them.
    """

    def __init__(
        self,
        members: Sequence[tuple[str, Learner]],
        direction: Sequence[str] | None = None,
        tie: Sequence[str] | None = None,
        form: str = "heads",
        inner_folds: int = 4,
        extra_weight: float = 1.0,
        calibrate: bool = True,
        bag: int = 1,
        device: str = "cpu",
        seed: int = 0,
        n_jobs: int = -1,
        chosen: Chosen | None = None,
    ) -> None:
        self.members = members
        self.direction = direction
        self.tie = tie
        self.form = form
        self.inner_folds = inner_folds
        self.extra_weight = extra_weight
        self.calibrate = calibrate
        self.bag = bag
        self.device = device
        self.seed = seed
        self.n_jobs = n_jobs
        self.chosen = chosen

    def fit(self, X: pd.DataFrame, y: ArrayLike) -> Self:
        """Fit all heads of all members.

        Parameters
        ----------
        X : DataFrame, shape (n_battles, n_columns + 3) to (n_battles, n_columns + 5)
            Named feature columns, and ``group``, ``source`` and ``characters`` (of both answers);
            ``weight`` and ``share`` are those of `data.weights`.
        y : array-like, shape (n_battles,) or (n_battles, 3)
            0 A, 1 B, 2 tie, or what else `data.labels.as_labels` takes.

        Raises
        ------
        ValueError
            If a label is none, a class is absent from `y`, a tie stands in it where the form knows
            none, or a part finds no inner fold to be judged on.
        """
        # BLAS threads would only compete with the jobs, and the sums would depend on their number.
        with threadpool_limits(limits=1, user_api="blas"):
            rows = self._rows(X, as_labels(y, len(X)))
            self.seconds_ = dict.fromkeys((part.name for part in self._parts()), 0.0)
            material = Material(rows, Swap(list(self.feature_names_in_)))
            self.chosen_ = self._choose(material) if self.chosen is None else self.chosen
            complexity = self.chosen_.complexity
            lost = [part.name for part in self._parts() if part.name not in complexity]
            if lost:
                raise ValueError(
                    f"The chosen of PreferenceModel must have a complexity for {lost[0]}. "
                    f"Got one for {', '.join(complexity) or 'nothing'} instead."
                )
            fits = [Fit(part, complexity=complexity[part.name]) for part in self._parts()]
            models = self._run(fits, material)
        self.models_ = {fit.part.name: model for fit, model in zip(fits, models, strict=True)}
        self.device_ = {name: model.device for name, model in self.models_.items()}
        return self

    def check_device(self) -> None:
        """Raise `models.device.DeviceError` where a device that a member names is not there."""
        for _, learner in self.members:
            learner.check_device()

    def predict_proba(self, X: pd.DataFrame) -> Array:
        """Return the probability of each class, each strictly between 0 and 1.

        P(A), P(B) and P(tie), shape (n_battles, 3), or without the last, shape (n_battles, 2).
        """
        return probabilities(*self.logits(X))

    def predict(self, X: pd.DataFrame) -> NDArray[np.int_]:
        """Return the likeliest class of each battle."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def logits(self, X: pd.DataFrame, *, calibrated: bool = True) -> tuple[Array, Array | None]:
        """Return direction and tie logits, shape (n_battles,) each; no ties in a direction form."""
        check_is_fitted(self)
        matrix, swap = _matrix(X[self.feature_names_in_]), Swap(list(self.feature_names_in_))
        z, t = average(
            (part, part_logits(part, self.models_[part.name], matrix, swap))
            for part in self._parts()
        )
        return self.chosen_.calibration(z, t, _length(X)) if calibrated else (z, t)

    def fitted_parts(self) -> list[tuple[Part, Model]]:
        """Return what it is put together from: each part with its model."""
        check_is_fitted(self)
        return [(part, self.models_[part.name]) for part in self._parts()]

    def importance(self) -> pd.DataFrame:
        """Return each part's importance of each column, as shares that add up to 1 per part."""
        check_is_fitted(self)
        table = pd.DataFrame(index=pd.Index(self.feature_names_in_, name="feature"))
        for name, model in self.models_.items():
            gain = model.importance(len(table))
            table[name] = gain / max(gain.sum(), np.finfo(float).tiny)
        return table

    def dump(self) -> dict[str, bytes]:
        """Return the learned state as files (name -> content) that run no code when read."""
        check_is_fitted(self)
        state = {
            "columns": self.feature_names_in_.tolist(),
            **self.chosen_.told(),
            "device": self.device_,
        }
        files = {"preference.json": json.dumps(state, indent=1).encode()}
        return files | {name + m.suffix: m.dump() for name, m in self.models_.items()}

    def load(self, files: Mapping[str, bytes]) -> Self:
        """Take over the state that `dump` gave of a model with the same parameters."""
        state = json.loads(files["preference.json"])
        self.classes_ = np.array(classes_of(self.form))
        self.feature_names_in_ = np.array(state["columns"], dtype=object)
        self.n_features_in_ = len(self.feature_names_in_)
        self.chosen_ = Chosen.read(state)
        self.device_ = state["device"]
        self.models_ = {part.name: _loaded(part, files, self.device) for part in self._parts()}
        return self

    def _parts(self) -> list[Part]:
        if self.form not in FORMS:
            raise ValueError(
                f"The form of PreferenceModel must be one of {', '.join(FORMS)}. "
                f"Got {self.form!r} instead."
            )
        return [
            Part(member, learner, head, self.seed + SEED_STRIDE * copy, copy)
            for (member, learner), head in product(self.members, FORMS[self.form])
            if member in self._members_of(head)
            for copy in range(self.bag if learner.seeded else 1)
        ]

    def _members_of(self, head: Head) -> Sequence[str]:
        known = [name for name, _ in self.members]
        by_head = {"direction": self.direction, "tie": self.tie}
        none = [name for name in by_head if name not in {of.name for of in FORMS[self.form]}]
        if any(by_head[name] is not None for name in none):
            raise ValueError(
                f"The {' and '.join(none)} of PreferenceModel must be None with the form "
                f"{self.form!r}, which has no such head{'s' * (len(none) > 1)}."
            )
        named = by_head.get(head.name)
        if named is None:
            return known
        if not named or set(named) - set(known):
            raise ValueError(
                f"The {head.name} of PreferenceModel must name some of its members, which are "
                f"{', '.join(known)}. Got {list(named)!r} instead."
            )
        return named

    def _choose(self, material: Material) -> Chosen:
        inner = self._inner_fits(material)
        complexity = {name: chosen_complexity(models) for name, models in inner.items()}
        loss = {name: mean_loss(models, complexity[name]) for name, models in inner.items()}
        return Chosen(complexity, loss, self._calibration(material, inner, complexity))

    def _rows(self, X: pd.DataFrame, y: Labels) -> Rows:
        features = X.drop(columns=[name for name in PASSED_THROUGH if name in X])
        self.feature_names_in_ = features.columns.to_numpy(dtype=object)
        self.n_features_in_ = features.shape[1]
        self.classes_ = np.array(classes_of(self.form))
        plain = (X["source"] == "plain").to_numpy(dtype=np.bool_)
        folds = hash_folds(
            X["group"].to_numpy(dtype=object), n_folds=self.inner_folds, salt=self.seed
        )
        drawn = np.where(plain, 1.0, self.extra_weight)
        weight, share = drawn * training_weights(X), shares(X)
        judging = drawn if share is None else drawn * share
        check_classes(y[plain], self.form)
        rows = Rows(_matrix(features), y, plain, weight, _length(X), folds, judging)
        return rows.take(weight > 0)

    def _inner_fits(self, material: Material) -> dict[str, dict[int, Model]]:
        """Fit every part without each inner fold that it can be judged on."""
        rows = material.rows
        fits = [
            Fit(part, fold)
            for fold, part in product(range(self.inner_folds), self._parts())  # rows are shared
            if judgeable(part.head, rows, fold)
        ]
        inner: dict[str, dict[int, Model]] = {part.name: {} for part in self._parts()}
        for fit, model in zip(fits, self._run(fits, material), strict=True):
            inner[fit.part.name][fit.fold] = model
        lost = [name for name, models in inner.items() if not models]
        if lost:
            raise ValueError(
                f"{lost[0]}: none of {self.inner_folds} inner folds holds battles to judge by "
                f"while the others hold both outcomes; there are {len(rows.y)} battles. "
                "Give more battles, or more distinct prompts."
            )
        return inner

    def _run(self, fits: Sequence[Fit], material: Material) -> list[Model]:
        made = run_fits(fits, material, device=self.device, n_jobs=self.n_jobs)
        for fit, fitted in zip(fits, made, strict=True):
            self.seconds_[fit.part.name] += fitted.seconds
        return [fitted.model for fitted in made]

    def _calibration(
        self,
        material: Material,
        inner: Mapping[str, Mapping[int, Model]],
        complexity: Mapping[str, int],
    ) -> Calibration:
        """Fit on the plain rows of the inner folds that every part has been judged on."""
        shared = set.intersection(*(set(models) for models in inner.values()))
        if not self.calibrate or not shared:
            return Calibration()
        rows, swap = material.rows, material.swap
        z, t = np.zeros((2, len(rows.y)))
        tied = None
        for fold in shared:
            held = rows.plain & (rows.fold == fold)
            z[held], tied = average(
                (part, part_logits(part, inner[part.name][fold], rows.X[held], swap, place))
                for part in self._parts()
                for place in [complexity[part.name]]
            )
            if tied is not None:
                t[held] = tied
        used = rows.plain & np.isin(rows.fold, list(shared))
        ties = None if tied is None else t[used]
        share = None if rows.judging is None else whole_or(rows.judging[used])
        known = rows.y[used], rows.length[used], rows.fold[used]
        return Calibration.fit(z[used], ties, *known, share=share)


def _length(X: pd.DataFrame) -> Array:
    return X["characters"].to_numpy(dtype=np.float64)


def _loaded(part: Part, files: Mapping[str, bytes], device: str) -> Model:
    model = part.learner.model
    return model.load(files[part.name + model.suffix], device)


def _matrix(features: pd.DataFrame) -> Matrix:
    return np.ascontiguousarray(features.to_numpy(dtype=np.float32))
