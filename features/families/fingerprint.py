"""Who wrote an answer, guessed from how it is written, and how strong that model is."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

import numpy as np
import pandas as pd
import polars as pl
from numpy.typing import NDArray
from pydantic import Field
from safetensors import numpy as safetensors
from scipy.special import entr
from sklearn.metrics import roc_auc_score

from data.folds import hash_folds
from data.labels import TIE, A
from features.families.length import LengthFeatures
from features.families.style import StyleFeatures
from features.families.wording import WordingFeatures
from features.layout import texts_of, to_polars
from features.ngram.counting import CountingFamily
from features.ngram.vocabulary import Grams, Vocabulary
from features.sides import SIDES, Array, compare
from features.votes.authors import LEAST, Classifier, Identified, cross_fit
from features.votes.bradley_terry import Models, Ratings
from features.votes.traits import KINDS, Answers, Traits

POINTS = np.array([1.0, 0.0, 0.5])  # of A
INNER_FOLDS = 5
SALT = 113  # other folds than the model's own
STATE, ARRAYS = "fingerprint.json", "fingerprint.safetensors"

Limit = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]

STATISTICS: dict[str, tuple[str, tuple[str, ...]]] = {
    "strength": (
        "Bradley-Terry strength, in log odds, expected of the model that wrote the answer",
        ("a", "b", "diff", "absdiff"),
    ),
    "confidence": ("probability of the likeliest author", ("a", "b", "diff")),
    "entropy": ("entropy of the author's probabilities, in nats", ("a", "b", "diff")),
    "head_to_head": (
        "points beyond 1/2 expected of A from battles of its likely authors with B's",
        ("diff", "absdiff"),
    ),
    "same": ("probability that one model wrote both", ("pair",)),
}


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
    seed : int, default=0
        Of the inner folds.

    Attributes
    ----------
    models_ : list of str
        The models named in `fit`.
    traits_ : Traits
    classifier_ : Classifier
    ratings_ : Ratings

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

    def __init__(
        self,
        words: Limit = 1500,
        characters: Limit = 400,
        openings: Limit = 500,
        min_df: Count = 20,
        seed: Limit = 0,
    ) -> None:
        self.words = words
        self.characters = characters
        self.openings = openings
        self.min_df = min_df
        self.seed = seed

    def _kinds(self) -> Sequence[tuple[Grams, int]]:
        return [(KINDS[name], self.min_df) for name in ("words", "characters")]

    def _limits(self) -> dict[str, int]:
        limits = {name: getattr(self, name) for name in KINDS}
        for name, value in {**limits, "min_df": self.min_df}.items():
            least = 1 if name == "min_df" else 0
            if value < least:
                raise ValueError(
                    f"The {name} of FingerprintFeatures must be at least {least}. "
                    f"Got {value} instead."
                )
        return limits

    def _learn(self, battles: pd.DataFrame, y: NDArray[np.int8]) -> Mapping[str, Array]:
        limits = self._limits()
        first, second = self._authors(battles)
        self._figures: dict[str, Any] = {"models": len(self.models_)}
        if not self.models_:
            self._figures["left_out"] = "no training row names a model"
            return {}
        answers = _answers(to_polars(battles))
        self.traits_, X = Traits.learn(answers, limits, self.min_df, self._counts)
        fold = hash_folds(
            battles["group"].to_numpy(dtype=object), n_folds=INNER_FOLDS, salt=SALT + self.seed
        )
        author, folds = np.concatenate([first, second]), np.concatenate([fold, fold])
        identified = cross_fit(X, author, folds, len(self.models_), INNER_FOLDS)
        self.classifier_ = identified.classifier
        self.ratings_ = self._rate(first, second, y, np.ones(len(y), dtype=np.bool_))
        columns = self._out_of_fold(identified.probabilities, first, second, y, fold)
        true = columns.pop("true")
        plain = (battles["source"] == "plain").to_numpy(dtype=np.bool_)
        self._figures |= _accuracy(identified, author)
        self._figures |= _directions(columns["strength_diff"], true, y, plain)
        return columns

    def _authors(self, battles: pd.DataFrame) -> tuple[Models, Models]:
        """Return the number of each answer's model, by name; -1 where there is none."""
        names = [
            battles[column].to_numpy(dtype=object)
            if column in battles
            else np.full(len(battles), None, dtype=object)
            for column in ("model_a", "model_b")
        ]
        codes, models = pd.factorize(_often(np.concatenate(names)), sort=True)
        self.models_ = [str(model) for model in models]
        first, second = codes.astype(np.intp).reshape(2, len(battles))
        return first, second

    def _rate(
        self, first: Models, second: Models, y: NDArray[np.int8], rows: NDArray[np.bool_]
    ) -> Ratings:
        return Ratings.of(first[rows], second[rows], POINTS[y[rows]], len(self.models_))

    def _out_of_fold(
        self,
        probabilities: Array,
        first: Models,
        second: Models,
        y: NDArray[np.int8],
        fold: NDArray[np.int8],
    ) -> dict[str, Array]:
        """Return the columns, and as ``true`` what the true names give for ``strength_diff``."""
        of_a, of_b = np.split(probabilities, 2)
        columns: dict[str, Array] = {}
        for k in range(INNER_FOLDS):
            inside = fold == k
            ratings = self._rate(first, second, y, ~inside)
            found = _compared(of_a[inside], of_b[inside], ratings)
            found["true"] = ratings.difference(first[inside], second[inside])
            for name, values in found.items():
                columns.setdefault(name, np.empty(len(y)))[inside] = values
        return columns

    def _columns(self, battles: pl.DataFrame) -> dict[str, Array]:
        if not self.models_:
            return {}
        probabilities = self.classifier_.probabilities(self.traits_.matrix(_answers(battles)))
        of_a, of_b = np.split(probabilities, 2)
        return _compared(of_a, of_b, self.ratings_)

    def _documentation(self) -> dict[str, str]:
        if not getattr(self, "models_", True):
            return {}
        return {
            f"{name}_{side}": f"{doc}, {SIDES[side].doc}"
            for name, (doc, sides) in STATISTICS.items()
            for side in sides
        }

    def report(self) -> dict[str, Any]:
        """Return how many answers were given the right author, and what that says of the votes.

        All of it out of fold: ``direction_auc`` of the expected strengths over the decided rows,
        and ``direction_auc_true_names`` of the strengths of those who really wrote the answers.
        """
        return dict(self._figures)

    def dump(self) -> dict[str, bytes]:
        """Return JSON, and the arrays as safetensors."""
        state: dict[str, Any] = {"models": self.models_, "figures": self._figures}
        if not self.models_:
            return {STATE: json.dumps(state, indent=1).encode()}
        state["grams"] = {name: v.grams for name, v in self.traits_.vocabularies.items()}
        arrays = {f"idf_{name}": values for name, values in self.traits_.idf.items()}
        arrays |= {**self.classifier_._asdict(), **self.ratings_._asdict()}
        contiguous = {name: np.ascontiguousarray(values) for name, values in arrays.items()}
        return {STATE: json.dumps(state, indent=1).encode(), ARRAYS: safetensors.save(contiguous)}

    def load(self, files: Mapping[str, bytes]) -> Self:
        """Take over what `dump` gave of a family with the same parameters."""
        state = json.loads(files[STATE])
        self.models_, self._figures = state["models"], state["figures"]
        if self.models_:
            arrays, grams = safetensors.load(files[ARRAYS]), state["grams"]
            self.traits_ = Traits(
                {name: Vocabulary(kind, grams[name]) for name, kind in KINDS.items()},
                {name: arrays[f"idf_{name}"] for name in KINDS},
            )
            self.classifier_ = Classifier(arrays["weights"], arrays["bias"])
            self.ratings_ = Ratings(arrays["strength"], arrays["table"])
        self._name_columns(self._documentation())
        return self


