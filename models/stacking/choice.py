"""Which candidate answers a head: the one of least loss on folds that it was fitted without."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.sides import Array
from models.heads import Head, probabilities
from models.stacking.blends import Blend, Candidate, has_intercept, row_losses
from models.stacking.guards import clustered_error
from models.stacking.logistic import fit_scale
from models.stacking.nested import Known, Level, LineFits


class Judged(NamedTuple):
    """A candidate at its best strength, with its scores of the folds that it was fitted without.

    Attributes
    ----------
    strength : int
        Place on its path.
    scores : ndarray of float64, shape (n_battles,)
    losses : ndarray of float64, shape (n_asked,)
        Log loss of each row that the head asks about.
    """

    strength: int
    scores: Array
    losses: Array


class Choice(NamedTuple):
    """What was chosen for a head.

    Attributes
    ----------
    candidate : str
    blend : Blend
        Fitted on all rows that the choice was made on.
    scores : ndarray of float64, shape (n_battles,)
        Of those rows, each by a blend fitted without its fold.
    losses : mapping of str to float
        Mean log loss of each candidate on the folds left out.
    """

    candidate: str
    blend: Blend
    scores: Array
    losses: Mapping[str, float]

    def told(self) -> dict[str, Any]:
        """Return its name and the losses, ready for JSON."""
        return {"candidate": self.candidate, "losses": dict(self.losses)}


def choose(
    head: Head,
    known: Known,
    level: Level,
    inner: Mapping[int, Mapping[str, list[Array]]],
    candidates: Mapping[str, Candidate],
    *,
    calibrate: bool,
) -> Choice:
    """Choose a candidate and its strength.

    The first candidate is taken unless another is better than it by one paired standard error over
    prompt groups (the one-standard-error rule of Breiman et al., 1984): of a thousand votes the
    least loss is as a rule chance. A flexible candidate must beat what is chosen without it so.

    Parameters
    ----------
    head : Head
    known : Known
        The rows to choose on.
    level : Level
        Fitted on all of them.
    inner : mapping of int to mapping of str to list of ndarray
        Fold -> candidate -> scores of the fold's rows at each strength, fitted without the fold.
    candidates : mapping of str to Candidate
    calibrate : bool
        Whether the scores will be calibrated: then they are judged by what remains of their loss.
    """
    judge = _Judge(head, known, calibrate=calibrate)
    paths = level.blends[head.name]
    judged = {
        name: judge.strongest(scores)
        for name in candidates
        for scores in [_gathered(known.fold, name, len(paths[name]), inner)]
        if scores
    }
    name = judge.winner(judged, candidates)
    losses = {label: float(found.losses.mean()) for label, found in judged.items()}
    return Choice(name, paths[name][judged[name].strength], judged[name].scores, losses)


def _gathered(
    fold: NDArray[np.int8],
    name: str,
    strengths: int,
    inner: Mapping[int, Mapping[str, list[Array]]],
) -> list[Array]:
    """Return a candidate's scores of all rows, for each strength that it has in all the folds."""
    found = []
    for strength in range(min(strengths, *(len(scores[name]) for scores in inner.values()))):
        whole = np.zeros(len(fold))
        for number, scores in inner.items():
            whole[fold == number] = scores[name][strength]
        found.append(whole)
    return found


class _Judge:
    """The rows that a head asks about, and what scores of them are worth."""

    def __init__(self, head: Head, known: Known, *, calibrate: bool) -> None:
        self.asked = head.rows(known.y, np.ones(len(known.y), dtype=np.bool_))
        self.won = head.target(known.y[self.asked]).astype(np.bool_)
        self.fold, self.group = known.fold[self.asked], known.group[self.asked]
        self.intercept, self.calibrate = has_intercept(head), calibrate

    def strongest(self, scores: Sequence[Array]) -> Judged:
        """Return the strength of least loss, the first of equals."""
        losses = [self._losses(values[self.asked]) for values in scores]
        best = min(range(len(scores)), key=lambda place: float(losses[place].mean()))
        return Judged(best, scores[best], losses[best])

    def _losses(self, scores: Array) -> Array:
        """Return the losses of scores; if calibrated, by a scale that did not see their fold."""
        if not self.calibrate:
            return row_losses(scores, self.won)
        found = np.zeros(len(scores))
        for held in (self.fold == number for number in np.unique(self.fold)):
            scale, shift = fit_scale(scores[~held], self.won[~held], intercept=self.intercept)
            found[held] = row_losses(scale * scores[held] + shift, self.won[held])
        return found

    def winner(self, judged: Mapping[str, Judged], candidates: Mapping[str, Candidate]) -> str:
        """Return the first candidate's name, or that of one that is clearly better."""
        plain = [name for name in judged if not candidates[name].flexible]
        flexible = [name for name in judged if candidates[name].flexible]
        best = self._clearly_better(plain[0], plain[1:], judged)
        return self._clearly_better(best, flexible, judged)

    def _clearly_better(self, than: str, names: Sequence[str], judged: Mapping[str, Judged]) -> str:
        gains = {name: judged[than].losses - judged[name].losses for name in names}
        clear = [
            name for name, gain in gains.items() if gain.mean() > clustered_error(gain, self.group)
        ]
        return max(clear, key=lambda name: float(gains[name].mean()), default=than)


def calibrated(known: Known, *, calibrate: bool = True) -> list[Array]:
    """Return each member's probabilities, calibrated by the other folds as a stack calibrates it.

    Parameters
    ----------
    known : Known
    calibrate : bool, default=True
        Or the logits as they are.

    Returns
    -------
    list of ndarray of float64, shape (n_battles, n_classes)
    """
    lines = LineFits(known, calibrate=calibrate)
    shape = len(known.y), len(known.material.classes)
    found = [np.empty(shape) for _ in range(known.material.z.shape[1])]
    for held, fold in ((known.fold == fold, int(fold)) for fold in np.unique(known.fold)):
        material = lines.without([fold])(known.material.take(held))
        for place, proba in enumerate(found):
            proba[held] = probabilities(*material.member(place))
    return found
