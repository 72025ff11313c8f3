"""How the states of a sequence's tokens become one vector: over its own tokens alone."""

from collections.abc import Callable

import torch
from torch import Tensor

from models.tower.attention import Packs


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


POOLINGS: dict[str, Callable[[Tensor, Packs], Tensor]] = {"mean": mean, "cls": cls, "last": last}