def _often(names: NDArray[np.object_]) -> NDArray[np.object_]:
    """Return the names, without those of fewer answers than a model can be known by."""
    given = pd.Series(names, dtype=object)
    return given.where(given.map(given.value_counts()) >= LEAST, None).to_numpy(dtype=object)


def _answers(battles: pl.DataFrame) -> Answers:
    """Lay out both answers; their different texts are numbered without the prompts'."""
    texts = texts_of(battles)
    different, places = np.unique(np.concatenate([texts.a, texts.b]), return_inverse=True)
    return Answers([texts.distinct[text] for text in different], places, style(battles))


def _compared(of_a: Array, of_b: Array, ratings: Ratings) -> dict[str, Array]:
    """Return the columns, given the probabilities of each answer's author."""
    values = {
        "strength": ratings.expected_strength,
        "confidence": lambda probability: probability.max(axis=1),
        "entropy": lambda probability: entr(probability).sum(axis=1),
    }
    columns: dict[str, Array] = {}
    for name, formula in values.items():
        columns |= compare(name, formula(of_a), formula(of_b), STATISTICS[name][1])
    points = ratings.expected_points(of_a, of_b)
    columns |= {"head_to_head_diff": points, "head_to_head_absdiff": np.abs(points)}
    columns["same_pair"] = (of_a * of_b).sum(axis=1)
    return columns


def _accuracy(identified: Identified, author: Models) -> dict[str, Any]:
    known = author >= 0
    right = identified.probabilities[known].argmax(axis=1) == author[known]
    answers = np.bincount(author[known])
    return {
        "models_told_apart": int((answers >= LEAST).sum()),
        "answers": int(known.sum()),
        "accuracy": round(float(right.mean()), 4),
        "largest_share": round(float(answers.max() / known.sum()), 4),
        "penalty": identified.penalty,
        "temperature": identified.temperature,
    }


def _directions(
    found: Array, true: Array, y: NDArray[np.int8], plain: NDArray[np.bool_]
) -> dict[str, Any]:
    named = ~np.isnan(true) & (y != TIE)
    return {
        f"direction_auc{source}{what}": _auc(y[rows] == A, values[rows])
        for source, rows in {"": named, "_plain": named & plain}.items()
        for what, values in {"": found, "_true_names": true}.items()
    }


def _auc(target: NDArray[np.bool_], score: Array) -> float | None:
    """Return None where there is nothing to tell apart.

    >>> _auc(np.array([True, False]), np.array([1.0, 0.0])), _auc(np.array([True]), np.zeros(1))
    (1.0, None)
    """
    if target.all() or not target.any():
        return None
    return round(float(roc_auc_score(target, score)), 4)


STYLES = (LengthFeatures, StyleFeatures, WordingFeatures)


def style(battles: pl.DataFrame) -> Array:
    """Measure the answers' style, shape (2 * n_battles, n_statistics), all A before all B.

    Counts by their logarithm, since lengths differ by orders of magnitude.

    >>> battles = pl.DataFrame({"prompt": [["Hi"]], "response_a": [["So"]], "response_b": [["No"]]})
    >>> style(battles).shape[0]
    2
    """
    columns: dict[str, Array] = {}
    for family in STYLES:
        columns |= {f"{family.name} {c}": v for c, v in family()._columns(battles).items()}
    stems = [name.removesuffix("_a") for name in columns if name.endswith("_a")]
    sides = [np.column_stack([columns[f"{stem}_{side}"] for stem in stems]) for side in "ab"]
    values = np.concatenate(sides)
    return np.asarray(np.sign(values) * np.log1p(np.abs(values)), dtype=np.float64)
