"""What the words say: n-grams of both answers in one vocabulary, and what voters make of them."""

import io
import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self, cast

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import Field
from scipy.sparse import csr_matrix

from data.folds import hash_folds
from data.labels import TIE, A
from features.layout import Texts, texts_of, to_polars
from features.ngram.counting import CountingFamily
from features.ngram.gaps import (
    Gaps,
    best,
    check_memory,
    principal_components,
    ranked_by_gain,
    ranked_by_weight,
)
from features.ngram.tfidf import Weights, cosine, inverse_document_frequency, text_frequency, tfidf
from features.ngram.tokens import Normalise
from features.ngram.vocabulary import Grams, Vocabulary, most_frequent, take_columns
from features.sides import Array, compare
from features.text.normalisation import Normalisation
from features.votes.scores import Score, score_figures
from features.votes.sparse_logistic import CrossFit, cross_fit

INNER_FOLDS = 5
SALT = 71  # other folds than the model's own
TABLE, STATE = "lexical.parquet", "lexical.json"
PREFIX = {"word": "word", "char_wb": "char"}
OPTION = {"word": "words", "char_wb": "characters"}
SCORES = {
    "direction_diff": "log-odds that A is preferred, by the n-grams of A and B",
    "direction_absdiff": "how sure that score is, whichever answer it prefers",
    "tie_pair": "log-odds of a tie, by the n-grams that differ and the prompt's",
}
SINGLES = {"counts": "occurrences", "tfidf": "TF-IDF"}
CHOICES = {
    "values": tuple(SINGLES),
    "ranking": ("linear", "lightgbm"),
    "stop_words": ("sklearn", "nltk", "none"),
}
DECIDED_PER_SINGLE = 100
SHOWN = 20  # n-grams on each side in the report

Lengths = Annotated[tuple[int, ...], Field(max_length=2)]
Penalty = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Penalties = Annotated[tuple[Penalty, ...], Field(min_length=1)]
Number = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]


