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
from statistics import fmean, median_high
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from data.folds import hash_folds
from features.sides import Swap
from models.calibration import Calibration
from models.heads import FORMS, Head, Labels, probabilities, swapped_labels
from models.learners import Learner, Matrix, Model, Sample, Setting, Watch

Array = NDArray[np.float64]
PASSED_THROUGH = ("group", "source")  # columns that are no features


class Rows(NamedTuple):
    """Training rows in the order in which they came, and what is known of them."""

    X: Matrix
    y: Labels
    plain: NDArray[np.bool_]
    weight: Array
    fold: NDArray[np.int8]

    def take(self, mask: NDArray[np.bool_]) -> "Rows":
        """Return the masked rows."""
        return Rows(
            self.X[mask], self.y[mask], self.plain[mask], self.weight[mask], self.fold[mask]
        )


class Part(NamedTuple):
    """What one fit answers for: a head of a member."""

    member: str
    learner: Learner
    head: Head

    @property
    def name(self) -> str:
        """``member_head``."""
        return f"{self.member}_{self.head.name}"


class PreferenceModel(ClassifierMixin, BaseEstimator):
    """Probabilities that a person prefers A, prefers B, or calls it a tie.

    Parameters
    ----------
    members : sequence of (str, learner)
        Their logits are averaged.
    form : {"heads", "multiclass"}, default="heads"
        A direction head and a tie head, or one model of three classes, the plain alternative.
    inner_folds : int, default=4
        Folds, cut by a hash of ``group``, that choose each part's complexity and calibrate.
    extra_weight : float, default=1.0
        Weight of a row whose ``source`` is ``extra``; 0 leaves such rows out.
    calibrate : bool, default=True
    seed : int, default=0
    n_jobs : int, default=-1
        Fits at the same time. Each runs on one thread, so that no result depends on it.

    Attributes
    ----------
    classes_ : ndarray of shape (3,)
        0 for A, 1 for B, 2 for tie.
    feature_names_in_ : ndarray of str, shape (n_columns,)
        Without ``group`` and ``source``.
    models_ : dict
        ``member_head`` -> fitted model.
    complexity_ : dict
        ``member_head`` -> what the inner folds chose: rounds, or a place on the path of penalties.
    inner_loss_ : dict
        ``member_head`` -> mean loss of the inner folds' plain rows at that complexity.
    calibration_ : Calibration
    """

    def __init__(
        self,
        members: Sequence[tuple[str, Learner]],
        form: str = "heads",
        inner_folds: int = 4,
        extra_weight: float = 1.0,
        calibrate: bool = True,
        seed: int = 0,
        n_jobs: int = -1,
    ) -> None:
        self.members = members
        self.form = form
        self.inner_folds = inner_folds
        self.extra_weight = extra_weight
        self.calibrate = calibrate
        self.seed = seed
        self.n_jobs = n_jobs

    def fit(self, X: pd.DataFrame, y: ArrayLike) -> Self:
        """Fit all heads of all members.

        Parameters
        ----------
        X : DataFrame, shape (n_battles, n_columns + 2)
            Named feature columns, and ``group`` and ``source``.
        y : array-like of int, shape (n_battles,)
            0 A, 1 B, 2 tie.

        Raises
        ------
        ValueError
            If a class is absent from `y`, or a part finds no inner fold to be judged on.
        """
        rows = self._rows(X, np.asarray(y, dtype=np.int8))
        swap = Swap(list(self.feature_names_in_))
        inner = self._inner_fits(rows, swap)
        self.complexity_ = {name: _chosen(models) for name, models in inner.items()}
        self.inner_loss_ = {
            name: _mean_loss(models, self.complexity_[name]) for name, models in inner.items()
        }
        self.calibration_ = self._calibration(rows, swap, inner)
        fits = [(part, None, self.complexity_[part.name]) for part in self._parts()]
        models = self._run(fits, rows, swap)
        self.models_ = {part.name: m for part, m in zip(self._parts(), models, strict=True)}
        return self

    def predict_proba(self, X: pd.DataFrame) -> Array:
        """Return P(A), P(B), P(tie), shape (n_battles, 3), each strictly between 0 and 1."""
        return probabilities(*self.logits(X))

    def predict(self, X: pd.DataFrame) -> NDArray[np.int_]:
        """Return the likeliest class of each battle."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def logits(self, X: pd.DataFrame, *, calibrated: bool = True) -> tuple[Array, Array]:
        """Return direction and tie logits, shape (n_battles,) each."""
        check_is_fitted(self)
        matrix = _matrix(X[self.feature_names_in_])
        swap = Swap(list(self.feature_names_in_))
        given = [
            _logits(part.head, self.models_[part.name], matrix, swap) for part in self._parts()
        ]
        z, t = _mean(given, "z"), _mean(given, "t")
        return self.calibration_(z, t) if calibrated else (z, t)

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
            "complexity": self.complexity_,
            "inner_loss": self.inner_loss_,
            "calibration": self.calibration_._asdict(),
        }
        files = {"preference.json": json.dumps(state, indent=1).encode()}
        return files | {name + m.suffix: m.dump() for name, m in self.models_.items()}

    def load(self, files: Mapping[str, bytes]) -> Self:
        """Take over the state that `dump` gave of a model with the same parameters."""
        state = json.loads(files["preference.json"])
        self.classes_ = np.arange(3)
        self.feature_names_in_ = np.array(state["columns"], dtype=object)
        self.n_features_in_ = len(self.feature_names_in_)
        self.complexity_ = state["complexity"]
        self.inner_loss_ = state["inner_loss"]
        self.calibration_ = Calibration(**state["calibration"])
        self.models_ = {part.name: _loaded(part, files) for part in self._parts()}
        return self

    def _parts(self) -> list[Part]:
        if self.form not in FORMS:
            raise ValueError(
                f"The form of PreferenceModel must be one of {', '.join(FORMS)}. "
                f"Got {self.form!r} instead."
            )
        return [Part(*member, head) for member, head in product(self.members, FORMS[self.form])]

    def _rows(self, X: pd.DataFrame, y: Labels) -> Rows:
        features = X.drop(columns=list(PASSED_THROUGH))
        self.feature_names_in_ = features.columns.to_numpy(dtype=object)
        self.n_features_in_ = features.shape[1]
        self.classes_ = np.arange(3)
        plain = (X["source"] == "plain").to_numpy(dtype=np.bool_)
        folds = hash_folds(
            X["group"].to_numpy(dtype=object), n_folds=self.inner_folds, salt=self.seed
        )
        weight = np.where(plain, 1.0, self.extra_weight)
        absent = sorted({0, 1, 2} - set(y[plain].tolist()))
        if absent:
            raise ValueError(
                f"y must hold each of 0 (A preferred), 1 (B preferred) and 2 (tie) among the "
                f"plain rows. Got no {absent[0]} instead."
            )
        return Rows(_matrix(features), y, plain, weight, folds).take(weight > 0)

    def _inner_fits(self, rows: Rows, swap: Swap) -> dict[str, dict[int, Model]]:
        """Fit every part without each inner fold that it can be judged on."""
        fits = [
            (part, fold, None)
            for part, fold in product(self._parts(), range(self.inner_folds))
            if _judgeable(part.head, rows, fold)
        ]
        inner: dict[str, dict[int, Model]] = {part.name: {} for part in self._parts()}
        for (part, fold, _), model in zip(fits, self._run(fits, rows, swap), strict=True):
            inner[part.name][fold] = model
        lost = [name for name, models in inner.items() if not models]
        if lost:
            raise ValueError(
                f"{lost[0]}: none of {self.inner_folds} inner folds holds battles to judge by "
                f"while the others hold both outcomes; there are {len(rows.y)} battles. "
                "Give more battles, or more distinct prompts."
            )
        return inner

    def _run(
        self, fits: Sequence[tuple[Part, int | None, int | None]], rows: Rows, swap: Swap
    ) -> list[Model]:
        jobs = (
            delayed(_fit)(part, rows, swap, fold, complexity, self.seed)
            for part, fold, complexity in fits
        )
        return Parallel(n_jobs=self.n_jobs, prefer="threads")(jobs)

    def _calibration(
        self, rows: Rows, swap: Swap, inner: Mapping[str, Mapping[int, Model]]
    ) -> Calibration:
        """Fit on the plain rows of the inner folds that every part has been judged on."""
        if not self.calibrate:
            return Calibration()
        parts = self._parts()
        shared = set.intersection(*(set(inner[part.name]) for part in parts))
        z, t, y = [], [], []
        for fold in sorted(shared):
            held = rows.take(rows.plain & (rows.fold == fold))
            given = [
                _logits(
                    part.head, inner[part.name][fold], held.X, swap, self.complexity_[part.name]
                )
                for part in parts
            ]
            z.append(_mean(given, "z"))
            t.append(_mean(given, "t"))
            y.append(held.y)
        if not shared:
            return Calibration()
        return Calibration.fit(np.concatenate(z), np.concatenate(t), np.concatenate(y))


def _loaded(part: Part, files: Mapping[str, bytes]) -> Model:
    model = part.learner.model
    return model.load(files[part.name + model.suffix])


def _matrix(features: pd.DataFrame) -> Matrix:
    return np.ascontiguousarray(features.to_numpy(dtype=np.float32))


def _learned(head: Head, rows: Rows, fold: int | None) -> NDArray[np.bool_]:
    """Return the rows that a head learns from, without an inner fold."""
    mask = head.rows(rows.y, rows.plain)
    return mask if fold is None else mask & (rows.fold != fold)


def _judged(head: Head, rows: Rows, fold: int) -> NDArray[np.bool_]:
    """Return the rows that judge a head in an inner fold: plain ones."""
    return head.rows(rows.y, rows.plain) & rows.plain & (rows.fold == fold)


def _judgeable(head: Head, rows: Rows, fold: int) -> bool:
    """Whether an inner fold has rows to judge by and leaves every class to learn from."""
    targets = set(head.target(rows.y[_learned(head, rows, fold)]).tolist())
    return len(targets) == head.n_classes and bool(_judged(head, rows, fold).any())


def _fit(
    part: Part, rows: Rows, swap: Swap, fold: int | None, complexity: int | None, seed: int
) -> Model:
    """Fit a part on both orders of its rows, watched by an inner fold if one is left out."""
    learned = rows.take(_learned(part.head, rows, fold))
    sample = Sample(
        X=np.vstack([learned.X, swap(learned.X)]),
        target=np.concatenate(
            [part.head.target(learned.y), part.head.target(swapped_labels(learned.y))]
        ),
        weight=np.tile(learned.weight, 2),
    )
    setting = Setting(swap, part.head.name, part.head.n_classes, seed, threads=1)
    watch = (
        None if fold is None else _watch(part.head, rows.take(_judged(part.head, rows, fold)), swap)
    )
    return part.learner.fit(sample, setting, complexity=complexity, watch=watch)


def _watch(head: Head, rows: Rows, swap: Swap) -> Watch:
    n = len(rows.y)

    def loss(raw: Array) -> float:
        return head.loss(head.logits(raw[:n], raw[n:]), rows.y)

    return Watch(np.vstack([rows.X, swap(rows.X)]), loss)


def _chosen(models: Mapping[int, Model]) -> int:
    """Return the median over the inner folds of the complexity with the least loss."""
    return median_high(int(np.argmin(model.losses)) + 1 for model in models.values())


def _mean_loss(models: Mapping[int, Model], complexity: int) -> float:
    """Return the mean loss at a complexity; a path that stopped earlier counts by its end."""
    return fmean(m.losses[min(complexity, len(m.losses)) - 1] for m in models.values())


def _logits(
    head: Head, model: Model, X: Matrix, swap: Swap, complexity: int | None = None
) -> dict[str, Array]:
    return head.logits(model.raw(X, complexity), model.raw(swap(X), complexity))


def _mean(given: Sequence[Mapping[str, Array]], name: str) -> Array:
    """Average one of the logits over the parts that give it."""
    return np.mean([logits[name] for logits in given if name in logits], axis=0)
