"""How strong the models are, with intervals, beside what they seem by how they write."""

from typing import TypedDict, cast

import numpy as np
import pandas as pd

from data.labels import TIE
from data.weights import shares, training_weights
from features.families.names import POINTS, names_of, numbers_of
from features.sides import Array
from features.votes.bradley_terry import Models, strengths
from features.votes.resampled import resampled_strengths
from models.measures.evaluation import group_weights, interval, number_of, resamples
from pipelines.estimator.names import NAMELESS, WRITTEN
from pipelines.estimator.out_of_fold import OutOfFold
from pipelines.report.figure import Figure
from pipelines.run.inputs import Battles

MOST_RATED = 150  # of more models the rarest are left out: the time grows with the cube
MOST_RESAMPLES = 300


class Rating(TypedDict):
    """A model and its battles, of which soft labels have one for several rows.

    Attributes
    ----------
    ties : float or None
        Their share of its plain battles; None where votes know no ties.
    strength : Figure
        In log odds, by all training rows, each at its weight; ties are half a win.
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
    found = shares(battles.frame)
    share = np.ones(len(battles.y)) if found is None else found
    weight = np.where(battles.frame["source"] == "plain", 1.0, extra_weight)
    weight *= training_weights(battles.frame)
    met = (sides[0] >= 0) & (sides[1] >= 0) & (weight > 0)
    first, second = (of[met] for of in sides)
    votes = first, second, POINTS[battles.y[met]], len(names)
    group = battles.frame["group"].to_numpy(dtype=object)[met]
    drawn = min(resamples(len(group)), MOST_RESAMPLES)
    samples = np.concatenate(
        [resampled_strengths(*votes, w * weight[met]) for w in group_weights(group, drawn, seed=0)]
    )
    full = strengths(*votes, weight[met])
    games = np.bincount(np.concatenate([first, second]), np.tile(share[met], 2), len(names))
    n, tied = battles.n_plain, battles.plain[1] == TIE
    plain = (sides[0][:n], sides[1][:n]), share[:n], len(names)
    ties = _mean(*plain, np.column_stack([tied, tied]) if tied.any() else None)
    seems = _mean(*plain, oof.beside.get(WRITTEN))
    models: list[Rating] = [
        {
            "name": names[number],
            "battles": round(float(games[number])),
            "ties": _known(ties[number]),
            "strength": cast(Figure, interval(float(full[number]), samples[:, number])),
            "fingerprint": _known(seems[number]),
        }
        for number in np.argsort(-full, kind="stable")
    ]
    return {
        "battles": number_of(group, share[met]),
        "groups": len(np.unique(group)),
        "resamples": drawn,
        "models": models,
    }


def _numbered(battles: pd.DataFrame) -> tuple[list[str], tuple[Models, Models]]:
    """Return the most frequent names, sorted, and each answer's among them, else -1."""
    a, b = names_of(battles)
    frequent = pd.Series(np.concatenate([a, b]), dtype=object).value_counts().index[:MOST_RATED]
    names = sorted(map(str, frequent))
    return names, (numbers_of(a, names), numbers_of(b, names))


def _mean(sides: tuple[Models, Models], share: Array, n_models: int, values: Array | None) -> Array:
    """Return the mean of a value of both answers, shape (n_rows, 2), by model; NaN for none."""
    if values is None:
        return np.full(n_models, np.nan)
    model, of, own = np.concatenate(sides), values.ravel("F"), np.tile(share, 2)
    known = model >= 0
    games = np.bincount(model[known], own[known], n_models)
    sums = np.bincount(model[known], (own * of)[known], n_models)
    seen = games > 0
    return np.asarray(np.where(seen, sums / np.where(seen, games, 1.0), np.nan), dtype=np.float64)


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
