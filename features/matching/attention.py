"""How the tokens of two texts match: best matches, and attention of each one over the other.

With x_i and y_j the states of the texts' own tokens, n and m of them, scaled to length 1::

    c_ij = x_i · y_j                           cosine of two tokens
    best(x)_i = max_j c_ij                     what MaxSim is the mean of
    a_ij = exp(c_ij / t) / sum_k exp(c_ik / t)   attention of token i over the other text

and for the attention of x over y, in the mean over the tokens of x::

    entropy = 1/n sum_i ( -sum_j a_ij ln a_ij ) / ln m        0 where m = 1
    first   = 1/n sum_i sum_{j < q} a_ij,  q = ceil(m / 4)    mass on the first quarter
    last    = 1/n sum_i sum_{j >= m - q} a_ij                 mass on the last quarter

The attention of y over x is the same with the texts in each other's place. All is 0 for a text
without tokens. Sources: MaxSim is that of ColBERT (Khattab and Zaharia, 2020, equation 3), the
attention that of Vaswani et al. (2017, equation 1) with the temperature t in the place of the
square root of the dimensions, since the states have length 1.
"""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

LEAST_TEMPERATURE = 0.025  # below it exp(-2 / t) is no float32 of full precision
FIGURES = ("entropy", "first", "last")


class Match(NamedTuple):
    """What the tokens of some pairs of texts have to do with each other, in float32."""

    best_x: "Tensor"  # (n_pairs, n): each token's best match in y; of padding no matter what
    best_y: "Tensor"  # (n_pairs, m): in x
    of_x: "Tensor"  # (n_pairs, 3): `FIGURES` of the attention of x over y
    of_y: "Tensor"  # (n_pairs, 3): of y over x


def match(
    x: "Tensor",
    y: "Tensor",
    temperature: float,
    n_x: "Tensor | None" = None,
    n_y: "Tensor | None" = None,
) -> Match:
    """Match the tokens of pairs of texts.

    Parameters
    ----------
    x, y : Tensor of float32, shapes (n_pairs, n, n_dimensions), (n_pairs, m, n_dimensions)
        States of length 1; n and m are at least 1.
    temperature : float
        At least 0.025.
    n_x, n_y : Tensor of int64, shape (n_pairs,), optional
        How many of the states are those of tokens, the others being padding of zeros; all of them
        by default.

    Examples
    --------
    >>> import torch
    >>> x, y = torch.eye(2)[None], torch.tensor([[[0.6, 0.8]]])
    >>> found = match(x, y, temperature=0.1)
    >>> found.best_x, found.best_y, found.of_x
    (tensor([[0.6000, 0.8000]]), tensor([[0.8000]]), tensor([[0., 1., 1.]]))
    """
    cosines = x @ y.transpose(1, 2)  # (n_pairs, n, m)
    own_x, own_y = (_quarters(part, count) for part, count in ((x, n_x), (y, n_y)))
    shifted = (cosines - 1.0) / temperature  # at most 0
    weights = shifted.exp()
    weighted = weights * shifted
    best_x = _best(cosines, own_y[:, None, :, 0] if n_y is not None else None, 2)
    best_y = _best(cosines, own_x[:, :, :1] if n_x is not None else None, 1)
    of_x = _figures(weights @ own_y, weighted @ own_y[:, :, :1], own_x, own_y)
    of_y = _figures(
        weights.transpose(1, 2) @ own_x, weighted.transpose(1, 2) @ own_x[:, :, :1], own_y, own_x
    )
    return Match(best_x, best_y, of_x, of_y)


def _quarters(states: "Tensor", count: "Tensor | None") -> "Tensor":
    """Return 1 for own tokens, for those of the first quarter, and of the last.

    Shape (n_pairs, n_tokens, 3); for all pairs alike, (1, n_tokens, 3), where none is padding.
    """
    import torch

    place = torch.arange(states.shape[1], device=states.device)[None]
    length = torch.tensor([states.shape[1]], device=states.device)
    of = (length if count is None else count)[:, None]
    quarter = (of + 3) // 4
    own = place < of
    return torch.stack([own, place < quarter, own & (place >= of - quarter)], dim=2).float()


def _best(cosines: "Tensor", own: "Tensor | None", dim: int) -> "Tensor":
    if own is not None:
        cosines = cosines.masked_fill(own == 0, -1.0)
    return cosines.amax(dim=dim)


def _figures(sums: "Tensor", weighted: "Tensor", own: "Tensor", other: "Tensor") -> "Tensor":
    """Return the means over the own tokens of entropy and masses, shape (n_pairs, 3).

    With w the weights and l their logarithms the entropy is ``ln sum w - sum w l / sum w``.
    """
    import torch

    total = sums[:, :, :1]
    possible = other[:, :, 0].sum(dim=1)[:, None, None]  # (n_pairs, 1, 1): how many tokens
    entropy = (total.log() - weighted / total) / possible.log().clamp(min=1e-9)
    each = torch.cat([entropy * (possible > 1), sums[:, :, 1:] / total], dim=2)
    return (each * own[:, :, :1]).sum(dim=1) / own[:, :, :1].sum(dim=1)
