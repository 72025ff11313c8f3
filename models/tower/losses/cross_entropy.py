"""The cross-entropy of three classes, on logits."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from data.labels import B
from models.tower.losses.contract import Loss, Targets


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """Minus the log probability of what became of a battle.

    An extra row is asked for A or B given a decision: its tie logit is left out.

    Parameters
    ----------
    smoothing : float, default=0.0
        The target is ``(1 - smoothing) * one_hot + smoothing / n_classes`` (Szegedy et al. 2016,
        section 7), of the two classes of an extra row as of the three of a plain one.
    """

    smoothing: float = 0.0

    def of_order(self, scores: Tensor, targets: Targets) -> Tensor:
        """Return the loss of each battle in one order, shape (n,)."""
        y = targets.y  # (n,)
        three = self._of(scores, y)  # (n,) of (n, 3)
        two = self._of(scores[:, :2], y.clamp(max=B))  # (n,) of (n, 2)
        return torch.where(targets.plain, three, two)

    def _of(self, scores: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(scores, y, reduction="none", label_smoothing=self.smoothing)
