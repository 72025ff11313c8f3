"""All that a tower is made by: flat keys, so that each is one ``--set KEY=VALUE``."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from features.families.length import STATISTICS
from features.parameters import Count, Number, Section

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
LOSSES_OF = {
    "classify": ("cross_entropy", "direction_tie", "dpo"),
    "ranking": ("bradley_terry", "squared_error"),
}  # of three logits and of two scores; the first is taken where none is named
ALL_LINEAR = "all-linear"  # every linear layer, in peft's words
READ_WITH = {
    "distill_temperature": "distill",
    "awp_from": "awp",
    "vat_radius": "vat",
    "lora_alpha": "lora_rank",
    "lora_dropout": "lora_rank",
    "lora_targets": "lora_rank",
}


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
    lstm : int
        Width of one direction of a bidirectional LSTM over the states of a sequence; 0 for none.
    pooling : {"mean", "cls", "last", "attention"}
        Over the tokens of a sequence; ``attention`` is a mean by weights that are learned.
    fusion : {"concat", "compare", "antisymmetric"}
        Of the two vectors of a dual arrangement: [A, B]; [A, B, A - B, A * B]; or z from A - B,
        exactly antisymmetric, and t from abs(A - B) and A * B.
    features : tuple of str
        Statistics of the length family that go through one dense layer and join the vectors.
    features_width : int
        Of that layer.
    dense : int
        Width of a linear layer after the fusion, before the head's dropout; 0 for none.
    head_norm : bool
        Whether a LayerNorm comes before the classifier, after that layer and before the dropout.
    head_dropout : float, optional
        Before the classifier; by default as `dropout` says.
    temperature : float
        What the classifier is given is divided by it.
    task : {"classify", "ranking"}
        Logits of the three classes, or one score an answer.
    ties : {"free", "davidson", "rao_kupper"}
        A tie has a logit of its own (to rank: a width that is fitted to the scores afterwards), or
        follows from a score of each answer by the model of Davidson or of Rao and Kupper, whose
        parameter is learned with the rest.
    loss : str, optional
        ``cross_entropy``, ``direction_tie`` or ``dpo`` of three logits, ``bradley_terry`` or
        ``squared_error`` to rank with free ties; the first by default. The cross-entropy is minus
        the logarithm of the likelihood, of a model of ties too.
    smoothing : float
        Of labels, in the cross-entropy.
    beta : float
        How steep the preference is in ``dpo``.
    distill : float
        Share of the loss that soft labels have, another model's probabilities; 0 for none.
    distill_temperature : float
        By which these and the network's logits are flattened.
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
        Names of the linear layers that have adapters, or ``["all-linear"]`` for all of them; by
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
    clip_by : {"all", "tensor"}
        Whether it is the norm of all weights' gradients together, or of each weight's own.
    awp : float
        Adversarial weight perturbation: how far each trained tensor is moved along its gradient, in
        shares of its own norm, where the loss is asked for once more; 0 for none.
    awp_from : float
        Epochs that are trained without it first.
    vat : float
        Virtual adversarial training: weight of how far a small step of the embeddings moves the
        prediction; 0 for none.
    vat_radius : float
        Norm of that step, over all numbers of a sequence, in standard deviations of the embeddings.
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
    lstm: Number = 0
    pooling: Literal["mean", "cls", "last", "attention"] = "mean"
    fusion: Literal["concat", "compare", "antisymmetric"] = "concat"
    features: tuple[str, ...] = ()
    features_width: Count = 512
    dense: Number = 0
    head_norm: bool = False
    head_dropout: Annotated[float, Field(ge=0, lt=1)] | None = None
    temperature: Positive = 1.0
    task: Literal["classify", "ranking"] = "classify"
    ties: Literal["free", "davidson", "rao_kupper"] = "free"
    loss: (
        Literal["cross_entropy", "direction_tie", "dpo", "bradley_terry", "squared_error"] | None
    ) = None
    smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    beta: Positive = 1.0
    distill: Share = 0.0
    distill_temperature: Positive = 1.0
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
    clip_by: Literal["all", "tensor"] = "all"
    awp: NotNegative = 0.0
    awp_from: NotNegative = 0.0
    vat: NotNegative = 0.0
    vat_radius: Positive = 5.0
    epochs: Count = 1
    batch: Count = 16
    tokens: Count = 4096
    evaluate_every: Number = 0
    inner_folds: Annotated[int, Field(ge=2, le=100)] = 5
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    gradient_checkpointing: bool = False

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.loss is not None and self.loss not in self.losses:
            ties = "" if self.ties == "free" else f" with ties {self.ties!r}"
            raise ValueError(f"task {self.task!r}{ties} goes with loss {' or '.join(self.losses)}")
        if self.smoothing and self.loss_name != "cross_entropy":
            raise ValueError("smoothing goes with loss 'cross_entropy'")
        if self.task == "ranking" and self.arrangement == "joint":
            raise ValueError("task 'ranking' goes with arrangement 'dual': it scores each answer")
        if self.task == "ranking" and self.fusion != "concat":
            raise ValueError("task 'ranking' has no fusion: leave it at 'concat'")
        if self.arrangement == "joint" and self.fusion != "concat":
            raise ValueError("fusion goes with arrangement 'dual'")
        if self.lora_rank and self.train_layers == 0:
            raise ValueError("lora_rank goes with train_layers of 1 at least: adapters lie in them")
        unknown = [name for name in self.features if name not in STATISTICS]
        if unknown:
            raise ValueError(f"features: {unknown[0]!r} is no statistic of the length family")
        self._teaches_together()
        return self

    def _teaches_together(self) -> None:
        for key, other in READ_WITH.items():
            changed = getattr(self, key) != type(self).model_fields[key].default
            if changed and not getattr(self, other):
                raise ValueError(f"{key} goes with {other}: set {other} above 0, or leave it out")
        if self.beta != 1 and self.loss_name != "dpo":
            raise ValueError("beta goes with loss 'dpo'")
        if self.distill and self.fits_width:
            raise ValueError("distill goes with three logits: soft labels have three classes")
        if self.awp and self.awp_from >= self.epochs:
            raise ValueError(f"awp_from should be less than epochs, which is {self.epochs}")
        if self.vat and self.train_layers != "all":
            raise ValueError(
                "vat goes with train_layers 'all': it moves the embeddings, and frozen layers have "
                "read them already"
            )
        if self.vat and self.loss_name == "squared_error":
            raise ValueError("vat goes with another loss than 'squared_error': it reads logits")

    @model_validator(mode="after")
    def _head_fits_together(self) -> Self:
        if self.dense and (self.task == "ranking" or self.fusion == "antisymmetric"):
            raise ValueError(
                "dense goes with task 'classify' and fusion 'concat' or 'compare': "
                "elsewhere a linear layer before a linear one would change nothing"
            )
        if self.clip_by == "tensor" and not self.clip:
            raise ValueError("clip_by 'tensor' goes with clip, the largest norm: it is 0")
        return self

    @property
    def fits_width(self) -> bool:
        """Whether raw scores are one an answer, to which the width of ties is fitted afterwards."""
        return self.task == "ranking" and self.ties == "free"

    @property
    def losses(self) -> tuple[str, ...]:
        """The losses that go with raw scores of this kind."""
        return LOSSES_OF["ranking" if self.fits_width else "classify"]

    @property
    def loss_name(self) -> str:
        """The loss that is meant."""
        return self.loss or self.losses[0]

    def resolved(self) -> Self:
        """Return the same with the loss written out."""
        return self.model_copy(update={"loss": self.loss_name})
