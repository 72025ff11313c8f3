"""Ensemble selection: members are added one by one, each as often as it helps, in many bags.

Source: Caruana, Niculescu-Mizil, Crew and Ksikes, 2004, "Ensemble selection from libraries of
models": selection with replacement, averaged over bags of members. An ensemble is judged by the
sum of what was added, not by the mean: the mean of members that err apart is too faint, and would
lose to the best of them for that alone.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from features.sides import Array
from models.stacking.blends import Blend, Candidate, Lesson, best_of, losses_of
from models.stacking.logistic import fit_scale

BAGS = 20
STEP = 0.2  # weight of what is added at once, where the best member alone would have 1
MOST = 40  # steps; fewer than ten are usual
GAIN = 1e-5  # of log loss: less is none
KEPT = 0.8  # share of the members that a bag has, two at least

Counts = tuple[int, ...]  # how often each member was added


class Greedy(Candidate):
    """The mean of many bags' ensembles, each grown member by member until nothing gets better."""

    def fit(self, lesson: Lesson) -> list[Blend]:
        """Select on bags of prompt groups, drawn with replacement, and of members."""
        knowing = lesson.knowing
        rng = np.random.default_rng(lesson.seed)
        size = min(max(2, round(KEPT * len(knowing))), len(knowing))
        members = [rng.choice(knowing, size=size, replace=False).tolist() for _ in range(BAGS)]
        losses = Losses(lesson, bags_of(lesson.group, rng))
        weights = np.zeros(lesson.logits.shape[1])
        for bag, some in enumerate(members):
            counts = np.array(select(losses, bag, some, len(weights)))
            weights += counts / counts.sum()
        return [Blend(lesson.head, weights / weights.sum())]


def bags_of(group: NDArray[np.intp], rng: np.random.Generator) -> Array:
    """Return how often each bag has drawn each row, shape (BAGS, n_rows)."""
    present, place = np.unique(group, return_inverse=True)
    drawn = rng.integers(len(present), size=(BAGS, len(present)))
    return np.array(
        [np.bincount(numbers, minlength=len(present))[place] for numbers in drawn], dtype=np.float64
    )


class Losses:
    """The loss of each ensemble in each bag: most bags come upon the same ones.

    Parameters
    ----------
    lesson : Lesson
    bags : ndarray of float64, shape (n_bags, n_rows)
        How often each row counts.
    """

    def __init__(self, lesson: Lesson, bags: Array) -> None:
        best = lesson.logits[:, best_of(lesson)]
        scale, _ = fit_scale(best, lesson.won, intercept=lesson.free)
        sign = np.where(lesson.won, 1.0, -1.0)
        self._steps = sign[:, None] * lesson.centred * (scale * STEP)
        self._start = sign * (logit(lesson.won.mean()) if lesson.free else 0.0)
        self._shares = bags / bags.sum(axis=1, keepdims=True)
        self._of = cache(self._compute)

    def __call__(self, counts: Counts, bag: int) -> float:
        """Return the mean log loss of a sum of members in a bag."""
        return float(self._of(counts)[bag])

    def _compute(self, counts: Counts) -> Array:
        return self._shares @ losses_of(
            self._start + self._steps @ np.array(counts, dtype=np.float64)
        )


def select(losses: Losses, bag: int, members: list[int], width: int) -> Counts:
    """Add the member that helps most, again and again, until none helps; the first one in any case.

    Parameters
    ----------
    losses : Losses
    bag : int
    members : list of int
        Places of those that the bag has.
    width : int
        Number of all members.
    """
    found: Counts = (0,) * width
    least = np.inf
    for _ in range(MOST):
        grown = [(*found[:at], found[at] + 1, *found[at + 1 :]) for at in members]
        best = min(grown, key=lambda counts: losses(counts, bag))
        if losses(best, bag) > least - GAIN:
            break
        found, least = best, losses(best, bag)
    return found
