"""How the vectors of a battle's two sides become raw scores, in either order of the answers."""

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from models.tower.losses import Raw

SPREAD = 0.02  # standard deviation of the first weights


class Concat(nn.Module):
    """Three logits of [A, B], or of the one vector of a sequence that holds both.

    Parameters
    ----------
    width : int
        Dimensions of a side's vector.
    dual : bool
        Whether each answer has a vector of its own.
    dropout : float
        Before the classifier.
    """

    def __init__(self, width: int, *, dual: bool, dropout: float) -> None:
        super().__init__()
        self.dual, self.dropout = dual, nn.Dropout(dropout)
        self.classifier = linear(2 * width if dual else width, 3)

    def forward(self, first: Tensor, second: Tensor) -> Raw:
        """Return the scores; both sides have shape (n_battles, n_dimensions)."""
        return Raw(self._scores(first, second), self._scores(second, first))

    def _scores(self, own: Tensor, other: Tensor) -> Tensor:
        vector = torch.cat([own, other], dim=1) if self.dual else own  # (n, 2 d) or (n, d)
        scores: Tensor = self.classifier(self.dropout(vector))  # (n, 3)
        return scores


class Compare(nn.Module):
    """Three logits of [A, B, A - B, A * B]; parameters are those of `Concat`."""

    def __init__(self, width: int, *, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.classifier = linear(4 * width, 3)

    def forward(self, first: Tensor, second: Tensor) -> Raw:
        """Return the scores; both sides have shape (n_battles, n_dimensions)."""
        return Raw(self._scores(first, second), self._scores(second, first))

    def _scores(self, own: Tensor, other: Tensor) -> Tensor:
        vector = torch.cat([own, other, own - other, own * other], dim=1)  # (n, 4 d)
        scores: Tensor = self.classifier(self.dropout(vector))  # (n, 3)
        return scores


class Antisymmetric(nn.Module):
    """z from d = A - B and t from abs(d) and A * B: a swap changes the sign of z, bit for bit.

    ``z = (f(d) - f(-d)) / 2``; the logits of A, B and tie are ``log(expit(z))``,
    ``log(expit(-z))`` and t, whose softmax is that of `models.heads.probabilities`.
    """

    def __init__(self, width: int, *, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.direction = linear(width, 1)
        self.tie = linear(2 * width, 1)

    def forward(self, first: Tensor, second: Tensor) -> Raw:
        """Return the scores; both sides have shape (n_battles, n_dimensions)."""
        d = self.dropout(first - second)  # (n, d)
        z = (self.direction(d) - self.direction(-d)) / 2.0  # (n, 1)
        t = self.tie(self.dropout(torch.cat([(first - second).abs(), first * second], dim=1)))
        scores = logsigmoid(z), logsigmoid(-z), t  # (n, 1) each
        return Raw(torch.cat(scores, dim=1), torch.cat([scores[1], scores[0], t], dim=1))


class Ranking(nn.Module):
    """One score an answer, whatever the other one is; parameters are those of `Concat`."""

    def __init__(self, width: int, *, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.score = linear(width, 1)

    def forward(self, first: Tensor, second: Tensor) -> Raw:
        """Return the scores; both sides have shape (n_battles, n_dimensions)."""
        scores = [self.score(self.dropout(side)) for side in (first, second)]  # (n, 1) each
        return Raw(torch.cat(scores, dim=1), torch.cat(scores[::-1], dim=1))


def linear(inputs: int, outputs: int) -> nn.Linear:
    """Return a linear layer with weights from N(0, 0.02) and a bias of 0."""
    layer = nn.Linear(inputs, outputs)
    nn.init.normal_(layer.weight, std=SPREAD)
    nn.init.zeros_(layer.bias)
    return layer
