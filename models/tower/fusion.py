"""How the vectors of a battle's two sides become raw scores, in either order of the answers."""

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from models.tower.finish import Before, Finish
from models.tower.linear import linear
from models.tower.losses import Raw
from models.tower.ties import TIES


class Concat(nn.Module):
    """Three logits of [A, B], or of the one vector of a sequence that holds both.

    Parameters
    ----------
    width : int
        Dimensions of a side's vector.
    finish : Finish
        What a fused vector goes through, and whether the tie's logit follows from the other two.
    dual : bool
        Whether each answer has a vector of its own.
    """

    def __init__(self, width: int, finish: Finish, *, dual: bool) -> None:
        super().__init__()
        self.dual = dual
        self.before = Before(2 * width if dual else width, finish)
        self.classifier = linear(self.before.width, finish.n_logits)
        self.ties = TIES[finish.ties]()

    def forward(self, first: Tensor, second: Tensor) -> Raw:
        """Return the scores; both sides have shape (n_battles, n_dimensions)."""
        return Raw(self._scores(first, second), self._scores(second, first))

    def _scores(self, own: Tensor, other: Tensor) -> Tensor:
        vector = torch.cat([own, other], dim=1) if self.dual else own  # (n, 2 d) or (n, d)
        scores = self.classifier(self.before(vector))  # (n, 3), or (n, 2) that a tie follows from
        logits: Tensor = self.ties(scores)  # (n, 3)
        return logits


class Compare(nn.Module):
    """Three logits of [A, B, A - B, A * B]; parameters are those of `Concat`."""

    def __init__(self, width: int, finish: Finish) -> None:
        super().__init__()
        self.before = Before(4 * width, finish)
        self.classifier = linear(self.before.width, finish.n_logits)
        self.ties = TIES[finish.ties]()

    def forward(self, first: Tensor, second: Tensor) -> Raw:
        """Return the scores; both sides have shape (n_battles, n_dimensions)."""
        return Raw(self._scores(first, second), self._scores(second, first))

    def _scores(self, own: Tensor, other: Tensor) -> Tensor:
        vector = torch.cat([own, other, own - other, own * other], dim=1)  # (n, 4 d)
        scores = self.classifier(self.before(vector))  # (n, 3), or (n, 2) that a tie follows from
        logits: Tensor = self.ties(scores)  # (n, 3)
        return logits


class Antisymmetric(nn.Module):
    """z from d = A - B and t from abs(d) and A * B: a swap changes the sign of z, bit for bit.

    ``z = (f(d) - f(-d)) / 2``; the logits of A, B and tie are ``log(expit(z))``,
    ``log(expit(-z))`` and t, whose softmax is that of `models.heads.probabilities`. Where ties
    follow from two scores these are ``z / 2`` and ``-z / 2``, and there is no t. Parameters are
    those of `Concat`.
    """

    def __init__(self, width: int, finish: Finish) -> None:
        super().__init__()
        self.before = Before(width, finish, odd=True)
        self.direction = linear(width, 1)
        self.ties = TIES[finish.ties]()
        self.free = finish.ties == "free"
        if self.free:
            self.before_tie = Before(2 * width, finish)
            self.tie = linear(2 * width, 1)

    def forward(self, first: Tensor, second: Tensor) -> Raw:
        """Return the scores; both sides have shape (n_battles, n_dimensions)."""
        d = self.before(first - second)  # (n, d)
        z = (self.direction(d) - self.direction(-d)) / 2.0  # (n, 1)
        if not self.free:
            halves = torch.cat([z / 2.0, -z / 2.0], dim=1)  # (n, 2)
            return Raw(self.ties(halves), self.ties(halves.flip(1)))
        both = torch.cat([(first - second).abs(), first * second], dim=1)  # (n, 2 d)
        t = self.tie(self.before_tie(both))  # (n, 1)
        scores = logsigmoid(z), logsigmoid(-z), t  # (n, 1) each
        return Raw(torch.cat(scores, dim=1), torch.cat([scores[1], scores[0], t], dim=1))


class Ranking(nn.Module):
    """One score an answer, whatever the other one is; parameters are those of `Concat`.

    Where ties follow from two scores it gives three logits, else the two scores.
    """

    def __init__(self, width: int, finish: Finish) -> None:
        super().__init__()
        self.before = Before(width, finish)
        self.score = linear(width, 1)
        self.ties = TIES[finish.ties]()

    def forward(self, first: Tensor, second: Tensor) -> Raw:
        """Return the scores; both sides have shape (n_battles, n_dimensions)."""
        scores = [self.score(self.before(side)) for side in (first, second)]  # (n, 1) each
        one, other = (torch.cat(order, dim=1) for order in (scores, scores[::-1]))  # (n, 2) each
        return Raw(self.ties(one), self.ties(other))
