"""Backbones in whole and in two parts, packed and side by side."""

import pytest
import torch
from transformers import AutoConfig, AutoModel

from models.tower.attention import Packs
from models.tower.backbone import Backbone, groups_of_like_length
from models.tower.errors import TowerError
from tests.models.tower.backbones import ARCHITECTURES, SMALL, ids_of, network_of

LENGTHS = (23, 7, 40, 1, 12)


def side_by_side(backbone, given, packs):
    rows = list(given.split(packs.lengths))
    found = backbone.side_by_side(rows, packs.lengths)
    return torch.cat([own[:n] for own, n in zip(found, packs.lengths, strict=True)])


def close(one, other):
    torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("train_layers", [0, 1, 2, 3])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_parts_one_after_the_other_are_the_whole(name, train_layers):
    ids, packs = ids_of(LENGTHS)
    backbone = Backbone.of(network_of(name, num_hidden_layers=3), name)
    with torch.no_grad():
        whole = backbone(ids, packs)
        parts = backbone.parted(train_layers, name)
        lower = parts.lower(ids, packs)
        close(parts.upper(lower, packs), whole)
        close(side_by_side(parts.upper, side_by_side(parts.lower, ids, packs), packs), whole)
        close(backbone(ids, packs), whole)  # which is left as it was
    assert (parts.lower.n_layers, parts.upper.n_layers) == (3 - train_layers, train_layers)
    if train_layers < 3:
        assert not torch.allclose(lower, whole, atol=1e-2) or train_layers == 0


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_only_the_upper_part_is_trained_and_its_weights_are_found_in_the_whole(name):
    backbone = Backbone.of(network_of(name, num_hidden_layers=3), name)
    parts = backbone.parted(1, name)
    whole = dict(backbone.network.named_parameters())
    trained = dict(parts.upper.network.named_parameters())
    assert parts.names.keys() == trained.keys()
    assert all(whole[parts.names[key]] is own for key, own in trained.items())
    assert not any(own.requires_grad for own in parts.lower.parameters())
    asked = {parts.names[key] for key, own in trained.items() if own.requires_grad}
    assert asked
    frozen = ("layer.0.", "layer.1.", "layers.0.", "layers.1.", "embed")
    assert not [key for key in asked if any(mark in key for mark in frozen)]


def test_all_is_trained_where_no_number_of_layers_is_given():
    backbone = Backbone.of(network_of("bert"), "bert")
    parts = backbone.parted("all", "bert")
    assert parts.lower is None
    assert parts.upper is backbone
    assert all(weight.requires_grad for weight in parts.upper.parameters())


def test_a_part_counts_the_kinds_of_its_layers_from_its_own_lowest_one():
    """Qwen2 looks a layer's window up by its number."""
    config = AutoConfig.for_model(
        "qwen2",
        **SMALL | {"num_hidden_layers": 4},
        num_key_value_heads=2,
        use_sliding_window=True,
        sliding_window=4,
        max_window_layers=2,
    )
    torch.manual_seed(0)
    backbone = Backbone.of(AutoModel.from_config(config).eval(), "qwen2")
    ids, packs = ids_of(LENGTHS)
    with torch.no_grad():
        whole = backbone(ids, packs)
        for train_layers in range(5):
            parts = backbone.parted(train_layers, "qwen2")
            close(parts.upper(parts.lower(ids, packs), packs), whole)
            lower = side_by_side(parts.lower, ids, packs)
            close(side_by_side(parts.upper, lower, packs), whole)


