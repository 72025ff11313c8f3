"""What a set of columns is worth: the cross-validated log loss of two cheap heads.

The log loss of the three classes is a sum: that of a tie against a decision, and for decided
battles that of A against B. So each head is judged by all rows that tell of it, the direction by
decided extra rows too, in the share that it has among plain rows; and each for itself, for the
noise of the one, which few rows may tell of, would hide what the other gains. The heads are those
of the preference model, in both orders of the answers, the mean of LightGBM and of a linear member
whatever those of a configuration are: trees find a use of any shape, and beside other columns; the
linear one adds up what is too weak for few rows' trees to see, and settles ties better than they.

Nothing in a fit is drawn at random, so that two sets of columns differ in their columns alone.
Rounds and penalties are chosen without the fold that they are judged on, none at all being one of
the choices: a set that tells nothing costs nothing.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy.special import logit

from data.labels import TIE, A
from features.sides import Array, Swap
from models.heads import FORMS, Head
from models.learners.contract import Learner, Matrix, Model
from models.learners.lightgbm import LightGBMLearner
from models.learners.linear import LinearLearner
from models.parts import (
    Fit,
    Lessons,
    Material,
    Part,
    Rows,
    fit_part,
    judgeable,
    judged,
    part_logits,
)

HEADS = FORMS["heads"]
LOGIT, WON = {"direction": "z", "tie": "t"}, {"direction": A, "tie": TIE}
LEARNERS: dict[str, Learner] = {
    "lightgbm": LightGBMLearner(
        learning_rate=0.15,
        feature_fraction=1.0,
        bagging_fraction=1.0,
        max_bin=63,
        max_rounds=120,
        patience=8,
    ),
    "linear": LinearLearner(penalties=(0.3, 0.03, 0.003)),
}
SHUFFLED = "shuffled "  # what the names of shuffled copies begin with
Places = NDArray[np.intp]


class Columns(NamedTuple):
    """A candidate: the columns of one fold's fits, and those of which shuffled copies go with them.

    Attributes
    ----------
    kept, shuffled : ndarray of intp
        Places among all columns; both of a swap pair or none.
    """

    kept: Places
    shuffled: Places = np.empty(0, dtype=np.intp)


class Gain(NamedTuple):
    """A difference of log losses, and its standard error over prompts."""

    value: float
    error: float

    @property
    def clear(self) -> bool:
        """Whether it is more than its standard error above 0 (Breiman et al., 1984)."""
        return self.value > self.error


class Judge:
    """Judges sets of columns on the same rows and folds.

    Parameters
    ----------
    rows : Rows
        With all columns; its folds keep prompts together.
    names : sequence of str
        Of the columns.
    group : ndarray of int, shape (n_rows,)
        Numbers of the prompts.
    seed : int
        Of the shuffled copies.
    n_jobs : int
        Fits at the same time, each on one thread.

    Attributes
    ----------
    heads : list of Head
        Those that can be judged: with no tie among the plain rows the direction alone.
    """

    def __init__(
        self,
        rows: Rows,
        names: Sequence[str],
        group: NDArray[np.integer],
        *,
        seed: int = 0,
        n_jobs: int = -1,
    ) -> None:
        self.rows, self.names, self.group = rows, list(names), group
        self.folds = range(int(rows.fold.max()) + 1)
        self._judging = {
            head.name: [fold for fold in self.folds if judgeable(head, rows, fold)]
            for head in HEADS
        }
        self.heads = [head for head in HEADS if self._judging[head.name]]
        self._shares = {head.name: self._share(head) for head in self.heads}
        self._order = _shuffled(rows.X, group, np.random.default_rng(seed))
        self._jobs = n_jobs

    def losses(self, columns: Sequence[Columns]) -> Array:
        """Return what each row adds to the log loss of each head, by the columns of each fold.

        Shape (n_heads, n_rows).
        """
        tasks = [
            (head, fold, name)
            for head in self.heads
            for fold in self._judging[head.name]
            for name in LEARNERS
            if len(columns[fold].kept) or len(columns[fold].shuffled)
        ]
        made = Parallel(n_jobs=self._jobs, prefer="threads")(
            delayed(self._fitted)(head, fold, name, columns[fold]) for head, fold, name in tasks
        )
        keys = ((head.name, fold, name) for head, fold, name in tasks)
        fitted = dict(zip(keys, made, strict=True))
        return np.array([self._losses(head, fitted) for head in self.heads])

    def gains(self, losses: Array, better: Array) -> dict[str, Gain]:
        """Return by how much the second set of columns is better than the first, by head."""
        gaps = zip(self.heads, losses - better, strict=True)
        return {head.name: self._gain(gap) for head, gap in gaps}

    def _gain(self, gap: Array) -> Gain:
        by_prompt = np.bincount(self.group, gap)
        by_prompt = by_prompt[np.bincount(self.group) > 0]
        n = len(by_prompt)
        error = np.sqrt(n / max(n - 1, 1) * np.square(by_prompt - by_prompt.mean()).sum())
        return Gain(float(by_prompt.sum()), float(error))

    def _share(self, head: Head) -> Array:
        """Return what the loss of each row counts for: that of the plain rows with such labels."""
        rows, plain = self.rows, self.rows.counts * self.rows.plain
        weight = rows.counts * head.judges(rows.y, rows.plain)
        weight *= np.isin(rows.fold, self._judging[head.name])
        share = (plain * head.rows(rows.y, rows.plain)).sum() / max(
            plain.sum(), np.finfo(float).tiny
        )
        return weight / weight.sum() * (share or 1.0)

    def _losses(self, head: Head, fitted: Mapping[tuple[str, int, str], "_Fitted"]) -> Array:
        """Return each row's loss of a head, by the mean of its members."""
        losses, share = np.zeros(len(self.rows.y)), self._shares[head.name]
        for fold in self._judging[head.name]:
            held = np.flatnonzero(judged(head, self.rows, fold))
            constant = np.full(len(held), self._constant(head, fold))
            logits = []
            for name in LEARNERS:
                mine = fitted.get((head.name, fold, name))
                curves = {
                    at: one.curve
                    for (of, at, which), one in fitted.items()
                    if (of, which) == (head.name, name)
                }
                others = [curve for at, curve in curves.items() if at != fold]
                chosen = _least(others or list(curves.values()))
                logits.append(mine.logits(chosen) if mine is not None and chosen else constant)
            losses[held] = share[held] * _row_losses(
                head, np.mean(logits, axis=0), self.rows.y[held]
            )
        return losses

    def _fitted(self, head: Head, fold: int, name: str, columns: Columns) -> "_Fitted":
        """Fit a member without a fold; its curve begins with the loss without any column."""
        rows, swap = self._with(columns)
        fit = Fit(Part(name, LEARNERS[name], head, seed=0), fold)
        lessons = Lessons([fit], Material(rows, swap))
        model = fit_part(fit, lessons, swap=swap, threads=1, device="cpu")
        held = judged(head, rows, fold)
        y, weight = rows.y[held], rows.counts[held]
        nothing = head.loss(
            {LOGIT[head.name]: np.full(len(y), self._constant(head, fold))}, y, weight
        )
        return _Fitted(fit.part, model, np.array([nothing, *model.losses]), rows.X[held], swap)

    def _with(self, columns: Columns) -> tuple[Rows, Swap]:
        kept, shuffled = columns
        names = [self.names[place] for place in kept]
        names += [SHUFFLED + self.names[place] for place in shuffled]
        X = self.rows.X[:, kept]
        if len(shuffled):
            X = np.hstack([X, self.rows.X[:, shuffled][self._order]])
        return self.rows._replace(X=np.ascontiguousarray(X)), Swap(names)

    def _constant(self, head: Head, fold: int) -> float:
        """Return the logit without any column, learned by what rows weigh as that of a fit is."""
        rows = self.rows
        if head.name == "direction":
            return 0.0
        learned = head.rows(rows.y, rows.plain) & (rows.fold != fold)
        share = np.average(head.target(rows.y[learned]), weights=rows.weight[learned])
        return float(logit(share))


