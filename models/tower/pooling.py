"""How the states of a sequence's tokens become one vector: over its own tokens alone."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from models.tower.attention import Packs
from models.tower.linear import linear

Pooling = Callable[[Tensor, Packs], Tensor]


def mean(states: Tensor, packs: Packs) -> Tensor:
    """Average the states of each sequence's tokens.

    Parameters
    ----------
    states : Tensor, shape (n_tokens, n_dimensions)
        Of all sequences one after the other.
    packs : Packs

    Returns
    -------
    Tensor, shape (n_sequences, n_dimensions)

    Examples
    --------
    >>> packs = Packs.of([1, 2], torch.device("cpu"))
    >>> mean(torch.tensor([[9.0], [2.0], [4.0]]), packs).tolist()
    [[9.0], [3.0]]
    """
    return torch.stack([own.mean(dim=0) for own in states.split(packs.lengths)])


def cls(states: Tensor, packs: Packs) -> Tensor:
    """Take the state of each sequence's first token. Shapes are those of `mean`.

    >>> packs = Packs.of([1, 2], torch.device("cpu"))
    >>> cls(torch.tensor([[9.0], [2.0], [4.0]]), packs).tolist()
    [[9.0], [2.0]]
    """
    return states[packs.bounds[:-1].long()]


def last(states: Tensor, packs: Packs) -> Tensor:
    """Take the state of each sequence's last token, which in a decoder has seen all the others.

    >>> packs = Packs.of([1, 2], torch.device("cpu"))
    >>> last(torch.tensor([[9.0], [2.0], [4.0]]), packs).tolist()
    [[9.0], [4.0]]
    """
    return states[packs.bounds[1:].long() - 1]


class Attention(nn.Module):
    """Average the states of each sequence's tokens by weights that are learned.

    A token's score is ``v . tanh(W h + b)``, its weight the softmax over its own sequence: Yang et
    al. 2016 ("Hierarchical attention networks for document classification"), equations 5 to 7, W
    being square. First weights are small, so that it begins close to the plain mean.

    Parameters
    ----------
    width : int
        Dimensions of the states.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.hidden = linear(width, width)
        self.score = linear(width, 1)

    def forward(self, states: Tensor, packs: Packs) -> Tensor:
        """Return one vector a sequence. Shapes are those of `mean`."""
        scores = self.score(torch.tanh(self.hidden(states)))  # (n_tokens, 1)
        parts = zip(states.split(packs.lengths), scores.split(packs.lengths), strict=True)
        # One weight for all dimensions: (n_own, d) * (n_own, 1), then over the tokens.
        return torch.stack([(own * of.softmax(dim=0)).sum(dim=0) for own, of in parts])


POOLINGS: dict[str, Pooling] = {"mean": mean, "cls": cls, "last": last}


def pooling_of(name: str, width: int) -> Pooling:
    """Return a pooling of states of so many dimensions by its name; ``attention`` has weights."""
    return Attention(width) if name == "attention" else POOLINGS[name]
