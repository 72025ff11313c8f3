"""DeBERTa's attention without padding, by the fused kernels of the package disentangled-flash.

They are exact, and are used on a card where the package is installed and its states agree with
those of transformers, which is tried whenever a network is loaded.
"""

import copy
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from models.tower.attention import Packs
from models.tower.layers import Given, NoLayers

PACKAGE = "disentangled_flash"
TYPES = ("deberta-v2",)
PROBED = (19, 64, 7)  # tokens of sequences that are read both ways
CLOSE = 0.02  # of the states' norm: what half precision loses either way


def enable(network: Any, *, backend: str = "triton") -> str | None:
    """Give a DeBERTa network the fused attention, unless its states would be others.

    Parameters
    ----------
    network : PreTrainedModel
        On its device, whose encoder is replaced; its weights keep their names.
    backend : {"triton", "torch"}
        Which of the package's kernels.

    Returns
    -------
    str or None
        Why it was not done; None where it was.
    """
    if network.config.model_type not in TYPES:
        return f"no kernels for {network.config.model_type}"
    if find_spec(PACKAGE) is None:
        return "disentangled-flash is not installed"
    from disentangled_flash import optimize_deberta_training

    device = next(network.parameters()).device
    packs = Packs.of(list(PROBED), device)
    ids = torch.arange(sum(PROBED), device=device) % min(100, network.config.vocab_size)
    was, training = network.encoder, network.training
    network.eval()
    try:
        with torch.no_grad():
            wanted = [network(own[None]).last_hidden_state[0] for own in ids.split(PROBED)]
            network.encoder = copy.deepcopy(was)
            optimize_deberta_training(network, backend=backend)
            if not hasattr(network.encoder, "forward_packed"):  # it left the network as it was
                network.encoder = was
                width = _head_width(network.config)
                return f"no Triton here, or no kernels for heads of {width} dimensions"
            found = run_packed(network, ids, packs)
    except (RuntimeError, ValueError, TypeError, AttributeError) as error:
        network.encoder = was
        return f"its kernels do not run here ({type(error).__name__}: {str(error)[:200]})"
    finally:
        network.train(training)
    expected = torch.cat(wanted).float()
    away = float((found.float() - expected).norm() / expected.norm())
    if not away < CLOSE:
        network.encoder = was
        return f"its states differ by {away:.3g} of their norm"
    return None


def _head_width(config: Any) -> int:
    width = config.hidden_size // config.num_attention_heads
    return int(getattr(config, "attention_head_size", width))


def run_packed(network: Any, given: Tensor, packs: Packs) -> Tensor:
    """Return the last states of sequences that lie one after the other.

    Parameters
    ----------
    network : PreTrainedModel
        That `enable` was given.
    given : Tensor, shape (n_tokens,) or (n_tokens, n_dimensions)
        Token ids or their embeddings, or states from the layers below.
    packs : Packs

    Returns
    -------
    Tensor, shape (n_tokens, n_dimensions)
    """
    states = given
    if not isinstance(network.embeddings, Given):
        what = "inputs_embeds" if given.is_floating_point() else "input_ids"
        places = torch.cat([torch.arange(length) for length in packs.lengths]).to(given.device)
        called = {what: given[None], "position_ids": places[None]}
        mask = torch.ones_like(called["position_ids"])  # (1, n_tokens)
        states = network.embeddings(**called, mask=mask)[0]  # (n_tokens, n_dimensions)
    if isinstance(network.encoder, NoLayers):
        return states
    found: Tensor = network.encoder.forward_packed(
        states, packs.bounds, max(packs.lengths), output_hidden_states=False
    ).last_hidden_state
    return found
