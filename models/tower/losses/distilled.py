"""A loss of labels beside one of soft labels: what a network learns from another model."""

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import kl_div

from models.tower.losses.contract import Loss, Raw, Targets


@dataclass(frozen=True)
class Distilled(Loss):
    """``(1 - share) * loss + share * temperature**2 * KL(soft || model)``, both at a temperature.

    Hinton, Vinyals and Dean 2015, "Distilling the knowledge in a neural network", section 2: soft
    labels and network are flattened by the same temperature, so that the network that gives the
    soft labels has the smallest loss, and the square keeps the gradient's size. A row without soft
    labels has its loss alone, and so has an extra row, which tells nothing of ties.

    Parameters
    ----------
    own : Loss
        Of the labels.
    share : float, default=0.5
        From 0 to 1.
    temperature : float, default=1.0
    """

    own: Loss = field(default_factory=Loss)
    share: float = 0.5
    temperature: float = 1.0

    def of_battles(self, raw: Raw, targets: Targets) -> Tensor:
        """Return the loss of each battle, shape (n,)."""
        own = self.own.of_battles(raw, targets)  # (n,)
        if targets.soft is None:
            return own
        known = targets.plain & ~targets.soft.isnan().any(dim=1)  # (n,)
        away = super().of_battles(raw, targets)  # (n,): the mean of both orders
        mixed = (1.0 - self.share) * own + self.share * self.temperature**2 * away  # (n,)
        return torch.where(known, mixed, own)

    def of_order(self, scores: Tensor, targets: Targets) -> Tensor:
        """Return how far the network is from the soft labels in one order, shape (n,)."""
        if targets.soft is None:
            raise ValueError("The soft of Targets must be there to learn from. Got None instead.")
        soft = targets.soft.to(scores.dtype).nan_to_num(1.0 / 3.0)  # (n, 3)
        flat = soft ** (1.0 / self.temperature)  # (n, 3)
        flat = flat / flat.sum(dim=1, keepdim=True)  # (n, 3)
        logs = torch.log_softmax(scores / self.temperature, dim=1)  # (n, 3)
        return kl_div(logs, flat, reduction="none").sum(dim=1)  # (n,)
