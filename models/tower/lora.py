"""LoRA: a few trained numbers beside each frozen product, by the package peft.

A product ``W x`` becomes ``W x + alpha / rank * B A x``, of which A and B are trained, and B begins
at 0. Source: Hu et al., 2022, "LoRA: low-rank adaptation of large language models", section 4.1.
"""

import copy
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from torch import nn

from features.encoding.backbone import quiet
from models.tower.backbone import Backbone
from models.tower.dropout import take_over
from models.tower.errors import TowerError
from models.tower.settings import ALL_LINEAR, TowerSettings

PACKAGE = "peft"
NAME = "default"  # of the one set of adapters, as peft calls it
SHOWN = 12  # names of layers in an error


def need_peft() -> None:
    """Refuse to go on where peft is not installed.

    Raises
    ------
    TowerError
        Names the command that installs it.
    """
    if find_spec(PACKAGE) is None:
        raise TowerError(
            "lora_rank needs peft, found none installed. The extra lora brings it: "
            "pip install --constraint constraints.txt --editable '.[lora]'"
        )


def targets_of(settings: TowerSettings, backbone: Backbone) -> list[str] | str:
    """Return the names of the layers that are given adapters, as peft takes them.

    Raises
    ------
    TowerError
        peft is not installed, or the network has no linear layer of a name.
    """
    need_peft()
    from peft.utils import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING as OF_PEFT

    if not settings.lora_targets:
        found: list[str] | str = OF_PEFT.get(backbone.config.model_type, ALL_LINEAR)
        return found
    if settings.lora_targets == (ALL_LINEAR,):
        return ALL_LINEAR
    there = list(_linear(backbone.network))
    for target in settings.lora_targets:
        if not any(name == target or name.endswith(f".{target}") for name in there):
            known = sorted({name.rpartition(".")[2] for name in there})
            raise TowerError(
                f"lora_targets: expected linear layers of backbone {settings.backbone}, of those "
                f"that are trained ({', '.join(known[:SHOWN])}), or {ALL_LINEAR}. Got {target!r}."
            )
    return list(settings.lora_targets)


def _linear(network: nn.Module) -> Iterator[str]:
    """Yield the names of the layers that can have adapters."""
    from transformers.pytorch_utils import Conv1D

    for name, module in network.named_modules():
        if isinstance(module, (nn.Linear, Conv1D)):
            yield name


def twin(backbone: Backbone) -> Backbone:
    """Return a copy whose weights are the same ones in memory: adapters leave them as they are."""
    return copy.deepcopy(backbone, {id(weight): weight for weight in backbone.parameters()})


def adapt(backbone: Backbone, settings: TowerSettings) -> None:
    """Give a network adapters, which are drawn by torch's seed, and freeze all else of it."""
    targets = targets_of(settings, backbone)
    from peft import LoraConfig, inject_adapter_in_model

    config = LoraConfig(
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        lora_dropout=settings.lora_dropout,
        target_modules=targets,
    )
    with quiet():
        inject_adapter_in_model(config, backbone.network, adapter_name=NAME)
    take_over(backbone)


def adapted(backbone: Backbone) -> dict[str, Any]:
    """Return the layers that have adapters, by name."""
    from peft.tuners.lora import LoraLayer

    layers = backbone.network.named_modules()
    return {name: layer for name, layer in layers if isinstance(layer, LoraLayer)}
