"""The stacking estimator: out-of-fold logits of members in, probabilities of the classes out.

Rows of a fold are predicted by a stack to which the other folds were all there is: members'
calibrations, candidates, their choice and the blend's calibration are made of them alone, the
choice on folds left out within them. The stack of all rows is the one that is shipped.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from data.labels import CLASS_NAMES, TIE, A, B
from features.sides import Array
from models.heads import Labels, classes_of, probabilities, swapped_labels
from models.stacking.blends import Candidate
from models.stacking.candidates import CANDIDATES
from models.stacking.choice import Choice, choose
from models.stacking.members import Material, StackError, member_names
from models.stacking.nested import Known, Levels
from models.stacking.stack import Stack

LEAST_FOLDS = 3  # a fold to predict, one to choose on, and one to learn from
STATE = "model.json"


class StackingModel(ClassifierMixin, BaseEstimator):
    """Probabilities that a person prefers A, prefers B, or calls it a tie, made of members' logits.

    Parameters
    ----------
    candidates : sequence of str
        Names in `models.stacking.candidates.CANDIDATES`. The first is taken unless another is
        better by one standard error.
    calibrate : bool, default=True
        Members before they are blended, and the blend: where that holds on folds left out.
    inexact : bool, default=False
        Some members' logits are computed where their last digits move (on a card, by torch):
        leaves out candidates that jump at thresholds.
    seed : int, default=0

    Attributes
    ----------
    classes_ : ndarray of shape (3,), or (2,) where members know no ties
        0 for A, 1 for B, 2 for tie.
    members_ : tuple of str
    out_of_fold_ : ndarray of float64, shape (n_battles, n_classes)
        What the stacks of the other folds say of each row that `fit` was given.
    fold_stacks_ : dict
        Fold -> the `Stack` that predicted it.
    stack_ : Stack
        Of all rows. It is not scored.
    choices_ : dict
        Fold, or None for all rows -> head -> `Choice`.
    """

    def __init__(
        self,
        candidates: Sequence[str] = tuple(CANDIDATES),
        calibrate: bool = True,
        inexact: bool = False,
        seed: int = 0,
    ) -> None:
        self.candidates = candidates
        self.calibrate = calibrate
        self.inexact = inexact
        self.seed = seed

    def fit(self, X: pd.DataFrame, y: ArrayLike) -> Self:
        """Choose and fit a stack without each fold, and one of all rows.

        Parameters
        ----------
        X : DataFrame, shape (n_battles, 2 * n_members + 4), or without the members' tie logits
            As `models.stacking.members.columns_of` makes it, with ``group`` and ``fold``.
        y : array-like of int, shape (n_battles,)
            0 A, 1 B, 2 tie.

        Raises
        ------
        StackError
            `X` lacks a column or holds what is no number, there are fewer than three folds, a
            class is absent, or there are ties which members do not know.
        ValueError
            A candidate is unknown, or none is left.
        """
        candidates = self._candidates()
        names, y = member_names(X), np.asarray(y, dtype=np.int8)
        known, sign = _oriented(known_of(X, names, y))
        # BLAS threads would only wait for each other, and sums would depend on their number.
        with threadpool_limits(limits=1, user_api="blas"):
            levels = Levels(known, candidates, calibrate=self.calibrate, seed=self.seed)
            self.choices_ = {
                fold: _choices(known, fold, levels, candidates, calibrate=self.calibrate)
                for fold in (*levels.folds, None)
            }
            stacks = {
                fold: Stack.of(
                    levels.at(fold), choices, _but(fold, known), calibrate=self.calibrate
                )
                for fold, choices in self.choices_.items()
            }
        self.stack_ = stacks.pop(None)
        self.fold_stacks_ = stacks
        self.members_, self.classes_ = names, np.array(known.material.classes)
        self.out_of_fold_ = self._out_of_fold(known, sign)
        return self

    def predict_proba(self, X: pd.DataFrame) -> Array:
        """Return P(A), P(B) and, where members know it, P(tie), each strictly between 0 and 1.

        Of shape (n_battles, n_classes). Neither ``group`` nor ``fold`` is needed. A row's
        probabilities depend on that row alone.

        Raises
        ------
        StackError
            A column is missing or holds what is no number.
        """
        check_is_fitted(self, "stack_")
        return probabilities(*self.stack_(Material.of(X, self.members_)))

    def predict(self, X: pd.DataFrame) -> NDArray[np.int_]:
        """Return the likeliest class of each battle."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def weights(self) -> dict[str, dict[str, float]]:
        """Return each member's share of the shipped stack's blends: head -> member -> share of 1.

        See `models.stacking.stack.Stack.shares`.
        """
        check_is_fitted(self, "stack_")
        return {head.name: self._shares(self.stack_, head.name) for head in self.stack_.heads}

    def told(self) -> dict[str, Any]:
        """Return what was chosen, for each fold and for all rows, ready for JSON."""
        check_is_fitted(self, "choices_")
        stacks = {**self.fold_stacks_, None: self.stack_}
        told = {
            fold: {
                **{
                    head: choice.told() | {"weights": self._shares(stacks[fold], head)}
                    for head, choice in choices.items()
                },
                "calibration": stacks[fold].calibration._asdict(),
            }
            for fold, choices in self.choices_.items()
        }
        return {
            "folds": [{"fold": fold, **told[fold]} for fold in self.fold_stacks_],
            "final": told[None],
        }

    def dump(self) -> dict[str, bytes]:
        """Return the shipped stack as files (name -> content) that run no code when read."""
        check_is_fitted(self, "stack_")
        return {STATE: json.dumps({"members": self.members_}).encode(), **self.stack_.dump()}

    def load(self, files: Mapping[str, bytes]) -> Self:
        """Take over what `dump` gave. Only what `predict_proba` and `weights` need is in it."""
        self.members_ = tuple(json.loads(files[STATE])["members"])
        self.stack_ = Stack.load(files)
        self.classes_ = np.array(classes_of(self.stack_.form))
        return self

    def _shares(self, stack: Stack, head: str) -> dict[str, float]:
        return dict(zip(self.members_, stack.shares(head), strict=True))

    def _candidates(self) -> dict[str, Candidate]:
        unknown = sorted(set(self.candidates) - set(CANDIDATES))
        if unknown or not self.candidates:
            raise ValueError(
                "The candidates of StackingModel must be some of "
                f"{', '.join(CANDIDATES)}. Got {list(self.candidates)!r} instead."
            )
        used = {name: CANDIDATES[name]() for name in self.candidates}
        if self.inexact:
            used = {name: kind for name, kind in used.items() if not kind.jumps}
        if all(kind.flexible for kind in used.values()):
            raise ValueError(
                "The candidates of StackingModel must hold one that can blend any members. "
                f"Got {list(self.candidates)!r} instead."
            )
        return used

    def _out_of_fold(self, known: Known, sign: Array) -> Array:
        proba = np.zeros((len(known.y), len(known.material.classes)))
        for fold, stack in self.fold_stacks_.items():
            held = known.fold == fold
            z, t = stack(known.material.take(held))
            proba[held] = probabilities(sign[held] * z, t)
        return proba


