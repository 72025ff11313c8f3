"""What a frozen encoder's vectors say: how near the texts are, what voters made of texts alike."""

from typing import Any, NamedTuple

import numpy as np
import polars as pl
from scipy.sparse import csr_matrix

from data.labels import TIE, A
from features.encoding.conversations import Conversations, Matrix
from features.encoding.encoder import Encoder
from features.encoding.files import MINILM
from features.encoding.likeness import cosine_of_rows, likeness, likeness_documentation
from features.encoding.projections import Space, projection_documentation, projections
from features.family import Training
from features.layout import to_polars
from features.matching.family import EncoderFamily
from features.parameters import Number, Penalties
from features.sides import Array
from features.votes.scores import (
    Score,
    direction_columns,
    direction_figures,
    tie_figures,
)
from features.votes.sparse_logistic import cross_fit

SCORES = {
    "direction_diff": "log-odds that A is preferred, by the answers' vectors",
    "direction_absdiff": "how sure that score is, whichever answer it prefers",
    "tie_pair": "log-odds of a tie, by how the answers' vectors differ and the prompt's",
}


class Embedding(NamedTuple):
    """What `EmbeddingFeatures` learns."""

    weights: str  # a hash of the encoder's files
    centroid: Matrix  # mean vector of the prompts, shape (n_dimensions,)
    answers: Space  # through which the answers are projected
    prompts: Space
    scale: Matrix  # root mean square of each column of the direction's matrix
    tie_scale: Matrix
    direction: Score | None  # None where scores are no columns
    tie: Score | None  # nor where votes know no ties
    figures: dict[str, Any]  # the encoder, and the scores' out-of-fold figures


