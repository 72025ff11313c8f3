"""Scores against the shares of a vote."""

from dataclasses import dataclass

from torch import Tensor

from models.tower.losses.contract import Loss, Targets, vote_share


@dataclass(frozen=True)
class SquaredError(Loss):
    """Squared error of both scores: 1 for the better answer, 0 for the other, a tie a half."""

    def of_order(self, scores: Tensor, targets: Targets) -> Tensor:
        """Return the loss of each battle in one order, shape (n,)."""
        share = vote_share(targets.y).to(scores.dtype)  # (n,)
        return (scores[:, 0] - share) ** 2 + (scores[:, 1] - (1.0 - share)) ** 2  # (n,)
