"""Where an answer touches its prompt: best matches and attention between token states."""

import json
from collections.abc import Mapping
from math import inf
from typing import Annotated, Any, Literal, NamedTuple, Self

import numpy as np
import pandas as pd
import polars as pl
from numpy.typing import NDArray
from pydantic import Field
from safetensors import numpy as safetensors

from features._base import to_polars
from features.asked import Asked
from features.attention import FIGURES, LEAST_TEMPERATURE
from features.cache import Cache
from features.encoded import ANSWER_A, ANSWER_B, PROMPT, EncodingFamily
from features.match_store import MatchStore
from features.matches import DIRECTIONS, Matches, where
from features.matching import Matching
from features.sides import SIDES, Array, compare
from features.vectors import VectorStore

STATE, ARRAYS = "cross_attention.json", "cross_attention.safetensors"

Count = Annotated[int, Field(ge=1)]
Layers = Annotated[tuple[int, ...], Field(min_length=1)]
Temperature = Annotated[float, Field(ge=LEAST_TEMPERATURE, allow_inf_nan=False)]
Cosine = Annotated[float, Field(gt=0, le=1)]

# What is made of the best matches of a text's tokens in another text.
MATCHING: dict[str, str] = {
    "maxsim": "mean of their best cosines",
    "maxsim_idf": "mean of their best cosines, rare tokens counting more (IDF)",
    "coverage": "share of them with a cosine of at least the threshold",
    "coverage_idf": "share of them with a cosine of at least the threshold, by IDF",
}
# What the attention over another text's tokens looks like.
ATTENTION: dict[str, str] = {
    "entropy": "mean entropy, 1 where it is spread evenly",
    "first": "mass on the first quarter",
    "last": "mass on the last quarter",
}


class Look(NamedTuple):
    """Whose tokens look at whose.

    Attributes
    ----------
    doc : str
    statistics, sides : tuple of str
        The columns to make.
    a, b : tuple of int
        For answer A and for answer B: the text that looks, and the one that is looked at.
    """

    doc: str
    statistics: tuple[str, ...]
    sides: tuple[str, ...]
    a: tuple[int, int]
    b: tuple[int, int]


LOOKS: dict[str, Look] = {
    "prompt": Look(
        "the prompt's tokens in the answer",
        (*MATCHING, *ATTENTION),
        ("a", "b", "diff"),
        (PROMPT, ANSWER_A),
        (PROMPT, ANSWER_B),
    ),
    "answer": Look(
        "the answer's tokens in the prompt",
        ("maxsim", "maxsim_idf", "entropy"),
        ("a", "b", "diff"),
        (ANSWER_A, PROMPT),
        (ANSWER_B, PROMPT),
    ),
    "other": Look(
        "the answer's tokens in the other answer",
        (*MATCHING, *ATTENTION),
        ("a", "b", "diff", "sum"),
        (ANSWER_A, ANSWER_B),
        (ANSWER_B, ANSWER_A),
    ),
}


