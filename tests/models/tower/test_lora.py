"""Adapters: what is trained with them, and what stays as it is."""

import json
import shutil

import numpy as np
import pytest
import torch
from peft.tuners.lora import LoraLayer

from models.tower import lora
from models.tower.backbone import Backbone
from models.tower.errors import TowerError
from models.tower.loaded import Loaded
from models.tower.lora import adapted, targets_of, twin
from models.tower.network import Network
from models.tower.settings import TowerSettings
from models.tower.states import StateStore
from tests.models.tower.backbones import (
    Kept,
    Notes,
    ids_of,
    material_of,
    network_of,
    same_weights,
    settings_of,
    state_of,
    trained_on,
)
from tests.models.tower.test_loaded import CPU, card, speed_up

LORA = {"lora_rank": 4, "lora_alpha": 8.0}
NAMES = ("bert", "llama", "deberta-v2", "albert", "modernbert")


def backbone_of(name):
    return Backbone.of(network_of(name), name)


def network(name="bert", **given):
    return Network(settings_of("x", **LORA | given), backbone_of(name))


def moved(made, by=0.5):
    """Give the second half of each adapter, which begins at 0, something to say."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for layer in adapted(made.upper).values():
            own = layer.lora_B["default"].weight
            own.copy_(by * torch.randn(own.shape, generator=generator))
    return made


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("bert", {"query", "value"}),
        ("llama", {"q_proj", "v_proj"}),
        ("deberta-v2", {"query_proj", "value_proj"}),
        ("modernbert", {"Wi", "Wo", "Wqkv"}),  # peft names none: all linear ones
        (
            "albert",
            {"embedding_hidden_mapping_in", "query", "key", "value", "dense", "ffn", "ffn_output"},
        ),
    ],
)
def test_layers_that_have_adapters_unless_some_are_named(name, layers):
    assert {of.rpartition(".")[2] for of in adapted(network(name).upper)} == layers


@pytest.mark.parametrize(
    ("targets", "number"), [(["key"], 2), (["query", "dense"], 8), (["all-linear"], 12)]
)
def test_layers_that_are_named(targets, number):
    assert len(adapted(network(lora_targets=targets).upper)) == number


@pytest.mark.parametrize("name", NAMES)
def test_only_adapters_and_head_are_trained(name):
    made = network(name)
    trained = {key for key, own in made.named_parameters() if own.requires_grad}
    assert trained
    assert all(key.startswith("head.") or ".lora_" in key for key in trained)
    assert {key for key, _ in made.head.named_parameters()} <= {key[5:] for key in trained}
    assert made.learned().keys() == trained


def test_a_product_is_the_published_one():
    """W x + alpha / rank * B A x, with numbers that are written out."""
    made = network(lora_rank=2, lora_alpha=6.0, lora_targets=["query"])
    layer = next(iter(adapted(made.upper).values())).eval()
    with torch.no_grad():
        layer.lora_A["default"].weight.zero_()
        layer.lora_A["default"].weight[0, 3] = 5.0
        layer.lora_B["default"].weight.zero_()
        layer.lora_B["default"].weight[7, 0] = 0.5
        x = torch.zeros(1, 32)
        x[0, 3] = 2.0
        gap = layer(x) - layer.base_layer(x)
    expected = torch.zeros(1, 32)
    expected[0, 7] = 15.0  # 6 / 2 * 0.5 * 5 * 2
    torch.testing.assert_close(gap, expected)


@pytest.mark.parametrize("name", NAMES)
def test_at_first_the_states_are_those_of_the_backbone(name):
    backbone = backbone_of(name)
    ids, packs = ids_of((9, 12, 5))
    made = Network(settings_of("x", **LORA), backbone).eval()
    with torch.no_grad():
        assert torch.equal(made.upper(ids, packs), backbone(ids, packs))
        other = moved(made).upper(ids, packs)
    assert not torch.allclose(other, backbone(ids, packs), atol=0.01)


def test_the_base_is_one_in_memory():
    backbone = backbone_of("bert")
    made = Network(settings_of("x", **LORA), backbone)
    own = {id(weight) for weight in made.upper.parameters()}
    assert own >= {id(weight) for weight in backbone.parameters()}
    assert not any(isinstance(module, LoraLayer) for module in backbone.modules())
    assert twin(backbone).network is not backbone.network


def test_adapters_are_drawn_by_the_seed_and_the_head_is_that_of_none():
    one, again, other = (moved(network(seed=seed)) for seed in (0, 0, 1))
    assert same_weights(one.learned(), again.learned())
    assert not same_weights(one.learned(), other.learned())
    plain = Network(settings_of("x"), backbone_of("bert"))
    assert same_weights(one.head.state_dict(), plain.head.state_dict())
    assert plain.learned().keys() == plain.state_dict().keys()


def test_dropout_of_adapters_is_their_own():
    made = network(dropout=0.0, lora_dropout=0.3)
    ids, packs = ids_of((9, 12))
    moved(made).train()
    with torch.no_grad():
        assert not torch.equal(made.upper(ids, packs), made.upper(ids, packs))
        made.eval()
        assert torch.equal(made.upper(ids, packs), made.upper(ids, packs))
    found = {layer.lora_dropout["default"].p for layer in adapted(made.upper).values()}
    assert found == {0.3}


@pytest.mark.parametrize("train_layers", ["all", 1])
@pytest.mark.parametrize("name", ["bert", "llama", "deberta-v2"])
def test_a_training_moves_adapters_and_head_alone(
    name, train_layers, backbone_folder, rows64, tmp_path
):
    battles, y = rows64
    given = LORA | {"train_layers": train_layers, "fusion": "antisymmetric", "length": 32}
    states = StateStore(tmp_path, 10**9)
    material = material_of(backbone_folder(name), battles, states, learning_rate=5e-3, **given)
    before = {key: own.clone() for key, own in material.loaded.whole.state_dict().items()}
    notes = Notes()
    trained = trained_on(material, y, watch=notes, epochs=1)
    losses = [loss for _, _, loss in notes.losses]
    assert np.mean(losses[-3:]) < np.mean(losses[:3])
    after = material.loaded.whole.state_dict()
    assert all(torch.equal(own, before[key]) for key, own in after.items())
    layers = adapted(trained.tower.network.upper)
    assert layers
    assert all(layer.lora_B["default"].weight.any() for layer in layers.values())
    if train_layers == 1:
        assert all(".0." in key and ".1." not in key for key in layers)


def test_a_training_goes_on_where_it_was_and_keeps_no_frozen_weights(backbone_folder, rows64):
    kept = Kept()
    given = LORA | {"lora_dropout": 0.2, "evaluate_every": 2, "length": 32, "batch": 16}
    whole = trained_on(
        material_of(backbone_folder("bert"), rows64[0], **given), rows64[1], checkpoints=kept
    )
    resumed = trained_on(
        material_of(backbone_folder("bert"), rows64[0], **given),
        rows64[1],
        checkpoints=Kept(kept.written[0]),
    )
    assert same_weights(state_of(whole), state_of(resumed))
    assert b"lora_A" in kept.written[0]
    assert b"base_layer" not in kept.written[0]
    assert b"word_embeddings" not in kept.written[0]


def test_a_layer_that_is_not_there(backbone_folder):
    settings = settings_of(backbone_folder("bert"), lora_targets=["q_proj"], **LORA)
    words = r"lora_targets: expected linear layers of backbone .*\(dense, key, query, value\)"
    with pytest.raises(TowerError, match=words + r", or all-linear. Got 'q_proj'\."):
        Loaded.of(settings, CPU, Notes())


def test_a_name_is_a_whole_one():
    settings = settings_of("x", lora_targets=["uery"], **LORA)
    with pytest.raises(TowerError, match=r"Got 'uery'"):
        targets_of(settings, backbone_of("bert"))


def test_without_the_library(monkeypatch):
    monkeypatch.setattr(lora, "find_spec", lambda name: None)
    with pytest.raises(TowerError, match=r"lora_rank needs peft.* The extra lora brings it: pip"):
        network()


def test_fused_kernels_would_read_past_adapters():
    """They read the weights of queries, keys and values themselves."""
    flash, said = speed_up("deberta-v2", card(), **LORA)
    assert not flash
    assert said == ["attention with padding, 10% at most: DeBERTa's fused kernels know no adapters"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"lora_alpha": 32.0}, r"lora_alpha goes with lora_rank: set lora_rank above 0, or leave"),
        ({"lora_dropout": 0.1}, r"lora_dropout goes with lora_rank: set lora_rank above 0"),
        ({"lora_targets": ["query"]}, r"lora_targets goes with lora_rank: set lora_rank above 0"),
        ({"lora_rank": 8, "train_layers": 0}, r"lora_rank goes with train_layers of 1 at least"),
    ],
)
def test_settings_that_do_not_go_together(given, words):
    with pytest.raises(ValueError, match=words):
        TowerSettings(**given)


def test_a_tokenizer_without_padding_is_fine(backbone_folder, rows64, tmp_path):
    """Lengths say what is text: towers are the same whether or not a token is named to fill up."""
    given = LORA | {"pooling": "last", "length": 32}
    folder = shutil.copytree(backbone_folder("llama"), tmp_path / "llama")
    for file in ("tokenizer_config.json", "config.json"):
        told = json.loads((folder / file).read_text())
        told = {key: own for key, own in told.items() if key not in ("pad_token", "pad_token_id")}
        (folder / file).write_text(json.dumps(told))
    material = material_of(str(folder), rows64[0], **given)
    assert material.loaded.tokeniser.tokenizer.pad_token_id is None
    assert material.loaded.whole.config.pad_token_id is None
    tower = trained_on(material, rows64[1], epochs=0.5).tower
    usual = material_of(backbone_folder("llama"), rows64[0], **given)
    other = trained_on(usual, rows64[1], epochs=0.5).tower
    assert same_weights(tower.network.learned(), other.network.learned())
    one, two = (each.logits(rows64[0].iloc[:9]) for each in (tower, other))
    assert all(map(np.array_equal, one, two))
