"""Where layers lie."""

import pytest
import torch
from transformers import AutoConfig, AutoModel

from models.tower.errors import TowerError
from models.tower.layers import Given, NoLayers, layers_of, shallow
from tests.models.tower.backbones import ARCHITECTURES, SMALL, network_of


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_layers_are_found(name):
    assert len(layers_of(network_of(name), name)) == 2


def test_layers_that_are_one():
    """ALBERT's layers share one set of weights."""
    network = AutoModel.from_config(AutoConfig.for_model("albert", **SMALL, embedding_size=16))
    with pytest.raises(TowerError, match=r"backbone albert: expected a list of 2 layers in a netw"):
        layers_of(network, "albert")


def test_a_shallow_copy_shares_weights_and_can_lose_layers():
    network = network_of("bert")
    twin = shallow(network)
    del twin.encoder.layer
    assert len(network.encoder.layer) == 2
    assert twin.embeddings is network.embeddings


def test_stand_ins_hand_on_what_they_are_given():
    states, ids = torch.randn(1, 4, 8), torch.arange(4)
    assert Given()(ids, mask=ids, inputs_embeds=states) is states
    assert NoLayers()(states, ids).last_hidden_state is states
