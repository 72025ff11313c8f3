"""The likelihood of a preference under two scores."""

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import softplus

from models.tower.losses.contract import Loss, Targets, vote_share


@dataclass(frozen=True)
class BradleyTerry(Loss):
    """Minus ``log(expit(better - other))``; of a tie, half of it in either direction.

    Bradley and Terry 1952; as a loss of scores, Ouyang et al. 2022, equation 1.
    """

    def of_order(self, scores: Tensor, targets: Targets) -> Tensor:
        """Return the loss of each battle in one order, shape (n,)."""
        share = vote_share(targets.y).to(scores.dtype)  # (n,)
        delta = scores[:, 0] - scores[:, 1]  # (n,)
        return share * softplus(-delta) + (1.0 - share) * softplus(delta)  # (n,)
