"""Where an answer touches its prompt: best matches and attention between token states."""

from typing import Annotated, Any, NamedTuple, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from features.encoding.encoder import Encoder
from features.encoding.files import MINILM
from features.family import Training
from features.layout import to_polars
from features.matching.attention import LEAST_TEMPERATURE
from features.matching.family import EncoderFamily
from features.matching.matches import Matches
from features.matching.passes import Matching
from features.matching.scores import (
    STATISTICS,
    document_frequency,
    inverse_document_frequency,
    scores,
)
from features.matching.store import EncoderStore
from features.parameters import Count
from features.sides import Array
from features.table import documentation

Temperature = Annotated[float, Field(ge=LEAST_TEMPERATURE, allow_inf_nan=False)]
Cosine = Annotated[float, Field(gt=0, le=1)]


class CrossAttention(NamedTuple):
    """What `CrossAttentionFeatures` learns."""

    weights: str  # a hash of the encoder's files
    frequency: NDArray[np.int32]  # how many of the texts have each token, by its number
    n_texts: int
    figures: dict[str, Any]  # the encoder, and of how many texts and tokens the weights are


class CrossAttentionFeatures(EncoderFamily):
    """Best matches and attention between the tokens of prompt and answers, and of both answers.

    The formulas of the entropy and the masses stand in `features.matching.attention`. With
    best(x)_i the greatest cosine of token i of a text x with a token of the other one::

        maxsim   = 1/n sum_i best(x)_i        maxsim_idf   = sum_i w_i best(x)_i / sum_i w_i
        coverage = 1/n sum_i [best(x)_i >= threshold]   coverage_idf   the same with the weights w_i
        w_i = ln((1 + N) / (1 + df(token i))) + 1

    N is the number of texts (prompts and answers) that `fit` is given, df how many of them have
    the token (scikit-learn's smooth IDF). All is 0 where a text has no tokens. Turns are encoded
    each for itself, and a text's tokens are those of its turns, without the special ones. Nothing
    is learned from votes, so training rows get the same columns as others, not out-of-fold ones.

    Parameters
    ----------
    encoder : str or Encoder, default="minilm"
        A name or a folder, or an `features.encoding.encoder.Encoder` with all its options; given by
        the run, whose configuration has the section ``[encoder]``.
    temperature : float, default=0.05
        Of the attention; 0.025 at least.
    threshold : float, default=0.5
        Cosine from which on a token counts as covered; above 0. On a GPU the last bits of a cosine
        may depend on the batch, and so may a token's being covered.
    tokens : int, default=1024
        Of a prompt or an answer that are matched, at most; those of the last turns.
    held_tokens : int, optional
        Whose states, in float32, the device holds at a time, at most, though those of one battle
        in any case; 131,072 on a CPU (200 MB with `minilm`), 524,288 on a GPU. On a CPU it changes
        no score.

    Examples
    --------
    >>> from data.battles import make_battles
    >>> battles = make_battles(["Name a prime."], ["7 is a prime."], ["Sea salt"])
    >>> attention = CrossAttentionFeatures().fit(battles, [0])
    >>> columns = attention.transform(battles)
    >>> bool((columns["cross_attention__prompt_maxsim_diff"] > 0.1).all())
    True
    """

    name = "cross_attention"
    LEARNED = CrossAttention

    def __init__(
        self,
        encoder: str | Encoder = MINILM,
        temperature: Temperature = 0.05,
        threshold: Cosine = 0.5,
        tokens: Count = 1024,
        held_tokens: Count | None = None,
    ) -> None:
        self.encoder = encoder
        self.temperature = temperature
        self.threshold = threshold
        self.tokens = tokens
        self.held_tokens = held_tokens

    def use(self, store: EncoderStore) -> Self:
        """Read through a store from now on, which matches tokens for this family on the way."""
        store.match_by(self._matching)
        return super().use(store)

    @property
    def _matching(self) -> Matching:
        return Matching(self.temperature, self.tokens, self.held_tokens)

    def _learn(self, training: Training) -> tuple[CrossAttention, dict[str, Array]]:
        turns, weights = self._added(to_polars(training.frame))
        matches = self.store.matches(turns, self._matching)
        frequency = document_frequency(matches.owner, matches.tokens)
        n_texts = int((matches.lengths > 0).sum())
        figures = {
            "encoder": self.store.encoder.name,
            "weights": weights,
            "texts": n_texts,
            "distinct_tokens": int((frequency > 0).sum()),
        }
        learned = CrossAttention(weights, frequency, n_texts, figures)
        return learned, self._scores(matches, learned)

    def _columns(self, battles: pl.DataFrame) -> dict[str, Array]:
        matches = self.store.matches(self._checked(battles), self._matching)
        return self._scores(matches, self.learned_)

    def _scores(self, matches: Matches, learned: CrossAttention) -> dict[str, Array]:
        idf = inverse_document_frequency(matches.tokens, learned.frequency, learned.n_texts)
        return scores(matches, idf, self.threshold)

    def _documentation(self) -> dict[str, str]:
        return documentation(STATISTICS)
