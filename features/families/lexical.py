"""What the words say: n-grams of both answers in one vocabulary, and what voters make of them."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, cast

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field
from scipy.sparse import csr_matrix

from data.labels import TIE, A
from features.family import Training
from features.layout import Texts, texts_of, to_polars
from features.ngram.counting import CountingFamily
from features.ngram.gaps import (
    COMPARED,
    Gaps,
    best,
    check_memory,
    component_columns,
    gram_figures,
    gram_name,
    gram_table,
    principal_components,
    ranked_by_gain,
    ranked_by_weight,
)
from features.ngram.tfidf import inverse_document_frequency, row_products, tfidf
from features.ngram.tokens import Normalise
from features.ngram.vocabulary import Grams, Vocabulary, most_frequent, take_columns
from features.parameters import Count, Number, Penalties
from features.sides import Array, compare
from features.table import SHARE, Row, documentation
from features.text.normalisation import Normalisation
from features.votes.scores import Score, score_columns, score_figures
from features.votes.sparse_logistic import CrossFit, cross_fit

OPTION = {"word": "words", "char_wb": "characters"}
SCORES = {
    "direction_diff": "log-odds that A is preferred, by the n-grams of A and B",
    "direction_absdiff": "how sure that score is, whichever answer it prefers",
    "tie_pair": "log-odds of a tie, by the n-grams that differ and the prompt's",
}
SINGLES = {"counts": "occurrences", "tfidf": "TF-IDF"}
DECIDED_PER_SINGLE = 100

Lengths = Annotated[tuple[int, ...], Field(max_length=2)]


class Lexical(NamedTuple):
    """What `LexicalFeatures` learns."""

    # A row for each n-gram of the vocabularies, one kind behind the other: `analyzer`, `gram`,
    # `idf`, and what the scores make of it: `direction` and, of the first kind alone,
    # `tie_absdiff` and `tie_prompt`, 0 elsewhere.
    grams: pa.Table
    tie_intercept: float
    components: NDArray[np.float32]  # shape (n_components, n_words)
    singles: NDArray[np.intp]  # places in the vocabularies, one behind the other
    figures: dict[str, Any]


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
    LEARNED = Lexical

    def __init__(
        self,
        words: Lengths = (1, 3),
        characters: Lengths = (2, 5),
        min_df: Count = 5,
        max_features: Annotated[int, Field(ge=2)] = 150_000,
        penalties: Penalties = (2e-3, 6e-4, 2e-4),
        tie_penalties: Penalties = (1e-1, 3e-2, 1e-2),
        scores: bool = True,
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

    def _learn(self, training: Training) -> tuple[Lexical, Mapping[str, Array]]:
        y, plain, weight = training.y, training.plain, training.weight
        vocabularies, gaps = self._choose(texts_of(to_polars(training.frame)))
        signed, decided = gaps.signed(), y != TIE
        direction = cross_fit(
            signed, y == A, weight * decided, training.fold, self.penalties, intercept=False
        )
        singles = self._ranked(signed, direction, y)
        del signed
        tie = cross_fit(
            gaps.unsigned(), y == TIE, weight * plain, training.fold, self.tie_penalties,
            intercept=True,
        )  # fmt: skip
        grams = gram_table(vocabularies, gaps, direction.coef, tie.coef)
        learned = Lexical(
            grams=grams,
            tie_intercept=tie.intercept,
            components=principal_components(gaps.first, self.components, self.seed),
            singles=singles,
            figures=score_figures(direction, tie, y, plain) | gram_figures(grams),
        )
        return learned, self._assemble(learned, gaps, direction.scores, tie.scores)

    def _choose(self, texts: Texts) -> tuple[list[Vocabulary], Gaps]:
        """Choose the n-grams of these texts, and weigh them."""
        kinds = self._kinds()
        self._check_size(texts.distinct)
        vocabularies, counts = [], []
        for kind, min_df in kinds:
            vocabulary, of_all = self._counts(texts.distinct, kind, min_df)
            frequent = most_frequent(of_all, self.max_features // len(kinds), min_df)
            vocabularies.append(vocabulary.take(frequent))
            counts.append(take_columns(of_all, frequent, overwrite=True))
        return vocabularies, Gaps.of(counts, list(map(inverse_document_frequency, counts)), texts)

    def _ranked(
        self, signed: csr_matrix, direction: CrossFit, y: NDArray[np.int8]
    ) -> NDArray[np.intp]:
        decided = y != TIE
        if self.ranking == "linear":
            ranks = ranked_by_weight(signed, direction.coef)
        else:
            ranks = ranked_by_gain(signed[decided], y[decided] == A, self.seed)
        return best(ranks, min(self.singles, int(decided.sum()) // DECIDED_PER_SINGLE))

    def _lay_out(self) -> None:
        table = self.learned_.grams.to_pandas()
        kinds = [kind for kind, _ in self._kinds()]
        blocks = [table[table["analyzer"] == kind.analyzer] for kind in kinds]
        self._vocabularies = [
            Vocabulary(kind, block["gram"].tolist())
            for kind, block in zip(kinds, blocks, strict=True)
        ]
        self._idf = [block["idf"].to_numpy() for block in blocks]
        first = blocks[0]
        self._direction = Score(table["direction"].to_numpy(), 0.0)
        tie = np.concatenate([first["tie_absdiff"], first["tie_prompt"]])
        self._tie = Score(tie, self.learned_.tie_intercept)

    def _columns(self, battles: pl.DataFrame) -> dict[str, Array]:
        texts = texts_of(battles)
        counts = [vocabulary.count(texts.distinct) for vocabulary in self._vocabularies]
        gaps = Gaps.of(counts, self._idf, texts)
        direction = self._direction(gaps.signed())
        return self._assemble(self.learned_, gaps, direction, self._tie(gaps.unsigned()))

    def _assemble(
        self, learned: Lexical, gaps: Gaps, direction: Array, tie: Array
    ) -> dict[str, Array]:
        texts, first = gaps.texts, gaps.first
        prompt, a, b = (first[places] for places in (texts.prompt, texts.a, texts.b))
        columns = score_columns(direction, tie) if self.scores else {}
        columns["answers_cosine_pair"] = row_products(a, b)
        columns |= component_columns(learned.components, gaps)
        columns |= self._single_columns(learned, gaps)
        near_a, near_b = row_products(prompt, a), row_products(prompt, b)
        return columns | compare("prompt_cosine", near_a, near_b, SHARE)

    def _single_columns(self, learned: Lexical, gaps: Gaps) -> dict[str, Array]:
        columns, start = {}, 0
        for weights in gaps.weights:
            held = tfidf(weights.counts, weights.idf) if self.values == "tfidf" else weights.counts
            end = start + held.shape[1]
            inside = learned.singles[(learned.singles >= start) & (learned.singles < end)]
            chosen = held[:, inside - start].toarray().astype(np.float64)
            for place, values in zip(inside, chosen.T, strict=True):
                name = f"{gram_name(learned.grams, place)}_diff"
                columns[name] = values[gaps.texts.a] - values[gaps.texts.b]
            start = end
        return columns

    def _documentation(self) -> dict[str, str]:
        docs = dict(SCORES) if self.scores else {}
        docs["answers_cosine_pair"] = "cosine of the two answers' TF-IDF"
        for place in range(len(self.learned_.components)):
            row = Row(f"component {place} of the TF-IDF's truncated SVD", COMPARED)
            docs |= documentation({f"component{place}": row})
        for place in self.learned_.singles:
            name = gram_name(self.learned_.grams, place)
            gram = name.partition(":")[2]
            docs[f"{name}_diff"] = f"{SINGLES[self.values]} of {gram!r}, A minus B"
        for side, end in {"a": "answer A", "b": "answer B", "diff": "A minus B"}.items():
            docs[f"prompt_cosine_{side}"] = f"cosine of the prompt's TF-IDF and the answer's, {end}"
        return docs
