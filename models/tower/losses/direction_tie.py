"""The product of two questions: a tie or a decision, and who won a decided battle."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus

from data.labels import TIE, A, B
from models.tower.losses.contract import Loss, Raw, Targets


@dataclass(frozen=True)
class DirectionTie(Loss):
    """Direction loss and tie loss of `models.heads`, added.

    Their logits are averaged over both orders first, as `models.heads.MulticlassHead` does, so
    that what is trained is what predicts. An extra row has no tie loss.
    """

    def of_battles(self, raw: Raw, targets: Targets) -> Tensor:
        """Return the loss of each battle, shape (n,)."""
        z, t = direction(raw), tie(raw)  # (n,), (n,)
        is_tie = targets.y == TIE  # (n,)
        of_direction = softplus(torch.where(targets.y == A, -z, z))  # (n,)
        of_tie = softplus(torch.where(is_tie, -t, t))  # (n,)
        return of_direction.masked_fill(is_tie, 0.0) + of_tie.masked_fill(~targets.plain, 0.0)


def direction(raw: Raw) -> Tensor:
    """Return the direction logit of both orders, antisymmetric: (n, 3) each -> (n,).

    >>> direction(Raw(torch.tensor([[3.0, 1.0, 9.0]]), torch.tensor([[0.0, 4.0, 9.0]])))
    tensor([3.])
    """
    first, second = (scores[:, A] - scores[:, B] for scores in raw)  # (n,), (n,)
    return (first - second) / 2.0


def tie(raw: Raw) -> Tensor:
    """Return the tie logit of both orders, symmetric: (n, 3) each -> (n,).

    >>> tie(Raw(torch.tensor([[0.0, 0.0, 0.6931]]), torch.tensor([[0.0, 0.0, 2.6931]]))).round()
    tensor([1.])
    """
    first, second = (
        scores[:, TIE] - torch.logaddexp(scores[:, A], scores[:, B]) for scores in raw
    )  # (n,), (n,)
    return (first + second) / 2.0
