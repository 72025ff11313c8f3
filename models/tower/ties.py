"""Ties that follow from two scores: one parameter, learned with the rest, says how wide they are.

Either model turns a score of each answer into three logits, whose softmax is the probabilities of
A, B and tie, so that a loss of three logits is the model's likelihood. With the scores in each
other's place the first two logits change places, bit for bit, and the third stays as it is.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus


class Davidson(nn.Module):
    """``p_A : p_B : p_tie = exp(a) : exp(b) : nu * exp((a + b) / 2)``, nu more than 0.

    Davidson 1970 ("On extending the Bradley-Terry model to accommodate ties in paired comparison
    experiments"), with ``exp(score)`` for an answer's worth.

    Examples
    --------
    >>> Davidson()(torch.tensor([[3.0, 1.0]])).tolist()  # nu is 1 at first
    [[3.0, 1.0, 2.0]]
    """

    def __init__(self) -> None:
        super().__init__()
        self.log_nu = nn.Parameter(torch.zeros(1))

    def forward(self, scores: Tensor) -> Tensor:
        """Return three logits: shape (n, 2) -> (n, 3)."""
        a, b = scores.unbind(dim=1)  # (n,), (n,)
        return torch.stack([a, b, self.log_nu + (a + b) / 2.0], dim=1)


class RaoKupper(nn.Module):
    """``p_A = expit(delta - eta)``, ``p_B = expit(-delta - eta)``, and a tie is the rest.

    Rao and Kupper 1967 ("Ties in paired-comparison experiments"): delta is A's score minus B's,
    and eta the logarithm of their theta, ``theta = 1 + exp(log_excess)``, which is more than 1. A
    tie has ``(theta^2 - 1) * p_A * p_B``. The logits are logarithms of probabilities.

    Examples
    --------
    >>> RaoKupper()(torch.tensor([[0.5, 0.5]])).exp().detach()  # theta is 2 at first
    tensor([[0.3333, 0.3333, 0.3333]])
    """

    def __init__(self) -> None:
        super().__init__()
        self.log_excess = nn.Parameter(torch.zeros(1))

    def forward(self, scores: Tensor) -> Tensor:
        """Return three logits: shape (n, 2) -> (n, 3)."""
        delta = scores[:, 0] - scores[:, 1]  # (n,)
        eta = softplus(self.log_excess)  # (1,) log(theta)
        a, b = -softplus(eta - delta), -softplus(eta + delta)  # (n,), (n,)
        # theta^2 - 1 = excess * (2 + excess), of which the logarithm is taken before it overflows.
        log_two = torch.full_like(self.log_excess, math.log(2.0))
        factor = self.log_excess + torch.logaddexp(log_two, self.log_excess)  # (1,)
        return torch.stack([a, b, factor + (a + b)], dim=1)


TIES: dict[str, type[nn.Module]] = {
    "free": nn.Identity,  # the network has a logit of its own for them
    "davidson": Davidson,
    "rao_kupper": RaoKupper,
}