class _Fitted(NamedTuple):
    part: Part
    model: Model
    curve: Array  # loss of the fold by complexity, from 0 on
    X: Matrix  # of the fold
    swap: Swap

    def logits(self, complexity: int) -> Array:
        """Return the logit of each row of the fold."""
        used = min(complexity, len(self.model.losses))
        logits = part_logits(self.part, self.model, self.X, self.swap, used)
        return logits[LOGIT[self.part.head.name]]


def _shuffled(X: Matrix, group: NDArray[np.integer], rng: np.random.Generator) -> NDArray[np.intp]:
    """Return the row that each is given the values of: rows of one battle those of one other.

    Several votes of a battle, or its soft labels, are rows alike in all columns. A column that
    tells nothing has one value for them; so has its copy.
    """
    battles: dict[tuple[int, bytes], int] = {}
    battle = [
        battles.setdefault((int(number), values.tobytes()), len(battles))
        for number, values in zip(group, X, strict=True)
    ]
    one_of = np.empty(len(battles), dtype=np.intp)
    one_of[battle] = np.arange(len(X))
    order: NDArray[np.intp] = one_of[rng.permutation(len(battles))[battle]]
    return order


def _least(curves: Sequence[Array]) -> int:
    """Return the complexity of least mean loss; a path that stopped earlier counts by its end.

    >>> _least([np.array([0.7, 0.5, 0.6]), np.array([0.7, 0.6, 0.4, 0.3])])
    3
    """
    longest = max(map(len, curves), default=1)
    padded = [np.pad(curve, (0, longest - len(curve)), mode="edge") for curve in curves]
    return int(np.mean(padded, axis=0).argmin()) if padded else 0


def _row_losses(head: Head, logits: Array, y: NDArray[np.int8]) -> Array:
    """Return each row's log loss of a head's question."""
    losses: Array = np.logaddexp(0.0, np.where(y == WON[head.name], -logits, logits))
    return losses
