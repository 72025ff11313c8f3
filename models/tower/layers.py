"""Where the layers of a network of transformers lie, and a network that has only some of them."""

import copy
from typing import Any

from torch import Tensor, nn

from models.tower.errors import TowerError

NORMS = ("final_norm", "norm", "final_layer_norm", "ln_f")  # after the last layer
LISTS = ("layer", "layers", "h", "block")  # what networks call the list of their layers


class Given(nn.Module):
    """In the place of embeddings: the states that are given."""

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """Return what came in as embeddings, by whatever name."""
        given = (*args, *kwargs.values())
        states: Tensor = next(
            value for value in given if isinstance(value, Tensor) and value.is_floating_point()
        )
        return states


class NoLayers(nn.Module):
    """In the place of an encoder without a layer: states stay as they are."""

    def forward(self, hidden_states: Tensor, *_: Any, **__: Any) -> Any:
        """Return them as an encoder does."""
        from transformers.modeling_outputs import (
            BaseModelOutputWithPastAndCrossAttentions as Output,
        )

        return Output(last_hidden_state=hidden_states, hidden_states=(hidden_states,))


def pass_through(network: Any, holder: nn.Module) -> None:
    """Replace the module that held the layers, where that is not the network itself."""
    for key, child in network.named_children():
        if child is holder:
            setattr(network, key, NoLayers())


def share_weights(network: Any) -> bool:
    """Whether all layers of a group are one set of weights that is gone through again, ALBERT's."""
    return getattr(network.config, "num_hidden_groups", None) is not None


def number_of_layers(network: Any, name: str) -> int:
    """Return how many layers states go through, whether they have weights of their own or not."""
    if share_weights(network):
        return int(network.config.num_hidden_layers)
    return len(layers_of(network, name))


def layers_of(network: Any, name: str) -> nn.ModuleList:
    """Return a network's layers, from the lowest to the top one."""
    holder, key = place_of_layers(network, name)
    found: nn.ModuleList = getattr(holder, key)
    return found


def place_of_layers(network: Any, name: str) -> tuple[nn.Module, str]:
    """Find the one list that holds as many modules as the network has layers."""
    wanted = getattr(network.config, "num_hidden_layers", None)
    found = [
        (module, key)
        for module in network.modules()
        for key, child in module.named_children()
        if isinstance(child, nn.ModuleList) and key in LISTS
    ]
    if not found or len(getattr(*found[0])) != wanted:
        raise TowerError(
            f"backbone {name}: expected a list of {wanted} layers in a network of the class "
            f"{type(network).__name__}, found none. Name another backbone."
        )
    return found[0]


def shallow(module: Any) -> Any:
    """Return a copy of a network whose path to the layers is its own, and all else shared."""
    twin = copy.copy(module)
    twin._modules = {
        key: shallow(child) if _holds_layers(child) else child
        for key, child in module._modules.items()
    }
    return twin


def _holds_layers(module: nn.Module | None) -> bool:
    if module is None or isinstance(module, nn.ModuleList):
        return False
    children = dict(module.named_children())
    return any(isinstance(child, nn.ModuleList) for child in children.values()) or any(
        _holds_layers(child) for child in children.values()
    )


def take_away_embeddings(network: Any) -> None:
    """Let states in where embeddings were, and freeze what the layers share with those below."""
    for key in ("embeddings", "embed_tokens"):
        if getattr(network, key, None) is not None:
            setattr(network, key, Given())
    for encoder in (network, getattr(network, "encoder", None)):
        for key in ("rel_embeddings", "relative_attention_bias", "LayerNorm"):
            shared = getattr(encoder, key, None)
            if isinstance(shared, nn.Module):
                shared.requires_grad_(False)


def configs_of(network: nn.Module) -> list[Any]:
    """Return the configurations that a network and its layers look into, each once."""
    found = (getattr(module, "config", None) for module in network.modules())
    return list({id(config): config for config in found if config is not None}.values())


def keep_types(network: Any, which: slice) -> None:
    """Let a part count the kinds of its layers from its own lowest one."""
    types = getattr(network.config, "layer_types", None)
    if types:
        network.config = copy.copy(network.config)
        network.config.layer_types = list(types)[which]


def has_norm(network: Any) -> bool:
    """Whether a norm stands after the last layer."""
    return any(
        getattr(network, place, None) is not None
        and not isinstance(getattr(network, place), nn.Identity)
        for place in NORMS
    )
