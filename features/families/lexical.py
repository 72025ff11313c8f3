"""What the words say: n-grams of both answers in one vocabulary, and what voters make of them."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, cast

import numpy as np
import pandas as pd
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
    PREFIX,
    Gaps,
    check_memory,
    component_columns,
    gram_figures,
    gram_name,
    gram_table,
    moved_most,
    movement,
    of_most_texts,
    principal_components,
    single_values,
)
from features.ngram.tokens import Normalise
from features.ngram.vocabulary import Grams, Vocabulary
from features.parameters import Count, Number, Penalties
from features.sides import Array, compare
from features.table import SHARE, Row, documentation
from features.text.normalisation import Normalisation
from features.votes.scores import Score, direction_columns, direction_figures
from features.votes.sparse_logistic import cross_fit

OPTION = {"word": "words", "char_wb": "characters"}
SCORES = {
    "direction_diff": "log-odds that A is preferred, by the n-grams of A and B",
    "direction_absdiff": "how sure that score is, whichever answer it prefers",
}
SINGLES = {"counts": "occurrences", "tfidf": "TF-IDF"}

Lengths = Annotated[tuple[int, ...], Field(max_length=2)]


class Lexical(NamedTuple):
    """What `LexicalFeatures` learns."""

    # A row for each n-gram of the vocabularies, one kind behind the other: `analyzer`, `gram`,
    # `idf` and, where there is a score, `direction`, its coefficient.
    grams: pa.Table
    components: NDArray[np.float32]  # shape (n_components, n_words)
    singles: NDArray[np.intp]  # places in the vocabularies, one behind the other
    figures: dict[str, Any]


class LexicalFeatures(CountingFamily):
    """TF-IDF of word and character n-grams, as a cross-fitted score, components and counts.

    Prompt, A and B share one vocabulary, chosen anew in each `fit` by the texts alone. A linear
    score of A against B sees signed differences; it is out of fold in `fit_transform`, its penalty
    chosen inside each training part. No other column has seen a vote.

    Parameters
    ----------
    words, characters : (int, int), default=(1, 3) and (2, 5)
        Least and greatest length of the n-grams; empty for none. Those of characters stay within
        words.
    min_df : int, default=5
        Texts that an n-gram must occur in.
    max_features : int, default=150_000
        N-grams at most, half of them words' where both kinds are counted; those of most texts.
    penalties : sequence of float
        To choose from: ``lambda`` in ``mean loss + lambda / n / 2 * |w|**2``, the mean over the
        decided battles that a fit learns from, and n the weight of all battles given to `fit`. Up
        to their share in n it is the inverse of liblinear's C: with few battles the score is drawn
        nearer to 0.
    scores : bool, default=True
        Whether the linear score is fitted, and is two of the columns.
    components : int, default=16
        Of a truncated SVD of the words' TF-IDF, A and B through the same projection.
    singles : int, default=0
        Single n-grams that have a column of their own, those of most texts: chosen by the votes of
        the rows that the model's inner folds judge it by, they would tell it of these votes.
    values : {"counts", "tfidf"}, default="counts"
        What those columns hold.
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
    >>> lexical = LexicalFeatures(characters=(), components=0)
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
        penalties: Penalties = (10.0, 3.0, 1.0),
        scores: bool = True,
        components: Number = 16,
        singles: Number = 0,
        values: Literal["counts", "tfidf"] = "counts",
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
        self.scores = scores
        self.components = components
        self.singles = singles
        self.values = values
        self.normalise = normalise
        self.stop_words = stop_words
        self.stem = stem
        self.lemmatize = lemmatize
        self.seed = seed

    def anew(self) -> tuple[str, ...]:
        """Return how columns of components and of single n-grams begin."""
        grams = [f"{PREFIX[kind.analyzer]}:" for kind, _ in self._kinds()] if self.singles else []
        return ("component",) * bool(self.components) + tuple(grams)

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
        vocabularies, gaps = self._choose(texts_of(to_polars(training.frame)))
        grams, figures, found = self._cross_fitted(vocabularies, gaps, training)
        words = gaps.weights[0].matrix()
        learned = Lexical(
            grams=grams,
            components=principal_components(words, self.components, self.seed),
            singles=of_most_texts(gaps.weights, self.singles),
            figures=figures,
        )
        return learned, self._assemble(learned, gaps, found, words)

    def _choose(self, texts: Texts) -> tuple[list[Vocabulary], Gaps]:
        """Choose the n-grams of these texts, and weigh them."""
        kinds = self._kinds()
        self._check_size(texts.distinct)
        chosen = [
            self._counted(texts.distinct, kind, min_df).most_frequent(
                self.max_features // len(kinds), min_df
            )
            for kind, min_df in kinds
        ]
        return [vocabulary for vocabulary, _ in chosen], Gaps([of for _, of in chosen], texts)

    def _cross_fitted(
        self, vocabularies: Sequence[Vocabulary], gaps: Gaps, training: Training
    ) -> tuple[pa.Table, dict[str, Any], Array | None]:
        """Learn the score of A against B; return the n-grams, figures, the score out of fold."""
        grams = gram_table(vocabularies, gaps.weights)
        if not self.scores:
            return grams, gram_figures(grams), None
        y, signed = training.y, gaps.signed()
        weight = training.weight * (y != TIE)
        total = max(training.weight.sum(), 1.0)  # of ties as well: the path must not see a label
        of_mean = {penalty / total: penalty for penalty in self.penalties}
        fitted = cross_fit(signed, y == A, weight, training.fold, of_mean, intercept=False)
        fitted = fitted._replace(penalty=of_mean[fitted.penalty])
        moved = moved_most(grams, movement(signed, fitted.coef))
        figures = direction_figures(fitted, y, training.plain, training.share)
        figures |= gram_figures(grams) | moved
        return grams.append_column("direction", [fitted.coef]), figures, fitted.scores

    def _lay_out(self) -> None:
        table = self.learned_.grams.to_pandas()
        kinds = [kind for kind, _ in self._kinds()]
        blocks = [table[table["analyzer"] == kind.analyzer] for kind in kinds]
        self._vocabularies = [
            Vocabulary(kind, block["gram"].tolist())
            for kind, block in zip(kinds, blocks, strict=True)
        ]
        self._idf = [block["idf"].to_numpy() for block in blocks]
        if self.scores:
            self._direction = Score(table["direction"].to_numpy(), 0.0)

    def words_of(self, battles: pd.DataFrame) -> dict[str, float]:
        """Return what each n-gram of one battle adds to the score of A; there must be a score.

        Each goes by its kind, a colon and itself, as in `report`. Together they are the column
        ``lexical__direction_diff``.
        """
        row = self._gaps(to_polars(battles.head(1))).signed()
        added = row.data.astype(np.float64) * self._direction.coef[row.indices]
        names = (gram_name(self.learned_.grams, place) for place in row.indices)
        return dict(zip(names, added.tolist(), strict=True))

    def _gaps(self, battles: pl.DataFrame) -> Gaps:
        texts = texts_of(battles)
        counts = [vocabulary.count(texts.distinct) for vocabulary in self._vocabularies]
        return Gaps.of(counts, self._idf, texts)

    def _columns(self, battles: pl.DataFrame) -> dict[str, Array]:
        gaps = self._gaps(battles)
        direction = self._direction(gaps.signed()) if self.scores else None
        return self._assemble(self.learned_, gaps, direction, gaps.weights[0].matrix())

    def _assemble(
        self, learned: Lexical, gaps: Gaps, direction: Array | None, words: csr_matrix
    ) -> dict[str, Array]:
        columns = {} if direction is None else direction_columns(direction)
        columns["answers_cosine_pair"], near_a, near_b = gaps.cosines()
        columns |= component_columns(learned.components, words, gaps.texts)
        columns |= self._single_columns(learned, gaps)
        return columns | compare("prompt_cosine", near_a, near_b, SHARE)

    def _single_columns(self, learned: Lexical, gaps: Gaps) -> dict[str, Array]:
        columns, start = {}, 0
        for weights in gaps.weights:
            end = start + len(weights.kept)
            inside = learned.singles[(learned.singles >= start) & (learned.singles < end)]
            if len(inside):
                chosen = single_values(weights, inside - start, self.values)
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
