"""How token states become the vector of a text: over its own tokens, never over padding."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def mean(states: "Tensor", mask: "Tensor") -> "Tensor":
    """Average the states of a text's own tokens.

    Parameters
    ----------
    states : Tensor, shape (n_texts, n_tokens, n_dimensions)
    mask : Tensor of int or bool, shape (n_texts, n_tokens)
        1 where there is a token, 0 where there is padding.

    Returns
    -------
    Tensor of float32, shape (n_texts, n_dimensions)
        0 for a text without tokens.

    Examples
    --------
    >>> import torch
    >>> mean(torch.tensor([[[2.0], [4.0], [9.0]]]), torch.tensor([[1, 1, 0]]))
    tensor([[3.]])
    """
    own = mask.unsqueeze(-1).float()
    return (states.float() * own).sum(dim=1) / own.sum(dim=1).clamp(min=1)


def cls(states: "Tensor", mask: "Tensor") -> "Tensor":
    """Take the state of the first token (``[CLS]`` where the encoder has one).

    Shapes are those of `mean`.

    >>> import torch
    >>> cls(torch.tensor([[[2.0], [4.0], [9.0]]]), torch.tensor([[1, 1, 0]]))
    tensor([[2.]])
    """
    return states[:, 0].float()


POOLINGS: dict[str, Callable[["Tensor", "Tensor"], "Tensor"]] = {"mean": mean, "cls": cls}