class EmbeddingFeatures(EncoderFamily):
    """Likeness, projections and cross-fitted scores, from a frozen encoder's vectors.

    Each turn of each text is encoded once; a text's vector is the mean over its turns, weighted by
    their tokens.

    Parameters
    ----------
    encoder : str or Encoder, default="minilm"
        A name or a folder, or an `features.encoding.encoder.Encoder` with all its options; given by
        the run, whose configuration has the section ``[encoder]``.
    scores : bool, default=True
        Whether linear scores of the direction and of ties are columns; that of ties where the votes
        know them.
    penalties, tie_penalties : sequence of float
        To choose from: ``lambda`` in ``mean loss + lambda / 2 * |w|**2``, the columns scaled to a
        root mean square of 1.
    components : int, default=16
        Of the answers' principal components, through which A and B are projected.
    prompt_components : int, default=0
        Of the prompts' principal components, each of which is a column.
    seed : int, default=0
        Of the inner folds.

    Examples
    --------
    >>> from data.battles import make_battles
    >>> battles = make_battles(["Name a prime."] * 9, ["7 is a prime."] * 9, ["Sea salt"] * 9)
    >>> embedding = EmbeddingFeatures().fit(battles, [0, 0, 2] * 3)
    >>> columns = embedding.transform(battles)
    >>> bool((columns["embedding__prompt_cosine_diff"] > 0.3).all())
    True
    """

    name = "embedding"
    LEARNED = Embedding

    def __init__(
        self,
        encoder: str | Encoder = MINILM,
        scores: bool = True,
        penalties: Penalties = (1.0, 3e-1, 1e-1),
        tie_penalties: Penalties = (1.0, 3e-1, 1e-1),
        components: Number = 16,
        prompt_components: Number = 0,
        seed: Number = 0,
    ) -> None:
        self.encoder = encoder
        self.scores = scores
        self.penalties = penalties
        self.tie_penalties = tie_penalties
        self.components = components
        self.prompt_components = prompt_components
        self.seed = seed

    def anew(self) -> tuple[str, ...]:
        """Return how columns of projections begin."""
        return ("component",) * bool(self.components or self.prompt_components)

    def _learn(self, training: Training) -> tuple[Embedding, dict[str, Array]]:
        turns, weights = self._added(to_polars(training.frame))
        texts = Conversations.of(turns, self.store.vectors_of(turns))
        learned = self._without_votes(texts, weights)
        columns = _fixed(texts, learned)
        if self.scores:
            learned, scored = self._cross_fitted(texts, learned, training)
            columns |= scored
        return learned, columns

    def _without_votes(self, texts: Conversations, weights: str) -> Embedding:
        """Learn where the prompts lie, and along what the answers differ."""
        answers = np.concatenate([texts.a, texts.b])
        return Embedding(
            weights=weights,
            centroid=texts.prompt.mean(axis=0) if len(answers) else np.zeros(0, np.float32),
            answers=Space.of(answers, self.components),
            prompts=Space.of(texts.prompt, self.prompt_components),
            scale=_root_mean_square(texts.a - texts.b),
            tie_scale=_root_mean_square(_unsigned(texts)),
            direction=None,
            tie=None,
            figures={"encoder": self.store.encoder.name, "weights": weights},
        )

    def _cross_fitted(
        self, texts: Conversations, learned: Embedding, training: Training
    ) -> tuple[Embedding, dict[str, Array]]:
        """Learn the scores, and return them out of fold."""
        y, plain, fold = training.y, training.plain, training.fold
        signed, unsigned = _matrices(texts, learned)
        decided = training.weight * (y != TIE)
        direction = cross_fit(signed, y == A, decided, fold, self.penalties, intercept=False)
        learned = learned._replace(
            direction=Score(direction.coef, 0.0),
            figures=learned.figures | direction_figures(direction, y, plain, training.share),
        )
        columns = direction_columns(direction.scores)
        if plain.any() and not (y[plain] == TIE).any():  # votes that know no ties
            return learned, columns
        tie = cross_fit(
            unsigned, y == TIE, training.weight * plain, fold, self.tie_penalties, intercept=True
        )
        learned = learned._replace(
            tie=Score(tie.coef, tie.intercept),
            figures=learned.figures | tie_figures(tie, y, plain, training.share),
        )
        return learned, {**columns, "tie_pair": tie.scores}

    def _columns(self, battles: pl.DataFrame) -> dict[str, Array]:
        turns, learned = self._checked(battles), self.learned_
        texts = Conversations.of(turns, self.store.vectors_of(turns))
        texts = texts.widened(len(learned.centroid))
        columns = _fixed(texts, learned)
        if self.scores:
            signed, unsigned = _matrices(texts, learned)
            columns |= direction_columns(learned.direction(signed))
            if learned.tie is not None:
                columns["tie_pair"] = learned.tie(unsigned)
        return columns

    def _documentation(self) -> dict[str, str]:
        docs = likeness_documentation()
        docs["oddness_prompt"] = "1 - cosine of the prompt's vector and the mean of all prompts'"
        scores = dict(SCORES) if self.scores else {}
        if hasattr(self, "learned_"):
            spaces = (self.learned_.answers, self.learned_.prompts)
            docs |= projection_documentation(*(len(space.components) for space in spaces))
            if self.learned_.tie is None:
                scores.pop("tie_pair", None)
        return docs | scores


def _fixed(texts: Conversations, learned: Embedding) -> dict[str, Array]:
    """Return the columns that no vote has taught."""
    columns = likeness(texts)
    centroid = np.broadcast_to(learned.centroid, texts.prompt.shape)
    columns["oddness_prompt"] = 1.0 - cosine_of_rows(texts.prompt, centroid)
    projected = projections(learned.answers, texts.a, texts.b, learned.prompts, texts.prompt)
    return columns | projected


def _matrices(texts: Conversations, learned: Embedding) -> tuple[csr_matrix, csr_matrix]:
    """Return the rows of the direction's score, and of the ties'."""
    signed = (texts.a - texts.b) / learned.scale
    return csr_matrix(signed), csr_matrix(_unsigned(texts) / learned.tie_scale)


def _unsigned(texts: Conversations) -> Matrix:
    """Return what a swap leaves alone: absolute differences of the answers, and the prompt."""
    return np.column_stack([np.abs(texts.a - texts.b), texts.prompt])


def _root_mean_square(x: Matrix) -> Matrix:
    """Return each column's root mean square; 1 where the column is 0.

    >>> _root_mean_square(np.float32([[3.0, 0.0], [-3.0, 0.0]]))
    array([3., 1.], dtype=float32)
    """
    square = np.square(x, dtype=np.float64).sum(axis=0) / max(len(x), 1)
    return np.sqrt(np.where(square > 0, square, 1.0)).astype(np.float32)
