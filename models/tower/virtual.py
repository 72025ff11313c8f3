"""Virtual adversarial training: a small step of the embeddings shall not move the prediction.

Miyato, Dai and Goodfellow 2017, "Adversarial training methods for semi-supervised text
classification", sections 3 and 4; labels are not asked for.
"""

from collections.abc import Callable
from typing import NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import kl_div, log_softmax

from models.tower.attention import Packs
from models.tower.losses import Raw
from models.tower.material import Material
from models.tower.network import Batch

NEAR = 0.1  # norm of the step by which the direction is found
TINY = 1e-12  # added to a variance

Run = Callable[[Batch], Raw]  # the same network, with the same numbers dropped, at each call
Scaled = Callable[[Tensor], Tensor]


class Virtual(NamedTuple):
    """What is asked of the embeddings, and the tokens of the rows that are trained on.

    Attributes
    ----------
    radius : float
        Norm of a sequence's step, over all of its numbers, each in standard deviations of its
        dimension over the tokens that are read. That is a step of radius `radius` of embeddings
        which were brought to mean 0 and variance 1 (section 3), so that larger embeddings gain
        nothing; the network is given them as it knows them.
    seed : int
    longest : int
        Most tokens of a sequence.
    seen : Tensor of int64, shape (n_seen,)
        Tokens that occur.
    share : Tensor, shape (n_seen,)
        How often.
    """

    radius: float
    seed: int
    longest: int
    seen: Tensor
    share: Tensor

    @classmethod
    def of(cls, material: Material, rows: NDArray[np.intp]) -> Self:
        """Count the tokens of the rows that are trained on."""
        settings, sequences = material.loaded.settings, material.sequences
        read = np.concatenate([sequences.first[rows], sequences.second[rows]])
        tokens = np.concatenate([sequences.pieces[place] for place in read.tolist()])
        seen, count = np.unique(tokens, return_counts=True)
        share = torch.from_numpy(count / count.sum()).float()
        device = material.place.device
        return cls(
            settings.vat_radius,
            settings.seed,
            settings.length,
            torch.from_numpy(seen.astype(np.int64)).to(device),
            share.to(device),
        )

    def divergence(
        self,
        run: Run,
        embeddings: nn.Embedding,
        batch: Batch,
        raw: Raw,
        step: int,
        scaled: Scaled,
    ) -> Tensor:
        """Return how far the worst small step of the embeddings moves each prediction, shape (n,).

        ``KL(p(x) || p(x + r))``, of both orders in the mean, p(x) being held fixed; r is found by
        one power iteration.

        Parameters
        ----------
        run : callable
        embeddings : Embedding
        batch : Batch
            Of tokens.
        raw : Raw
            What the network says of it.
        step : int
            Of the training, which draws the direction that the search begins with.
        scaled : callable
            Multiplies by what keeps a gradient from vanishing in half precision.
        """
        clean = Raw(*(log_softmax(scores.detach(), dim=1) for scores in raw.exact()))
        embedded = embeddings(batch.given)  # (n_tokens, d)
        spread = self._spread(embeddings.weight)  # (d,)

        def moved(given: Tensor, r: Tensor) -> Tensor:
            return _away(clean, run(batch._replace(given=given + spread * r)))  # (n,)

        start = NEAR * unit(self._start(embedded, batch.packs, step), batch.packs)
        start.requires_grad_()  # (n_tokens, d)
        away = moved(embedded.detach(), start)  # (n,)
        (slope,) = torch.autograd.grad(scaled(away.sum()), start)  # (n_tokens, d)
        return moved(embedded, self.radius * unit(slope, batch.packs))

    def _spread(self, weight: Tensor) -> Tensor:
        """Return the standard deviation of each dimension of the embeddings, shape (d,)."""
        known = weight.detach()[self.seen].float()  # (n_seen, d)
        mean = self.share @ known  # (d,)
        return (self.share @ (known - mean).square() + TINY).sqrt()

    def _start(self, embedded: Tensor, packs: Packs, step: int) -> Tensor:
        """Draw numbers for the places of a sequence: the same in whichever micro-batch it is."""
        random = np.random.default_rng([self.seed, step])
        drawn = random.standard_normal((self.longest, embedded.shape[1]), dtype=np.float32)
        table = torch.from_numpy(drawn).to(embedded.device)  # (longest, d)
        return torch.cat([table[:length] for length in packs.lengths])  # (n_tokens, d)


def unit(steps: Tensor, packs: Packs) -> Tensor:
    """Give the step of each sequence the norm 1, over all of its numbers.

    A step without a length, or one that is not finite, becomes 0.

    Examples
    --------
    >>> packs = Packs.of([1, 2], torch.device("cpu"))
    >>> unit(torch.tensor([[0.0, 2.0], [3.0, 0.0], [0.0, 4.0]]), packs).tolist()
    [[0.0, 1.0], [0.6000000238418579, 0.0], [0.0, 0.800000011920929]]
    """
    found = []
    for own in steps.detach().float().split(packs.lengths):  # (n_own, d)
        length = own.norm()
        usable = torch.isfinite(length) & (length > 0.0)
        found.append(torch.where(usable, own / length, 0.0))
    return torch.cat(found)


def _away(clean: Raw, raw: Raw) -> Tensor:
    """Return the divergence of predictions from log probabilities, shape (n,)."""
    orders = zip(clean, raw.exact(), strict=True)
    found = [
        kl_div(log_softmax(scores, dim=1), logs, reduction="none", log_target=True).sum(dim=1)
        for logs, scores in orders
    ]  # (n,) each
    return torch.stack(found).mean(dim=0)
