"""A few small trees that correct the members' mean, by their logits, length and disagreement."""

from collections.abc import Iterable, Mapping
from typing import Any, Self

import lightgbm
import numpy as np

from features.sides import Array
from models.heads import Head
from models.stacking.blends import (
    Blend,
    Candidate,
    Lesson,
    equal_weights,
    has_intercept,
    logits_for,
    weighted_sum,
)
from models.stacking.logistic import fit_scale
from models.stacking.members import Material

TREES = (5, 10, 20, 40)  # strengths, the fewest first
FILE = "trees.txt"
GROWN = {
    "objective": "binary",
    "metric": "None",
    "learning_rate": 0.1,
    "num_leaves": 6,
    "min_data_in_leaf": 100,
    "lambda_l2": 10.0,
    "max_bin": 63,
    "boost_from_average": False,
    "deterministic": True,
    "force_col_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}


class TreeBlend(Blend):
    """A blend, scaled, and what trees add to it.

    Parameters
    ----------
    head : Head
    weights : iterable of float
        Of the blend that the trees begin from; the trees see the members of a weight above 0.
    scale, shift : float
        The start is ``scale * blend + shift``.
    text : str
        The trees, as LightGBM writes them.
    """

    def __init__(
        self, head: Head, weights: Iterable[float], scale: float, shift: float, text: str
    ) -> None:
        super().__init__(head, weights)
        self.scale, self.shift, self.text = scale, shift, text
        self._booster = lightgbm.Booster(model_str=text)

    def __call__(self, material: Material) -> Array:
        """Return the scores of battles, shape (n_battles,).

        Those of the direction are half the difference of both orders' scores, which changes its
        sign exactly where the answers are swapped; nothing that a tie's trees see is changed.
        """
        start = self.scale * super().__call__(material) + self.shift
        if not len(start):
            return start
        raw = [self._raw(order) for order in orders(self.head, self.weights, material)]
        return start + ((raw[0] - raw[1]) / 2.0 if len(raw) > 1 else raw[0])

    def _raw(self, X: Array) -> Array:
        return np.asarray(self._booster.predict(X, raw_score=True, num_threads=1))

    def told(self) -> dict[str, Any]:
        """Return what it consists of beside the trees, ready for JSON."""
        return super().told() | {"scale": self.scale, "shift": self.shift}

    def files(self) -> dict[str, bytes]:
        """Return the trees, in LightGBM's own format."""
        return {FILE: self.text.encode()}

    @classmethod
    def read(cls, head: Head, told: Mapping[str, Any], files: Mapping[str, bytes]) -> Self:
        """Take over what `told` and `files` gave."""
        return cls(head, **told, text=files[FILE].decode())


class Trees(Candidate):
    """Boosted trees that begin from the mean of the members that know something.

    With one member, or copies of one, there is nothing to blend, and it has nothing to offer.
    """

    blend = TreeBlend
    jumps = True
    flexible = True

    def fit(self, lesson: Lesson) -> list[Blend]:
        """Grow trees once; the strengths are how many of them are used."""
        weights = equal_weights(lesson)
        logits = lesson.logits[:, weights > 0.0]
        if (logits == logits[:, :1]).all():
            return []
        blend = weighted_sum(lesson.logits, weights.tolist())
        scale, shift = fit_scale(blend, lesson.won, intercept=lesson.free)
        booster = _grown(lesson, weights, scale * blend + shift)
        texts = [booster.model_to_string(num_iteration=trees) for trees in TREES]
        return [TreeBlend(lesson.head, weights, scale, shift, text) for text in texts]


def _grown(lesson: Lesson, weights: Array, start: Array) -> lightgbm.Booster:
    """Grow the trees on all orders of the battles, in which a swapped one was won by the other."""
    both = orders(lesson.head, weights.tolist(), lesson.material)
    signs = (1.0, -1.0)[: len(both)]
    won = [lesson.won if sign > 0 else ~lesson.won for sign in signs]
    data = lightgbm.Dataset(
        np.concatenate(both),
        np.concatenate(won).astype(np.float64),
        init_score=np.concatenate([sign * start for sign in signs]),
        params={"max_bin": GROWN["max_bin"], "verbosity": -1},
    )
    params = GROWN | {"seed": lesson.seed}
    return lightgbm.train(params, data, num_boost_round=TREES[-1])


def orders(head: Head, weights: Iterable[float], material: Material) -> list[Array]:
    """Return the columns of the trees for each order of the answers in which a head is asked.

    They are the head's logits, for a tie also the members' margins, then the logarithms of length
    and turns, and how far the members disagree on the direction. The direction is asked in both
    orders. What a tie is told of stays the same in the other.

    Returns
    -------
    list of ndarray of float64, shape (n_battles, n_columns)
    """
    used = np.array([weight > 0.0 for weight in weights])
    logits, z = logits_for(head, material)[:, used], material.z[:, used]
    mean = weighted_sum(z, [1.0 / z.shape[1]] * z.shape[1])
    spread = weighted_sum((z - mean[:, None]) ** 2, [1.0 / z.shape[1]] * z.shape[1])
    pair = [np.log1p(material.characters), np.log1p(material.turns), np.sqrt(spread)]
    if has_intercept(head):
        return [np.column_stack([logits, np.abs(z), *pair])]
    return [np.column_stack([sign * logits, *pair]) for sign in (1.0, -1.0)]
