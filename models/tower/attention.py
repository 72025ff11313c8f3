"""Attention over sequences that lie one after the other, without a token of padding between them.

It is registered with transformers under `NAME`, and is what a backbone of theirs calls for every
layer once its configuration names it.
"""

from collections.abc import Callable
from functools import cache
from inspect import signature
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from models.tower.dropout import dropped

NAME = "arenaboost_packed"
HALF = (torch.float16, torch.bfloat16)
NEEDED = {"scale", "window_size"}  # arguments of torch's kernel
GROUPED = "enable_gqa"  # one that came later


class Packs(NamedTuple):
    """Where sequences lie in one row of tokens.

    Attributes
    ----------
    lengths : tuple of int
        Tokens of each.
    bounds : Tensor of int32, shape (n_sequences + 1,)
        Where each begins, and where the last one ends.
    """

    lengths: tuple[int, ...]
    bounds: Tensor

    @classmethod
    def of(cls, lengths: list[int], device: torch.device) -> Self:
        """Return the places of sequences of these lengths."""
        ends = torch.tensor([0, *lengths], dtype=torch.int32).cumsum(0, dtype=torch.int32)
        return cls(tuple(lengths), ends.to(device))


def attend(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None = None,
    *,
    packs: Packs,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Let each token see those of its own sequence.

    On a card in half precision it is one kernel for all sequences, which knows no dropout, so that
    there is none; elsewhere one call a sequence, on a CPU written out where weights are dropped.

    Parameters
    ----------
    module : Module
        Whose attention it is; it says whether it is causal.
    query, key, value : Tensor, shape (1, n_heads, n_tokens, n_dimensions)
        Of all sequences one after the other; keys and values may have fewer heads.
    attention_mask : None
        There is none: nothing is padded.
    packs : Packs
    scaling : float, optional
        Of the products; one over the root of the dimensions by default.
    dropout : float
        Share of the weights that is dropped.
    sliding_window : int, optional
        A token sees those that are less than so many places away.

    Returns
    -------
    Tensor, shape (1, n_tokens, n_heads, n_dimensions)
    None
        In place of the weights.
    """
    causal = bool(getattr(module, "is_causal", False))
    if value.device.type == "cuda" and value.dtype in HALF and kernel() is not None:
        return _on_card(query, key, value, packs, scaling, causal, sliding_window), None
    grouped = query.shape[1] != key.shape[1]
    found = []
    parts = (tensor.split(packs.lengths, dim=2) for tensor in (query, key, value))
    written_out = dropout > 0.0 and query.device.type == "cpu" and not (grouped or causal)
    for q, k, v in zip(*parts, strict=True):  # (1, n_heads, n_own, n_dimensions) each
        mask = _window(q.shape[2], sliding_window, causal, q.device)
        if written_out:
            found.append(_written_out(q, k, v, mask, scaling, dropout))
            continue
        found.append(
            scaled_dot_product_attention(
                q, k, v,
                attn_mask=mask,
                dropout_p=dropout,
                is_causal=causal and mask is None,
                scale=scaling,
                enable_gqa=grouped,
            )
        )  # fmt: skip
    return torch.cat([own.transpose(1, 2) for own in found], dim=1), None


def _written_out(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, scaling: float | None, dropout: float
) -> Tensor:
    """Return what `scaled_dot_product_attention` does, for which a CPU has no kernel with dropout.

    Most of its time would go into drawing what is dropped.
    """
    scale = q.shape[-1] ** -0.5 if scaling is None else scaling
    products = (q * scale) @ k.transpose(2, 3)  # (1, n_heads, n_own, n_own)
    if mask is not None:
        products = products.masked_fill(~mask, float("-inf"))
    weights = dropped(products.softmax(dim=3), dropout)
    return weights @ v  # (1, n_heads, n_own, n_dimensions)


def _window(n_tokens: int, width: int | None, causal: bool, device: torch.device) -> Tensor | None:
    """Return which tokens see which, shape (n_tokens, n_tokens); None where all that may do."""
    if width is None or width >= n_tokens:
        return None
    places = torch.arange(n_tokens, device=device)
    away = places[:, None] - places[None, :]  # (n_tokens, n_tokens)
    near: Tensor = away.abs() < width
    return near & (away >= 0) if causal else near


@cache
def kernel() -> Callable[..., Any] | None:
    """Return torch's attention over sequences of varying lengths, None where it has not all of it.

    It came step by step: an older torch has none, or one without windows.
    """
    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError:
        return None
    return varlen_attn if set(signature(varlen_attn).parameters) >= NEEDED else None


def _on_card(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    packs: Packs,
    scaling: float | None,
    causal: bool,
    sliding_window: int | None,
) -> Tensor:
    attention = kernel()
    if attention is None:
        raise RuntimeError("torch has no attention over sequences of varying lengths.")
    left = -1 if sliding_window is None else sliding_window - 1
    longest = max(packs.lengths)
    # Rotary positions leave queries and keys in float32, also under autocast.
    q, k, v = (tensor[0].transpose(0, 1).to(value.dtype) for tensor in (query, key, value))
    options: dict[str, Any] = {}
    if q.shape[1] != k.shape[1]:  # (n_tokens, n_heads, n_dimensions) each
        if GROUPED in signature(attention).parameters:
            options[GROUPED] = True
        else:
            times = q.shape[1] // k.shape[1]
            k, v = (own.repeat_interleave(times, dim=1) for own in (k, v))
    found = attention(
        q, k, v, packs.bounds, packs.bounds, longest, longest,
        scale=scaling,
        window_size=(left, 0 if causal else left),
        **options,
    )  # fmt: skip
    states: Tensor = found[0] if isinstance(found, tuple) else found
    return states.unsqueeze(0)  # (1, n_tokens, n_heads, n_dimensions)


def register() -> None:
    """Make it known to transformers, which may be done more than once."""
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, attend)
