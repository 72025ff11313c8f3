"""Ensemble selection: members are added one by one, each as often as it helps, in many bags.

Source: Caruana, Niculescu-Mizil, Crew and Ksikes, 2004, "Ensemble selection from libraries of
models": selection with replacement, begun from the best member, averaged over bags of members.
"""

from functools import cache
from math import gcd

import numpy as np
from numpy.typing import NDArray

from features.sides import Array
from models.stacking.blends import Blend, Candidate, Lesson, losses_of, weighted_sum

BAGS = 20
STEPS = 10  # members in a bag's ensemble at most: its weights are tenths, the bags' mean is finer
GAIN = 1e-5  # of log loss: less is none
PATIENCE = 2  # steps without a gain that end the search
KEPT = 0.8  # share of the members that a bag has, two at least

Counts = tuple[int, ...]  # how often each member was added


class Greedy(Candidate):
    """The mean of many bags' ensembles, each the best that adding members one by one comes upon."""

    def fit(self, lesson: Lesson) -> list[Blend]:
        """Select on bags of prompt groups, drawn with replacement, and of members."""
        knowing = lesson.knowing()
        rng = np.random.default_rng(lesson.seed)
        size = min(max(2, round(KEPT * len(knowing))), len(knowing))
        members = [rng.choice(knowing, size=size, replace=False).tolist() for _ in range(BAGS)]
        losses = _Losses(lesson.logits, lesson.won, _bags(lesson.group, rng))
        weights = np.zeros(lesson.logits.shape[1])
        for bag, some in enumerate(members):
            counts = np.array(_select(losses, bag, some, len(weights)))
            weights += counts / counts.sum()
        return [Blend(lesson.head, weights / weights.sum())]


def _bags(group: NDArray[np.intp], rng: np.random.Generator) -> Array:
    """Return how often each bag has drawn each row, shape (BAGS, n_rows)."""
    present, place = np.unique(group, return_inverse=True)
    drawn = rng.integers(len(present), size=(BAGS, len(present)))
    return np.array(
        [np.bincount(numbers, minlength=len(present))[place] for numbers in drawn], dtype=np.float64
    )


class _Losses:
    """The loss of each ensemble in each bag: most bags come upon the same ones."""

    def __init__(self, logits: Array, won: NDArray[np.bool_], bags: Array) -> None:
        self._oriented = np.where(won[:, None], logits, -logits)
        self._shares = bags / bags.sum(axis=1, keepdims=True)
        self._of = cache(self._compute)

    def __call__(self, counts: Counts, bag: int) -> float:
        divisor = gcd(*counts)
        return float(self._of(tuple(count // divisor for count in counts))[bag])

    def _compute(self, counts: Counts) -> Array:
        total = sum(counts)
        return self._shares @ losses_of(weighted_sum(self._oriented, [c / total for c in counts]))


def _select(losses: _Losses, bag: int, members: list[int], width: int) -> Counts:
    """Return the best of the ensembles that adding members comes upon, the smallest of equals.

    A step without a gain does not end it: a member that is added once more lets the next one in at
    a smaller weight.
    """
    found = best = (0,) * width
    least, idle = np.inf, 0
    for _ in range(STEPS):
        grown = [(*found[:at], found[at] + 1, *found[at + 1 :]) for at in members]
        found = min(grown, key=lambda counts: losses(counts, bag))
        gained = losses(found, bag) < least - GAIN
        best, least = (found, losses(found, bag)) if gained else (best, least)
        idle = 0 if gained else idle + 1
        if idle == PATIENCE:
            break
    return best
