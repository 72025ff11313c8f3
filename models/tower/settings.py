"""All that a tower is made by: flat keys, so that each is one ``--set KEY=VALUE``."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from features.families.length import STATISTICS
from features.parameters import Count, Number, Section

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
LOSSES_OF = {
    "classify": ("cross_entropy", "direction_tie"),
    "ranking": ("bradley_terry", "squared_error"),
}  # the first is taken where none is named
ALL_LINEAR = "all-linear"  # every linear layer, in peft's words


class TowerSettings(Section):
    """A tower's settings.

    Attributes
    ----------
    backbone : str
        ``minilm``, a folder of transformers, or a name of the Hugging Face hub.
    seed : int
        Of the folds, the head's first weights, the order of battles, dropout.
    n_folds : int
        Where folds are made, and not taken from a run.
    arrangement : {"dual", "joint"}
        Prompt and each answer through the same weights, or all three in one sequence.
    turns : {"all", "first"}
        What is read of a conversation.
    text : {"as_is", "ascii", "nltk"}
        Texts as they are, without all that is no ASCII, or as lemmas without stop words.
    undecodable : {"keep", "empty"}
        What becomes of a turn with characters that could not be decoded (U+FFFD).
    instruction : str
        A text before the prompt of each sequence, a "system prompt"; an empty one is none. It is
        never cut, and its tokens count towards `length`.
    length : int
        Most tokens of a sequence, special ones included.
    shares : tuple of int
        Of prompt, A and B in a sequence that is too long; a part that needs less leaves the rest
        to the others. In a dual arrangement the first two count.
    cut : {"head", "tail", "head_tail"}
        What is kept of a part that is too long.
    pooling : {"mean", "cls", "last"}
        Over the tokens of a sequence.
    fusion : {"concat", "compare", "antisymmetric"}
        Of the two vectors of a dual arrangement: [A, B]; [A, B, A - B, A * B]; or z from A - B,
        exactly antisymmetric, and t from abs(A - B) and A * B.
    features : tuple of str
        Statistics of the length family that go through one dense layer and join the vectors.
    features_width : int
        Of that layer.
    task : {"classify", "ranking"}
        Logits of the three classes, or one score an answer.
    loss : str, optional
        ``cross_entropy`` or ``direction_tie`` to classify, ``bradley_terry`` or ``squared_error``
        to rank; the first by default.
    smoothing : float
        Of labels, in the cross-entropy.
    extra_weight : float
        Of an extra row beside a plain one.
    train_layers : int or "all"
        How many of the top layers are trained, the others being frozen; ``all`` includes the
        embeddings.
    lora_rank : int
        Of the adapters that are trained in the place of the trained layers' own weights
        (`models.tower.lora`); 0 for none.
    lora_alpha : float
        What adapters add is multiplied by ``lora_alpha / lora_rank``.
    lora_dropout : float
        Of what adapters are given.
    lora_targets : tuple of str
        Names of the linear layers that have adapters, such as ``q_proj``, or ``all-linear``; by
        default those that peft names for the architecture, all linear ones where it names none.
    dropout : float or "own"
        In the backbone and before the head; ``own`` is what the backbone has, and none before the
        head.
    optimiser : {"adamw", "adam"}
    learning_rate : float
        Of the top layer.
    head_learning_rate : float, optional
        Of what stands on it; the same by default.
    layer_decay : float
        What it is multiplied by, layer for layer downwards.
    weight_decay : float
        Not of biases and norms.
    schedule : {"linear", "cosine", "constant"}
        How the rate falls until the last epoch, after the warm-up.
    warm_up : float
        Share of all steps in which the rate rises from 0.
    clip : float
        Largest norm of a step's gradient; 0 for any.
    epochs : int
        At most.
    batch : int
        Battles of an optimiser step, on all cards together.
    tokens : int
        Most tokens of a micro-batch, which a step is cut into; no figure depends on it.
    evaluate_every : int
        Steps between evaluations on the inner split; 0 for an epoch.
    inner_folds : int
        One in so many prompts of a training part is held out to choose by.
    precision : {"auto", "fp32", "bf16", "fp16"}
        ``auto`` is what the device can: fp32 on a CPU.
    gradient_checkpointing : bool
        Compute states a second time rather than keep them.
    """

    backbone: str = "minilm"
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    n_folds: Annotated[int, Field(ge=2, le=100)] = 5
    arrangement: Literal["dual", "joint"] = "dual"
    turns: Literal["all", "first"] = "all"
    text: Literal["as_is", "ascii", "nltk"] = "as_is"
    undecodable: Literal["keep", "empty"] = "keep"
    instruction: str = ""
    length: Annotated[int, Field(ge=16)] = 256
    shares: tuple[Count, Count, Count] = (20, 40, 40)
    cut: Literal["head", "tail", "head_tail"] = "head"
    pooling: Literal["mean", "cls", "last"] = "mean"
    fusion: Literal["concat", "compare", "antisymmetric"] = "concat"
    features: tuple[str, ...] = ()
    features_width: Count = 512
    task: Literal["classify", "ranking"] = "classify"
    loss: Literal["cross_entropy", "direction_tie", "bradley_terry", "squared_error"] | None = None
    smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    extra_weight: NotNegative = 1.0
    train_layers: Number | Literal["all"] = "all"
    lora_rank: Number = 0
    lora_alpha: Positive = 16.0
    lora_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    lora_targets: tuple[str, ...] = ()
    dropout: Annotated[float, Field(ge=0, lt=1)] | Literal["own"] = "own"
    optimiser: Literal["adamw", "adam"] = "adamw"
    learning_rate: Positive = 2e-5
    head_learning_rate: Positive | None = None
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    weight_decay: NotNegative = 0.01
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    warm_up: Share = 0.0
    clip: NotNegative = 1.0
    epochs: Count = 1
    batch: Count = 16
    tokens: Count = 4096
    evaluate_every: Number = 0
    inner_folds: Annotated[int, Field(ge=2, le=100)] = 5
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    gradient_checkpointing: bool = False

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        allowed = LOSSES_OF[self.task]
        if self.loss is not None and self.loss not in allowed:
            raise ValueError(f"task {self.task!r} goes with loss {' or '.join(allowed)}")
        if self.smoothing and self.loss_name != "cross_entropy":
            raise ValueError("smoothing goes with loss 'cross_entropy'")
        if self.task == "ranking" and self.arrangement == "joint":
            raise ValueError("task 'ranking' goes with arrangement 'dual': it scores each answer")
        if self.task == "ranking" and self.fusion != "concat":
            raise ValueError("task 'ranking' has no fusion: leave it at 'concat'")
        if self.arrangement == "joint" and self.fusion != "concat":
            raise ValueError("fusion goes with arrangement 'dual'")
        if (self.lora_dropout or self.lora_targets) and not self.lora_rank:
            raise ValueError("lora_dropout and lora_targets go with a lora_rank of 1 at least")
        if self.lora_rank and self.train_layers == 0:
            raise ValueError("lora_rank goes with train_layers of 1 at least: adapters lie in them")
        unknown = [name for name in self.features if name not in STATISTICS]
        if unknown:
            raise ValueError(f"features: {unknown[0]!r} is no statistic of the length family")
        return self

    @property
    def loss_name(self) -> str:
        """The loss that is meant."""
        return self.loss or LOSSES_OF[self.task][0]

    def resolved(self) -> Self:
        """Return the same with the loss written out."""
        return self.model_copy(update={"loss": self.loss_name})
