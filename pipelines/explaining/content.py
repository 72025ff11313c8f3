"""What a model says of one battle, and what moved it from the average battle."""

from typing import Any, NotRequired, TypedDict

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from features.families.lexical import LexicalFeatures
from models.heads import CLIP, probabilities
from models.importance.contributions import Contributions, contributions
from models.preference import PreferenceModel
from pipelines.estimator.build import describe_columns
from pipelines.estimator.encoding import families_of
from pipelines.estimator.importance import family_of

CLASSES = ("model_a", "model_b", "tie")


class Logit(TypedDict):
    """A logit of the battle, and that of the average battle, from which columns move it.

    Beyond ±30 (`clipped`) a logit counts as 30.
    """

    value: float
    average: float
    clipped: bool


class Column(TypedDict):
    """What a column adds to each logit, beside what it is and holds."""

    name: str
    meaning: str
    value: float
    adds: dict[str, float]


class Family(TypedDict):
    """What the columns of a family add together, and each of them, what moves most first."""

    name: str
    adds: dict[str, float]
    columns: list[Column]


class Words(TypedDict):
    """The score that n-grams make up, in log odds that A is preferred, and what each adds to it."""

    score: float
    grams: dict[str, float]


class Explained(TypedDict):
    """One battle explained; `logits` are z and t, or margins: see `Contributions`."""

    id: str
    probabilities: dict[str, float]
    average: dict[str, float]
    logits: dict[str, Logit]
    families: list[Family]
    words: NotRequired[Words]


def explained(pipeline: Pipeline, battles: pd.DataFrame) -> Explained:
    """Take the prediction of a battle apart.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted.
    battles : DataFrame
        Of one row.
    """
    model = pipeline.named_steps["model"]
    X = pipeline.named_steps["features"].transform(battles)
    found = contributions(model, X)
    told: Explained = {
        "id": str(battles["id"].iloc[0]),
        "probabilities": _by_class(model.predict_proba(X)[0]),
        "average": _by_class(average_probabilities(model, X, found)),
        "logits": {name: _logit(found, name) for name in found.columns},
        "families": _families(found, X, describe_columns(pipeline), model),
    }
    words = _words(pipeline, battles)
    return told if words is None else {**told, "words": words}


def _by_class(proba: Any) -> dict[str, float]:
    return {name: float(p) for name, p in zip(CLASSES, proba, strict=False)}


def average_probabilities(model: PreferenceModel, X: pd.DataFrame, found: Contributions) -> Any:
    """Return the probabilities of the average battle of this length."""
    average = found.average
    if "tie" in average:
        length = X["characters"].to_numpy(dtype=np.float64)
        t = average["tie"] - np.logaddexp(average["a"], average["b"])
        return probabilities(*model.chosen_.calibration(average["a"] * 0.0, t, length))[0]
    ties: Any = average.get("t")  # none where votes know none
    return probabilities(average["z"], ties)[0]


def _logit(found: Contributions, name: str) -> Logit:
    average = float(found.average[name][0])
    value = average + float(found.columns[name][0].sum())
    return {"value": value, "average": average, "clipped": name in ("z", "t") and abs(value) > CLIP}


def _families(
    found: Contributions, X: pd.DataFrame, docs: dict[str, str], model: PreferenceModel
) -> list[Family]:
    columns: dict[str, list[Column]] = {}
    for place, name in enumerate(model.feature_names_in_):
        adds = {logit: float(values[0, place]) for logit, values in found.columns.items()}
        column: Column = {
            "name": name,
            "meaning": docs[name],
            "value": float(X[name].iloc[0]),
            "adds": adds,
        }
        columns.setdefault(family_of(name), []).append(column)
    families: list[Family] = [
        {
            "name": name,
            "adds": {logit: sum(one["adds"][logit] for one in of) for logit in of[0]["adds"]},
            "columns": sorted(of, key=moves, reverse=True),
        }
        for name, of in columns.items()
    ]
    return sorted(families, key=moves, reverse=True)


def moves(of: Column | Family) -> float:
    """Return how much something moves all logits together, whatever the direction."""
    return sum(map(abs, of["adds"].values()))


def _words(pipeline: Pipeline, battles: pd.DataFrame) -> Words | None:
    for family in families_of(pipeline):
        if isinstance(family, LexicalFeatures) and family.scores:
            grams = family.words_of(battles)
            ranked = sorted(grams.items(), key=lambda of: -abs(of[1]))
            return {"score": sum(grams.values()), "grams": dict(ranked)}
    return None
