"""A tower trained plainly: a Hugging Face `Trainer` over padded batches in random order."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import (
    AutoModel,
    AutoTokenizer,
    DataCollatorWithPadding,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)
from transformers.utils import logging

from models.tower.layers import layers_of

TIE = 2


class Item(NamedTuple):
    """A battle: the tokens of each answer with its prompt, and what became of it."""

    first: list[int]
    second: list[int]
    y: int


class PlainTower(nn.Module):
    """Both answers through one network, the mean over their tokens, [A, B], three logits.

    Parameters
    ----------
    folder : Path
        Of a network of transformers.
    dropout : float or "own"
        In the place of the network's own.
    train_layers : int or "all"
        The other layers, and the embeddings, are frozen.
    """

    def __init__(
        self,
        folder: Path,
        *,
        dropout: float | Literal["own"] = "own",
        train_layers: int | Literal["all"] = "all",
    ) -> None:
        super().__init__()
        logging.disable_progress_bar()
        self.network: Any = AutoModel.from_pretrained(folder, dtype=torch.float32)
        if dropout != "own":
            self.network = _without(folder, self.network.config, dropout)
        if train_layers != "all":
            self.network.requires_grad_(False)
            layers_of(self.network, str(folder))[-train_layers:].requires_grad_(True)
        self.classifier = nn.Linear(2 * self.network.config.hidden_size, 3)
        self.losses: list[Tensor] = []

    def forward(self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor) -> dict[str, Any]:
        """Return the loss of battles, mean of both orders; rows are all first, then all second."""
        states = self.network(input_ids=input_ids, attention_mask=attention_mask)[0]
        mask = attention_mask[..., None].to(states.dtype)  # (2 n, longest, 1)
        first, second = ((states * mask).sum(1) / mask.sum(1)).chunk(2)  # (n, d) each
        logits = self.classifier(torch.cat([first, second], dim=1)).float()  # (n, 3)
        swapped = self.classifier(torch.cat([second, first], dim=1)).float()
        other = torch.where(labels == TIE, labels, 1 - labels)
        loss = (cross_entropy(logits, labels) + cross_entropy(swapped, other)) / 2
        self.losses.append(loss.detach())
        return {"loss": loss, "logits": logits}


def _without(folder: Path, config: Any, dropout: float) -> Any:
    """Return the network with this share dropped wherever its configuration names one."""
    named = [key for key in config.to_dict() if "dropout" in key or key.endswith("drop_prob")]
    return AutoModel.from_pretrained(folder, dtype=torch.float32, **dict.fromkeys(named, dropout))


class Collator:
    """Fills up to the longest answer of a batch.

    Attributes
    ----------
    computed, own : int
        Tokens so far, with those of padding and without them.
    """

    def __init__(self, folder: Path) -> None:
        self.pad = DataCollatorWithPadding(AutoTokenizer.from_pretrained(folder))
        self.computed = self.own = 0

    def __call__(self, battles: Sequence[Item]) -> dict[str, Tensor]:
        """Return a batch as `PlainTower` takes it."""
        sides = [[item.first for item in battles], [item.second for item in battles]]
        rows = [{"input_ids": ids} for side in sides for ids in side]
        padded: dict[str, Tensor] = {**self.pad(rows)}
        self.computed += padded["attention_mask"].numel()
        self.own += int(padded["attention_mask"].sum())
        kept = {key: padded[key] for key in ("input_ids", "attention_mask")}
        return kept | {"labels": torch.tensor([item.y for item in battles])}


class Plan(NamedTuple):
    """What a training does, beside its network and its battles."""

    batch: int
    learning_rate: float
    weight_decay: float
    device: str
    bf16: bool = False
    at_once: int | None = None  # battles of a forward pass; a batch by default


class _Steps(TrainerCallback):
    def __init__(self, done: Callable[[int], None]) -> None:
        self.done = done

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.done(state.global_step)


def train_plainly(
    tower: PlainTower,
    items: Sequence[Item],
    plan: Plan,
    collator: Collator,
    done: Callable[[int], None],
) -> list[float]:
    """Train for one epoch in the order of the battles; return the loss of each forward pass.

    Parameters
    ----------
    tower : PlainTower
    items : sequence of Item
    plan : Plan
    collator : Collator
    done : callable
        Told of each optimiser step, from 1.
    """
    at_once = plan.at_once or plan.batch
    with tempfile.TemporaryDirectory() as folder:
        options = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=at_once,
            gradient_accumulation_steps=plan.batch // at_once,
            learning_rate=plan.learning_rate,
            weight_decay=plan.weight_decay,
            max_grad_norm=1.0,
            lr_scheduler_type="linear",
            num_train_epochs=1,
            train_sampling_strategy="sequential",  # their order is random already
            use_cpu=plan.device == "cpu",
            bf16=plan.bf16,
            dataloader_pin_memory=plan.device != "cpu",
            remove_unused_columns=False,
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        trainer = Trainer(
            model=tower,
            args=options,
            train_dataset=list(items),
            data_collator=collator,
            callbacks=[_Steps(done)],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return [float(loss) for loss in tower.losses]
