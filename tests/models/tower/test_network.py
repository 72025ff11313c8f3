"""The trained network as a whole."""

import pytest
import torch
from transformers import AutoModel, DebertaV2Config

from models.tower.backbone import Backbone
from models.tower.network import Batch, Network
from pipelines.tower.settings import load_settings
from tests.models.tower.backbones import ARCHITECTURES, DEBERTA, ids_of, network_of, settings_of


def batch_of(lengths=(9, 12, 5, 7)):
    ids, packs = ids_of(lengths)
    first, second = torch.arange(len(lengths)).split(len(lengths) // 2)
    return Batch(ids, packs, first, second, torch.zeros(len(first), 2, 0))


def network(name="bert", **given):
    return Network(settings_of("x", **given), Backbone.of(network_of(name), name))


def test_keras_small_has_as_many_weights_as_the_published_one():
    config = DebertaV2Config(
        **DEBERTA | {"pos_att_type": "p2c|c2p"},
        vocab_size=128_100,
        hidden_size=768,
        num_hidden_layers=6,
        num_attention_heads=12,
        intermediate_size=3072,
        position_buckets=256,
    )
    with torch.device("meta"):
        backbone = Backbone.of(AutoModel.from_config(config), "small")
        made = Network(settings_of("x"), backbone)
    count = {key: own.numel() for key, own in made.named_parameters()}
    assert sum(own for key, own in count.items() if key.startswith("head.")) == 4_611
    assert sum(count.values()) == 141_308_931


def test_keras_extra_small_has_as_many_weights_as_the_published_one():
    config = DebertaV2Config(
        **DEBERTA,
        vocab_size=128_100,
        hidden_size=384,
        num_hidden_layers=12,
        num_attention_heads=6,
        intermediate_size=1536,
        position_buckets=256,
    )
    with torch.device("meta"):
        backbone = Backbone.of(AutoModel.from_config(config), "extra small")
        made = Network(load_settings(preset="keras_extra_small"), backbone)
    parts = {
        "upper": 70_682_112,
        "head.dense": 7_680,
        "head.fusion.before.dense": 459_008,
        "head.fusion.classifier": 771,
    }
    for name, expected in parts.items():
        assert sum(own.numel() for own in made.get_submodule(name).parameters()) == expected, name
    assert sum(own.numel() for own in made.parameters()) == sum(parts.values()) == 71_149_571


@pytest.mark.parametrize("fusion", ["concat", "compare", "antisymmetric"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_swap_within_the_network(name, fusion):
    made = network(name, fusion=fusion).eval()
    batch = batch_of()
    swapped = batch._replace(first=batch.second, second=batch.first)
    with torch.no_grad():
        one, other = made(batch), made(swapped)
    assert torch.equal(one.first, other.second)
    assert torch.equal(one.second, other.first)
    if fusion == "antisymmetric":
        z = [raw[:, 0] - raw[:, 1] for raw in one]
        assert torch.equal(z[0], -z[1])
        assert torch.equal(one.first[:, 2], one.second[:, 2])


def test_the_backbone_that_is_given_stays_as_it_is():
    upper = Backbone.of(network_of("bert"), "bert")
    before = {key: own.clone() for key, own in upper.state_dict().items()}
    made = Network(settings_of("x"), upper)
    made(batch_of()).first.sum().backward()
    with torch.no_grad():
        for weight in made.parameters():
            weight += 1.0
    assert all(torch.equal(own, before[key]) for key, own in upper.state_dict().items())
    assert all(weight.grad is None for weight in upper.parameters())


def test_first_weights_are_those_of_the_seed_and_leave_no_trace():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    heads = [network(seed=seed).head.fusion.classifier.weight for seed in (0, 0, 1)]
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])
    torch.manual_seed(5)
    upper = Backbone.of(network_of("bert"), "bert")
    torch.manual_seed(5)
    Network(settings_of("x"), upper)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_dropout_reaches_every_layer_or_none(name):
    batch = batch_of()
    still = network(name, dropout=0.0).train()
    assert torch.equal(still(batch).first, still.eval()(batch).first)
    moving = network(name, dropout=0.3).train()
    assert {m.p for m in moving.modules() if isinstance(m, torch.nn.Dropout)} == {0.3}
    torch.manual_seed(0)
    assert not torch.equal(moving(batch).first, moving.eval()(batch).first)


@pytest.mark.parametrize("name", ["bert", "deberta-v2"])
def test_the_dropout_of_a_backbone_is_its_own_unless_one_is_given(name):
    own = {
        key: module.p
        for key, module in Backbone.of(network_of(name), name).named_modules()
        if isinstance(module, torch.nn.Dropout)
    }
    made = dict(network(name, dropout="own").upper.named_modules())
    assert {key: made[key].p for key in own} == own
    assert set(own.values()) == {0.1}


def counted(upper):
    """Notes each time that the top layer computes."""
    calls = []
    lists = [module for module in upper.modules() if isinstance(module, torch.nn.ModuleList)]
    top = lists[0][-1]
    norm = next(module for module in top.modules() if "Norm" in type(module).__name__)
    norm.register_forward_hook(lambda *_: calls.append(1))
    return calls


@pytest.mark.parametrize("train_layers", ["all", 1])
@pytest.mark.parametrize("name", ["bert", "modernbert", "llama", "deberta-v2"])
def test_states_computed_a_second_time_leave_the_gradient(name, train_layers):
    batch = batch_of()
    parts = Backbone.of(network_of(name), name).parted(train_layers, name)
    with torch.no_grad():
        given = batch.given if parts.lower is None else parts.lower(batch.given, batch.packs)
    gradients, computed = [], []
    for twice in (False, True):
        settings = settings_of("x", gradient_checkpointing=twice, dropout=0.1)
        made = Network(settings, parts.upper).train()
        torch.manual_seed(0)
        calls = counted(made.upper)
        made(batch._replace(given=given)).first.square().sum().backward()
        computed.append(len(calls))
        gradients.append(
            torch.cat([w.grad.reshape(-1) for w in made.parameters() if w.grad is not None])
        )
    assert computed[1] == 2 * computed[0] > 0
    torch.testing.assert_close(*gradients, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("pieces", [{}, {"pooling": "attention", "lstm": 5}])
def test_scores_are_in_float32_whatever_the_products_are_in(pieces):
    made, batch = network(fusion="antisymmetric", **pieces), batch_of()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        raw = made(batch)
        vectors = made.vectors(batch.given, batch.packs)
        states = made.upper(batch.given, batch.packs).float()
    assert torch.equal(vectors, made.head.vectors(states, batch.packs))
    assert raw.first.dtype == vectors.dtype == torch.float32
    expected = made.head(vectors[batch.first], vectors[batch.second], batch.numbers)
    torch.testing.assert_close(raw.first, expected.first, atol=1e-5, rtol=1e-5)