class CrossAttentionFeatures(EncodingFamily):
    """Best matches and attention between the tokens of prompt and answers, and of both answers.

    The formulas of the entropy and the masses stand in `features.attention`. With best(x)_i the
    greatest cosine of token i of a text x with a token of the other one::

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
        the parameters of `features.encoder.Encoder`; where they are those of the family
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

    def _matches(self, battles: pl.DataFrame) -> Matches:
        store = self.store
        if not isinstance(store, MatchStore):
            raise TypeError(f"{type(self).__name__} needs a MatchStore. Got {store!r} instead.")
        return store.matches(Asked.of(battles))

    def _learn(self, battles: pd.DataFrame, y: NDArray[np.int8]) -> Mapping[str, Array]:
        frame = to_polars(battles)
        self.store.add_battles(Asked.of(frame))
        self.weights_ = self.store.encoder.weights if len(battles) else ""
        matches = self._matches(frame)
        self.frequency_ = document_frequency(matches.owner, matches.tokens)
        self.n_texts_ = int((matches.lengths > 0).sum())
        return self._scores(matches)

    def _columns(self, battles: pl.DataFrame) -> dict[str, Array]:
        self.check_weights(battles, self.weights_)
        return self._scores(self._matches(battles))

    def _scores(self, matches: Matches) -> dict[str, Array]:
        idf = inverse_document_frequency(matches.tokens, self.frequency_, self.n_texts_)
        return scores(matches, idf, self.threshold)

    def _documentation(self) -> dict[str, str]:
        return {
            f"{who}_{statistic}_{side}": f"{look.doc}: {_words(statistic)}, {SIDES[side].doc}"
            for who, look in LOOKS.items()
            for statistic in look.statistics
            for side in look.sides
        }

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


def scores(matches: Matches, idf: Array, threshold: float) -> dict[str, Array]:
    """Return the family's columns.

    Parameters
    ----------
    matches : Matches
    idf : ndarray of float64, shape (n_tokens,)
        Weight of each token of the matches.
    threshold : float
        Cosine from which on a token counts as covered.
    """
    best = np.asfortranarray(matches.best, dtype=np.float64)  # each column in one piece
    covered = (best >= threshold).astype(np.float64)
    of = {
        "maxsim": means(matches, best),
        "maxsim_idf": means(matches, best, idf),
        "coverage": means(matches, covered),
        "coverage_idf": means(matches, covered, idf),
    }
    figures = dict(zip(FIGURES, matches.figures.astype(np.float64).T, strict=True))
    columns: dict[str, Array] = {}
    for who, look in LOOKS.items():
        for name in look.statistics:
            a, b = (
                of[name][:, pair[0], where(*pair)]
                if name in MATCHING
                else figures[name][DIRECTIONS.index(pair)]
                for pair in (look.a, look.b)
            )
            columns |= compare(f"{who}_{name}", a, b, look.sides)
    return columns


def _words(statistic: str) -> str:
    return MATCHING.get(statistic) or f"attention, {ATTENTION[statistic]}"


def means(matches: Matches, values: Array, weights: Array | None = None) -> Array:
    """Return the weighted means of two values a token over each text's tokens.

    Parameters
    ----------
    matches : Matches
    values : ndarray, shape (n_tokens, 2)
    weights : ndarray, shape (n_tokens,), optional
        Above 0; 1 by default.

    Returns
    -------
    ndarray, shape (n_battles, 3, 2)
        0 for a text without tokens.

    Examples
    --------
    >>> matches = Matches.none()._replace(lengths=np.int32([[2, 0, 0]]))
    >>> means(matches, np.array([[1.0, 0.0], [3.0, 8.0]]), np.array([3.0, 1.0]))[0, 0]
    array([1.5, 2. ])
    """
    held, starts = matches.lengths.ravel() > 0, matches.starts.ravel()
    weight = np.ones(len(values)) if weights is None else weights
    found = np.zeros((matches.lengths.size, 2))
    if held.any():
        total, *both = (
            np.add.reduceat(of, starts[held]) for of in (weight, *(weight * of for of in values.T))
        )
        found[held] = np.stack(both, axis=1) / total[:, None]
    return found.reshape(*matches.lengths.shape, 2)


def document_frequency(owner: NDArray[np.intp], tokens: NDArray[np.int32]) -> NDArray[np.int32]:
    """Count in how many texts each token occurs.

    >>> document_frequency(np.array([0, 0, 0, 1]), np.array([2, 2, 0, 2]))
    array([1, 0, 2], dtype=int32)
    """
    most = int(tokens.max(initial=-1)) + 1
    pairs = owner * max(most, 1) + tokens
    pairs.sort()
    distinct = pairs[np.diff(pairs, prepend=-1) > 0]
    return np.bincount(distinct % max(most, 1), minlength=most).astype(np.int32)


def inverse_document_frequency(
    tokens: NDArray[np.int32], frequency: NDArray[np.int32], n_texts: int
) -> Array:
    """Return each token's weight, ``ln((1 + n_texts) / (1 + frequency)) + 1``.

    >>> inverse_document_frequency(np.array([0, 7]), np.array([1], np.int32), 1)
    array([1.        , 1.69314718])
    """
    known = np.append(frequency, 0)[np.minimum(tokens, len(frequency))]
    return np.log((1.0 + n_texts) / (1.0 + known)) + 1.0
