"""How strong the models are, with intervals, beside what they seem by how they write."""

from typing import TypedDict, cast

import numpy as np
import pandas as pd

from data.labels import TIE
from features.families.names import POINTS, names_of, numbers_of
from features.sides import Array
from features.votes.bradley_terry import Models, strengths
from features.votes.resampled import resampled_strengths
from models.measures.evaluation import group_weights, interval, resamples
from pipelines.estimator.names import NAMELESS, WRITTEN
from pipelines.estimator.out_of_fold import OutOfFold
from pipelines.report.figure import Figure
from pipelines.run.inputs import Battles

MOST_RATED = 150  # of more models the rarest are left out: the time grows with the cube
MOST_RESAMPLES = 300


class Rating(TypedDict):
    """A model, its battles and their share of ties among plain ones, and its strength.

    Attributes
    ----------
    strength : Figure
        In log odds, by all training rows, the extra ones at their weight; ties are half a win.
    fingerprint : float or None
        Mean strength, out of fold, that the fingerprint gave the authors of its plain answers.
    """

    name: str
    battles: int
    ties: float | None
    strength: Figure
    fingerprint: float | None


class Ratings(TypedDict):
    """The models, strongest first; intervals are of resamples of the prompts."""

    battles: int
    groups: int
    resamples: int
    models: list[Rating]


def ratings_told(battles: Battles, oof: OutOfFold, extra_weight: float) -> Ratings | None:
    """Rate the models that are named, where names made a difference to the run."""
    proba = oof.beside.get(NAMELESS)
    if proba is None or np.array_equal(proba, oof.proba):
        return None
    names, sides = _numbered(battles.frame)
    weight = np.where(battles.frame["source"] == "plain", 1.0, extra_weight)
    met = (sides[0] >= 0) & (sides[1] >= 0) & (weight > 0)
    first, second = (of[met] for of in sides)
    votes = first, second, POINTS[battles.y[met]], len(names)
    group = battles.frame["group"].to_numpy(dtype=object)[met]
    drawn = min(resamples(len(group)), MOST_RESAMPLES)
    samples = np.concatenate(
        [resampled_strengths(*votes, w * weight[met]) for w in group_weights(group, drawn, seed=0)]
    )
    full = strengths(*votes, weight[met])
    games = np.bincount(np.concatenate([first, second]), minlength=len(names))
    plain = sides[0][: battles.n_plain], sides[1][: battles.n_plain]
    tied = np.tile((battles.plain[1] == TIE).astype(np.float64)[:, None], 2)
    ties = _mean(plain, tied, len(names))
    seems = _mean(plain, oof.beside.get(WRITTEN), len(names))
    models: list[Rating] = [
        {
            "name": names[number],
            "battles": int(games[number]),
            "ties": _known(ties[number]),
            "strength": cast(Figure, interval(float(full[number]), samples[:, number])),
            "fingerprint": _known(seems[number]),
        }
        for number in np.argsort(-full, kind="stable")
    ]
    groups = len(np.unique(group))
    return {"battles": len(group), "groups": groups, "resamples": drawn, "models": models}


def _numbered(battles: pd.DataFrame) -> tuple[list[str], tuple[Models, Models]]:
    """Return the most frequent names, sorted, and each answer's among them, else -1."""
    a, b = names_of(battles)
    frequent = pd.Series(np.concatenate([a, b]), dtype=object).value_counts().index[:MOST_RATED]
    names = sorted(map(str, frequent))
    return names, (numbers_of(a, names), numbers_of(b, names))


def _mean(sides: tuple[Models, Models], values: Array | None, n_models: int) -> Array:
    """Return the mean of a value of both answers, shape (n_battles, 2), by model; NaN for none."""
    if values is None:
        return np.full(n_models, np.nan)
    model, of = np.concatenate(sides), values.ravel("F")
    known = model >= 0
    games = np.bincount(model[known], minlength=n_models)
    sums = np.bincount(model[known], of[known], minlength=n_models)
    return np.asarray(np.where(games > 0, sums / np.maximum(games, 1), np.nan), dtype=np.float64)


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
