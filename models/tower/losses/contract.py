"""What every loss of a tower is given, what it gives back, and what an extra row counts."""

from dataclasses import dataclass
from typing import NamedTuple, Self

import torch
from torch import Tensor

from data.labels import TIE, A, B


class Raw(NamedTuple):
    """Raw scores of battles in both orders of their answers.

    Attributes
    ----------
    first : Tensor, shape (n, k)
        k = 3: logits of the first answer, of the second, of a tie. To rank with free ties, k = 2:
        a score of the first answer and one of the second.
    second : Tensor, shape (n, k)
        Of the same battles with A and B in each other's place: its column 0 speaks of B.
    """

    first: Tensor
    second: Tensor

    def exact(self) -> Self:
        """Return them in float32 at least: half precision loses the digits of a small loss."""
        dtype = torch.promote_types(self.first.dtype, torch.float32)
        return self._replace(first=self.first.to(dtype), second=self.second.to(dtype))


class Targets(NamedTuple):
    """What became of battles.

    Attributes
    ----------
    y : Tensor of int64, shape (n,)
        0 A preferred, 1 B preferred, 2 tie.
    plain : Tensor of bool, shape (n,)
        False for an extra row: drawn by another rule, it tells A from B and nothing of ties.
    soft : Tensor, shape (n, 3), optional
        Another model's probabilities of A, B and tie, NaN in a row that has none.
    weight : Tensor, shape (n,), optional
        Of each row in training, see `data.weights`; 1 by default.
    """

    y: Tensor
    plain: Tensor
    soft: Tensor | None = None
    weight: Tensor | None = None

    def swapped(self) -> Self:
        """Return them with A and B in each other's place.

        >>> Targets(torch.tensor([0, 1, 2]), torch.ones(3, dtype=torch.bool)).swapped().y
        tensor([1, 0, 2])
        """
        soft = None if self.soft is None else self.soft[:, [B, A, TIE]]  # (n, 3)
        return self._replace(y=torch.where(self.y == TIE, self.y, 1 - self.y), soft=soft)


@dataclass(frozen=True)
class Loss:
    """A loss of battles, the same under a swap of A and B: the contract of all losses.

    A subclass writes `of_order`, or `of_battles` where the two orders are not averaged at the end.

    Parameters
    ----------
    extra_weight : float, default=1.0
        Of a decided extra row beside a plain row. An extra tie counts nothing.
    """

    extra_weight: float = 1.0

    def __call__(self, raw: Raw, targets: Targets) -> tuple[Tensor, Tensor]:
        """Return loss and weight of each battle, shape (n,) both.

        The loss of a step is the sum of their products divided by the sum of the weights, over
        all of its battles, however they were cut into micro-batches.
        """
        loss = self.of_battles(raw.exact(), targets)  # (n,)
        extra = torch.where(targets.y == TIE, 0.0, self.extra_weight)  # (n,)
        weight = torch.where(targets.plain, 1.0, extra).to(loss.dtype)  # (n,)
        if targets.weight is not None:
            weight = weight * targets.weight.to(loss.dtype)  # (n,)
        left_out = ~targets.plain & (targets.y == TIE)  # (n,)
        return loss.masked_fill(left_out, 0.0), weight

    def of_battles(self, raw: Raw, targets: Targets) -> Tensor:
        """Return the loss of each battle: the mean of both orders, shape (n,)."""
        first = self.of_order(raw.first, targets)  # (n,)
        return (first + self.of_order(raw.second, targets.swapped())) / 2.0  # (n,)

    def of_order(self, scores: Tensor, targets: Targets) -> Tensor:
        """Return the loss of each battle in one order, shape (n,), from scores of shape (n, k)."""
        raise TypeError(f"{type(self).__name__} must write of_order or of_battles.")


def vote_share(y: Tensor) -> Tensor:
    """Return the first answer's share of each vote: a tie is half of one.

    >>> vote_share(torch.tensor([0, 1, 2]))
    tensor([1.0000, 0.0000, 0.5000])
    """
    return torch.where(y == TIE, 0.5, (y == A).float())