def test_layers_that_share_their_weights_are_used_as_a_whole():
    """ALBERT goes through one layer again and again."""
    ids, packs = ids_of(LENGTHS)
    network = network_of("albert", num_hidden_layers=3)
    once = network_of("albert", num_hidden_layers=1)
    once.load_state_dict(network.state_dict())
    with torch.no_grad():
        expected = torch.cat(
            [network(own[None]).last_hidden_state[0] for own in ids.split(packs.lengths)]
        )
        other = Backbone.of(once, "once")(ids, packs)
        backbone = Backbone.of(network, "albert")
        close(backbone(ids, packs), expected)
        close(side_by_side(backbone, ids, packs), expected)
    assert backbone.n_layers == 3
    assert backbone.packed
    assert not torch.allclose(other, expected, atol=1e-2)
    assert backbone.parted("all", "albert").upper is backbone


@pytest.mark.parametrize("train_layers", [0, 1, 2])
def test_layers_that_share_their_weights_cannot_be_parted(train_layers):
    backbone = Backbone.of(network_of("albert"), "small")
    words = rf"backbone small, a AlbertModel, share their weights: {train_layers} of them cannot"
    with pytest.raises(TowerError, match=words):
        backbone.parted(train_layers, "small")


def test_a_network_that_adds_to_its_states_cannot_be_cut():
    """GPT-2 adds places to whatever it is given."""
    config = AutoConfig.for_model(
        "gpt2", vocab_size=99, n_embd=32, n_layer=2, n_head=2, initializer_range=0.2,
        bos_token_id=2, eos_token_id=3,
    )  # fmt: skip
    backbone = Backbone.of(AutoModel.from_config(config), "gpt2")
    with pytest.raises(TowerError, match=r"train_layers: backbone gpt2, a GPT2Model, cannot be"):
        backbone.parted(1, "gpt2")
    assert backbone.parted("all", "gpt2").lower is None


def test_more_layers_than_there_are():
    backbone = Backbone.of(network_of("bert"), "some/bert")
    with pytest.raises(
        TowerError, match=r"train_layers: expected at most 2, the layers of backbone some/bert. Got"
    ):
        backbone.parted(3, "some/bert")


@pytest.mark.parametrize(
    ("name", "most"), [("bert", 512), ("roberta", 512), ("deberta-v2", None), ("llama", 2048)]
)
def test_how_many_tokens_a_sequence_may_have(name, most):
    assert Backbone.of(network_of(name), name).most == most


def test_a_pooler_is_not_trained():
    network = network_of("bert")
    assert network.pooler is not None
    names = [name for name, _ in Backbone.of(network, "bert").named_parameters()]
    assert not [name for name in names if "pooler" in name]


def test_the_encoder_of_a_pair():
    config = AutoConfig.for_model(
        "t5", vocab_size=400, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4
    )
    torch.manual_seed(0)
    network = AutoModel.from_config(config).eval()
    backbone = Backbone.of(network, "t5")
    assert backbone.of_pair
    assert not backbone.packed
    ids, packs = ids_of(LENGTHS)
    with torch.no_grad():
        wanted = [
            network.get_encoder()(own[None]).last_hidden_state[0] for own in ids.split(LENGTHS)
        ]
        close(backbone(ids, packs), torch.cat(wanted))


def test_padding_stays_small_where_there_must_be_some():
    lengths = [7, 100, 8, 96, 99, 31, 30, 7]
    groups = groups_of_like_length(lengths)
    assert sorted(place for group in groups for place in group) == list(range(8))
    for group in groups:
        own = [lengths[place] for place in group]
        assert max(own) * len(own) <= 1.1 * sum(own)
    assert len(groups) < 5


def test_a_folder_without_a_network(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(TowerError, match=r"backbone mine: cannot be loaded \(ValueError"):
        Backbone.load(tmp_path, "mine")


def test_states_pass_where_there_is_no_layer():
    backbone = Backbone.of(network_of("bert"), "bert")
    upper = backbone.parted(0, "bert").upper
    states = torch.randn(5, 32)
    packs = Packs.of([2, 3], states.device)
    assert torch.equal(upper(states, packs), states)
    decoder = Backbone.of(network_of("llama"), "llama").parted(0, "llama").upper
    assert not torch.equal(decoder(states, packs), states)  # its last norm
