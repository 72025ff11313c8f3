"""Who wrote an answer, guessed from how it is written, and how strong that model is."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import polars as pl
from numpy.typing import NDArray
from scipy.special import entr

from data.labels import TIE, A
from features.families.length import LengthFeatures
from features.families.style import StyleFeatures
from features.families.wording import WordingFeatures
from features.family import INNER_FOLDS, Training
from features.layout import texts_of, to_polars
from features.ngram.counting import CountingFamily
from features.ngram.vocabulary import Grams, Vocabulary
from features.parameters import Count, Number, Penalty
from features.sides import Array, compare
from features.table import SHARE, Row, documentation
from features.votes.authors import LEAST, Classifier, Identified, identify
from features.votes.bradley_terry import Models, Ratings
from features.votes.scores import figures
from features.votes.traits import KINDS, Answers, Traits

POINTS = np.array([1.0, 0.0, 0.5])  # of A

STATISTICS: dict[str, Row] = {
    "strength": Row(
        "Bradley-Terry strength, in log odds, expected of the model that wrote the answer",
        (*SHARE, "absdiff"),
    ),
    "confidence": Row("probability of the likeliest author"),
    "entropy": Row("entropy of the author's probabilities, in nats"),
    "head_to_head": Row(
        "points beyond 1/2 expected of A from battles of its likely authors with B's",
        ("diff", "absdiff"),
    ),
    "same": Row("probability that one model wrote both", ("pair",)),
}


class Fingerprint(NamedTuple):
    """What `FingerprintFeatures` learns; where no models are named, the rest is empty."""

    models: list[str]
    grams: dict[str, list[str]]  # of each kind: what authors are told by
    idf: dict[str, NDArray[np.float32]]  # of these
    classifier: Classifier | None
    ratings: Ratings | None
    # How many answers were given the right author, and what that says of the votes, all out of
    # fold: `direction_auc` of the expected strengths over the decided rows, and
    # `direction_auc_true_names` of the strengths of those who really wrote the answers.
    figures: dict[str, Any]


class FingerprintFeatures(CountingFamily):
    """Strengths of the models that seem to have written the answers, out of fold.

    A linear classifier tells from an answer's n-grams and style which of the models named in the
    training rows wrote it; the strengths of these models come from the same rows' votes, a tie
    being half a win. `transform` reads no model's name. Rows without a name are not learned from;
    where none has any, the family has no columns.

    The n-grams and the scale of the traits are those of all rows given to `fit`; they see neither
    a vote nor a model's name.

    Parameters
    ----------
    words, characters, openings : int, default=1500, 400 and 500
        N-grams at most that authors are told by, those of most answers: of words (1-2), of
        characters within words (1-2), and of the words (1-3) an answer opens with.
    min_df : int, default=20
        Answers that an n-gram must occur in.
    penalty : float, default=20.0
        Of the classifier's traits. A weaker one tells more authors apart, by more traits that have
        nothing to do with their strength.
    seed : int, default=0
        Of the inner folds.

    Examples
    --------
    >>> from data.battles import make_battles
    >>> prompts = [f"Question {number}" for number in range(40)]
    >>> battles = make_battles(
    ...     prompts, ["It is so."] * 40, ["NO!"] * 40, model_a=["calm"] * 40, model_b=["loud"] * 40
    ... )
    >>> fingerprint = FingerprintFeatures().fit(battles, [0] * 40)
    >>> columns = fingerprint.transform(battles)
    >>> bool((columns["fingerprint__strength_diff"] > 1).all()), fingerprint.report()["accuracy"]
    (True, 1.0)
    """

    name = "fingerprint"
    LEARNED = Fingerprint

    def __init__(
        self,
        words: Number = 1500,
        characters: Number = 400,
        openings: Number = 500,
        min_df: Count = 20,
        penalty: Penalty = 20.0,
        seed: Number = 0,
    ) -> None:
        self.words = words
        self.characters = characters
        self.openings = openings
        self.min_df = min_df
        self.penalty = penalty
        self.seed = seed

    def _kinds(self) -> Sequence[tuple[Grams, int]]:
        return [(KINDS[name], self.min_df) for name in ("words", "characters")]

    def _learn(self, training: Training) -> tuple[Fingerprint, Mapping[str, Array]]:
        models, first, second = authors_of(training.frame)
        if not models:
            figures = {"models": 0, "left_out": "no training row names a model"}
            return Fingerprint([], {}, {}, None, None, figures), {}
        battles = to_polars(training.frame)
        measure = style if self._store is None else self._store.measured(style)
        answers = _answers(battles, measure(battles))
        limits = {name: getattr(self, name) for name in KINDS}
        traits, X = Traits.learn(answers, limits, self.min_df, self._counted)
        author, folds = np.concatenate([first, second]), np.tile(training.fold, 2)
        weight = None if (training.weight == 1).all() else np.tile(training.weight, 2)
        identified = identify(X, author, folds, len(models), INNER_FOLDS, self.penalty, weight)
        voted = Voted(first, second, POINTS[training.y], training.weight, len(models))
        columns = _out_of_fold(identified.probabilities, voted, training.fold)
        true = columns.pop("true")
        learned = Fingerprint(
            models=models,
            grams={name: v.grams for name, v in traits.vocabularies.items()},
            idf=traits.idf,
            classifier=identified.classifier,
            ratings=voted.rated(np.ones(len(first), dtype=np.bool_)),
            figures={"models": len(models)}
            | _accuracy(identified, author, training.share)
            | _directions(columns["strength_diff"], true, training),
        )
        return learned, columns

    def _lay_out(self) -> None:
        grams, idf = self.learned_.grams, self.learned_.idf
        self._traits = Traits(
            {name: Vocabulary(KINDS[name], of_kind) for name, of_kind in grams.items()}, idf
        )

    def _columns(self, battles: pl.DataFrame) -> dict[str, Array]:
        learned = self.learned_
        if learned.classifier is None or learned.ratings is None:
            return {}
        probabilities = learned.classifier.probabilities(
            self._traits.matrix(_answers(battles, style(battles)))
        )
        of_a, of_b = np.split(probabilities, 2)
        return _compared(of_a, of_b, learned.ratings)

    def _documentation(self) -> dict[str, str]:
        return documentation(STATISTICS if self.learned_.models else {})

    def _possible(self) -> dict[str, str]:
        return documentation(STATISTICS)


class Voted(NamedTuple):
    """Who met whom: numbers of the models, -1 where unknown, the points of A, and weights."""

    first: Models
    second: Models
    points: Array
    weight: Array
    n_models: int

    def rated(self, rows: NDArray[np.bool_]) -> Ratings:
        """Return the models' strengths by some of the battles."""
        met = self.first[rows], self.second[rows], self.points[rows]
        return Ratings.of(*met, self.n_models, self.weight[rows])


