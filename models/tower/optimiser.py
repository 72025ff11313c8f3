"""What moves the weights: AdamW with a rate for each layer, and how that rate changes."""

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from models.tower.network import Network
from models.tower.settings import TowerSettings

LAYER = re.compile(r"\.(?:layer|layers|h|block)\.(\d+)\.")
EPSILON = {"adamw": 1e-8, "adam": 1e-7}  # torch's own, and Keras'


def make_optimiser(network: Network, settings: TowerSettings) -> torch.optim.Optimizer:
    """Return the optimiser of a network's trained weights.

    Layer for layer downwards the rate is multiplied by `layer_decay`; biases and norms do not
    decay. Sources: Loshchilov and Hutter, 2019, "Decoupled weight decay regularization"; Howard
    and Ruder, 2018, "Universal language model fine-tuning", for the rates by layer.
    """
    top = network.upper.n_layers
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, weight in network.named_parameters():
        if weight.requires_grad:
            rate = settings.learning_rate * settings.layer_decay ** depth(name, top)
            if name.startswith("head.") and settings.head_learning_rate is not None:
                rate = settings.head_learning_rate
            decay = settings.weight_decay if weight.ndim > 1 else 0.0
            groups.setdefault((rate, decay), []).append(weight)
    options: list[dict[str, Any]] = [
        {"params": weights, "lr": rate, "weight_decay": decay, "peak": rate}
        for (rate, decay), weights in groups.items()
    ]
    kinds = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}
    return kinds[settings.optimiser](options, eps=EPSILON[settings.optimiser], fused=True)


def depth(name: str, n_layers: int) -> int:
    """Return how far below the top layer a weight lies; embeddings lie below the lowest one.

    >>> depth("upper.network.encoder.layer.4.output.dense.weight", 6)
    1
    >>> depth("head.fusion.classifier.weight", 6), depth("upper.network.embeddings.word.weight", 6)
    (0, 6)
    """
    if not name.startswith("upper."):
        return 0
    found = LAYER.search(name)
    if found:
        return n_layers - 1 - int(found[1])
    return n_layers if "embed" in name else 0


def schedule(settings: TowerSettings, steps: int) -> Callable[[int], float]:
    """Return what the rates are multiplied by at each step, counted from 0.

    It rises from 0 over the first steps, in a line, and then falls to 0 where all steps are done,
    in a line or as a cosine does, or stays.

    Examples
    --------
    >>> rate = schedule(TowerSettings(warm_up=0.2, schedule="linear"), steps=10)
    >>> [round(rate(step), 3) for step in (0, 1, 2, 6, 9)]
    [0.5, 1.0, 1.0, 0.5, 0.125]
    """
    rising = round(settings.warm_up * steps)

    def rate(step: int) -> float:
        if step < rising:
            return (step + 1) / rising
        share = (step - rising) / max(steps - rising, 1)
        if settings.schedule == "linear":
            return 1.0 - share
        if settings.schedule == "cosine":
            return (1.0 + math.cos(math.pi * share)) / 2.0
        return 1.0

    return rate


def set_rates(optimiser: torch.optim.Optimizer, share: float) -> None:
    """Multiply each group's own rate."""
    for group in optimiser.param_groups:
        group["lr"] = group["peak"] * share


def clip_gradient(weights: Sequence[nn.Parameter], largest: float, by: str) -> None:
    """Scale gradients down whose norm is larger.

    Parameters
    ----------
    weights : sequence of Parameter
    largest : float
        More than 0.
    by : {"all", "tensor"}
        Whether it is the norm of all gradients together (Pascanu et al. 2013, "On the difficulty of
        training recurrent neural networks", algorithm 1), or each weight's own, as Keras'
        ``clipnorm`` has it.
    """
    for group in [weights] if by == "all" else [[weight] for weight in weights]:
        torch.nn.utils.clip_grad_norm_(group, largest)
