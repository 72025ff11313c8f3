"""Where an answer touches its prompt: best matches and attention between token states."""

import json
from collections.abc import Mapping
from math import inf
from typing import Annotated, Any, Literal, Self

import numpy as np
import pandas as pd
import polars as pl
from numpy.typing import NDArray
from pydantic import Field
from safetensors import numpy as safetensors

from features.encoding.asked import Asked
from features.encoding.conversations import EncodingFamily
from features.encoding.store import VectorStore
from features.layout import to_polars
from features.matching.attention import LEAST_TEMPERATURE
from features.matching.matches import Matches
from features.matching.passes import Matching
from features.matching.scores import (
    document_frequency,
    documentation,
    inverse_document_frequency,
    scores,
)
from features.matching.store import MatchStore
from features.sides import Array
from features.storage.cache import Cache

STATE, ARRAYS = "cross_attention.json", "cross_attention.safetensors"

Count = Annotated[int, Field(ge=1)]
Layers = Annotated[tuple[int, ...], Field(min_length=1)]
Temperature = Annotated[float, Field(ge=LEAST_TEMPERATURE, allow_inf_nan=False)]
Cosine = Annotated[float, Field(gt=0, le=1)]


class CrossAttentionFeatures(EncodingFamily):
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
    encoder : str, default="minilm"
        ``minilm``, a folder, or a name of the Hugging Face hub. This and the following seven are
        the parameters of `features.encoding.encoder.Encoder`; where they are those of the family
        `embedding`, one pass serves both.
    pooling : {"own", "mean", "cls", "max"}, default="own"
        Of the vectors that the pass gives on the way; the scores do not depend on it.
    layers : tuple of int, default=(-1,)
    length : int, optional
    long : {"head", "head_tail", "windows"}, default="head"
    windows : int, default=4
    precision : {"auto", "fp32", "bf16", "fp16"}, default="auto"
    batch_tokens : int, optional
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
    device : {"cpu", "cuda"}, default="cpu"
        Where texts are encoded; given by the run, not by its configuration.

    Attributes
    ----------
    weights_ : str
        A hash of the encoder's files.
    frequency_ : ndarray of int32, shape (n_tokens,)
        How many of the texts have each token, by its number.
    n_texts_ : int

    Examples
    --------
    >>> from data.battles import make_battles
    >>> battles = make_battles(["Name a prime."], ["7 is a prime."], ["Sea salt"])
    >>> attention = CrossAttentionFeatures(length=16).fit(battles, [0])
    >>> columns = attention.transform(battles)
    >>> bool((columns["cross_attention__prompt_maxsim_diff"] > 0.1).all())
    True
    """

    name = "cross_attention"

    def __init__(
        self,
        encoder: str = "minilm",
        pooling: Literal["own", "mean", "cls", "max"] = "own",
        layers: Layers = (-1,),
        length: Count | None = None,
        long: Literal["head", "head_tail", "windows"] = "head",
        windows: Count = 4,
        precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto",
        batch_tokens: Count | None = None,
        temperature: Temperature = 0.05,
        threshold: Cosine = 0.5,
        tokens: Count = 1024,
        held_tokens: Count | None = None,
        device: str = "cpu",
    ) -> None:
        self.encoder = encoder
        self.pooling = pooling
        self.layers = layers
        self.length = length
        self.long = long
        self.windows = windows
        self.precision = precision
        self.batch_tokens = batch_tokens
        self.temperature = temperature
        self.threshold = threshold
        self.tokens = tokens
        self.held_tokens = held_tokens
        self.device = device

    def wanted_store(self, cache: Cache | None = None) -> VectorStore:
        """Return a new store of matches and vectors."""
        return MatchStore(self.wanted_encoder(), self._matching(), cache)

    def can_use(self, store: VectorStore) -> bool:
        """Return whether a store has matches, by the same encoder and settings."""
        return (
            super().can_use(store)
            and isinstance(store, MatchStore)
            and store.matching == self._matching()
        )

    def _matching(self) -> Matching:
        """Return how tokens are matched, by parameters that are checked now."""
        held = 1 if self.held_tokens is None else self.held_tokens
        checks = {
            "temperature": (LEAST_TEMPERATURE <= self.temperature < inf, "at least 0.025"),
            "threshold": (0 < self.threshold <= 1, "above 0 and at most 1"),
            "tokens": (self.tokens >= 1, "at least 1"),
            "held_tokens": (held >= 1, "at least 1"),
        }
        for name, (right, allowed) in checks.items():
            if not right:
                raise ValueError(
                    f"The {name} of {type(self).__name__} must be {allowed}. "
                    f"Got {getattr(self, name)!r} instead."
                )
        return Matching(self.temperature, self.tokens, self.held_tokens)

    def _matches(self, asked: Asked) -> Matches:
        store = self.store
        if not isinstance(store, MatchStore):
            raise TypeError(f"{type(self).__name__} needs a MatchStore. Got {store!r} instead.")
        return store.matches(asked)

    def _learn(self, battles: pd.DataFrame, y: NDArray[np.int8]) -> Mapping[str, Array]:  # type: ignore[override]
        asked = Asked.of(to_polars(battles))
        self.store.add_battles(asked)
        self.weights_ = self.store.encoder.weights if len(battles) else ""
        matches = self._matches(asked)
        self.frequency_ = document_frequency(matches.owner, matches.tokens)
        self.n_texts_ = int((matches.lengths > 0).sum())
        return self._scores(matches)

    def _columns(self, battles: pl.DataFrame) -> dict[str, Array]:
        self.check_weights(battles, self.weights_)
        return self._scores(self._matches(Asked.of(battles)))

    def _scores(self, matches: Matches) -> dict[str, Array]:
        idf = inverse_document_frequency(matches.tokens, self.frequency_, self.n_texts_)
        return scores(matches, idf, self.threshold)

    def _documentation(self) -> dict[str, str]:
        return documentation()

    def report(self) -> dict[str, Any]:
        """Return the encoder, and of how many texts and tokens the weights are."""
        return {
            "encoder": self.encoder,
            "weights": self.weights_,
            "texts": self.n_texts_,
            "distinct_tokens": int((self.frequency_ > 0).sum()),
        }

    def dump(self) -> dict[str, bytes]:
        """Return what was learned as files (name -> content) that run no code when read."""
        state = {"weights": self.weights_, "n_texts": self.n_texts_}
        return {
            STATE: json.dumps(state, indent=1).encode(),
            ARRAYS: safetensors.save({"frequency": self.frequency_}),
        }

    def load(self, files: Mapping[str, bytes]) -> Self:
        """Take over what `dump` gave of a family with the same parameters."""
        state = json.loads(files[STATE])
        self.weights_, self.n_texts_ = state["weights"], state["n_texts"]
        self.frequency_ = safetensors.load(files[ARRAYS])["frequency"]
        self._name_columns(self._documentation())
        return self