def authors_of(battles: pd.DataFrame) -> tuple[list[str], Models, Models]:
    """Return the models, by name, and the number of each answer's; -1 where there is none."""
    names = battles.reindex(columns=["model_a", "model_b"]).to_numpy(dtype=object)
    codes, models = pd.factorize(_often(names.ravel("F")), sort=True)
    first, second = codes.astype(np.intp).reshape(2, len(battles))
    return [str(model) for model in models], first, second


def _out_of_fold(probabilities: Array, voted: Voted, fold: NDArray[np.int8]) -> dict[str, Array]:
    """Return the columns, and as ``true`` what the true names give for ``strength_diff``."""
    of_a, of_b = np.split(probabilities, 2)
    columns: dict[str, Array] = {}
    for k in range(INNER_FOLDS):
        inside = fold == k
        ratings = voted.rated(~inside)
        found = _compared(of_a[inside], of_b[inside], ratings)
        found["true"] = ratings.difference(voted.first[inside], voted.second[inside])
        for name, values in found.items():
            columns.setdefault(name, np.empty(len(fold)))[inside] = values
    return columns


def _often(names: NDArray[np.object_]) -> NDArray[np.object_]:
    """Return the names, without those of fewer answers than a model can be known by."""
    given = pd.Series(names, dtype=object)
    return given.where(given.map(given.value_counts()) >= LEAST, None).to_numpy(dtype=object)


def _answers(battles: pl.DataFrame, of_both: Array) -> Answers:
    """Lay out both answers; their different texts are numbered without the prompts'."""
    texts = texts_of(battles)
    different, places = np.unique(np.concatenate([texts.a, texts.b]), return_inverse=True)
    styles = np.concatenate(np.split(of_both, 2, axis=1))
    return Answers([texts.distinct[text] for text in different], places, styles)


def _compared(of_a: Array, of_b: Array, ratings: Ratings) -> dict[str, Array]:
    """Return the columns, given the probabilities of each answer's author."""
    values = {
        "strength": ratings.expected_strength,
        "confidence": lambda probability: probability.max(axis=1),
        "entropy": lambda probability: entr(probability).sum(axis=1),
    }
    columns: dict[str, Array] = {}
    for name, formula in values.items():
        columns |= compare(name, formula(of_a), formula(of_b), STATISTICS[name].sides)
    points = ratings.expected_points(of_a, of_b)
    columns |= {"head_to_head_diff": points, "head_to_head_absdiff": np.abs(points)}
    columns["same_pair"] = (of_a * of_b).sum(axis=1)
    return columns


def _accuracy(identified: Identified, author: Models, share: Array | None) -> dict[str, Any]:
    known = author >= 0
    own = None if share is None else np.tile(share, 2)[known]
    right = identified.probabilities[known].argmax(axis=1) == author[known]
    answers = np.bincount(author[known])
    return {
        "models_told_apart": int((answers >= LEAST).sum()),
        "answers": int(known.sum()),
        "accuracy": round(float(np.average(right, weights=own)), 4),
        "largest_share": round(float(answers.max() / known.sum()), 4),
        "temperature": identified.temperature,
    }


def _directions(found: Array, true: Array, training: Training) -> dict[str, Any]:
    y, share = training.y, training.share
    named = ~np.isnan(true) & (y != TIE)
    return {
        f"direction_auc{source}{what}": figures(y[rows] == A, values[rows], own)["auc"]
        for source, rows in {"": named, "_plain": named & training.plain}.items()
        for own in [None if share is None else share[rows]]
        for what, values in {"": found, "_true_names": true}.items()
    }


STYLES = (LengthFeatures, StyleFeatures, WordingFeatures)


def style(battles: pl.DataFrame) -> Array:
    """Measure the answers' style, shape (n_battles, 2 * n_statistics), those of A before B's.

    Counts by their logarithm, since lengths differ by orders of magnitude.

    >>> battles = pl.DataFrame({"prompt": [["Hi"]], "response_a": [["So"]], "response_b": [["No"]]})
    >>> style(battles).shape[0]
    1
    """
    columns: dict[str, Array] = {}
    for family in STYLES:
        columns |= {f"{family.name} {c}": v for c, v in family()._columns(battles).items()}
    stems = [name.removesuffix("_a") for name in columns if name.endswith("_a")]
    sides = [np.column_stack([columns[f"{stem}_{side}"] for stem in stems]) for side in "ab"]
    values = np.hstack(sides)
    return np.asarray(np.sign(values) * np.log1p(np.abs(values)), dtype=np.float64)
