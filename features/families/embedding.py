"""What a frozen encoder's vectors say: how near the texts are, what voters made of texts alike."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

import numpy as np
import pandas as pd
import polars as pl
from numpy.typing import NDArray
from pydantic import Field
from safetensors import numpy as safetensors
from scipy.sparse import csr_matrix

from data.folds import hash_folds
from data.labels import TIE, A
from features.encoding import likeness as _likeness
from features.encoding import projections as _projections
from features.encoding.asked import Asked
from features.encoding.conversations import Conversations, EncodingFamily, Matrix, cosine
from features.encoding.likeness import likeness
from features.encoding.projections import Space, projections
from features.families import _neighbours
from features.families._neighbours import Votes, traits, vote_columns
from features.layout import to_polars
from features.sides import Array
from features.votes.scores import Score, score_figures
from features.votes.sparse_logistic import cross_fit

INNER_FOLDS = 5
SALT = 157  # other folds than the model's own, and than the other families'
STATE, ARRAYS = "embedding.json", "embedding.safetensors"

Penalty = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Penalties = Annotated[tuple[Penalty, ...], Field(min_length=1)]
Number = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Layers = Annotated[tuple[int, ...], Field(min_length=1)]
SCORES = {
    "direction_diff": "log-odds that A is preferred, by the answers' vectors",
    "direction_absdiff": "how sure that score is, whichever answer it prefers",
    "tie_pair": "log-odds of a tie, by how the answers' vectors differ and the prompt's",
}


class EmbeddingFeatures(EncodingFamily):
    """Likeness, projections, cross-fitted scores and neighbours' votes, from a frozen encoder.

    Each turn of each text is encoded once; a text's vector is the mean over its turns, weighted by
    their tokens.

    Parameters
    ----------
    encoder : str, default="minilm"
        ``minilm``, a folder, or a name of the Hugging Face hub. This and the following seven are
        the parameters of `features.encoding.encoder.Encoder`.
    pooling : {"own", "mean", "cls", "max"}, default="own"
    layers : tuple of int, default=(-1,)
    length : int, optional
    long : {"head", "head_tail", "windows"}, default="head"
    windows : int, default=4
    precision : {"auto", "fp32", "bf16", "fp16"}, default="auto"
    batch_tokens : int, optional
    scores : bool, default=True
        Whether linear scores of the direction and of ties are columns.
    penalties, tie_penalties : sequence of float
        To choose from: ``lambda`` in ``mean loss + lambda / 2 * |w|**2``, the columns scaled to a
        root mean square of 1.
    components : int, default=16
        Of the answers' principal components, through which A and B are projected.
    prompt_components : int, default=0
        Of the prompts' principal components, each of which is a column.
    neighbours : int, default=50
        Battles of like prompts whose votes are asked.
    seed : int, default=0
        Of the inner folds.
    device : {"cpu", "cuda"}, default="cpu"
        Where texts are encoded; given by the run, not by its configuration.

    Attributes
    ----------
    weights_ : str
        A hash of the encoder's files.
    centroid_ : ndarray of float32, shape (n_dimensions,)
        Mean vector of the prompts.
    answers_, prompts_ : Space
        Through which the answers and the prompts are projected.
    scale_, tie_scale_ : ndarray of float32
        Root mean square of each column of the scores' matrices.
    direction_, tie_ : Score
    votes_ : Votes

    Examples
    --------
    >>> from data.battles import make_battles
    >>> battles = make_battles(["Name a prime."] * 9, ["7 is a prime."] * 9, ["Sea salt"] * 9)
    >>> embedding = EmbeddingFeatures(length=16).fit(battles, [0, 0, 2] * 3)
    >>> columns = embedding.transform(battles)
    >>> bool((columns["embedding__prompt_cosine_diff"] > 0.3).all())
    True
    """

    name = "embedding"

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
        scores: bool = True,
        penalties: Penalties = (1.0, 3e-1, 1e-1),
        tie_penalties: Penalties = (1.0, 3e-1, 1e-1),
        components: Number = 16,
        prompt_components: Number = 0,
        neighbours: Number = 50,
        seed: Number = 0,
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
        self.scores = scores
        self.penalties = penalties
        self.tie_penalties = tie_penalties
        self.components = components
        self.prompt_components = prompt_components
        self.neighbours = neighbours
        self.seed = seed
        self.device = device

    def _learn(self, battles: pd.DataFrame, y: NDArray[np.int8]) -> Mapping[str, Array]:  # type: ignore[override]
        frame = to_polars(battles)
        store = self.store  # checks the options
        asked = Asked.of(frame)
        store.add_battles(asked)
        texts = self.conversations(asked)
        self.weights_ = store.encoder.weights if len(battles) else ""
        self._learn_space(texts)
        fold = hash_folds(
            battles["group"].to_numpy(dtype=object), n_folds=INNER_FOLDS, salt=SALT + self.seed
        )
        plain = (battles["source"] == "plain").to_numpy(dtype=np.bool_)
        columns = self._fixed(texts)
        self._figures: dict[str, Any] = {"encoder": self.encoder, "weights": self.weights_}
        if self.scores:
            columns |= self._learn_scores(texts, y, plain, fold)
        if self.neighbours:
            columns |= self._learn_votes(texts, traits(frame), y, plain, fold)
        return columns

    def _learn_space(self, texts: Conversations) -> None:
        """Learn what needs no vote: where the prompts lie, and along what the answers differ."""
        answers = np.concatenate([texts.a, texts.b])
        self.centroid_ = texts.prompt.mean(axis=0) if len(answers) else np.zeros(0, np.float32)
        self.answers_ = Space.of(answers, self.components)
        self.prompts_ = Space.of(texts.prompt, self.prompt_components)
        self.scale_ = _root_mean_square(texts.a - texts.b)
        self.tie_scale_ = _root_mean_square(_unsigned(texts))

    def _learn_scores(
        self,
        texts: Conversations,
        y: NDArray[np.int8],
        plain: NDArray[np.bool_],
        fold: NDArray[np.int8],
    ) -> dict[str, Array]:
        decided = y != TIE
        signed, unsigned = self._signed(texts), self._unsigned(texts)
        direction = cross_fit(signed, y == A, decided, fold, self.penalties, intercept=False)
        tie = cross_fit(unsigned, y == TIE, plain, fold, self.tie_penalties, intercept=True)
        self.direction_ = Score(direction.coef, 0.0)
        self.tie_ = Score(tie.coef, tie.intercept)
        self._figures |= score_figures(direction, tie, y, plain)
        return _score_columns(direction.scores, tie.scores)

    def _signed(self, texts: Conversations) -> csr_matrix:
        return csr_matrix((texts.a - texts.b) / self.scale_)

    def _unsigned(self, texts: Conversations) -> csr_matrix:
        return csr_matrix(_unsigned(texts) / self.tie_scale_)

    def _learn_votes(
        self,
        texts: Conversations,
        held: Array,
        y: NDArray[np.int8],
        plain: NDArray[np.bool_],
        fold: NDArray[np.int8],
    ) -> dict[str, Array]:
        """Ask the battles of other folds alone, and so of other prompts."""
        self.votes_ = Votes.of(texts.prompt, y, plain, held)
        columns = {name: np.empty(len(y)) for name in _neighbours.documentation()}
        for k in np.unique(fold):
            inside = fold == k
            voters = self.votes_.take(~inside)
            found = vote_columns(voters, texts.prompt[inside], held[:, :, inside], self.neighbours)
            for name, values in found.items():
                columns[name][inside] = values
        return columns

    def _columns(self, battles: pl.DataFrame) -> dict[str, Array]:
        texts = self.conversations(Asked.of(battles)).widened(len(self.centroid_))
        self.check_weights(battles, self.weights_)
        columns = self._fixed(texts)
        if self.scores:
            direction, tie = self.direction_(self._signed(texts)), self.tie_(self._unsigned(texts))
            columns |= _score_columns(direction, tie)
        if self.neighbours:
            columns |= vote_columns(self.votes_, texts.prompt, traits(battles), self.neighbours)
        return columns

    def _fixed(self, texts: Conversations) -> dict[str, Array]:
        """Return the columns that no vote has taught."""
        columns = likeness(texts)
        columns["oddness_prompt"] = 1.0 - cosine(
            texts.prompt, np.broadcast_to(self.centroid_, texts.prompt.shape)
        )
        return columns | projections(self.answers_, texts.a, texts.b, self.prompts_, texts.prompt)

    def _documentation(self) -> dict[str, str]:
        docs = _likeness.documentation()
        docs["oddness_prompt"] = "1 - cosine of the prompt's vector and the mean of all prompts'"
        if hasattr(self, "answers_"):
            numbers = (len(space.components) for space in (self.answers_, self.prompts_))
            docs |= _projections.documentation(*numbers)
        if self.scores:
            docs |= SCORES
        if self.neighbours:
            docs |= _neighbours.documentation()
        return docs

    def report(self) -> dict[str, Any]:
        """Return what encoded the texts, and the scores' out-of-fold figures."""
        return dict(self._figures)

    def dump(self) -> dict[str, bytes]:
        """Return JSON, and the arrays as safetensors. The encoder's own weights are not in it."""
        arrays = {name: getattr(self, f"{name}_") for name in ("centroid", "scale", "tie_scale")}
        for of, space in (("answers", self.answers_), ("prompts", self.prompts_)):
            arrays |= {f"{of}_{name}": values for name, values in space._asdict().items()}
        state: dict[str, Any] = {"weights": self.weights_, "figures": self._figures}
        if self.scores:
            arrays |= {"direction": self.direction_.coef, "tie": self.tie_.coef}
            state["tie_intercept"] = self.tie_.intercept
        if self.neighbours:
            arrays |= {f"votes_{name}": values for name, values in self.votes_._asdict().items()}
        contiguous = {name: np.ascontiguousarray(values) for name, values in arrays.items()}
        return {STATE: json.dumps(state, indent=1).encode(), ARRAYS: safetensors.save(contiguous)}

    def load(self, files: Mapping[str, bytes]) -> Self:
        """Take over what `dump` gave of a family with the same parameters."""
        state, arrays = json.loads(files[STATE]), safetensors.load(files[ARRAYS])
        self.weights_, self._figures = state["weights"], state["figures"]
        self.centroid_ = arrays["centroid"]
        self.scale_, self.tie_scale_ = arrays["scale"], arrays["tie_scale"]
        self.answers_, self.prompts_ = (
            Space(**{name: arrays[f"{of}_{name}"] for name in Space._fields})
            for of in ("answers", "prompts")
        )
        if self.scores:
            self.direction_ = Score(arrays["direction"], 0.0)
            self.tie_ = Score(arrays["tie"], state["tie_intercept"])
        if self.neighbours:
            self.votes_ = Votes(**{name: arrays[f"votes_{name}"] for name in Votes._fields})
        self._name_columns(self._documentation())
        return self


def _score_columns(direction: Array, tie: Array) -> dict[str, Array]:
    values = (direction, np.abs(direction), tie)
    return dict(zip(SCORES, values, strict=True))


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
