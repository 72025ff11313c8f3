"""The loss of direct preference optimisation, over a network that classifies."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from data.labels import TIE, A
from models.tower.losses.contract import Loss, Targets


@dataclass(frozen=True)
class Dpo(Loss):
    """Minus ``log(expit(beta * (better - other)))`` of the two answers' logits, and the tie's own.

    Rafailov et al. 2023, "Direct preference optimization", equation 7, in which the logits stand
    where theirs has log ratios of two policies. The tie is asked for row by row: a tie adds minus
    ``log(p_tie)``, a decision minus ``log(1 - p_tie)``, without which nothing would ever lower the
    tie's logit. Where `beta` is 1 that is the cross-entropy of the three classes. An extra row
    has no tie loss.

    Parameters
    ----------
    beta : float, default=1.0
        How steep the preference is in the difference of the logits while they are trained.
        Prediction reads logits as they are; a calibration finds what they are to be multiplied by.
    """

    beta: float = 1.0

    def of_order(self, scores: Tensor, targets: Targets) -> Tensor:
        """Return the loss of each battle in one order, shape (n,)."""
        z = self.beta * (scores[:, 0] - scores[:, 1])  # (n,)
        t = scores[:, TIE] - torch.logaddexp(scores[:, 0], scores[:, 1])  # (n,)
        is_tie = targets.y == TIE  # (n,)
        of_preference = -logsigmoid(torch.where(targets.y == A, z, -z))  # (n,)
        of_tie = -logsigmoid(torch.where(is_tie, t, -t))  # (n,)
        return of_preference.masked_fill(is_tie, 0.0) + of_tie.masked_fill(~targets.plain, 0.0)