class LexicalFeatures(CountingFamily):
    """TF-IDF of word and character n-grams, as cross-fitted scores, components and counts.

    Prompt, A and B share one vocabulary, chosen anew in each `fit`. A linear score of A against B
    sees signed differences, one of ties the words' absolute differences and the prompt's words;
    both are out of fold in `fit_transform`, their penalties chosen inside each training part.

    Parameters
    ----------
    words, characters : (int, int), default=(1, 3) and (2, 5)
        Least and greatest length of the n-grams; empty for none. Those of characters stay within
        words.
    min_df : int, default=5
        Texts that an n-gram must occur in.
    max_features : int, default=150_000
        N-grams at most, half of them words' where both kinds are counted; those of most texts.
    penalties, tie_penalties : sequence of float
        To choose from: ``lambda`` in ``mean loss + lambda / 2 * |w|**2``.
    scores : bool, default=True
        Whether the linear scores are columns; without them they still choose the single n-grams.
    products : bool, default=True
        Whether words that stand in the prompt as well have coefficients of their own.
    components : int, default=16
        Of a truncated SVD of the words' TF-IDF, A and B through the same projection.
    singles : int, default=40
        Single n-grams that have a column of their own, at most one for each 100 decided battles:
        they are chosen by the votes of all rows, and chosen among too few they are chance.
    values : {"counts", "tfidf"}, default="counts"
        What those columns hold.
    ranking : {"linear", "lightgbm"}, default="linear"
        What chooses them: the linear score's coefficients, or the gain in LightGBM's trees.
    normalise : bool, default=False
        Count words in the form of `features.text.normalisation.Normalisation`, not scikit-learn's.
    stop_words : {"sklearn", "nltk", "none"}, default="sklearn"
    stem, lemmatize : bool
        How words are normalised, where they are.
    seed : int, default=0

    Attributes
    ----------
    vocabularies_ : list of Vocabulary
    idf_ : list of ndarray of float32
    direction_, tie_ : Score
    components_ : ndarray of float32, shape (n_components, n_words)
    singles_ : ndarray of intp
        Places in the vocabularies, one behind the other.

    Examples
    --------
    >>> from data.battles import make_battles
    >>> battles = make_battles(["Why?"] * 8, ["it is so"] * 8, ["sorry sorry"] * 8)
    >>> lexical = LexicalFeatures(characters=(), components=0, singles=1)
    >>> columns = lexical.fit_transform(battles, [0, 1] * 4)
    >>> columns[["lexical__answers_cosine_pair", "lexical__prompt_cosine_a"]].iloc[0].tolist()
    [0.0, 0.0]
    """

    name = "lexical"

    def __init__(
        self,
        words: Lengths = (1, 3),
        characters: Lengths = (2, 5),
        min_df: Count = 5,
        max_features: Count = 150_000,
        penalties: Penalties = (2e-3, 6e-4, 2e-4),
        tie_penalties: Penalties = (1e-1, 3e-2, 1e-2),
        scores: bool = True,
        products: bool = True,
        components: Number = 16,
        singles: Number = 40,
        values: Literal["counts", "tfidf"] = "counts",
        ranking: Literal["linear", "lightgbm"] = "linear",
        normalise: bool = False,
        stop_words: Literal["sklearn", "nltk", "none"] = "sklearn",
        stem: bool = True,
        lemmatize: bool = False,
        seed: Number = 0,
    ) -> None:
        self.words = words
        self.characters = characters
        self.min_df = min_df
        self.max_features = max_features
        self.penalties = penalties
        self.tie_penalties = tie_penalties
        self.scores = scores
        self.products = products
        self.components = components
        self.singles = singles
        self.values = values
        self.ranking = ranking
        self.normalise = normalise
        self.stop_words = stop_words
        self.stem = stem
        self.lemmatize = lemmatize
        self.seed = seed

    def _kinds(self) -> list[tuple[Grams, int]]:
        lengths = {"word": self.words, "char_wb": self.characters}
        kinds = [self._kind(analyzer, of) for analyzer, of in lengths.items() if len(of)]
        if not kinds:
            raise ValueError(
                "The words and characters of LexicalFeatures must not both be empty. "
                f"Got {self.words!r} and {self.characters!r} instead."
            )
        return [(kind, self.min_df) for kind in kinds]

    def _kind(self, analyzer: str, lengths: Sequence[int]) -> Grams:
        if len(lengths) != 2 or not 1 <= lengths[0] <= lengths[1]:
            raise ValueError(
                f"The {OPTION[analyzer]} of LexicalFeatures must be the least and the greatest "
                f"length of an n-gram, or empty. Got {list(lengths)!r} instead."
            )
        normalised = self.normalise and analyzer == "word"
        shortest, longest = lengths
        return Grams(analyzer, shortest, longest, self._normalisation() if normalised else None)

    def _normalisation(self) -> Normalise:
        stop_words = None if self.stop_words == "none" else self.stop_words
        found = Normalisation(stop_words=stop_words, stem=self.stem, lemmatize=self.lemmatize)
        return cast(Normalise, found)  # mypy does not see that a named tuple can be called

    def _check_size(self, texts: Sequence[str]) -> None:
        orders = {OPTION[k.analyzer]: k.longest - k.shortest + 1 for k, _ in self._kinds()}
        check_memory(texts, orders, {"components": self.components, "singles": self.singles})

    def _check_options(self) -> None:
        """Refuse what no configuration would let through."""
        for option, allowed in CHOICES.items():
            if getattr(self, option) not in allowed:
                raise ValueError(
                    f"The {option} of LexicalFeatures must be one of {', '.join(allowed)}. "
                    f"Got {getattr(self, option)!r} instead."
                )
        least = {"min_df": 1, "max_features": 2, "components": 0, "singles": 0, "seed": 0}
        for option, number in least.items():
            if getattr(self, option) < number:
                raise ValueError(
                    f"The {option} of LexicalFeatures must be at least {number}. "
                    f"Got {getattr(self, option)!r} instead."
                )

    def _learn(self, battles: pd.DataFrame, y: NDArray[np.int8]) -> Mapping[str, Array]:
        self._check_options()
        gaps = self._choose(texts_of(to_polars(battles)))
        fold = hash_folds(
            battles["group"].to_numpy(dtype=object), n_folds=INNER_FOLDS, salt=SALT + self.seed
        )
        plain = (battles["source"] == "plain").to_numpy(dtype=np.bool_)
        signed, decided = gaps.signed(products=self.products), y != TIE
        direction = cross_fit(signed, y == A, decided, fold, self.penalties, intercept=False)
        self.singles_ = self._ranked(signed, direction, y)
        del signed
        tie = cross_fit(gaps.unsigned(), y == TIE, plain, fold, self.tie_penalties, intercept=True)
        self.direction_ = Score(direction.coef, direction.intercept)
        self.tie_ = Score(tie.coef, tie.intercept)
        self.components_ = principal_components(gaps.first, self.components, self.seed)
        self._figures = score_figures(direction, tie, y, plain)
        return self._assemble(gaps, direction.scores, tie.scores)

    def _choose(self, texts: Texts) -> Gaps:
        """Choose the n-grams of these texts, and weigh them."""
        kinds = self._kinds()
        self._check_size(texts.distinct)
        self.vocabularies_, counts = [], []
        for kind, min_df in kinds:
            vocabulary, of_all = self._counts(texts.distinct, kind, min_df)
            frequent = self._frequent(of_all, self.max_features // len(kinds))
            self.vocabularies_.append(vocabulary.take(frequent))
            counts.append(take_columns(of_all, frequent, overwrite=True))
        self.idf_ = [inverse_document_frequency(block) for block in counts]
        return self._gaps(texts, counts)

    def _frequent(self, counts: csr_matrix, limit: int) -> NDArray[np.int64]:
        """Return the columns of most texts, without those that are too rare in these."""
        enough = int((text_frequency(counts) >= self.min_df).sum())
        return most_frequent(counts, min(limit, enough))

    def _gaps(self, texts: Texts, counts: list[csr_matrix]) -> Gaps:
        weights = list(map(Weights.of, counts, self.idf_))
        return Gaps(weights, tfidf(counts[0], self.idf_[0]), texts)

    def _ranked(
        self, signed: csr_matrix, direction: CrossFit, y: NDArray[np.int8]
    ) -> NDArray[np.intp]:
        grams = sum(len(vocabulary.grams) for vocabulary in self.vocabularies_)
        if self.ranking == "linear":
            ranks = ranked_by_weight(signed, direction.coef)[:grams]
        else:
            decided = y != TIE
            ranks = ranked_by_gain(signed[decided, :grams], y[decided] == A, self.seed)
        return best(ranks, min(self.singles, int((y != TIE).sum()) // DECIDED_PER_SINGLE))

    def _columns(self, battles: pl.DataFrame) -> dict[str, Array]:
        texts = texts_of(battles)
        counts = [vocabulary.count(texts.distinct) for vocabulary in self.vocabularies_]
        gaps = self._gaps(texts, counts)
        signed = gaps.signed(products=self.products)
        return self._assemble(gaps, self.direction_(signed), self.tie_(gaps.unsigned()))

    def _assemble(self, gaps: Gaps, direction: Array, tie: Array) -> dict[str, Array]:
        texts, first = gaps.texts, gaps.first
        prompt, a, b = (first[places] for places in (texts.prompt, texts.a, texts.b))
        columns: dict[str, Array] = {}
        if self.scores:
            columns |= {"direction_diff": direction, "direction_absdiff": np.abs(direction)}
            columns["tie_pair"] = tie
        columns["answers_cosine_pair"] = cosine(a, b)
        columns |= self._component_columns(gaps)
        columns |= self._single_columns(gaps)
        return columns | compare(
            "prompt_cosine", cosine(prompt, a), cosine(prompt, b), ("a", "b", "diff")
        )

    def _component_columns(self, gaps: Gaps) -> dict[str, Array]:
        texts = gaps.texts
        projected = gaps.first.astype(np.float64) @ self.components_.T.astype(np.float64)
        columns: dict[str, Array] = {}
        for place, values in enumerate(projected.T):
            sides = ("diff", "absdiff")
            columns |= compare(f"component{place}", values[texts.a], values[texts.b], sides)
        return columns

    def _single_columns(self, gaps: Gaps) -> dict[str, Array]:
        columns, start = {}, 0
        for vocabulary, weights in zip(self.vocabularies_, gaps.weights, strict=True):
            counts = weights.counts
            held = tfidf(counts, weights.idf) if self.values == "tfidf" else counts
            inside = self.singles_[
                (self.singles_ >= start) & (self.singles_ < start + counts.shape[1])
            ]
            chosen = held[:, inside - start].toarray().astype(np.float64)
            for place, values in zip(inside - start, chosen.T, strict=True):
                name = f"{PREFIX[vocabulary.kind.analyzer]}:{vocabulary.grams[place]}_diff"
                columns[name] = values[gaps.texts.a] - values[gaps.texts.b]
            start += counts.shape[1]
        return columns

    def _documentation(self) -> dict[str, str]:
        docs = dict(SCORES) if self.scores else {}
        docs["answers_cosine_pair"] = "cosine of the two answers' TF-IDF"
        for place in range(len(self.components_)):
            of = f"component {place} of the TF-IDF's truncated SVD"
            docs[f"component{place}_diff"] = f"{of}, A minus B"
            docs[f"component{place}_absdiff"] = f"{of}, absolute difference of A and B"
        for prefix, gram in map(self._gram, self.singles_):
            docs[f"{prefix}:{gram}_diff"] = f"{SINGLES[self.values]} of {gram!r}, A minus B"
        for side, end in {"a": "answer A", "b": "answer B", "diff": "A minus B"}.items():
            docs[f"prompt_cosine_{side}"] = f"cosine of the prompt's TF-IDF and the answer's, {end}"
        return docs

    def _gram(self, place: int) -> tuple[str, str]:
        """Return the prefix and the n-gram at a place in the vocabularies put together."""
        for vocabulary in self.vocabularies_:
            if place < len(vocabulary.grams):
                break
            place -= len(vocabulary.grams)
        return PREFIX[vocabulary.kind.analyzer], vocabulary.grams[place]

    def report(self) -> dict[str, Any]:
        """Return the scores' out-of-fold figures, and the n-grams that move the direction most."""
        sizes = {v.kind.analyzer: len(v.grams) for v in self.vocabularies_}
        coef = self.direction_.coef[: sum(sizes.values())]
        order = np.argsort(coef, kind="stable")

        def shown(places: NDArray[np.intp]) -> dict[str, float]:
            return {":".join(self._gram(place)): float(coef[place]) for place in places}

        return {
            "n_grams": sizes,
            **self._figures,
            "preferred": shown(order[::-1][:SHOWN]),
            "not_preferred": shown(order[:SHOWN]),
        }

    def dump(self) -> dict[str, bytes]:
        """Return a Parquet table with a row for each n-gram, and JSON."""
        sizes = [len(vocabulary.grams) for vocabulary in self.vocabularies_]
        columns = {
            "analyzer": np.repeat([v.kind.analyzer for v in self.vocabularies_], sizes),
            "gram": pa.array([g for v in self.vocabularies_ for g in v.grams], pa.string()),
            "idf": np.concatenate(self.idf_),
            "direction": self.direction_.coef[: sum(sizes)],
            "tie_absdiff": self._of_first(self.tie_.coef[: sizes[0]], sizes),
            "tie_prompt": self._of_first(self.tie_.coef[sizes[0] :], sizes),
        }
        if self.products:
            asked = self.direction_.coef[sum(sizes) :]
            columns["direction_in_prompt"] = self._of_first(asked, sizes)
        for place, component in enumerate(self.components_):
            columns[f"component{place}"] = self._of_first(component, sizes)
        file = io.BytesIO()
        pq.write_table(pa.table(columns), file, compression="zstd")
        state = {
            "intercepts": [self.direction_.intercept, self.tie_.intercept],
            "components": len(self.components_),
            "singles": self.singles_.tolist(),
            "figures": self._figures,
        }
        return {TABLE: file.getvalue(), STATE: json.dumps(state, indent=1).encode()}

    @staticmethod
    def _of_first(values: NDArray[np.float32], sizes: Sequence[int]) -> NDArray[np.float32]:
        """Return a column that only n-grams of the first kind have; the others are 0."""
        column = np.zeros(sum(sizes), dtype=np.float32)
        column[: len(values)] = values
        return column

    def load(self, files: Mapping[str, bytes]) -> Self:
        """Take over what `dump` gave of a family with the same parameters."""
        state = json.loads(files[STATE])
        table = pq.read_table(io.BytesIO(files[TABLE])).to_pandas()
        kinds = [kind for kind, _ in self._kinds()]
        of = [table["analyzer"] == kind.analyzer for kind in kinds]
        self.vocabularies_ = [
            Vocabulary(kind, table["gram"][rows].tolist())
            for kind, rows in zip(kinds, of, strict=True)
        ]
        self.idf_ = [table["idf"][rows].to_numpy(dtype=np.float32) for rows in of]
        first = table[of[0]]

        def column(name: str, rows: pd.DataFrame = first) -> NDArray[np.float32]:
            return rows[name].to_numpy(dtype=np.float32)

        direction, tie = state["intercepts"]
        products = [column("direction_in_prompt")] if self.products else []
        self.direction_ = Score(np.concatenate([column("direction", table), *products]), direction)
        self.tie_ = Score(np.concatenate([column("tie_absdiff"), column("tie_prompt")]), tie)
        components = [column(f"component{place}") for place in range(state["components"])]
        self.components_ = np.array(components, dtype=np.float32).reshape(
            len(components), len(first)
        )
        self.singles_ = np.array(state["singles"], dtype=np.intp)
        self._figures = state["figures"]
        self._name_columns(self._documentation())
        return self
