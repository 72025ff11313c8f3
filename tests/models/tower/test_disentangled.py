"""DeBERTa's packed kernels in plain torch, where the package is installed."""

import importlib.util

import pytest
import torch

from models.tower import disentangled
from models.tower.attention import Packs
from models.tower.backbone import Backbone
from models.tower.disentangled import enable, run_packed
from models.tower.network import Batch, Network
from tests.models.tower.backbones import ids_of, network_of, settings_of

LENGTHS = (23, 7, 40, 1, 12)
installed = pytest.mark.skipif(
    importlib.util.find_spec("disentangled_flash") is None,
    reason="disentangled-flash is not installed",
)
V2 = {"norm_rel_ebd": "none", "share_att_key": False, "conv_kernel_size": 3, "conv_act": "gelu"}


def fused(**options):
    """A backbone without padding, and the same with it."""
    plain = Backbone.of(network_of("deberta-v2", num_hidden_layers=3, **options), "deberta")
    backbone = Backbone.of(network_of("deberta-v2", num_hidden_layers=3, **options), "deberta")
    assert enable(backbone.network, backend="torch") is None
    backbone.flash = True
    return backbone, plain


@installed
@pytest.mark.parametrize("options", [{}, V2])
def test_states_agree(options):
    backbone, plain = fused(**options)
    ids, packs = ids_of(LENGTHS)
    with torch.no_grad():
        torch.testing.assert_close(
            run_packed(backbone.network, ids, packs), plain(ids, packs), atol=1e-4, rtol=1e-4
        )
        alone = [backbone(own, Packs.of([len(own)], own.device)) for own in ids.split(LENGTHS)]
        torch.testing.assert_close(backbone(ids, packs), torch.cat(alone), atol=1e-5, rtol=1e-5)


@installed
def test_embeddings_in_the_place_of_tokens_give_the_same_states():
    """They are none yet: positions, a norm and dropout stand between the two."""
    backbone, _ = fused()
    ids, packs = ids_of(LENGTHS)
    with torch.no_grad():
        embedded = backbone.network.get_input_embeddings()(ids)
        assert torch.equal(backbone(embedded, packs), backbone(ids, packs))


@installed
@pytest.mark.parametrize("train_layers", [0, 1, 2, 3])
@pytest.mark.parametrize("options", [{}, V2])
def test_parts_agree(options, train_layers):
    backbone, plain = fused(**options)
    ids, packs = ids_of(LENGTHS)
    parts = backbone.parted(train_layers, "deberta")
    assert parts.upper.flash
    with torch.no_grad():
        found = parts.upper(parts.lower(ids, packs), packs)
        torch.testing.assert_close(found, plain(ids, packs), atol=1e-4, rtol=1e-4)


@installed
def test_weights_keep_their_names():
    backbone, plain = fused()
    found, expected = backbone.network.state_dict(), plain.network.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(own, expected[key]) for key, own in found.items())


@installed
def test_gradients_agree():
    ids, packs = ids_of(LENGTHS[:4])
    batch = Batch(ids, packs, torch.tensor([0, 1]), torch.tensor([2, 3]), torch.zeros(2, 2, 0))
    found = []
    for backbone in fused():
        network = Network(settings_of("x", dropout=0.0), backbone).train()
        network(batch).first.square().sum().backward()
        found.append(torch.cat([own.grad.reshape(-1) for own in network.parameters()]))
    torch.testing.assert_close(*found, atol=1e-4, rtol=1e-3)


@installed
def test_dropout_is_that_of_the_settings():
    ids, packs = ids_of(LENGTHS)
    backbone, _ = fused()
    for share, same in ((0.0, True), (0.3, False)):
        network = Network(settings_of("x", dropout=share), backbone).train()
        with torch.no_grad():
            one, other = (network.vectors(ids, packs) for _ in range(2))
        assert torch.equal(one, other) == same
        kept = [
            value for module in network.modules()
            for key, value in vars(module).items() if "dropout" in key and isinstance(value, float)
        ]  # fmt: skip
        assert set(kept) <= {share}


@installed
def test_states_that_differ_are_not_used(monkeypatch):
    network = network_of("deberta-v2").train()
    was = network.encoder
    monkeypatch.setattr(disentangled, "run_packed", lambda *given: run_packed(*given) * 1.1)
    assert enable(network, backend="torch") == "its states differ by 0.1 of their norm"
    assert network.encoder is was
    assert network.training


@installed
def test_kernels_that_do_not_run_are_told(monkeypatch):
    network = network_of("deberta-v2")
    was = network.encoder

    def broken(*_):
        raise RuntimeError("no such card")

    monkeypatch.setattr(disentangled, "run_packed", broken)
    assert enable(network, backend="torch") == (
        "its kernels do not run here (RuntimeError: no such card)"
    )
    assert network.encoder is was


@installed
def test_a_network_that_the_package_leaves_as_it_is():
    network = network_of("deberta-v2")
    was = network.encoder
    # Without Triton, or with heads of 8 dimensions, the package returns it without a word.
    assert enable(network) == "no Triton here, or no kernels for heads of 8 dimensions"
    assert network.encoder is was


def test_other_networks_have_no_kernels():
    assert enable(network_of("bert")) == "no kernels for bert"


def test_a_package_that_is_not_installed(monkeypatch):
    monkeypatch.setattr(disentangled, "find_spec", lambda _: None)
    assert enable(network_of("deberta-v2")) == "disentangled-flash is not installed"