def known_of(X: pd.DataFrame, names: Sequence[str], y: Labels) -> Known:
    """Read the table that a stack is fitted on.

    Raises
    ------
    StackError
        As `StackingModel.fit` does.
    """
    for column in ("group", "fold"):
        if column not in X.columns:
            raise StackError(f"the table lacks the column {column}, which a stack is fitted with.")
    if len(X) != len(y):
        raise StackError(f"the table has {len(X)} rows and y has {len(y)}; they must agree.")
    strange = sorted(set(y.tolist()) - {A, B, TIE})
    if strange:
        raise StackError(f"y must hold 0 (A), 1 (B) and 2 (tie) only. Got {strange[0]} instead.")
    codes, _ = pd.factorize(X["group"], sort=True)  # whatever the order of the rows is
    known = Known(Material.of(X, names), y, X["fold"].to_numpy(dtype=np.int8), codes)
    if TIE in y and TIE not in known.material.classes:
        raise StackError(
            "the votes hold ties, and the members give probabilities of A and B alone. Fit members "
            "in a form that knows ties."
        )
    _check(known)
    return known


def _check(known: Known) -> None:
    folds = np.unique(known.fold).tolist()
    if len(folds) < LEAST_FOLDS:
        raise StackError(
            f"a stack needs at least {LEAST_FOLDS} folds: one to predict, one to choose on and one "
            f"to learn from. Found {len(folds)}. Fit the members with more folds."
        )
    for fold in folds:
        absent = sorted({*known.material.classes} - set(known.y[known.fold == fold].tolist()))
        if absent:
            of_all = "all three" if TIE in known.material.classes else "both"
            raise StackError(
                f"fold {fold}: expected battles of {of_all} classes, found none of class "
                f"{CLASS_NAMES[absent[0]]}. Give more battles, or fit the members with fewer folds."
            )


def _oriented(known: Known) -> tuple[Known, Array]:
    """Turn each battle so that the first member that has a say is for A.

    Where none has, it is turned so that A won. The fit then sees the same numbers, bit for bit, in
    whichever order the answers came. Returned besides are -1 for the battles that were turned, and
    1 for the others.
    """
    z = known.material.z
    first = np.take_along_axis(z, (z != 0.0).argmax(axis=1)[:, None], axis=1)[:, 0]
    sign = np.where((first < 0.0) | ((first == 0.0) & (known.y == B)), -1.0, 1.0)
    y = np.where(sign < 0.0, swapped_labels(known.y), known.y)
    return known._replace(material=known.material._replace(z=z * sign[:, None]), y=y), sign


def _but(fold: int | None, known: Known) -> Known:
    """Return the rows of all folds but one, or of all."""
    return known if fold is None else known.take(known.fold != fold)


def _choices(
    known: Known,
    fold: int | None,
    levels: Levels,
    candidates: Mapping[str, Candidate],
    *,
    calibrate: bool,
) -> dict[str, Choice]:
    """Choose for each head of the stack that is not to see a fold, or of the one of all rows."""
    rest, level = _but(fold, known), levels.at(fold)
    return {
        head.name: choose(
            head, rest, level, levels.inner(fold, head), candidates, calibrate=calibrate
        )
        for head in known.material.heads
    }
