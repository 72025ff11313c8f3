"""The trained network: upper layers and head. It can be read in one sitting."""

import copy
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from models.tower.attention import Packs
from models.tower.backbone import Backbone
from models.tower.dropout import take_over
from models.tower.head import Head
from models.tower.lora import adapt, twin
from models.tower.losses import Raw
from models.tower.settings import TowerSettings

# What networks call the dropout of attention, where it is no module.
SHARES = ("attention_dropout", "pos_dropout_prob", "attention_probability_dropout")


class Batch(NamedTuple):
    """Some battles, ready for the network.

    Attributes
    ----------
    given : Tensor, shape (n_tokens,) or (n_tokens, n_dimensions)
        Token ids, or states from frozen layers, of sequences one after the other.
    packs : Packs
        Where these lie; each sequence once.
    first, second : Tensor of int64, shape (n_battles,)
        Which of the sequences are a battle's.
    numbers : Tensor, shape (n_battles, 2, n_statistics)
    """

    given: Tensor
    packs: Packs
    first: Tensor
    second: Tensor
    numbers: Tensor


class Network(nn.Module):
    """A tower's trained part.

    Parameters
    ----------
    settings : TowerSettings
    upper : Backbone
        Whose weights are copied; with adapters they are frozen, and the same ones in memory.
    """

    def __init__(self, settings: TowerSettings, upper: Backbone) -> None:
        super().__init__()
        self.adapted = bool(settings.lora_rank)
        self.upper = twin(upper) if self.adapted else copy.deepcopy(upper)
        take_over(self.upper)
        if settings.dropout != "own":
            _set_dropout(self.upper, settings.dropout)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self.head = Head(settings, upper.width)
            if self.adapted:
                adapt(self.upper, settings)
        if settings.gradient_checkpointing:
            _compute_twice(self.upper.network)

    def forward(self, batch: Batch) -> Raw:
        """Return the raw scores of battles in both orders, shape (n_battles, n_scores) each."""
        vectors = self.vectors(batch.given, batch.packs)  # (n_sequences, n_dimensions)
        with torch.autocast(vectors.device.type, enabled=False):  # few products, and all in float32
            raw: Raw = self.head(vectors[batch.first], vectors[batch.second], batch.numbers)
        return raw

    def learned(self) -> dict[str, Tensor]:
        """Return what a training may change: all weights, or adapters and head where there are."""
        state: dict[str, Tensor] = self.state_dict()
        if not self.adapted:
            return state
        return {name: state[name] for name, own in self.named_parameters() if own.requires_grad}

    def learn(self, state: Mapping[str, Tensor]) -> None:
        """Take over what `learned` gave."""
        self.load_state_dict({**self.state_dict(), **state} if self.adapted else state)

    def vectors(self, given: Tensor, packs: Packs) -> Tensor:
        """Return one vector a sequence, in float32, shape (n_sequences, n_dimensions)."""
        states = self.upper(given, packs)  # (n_tokens, n_dimensions)
        with torch.autocast(states.device.type, enabled=False):
            return self.head.vectors(states.float(), packs)


def _compute_twice(network: nn.Module) -> None:
    """Let a network keep no states between its layers.

    transformers' own switch looks for embeddings, which an upper part has none of.
    """
    module: Any
    for module in network.modules():
        if hasattr(module, "gradient_checkpointing"):
            module._gradient_checkpointing_func = partial(checkpoint, use_reentrant=False)
            module.gradient_checkpointing = True


def _set_dropout(backbone: Backbone, share: float) -> None:
    """Give every dropout of a network this share, also those that attention is handed."""
    for module in backbone.modules():
        if isinstance(module, nn.Dropout):
            module.p = share
        for key in SHARES:
            if isinstance(getattr(module, key, None), float):
                setattr(module, key, share)
