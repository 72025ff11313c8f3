"""What only a card does: packed attention in half precision, a scaled loss, adapters in both."""

import numpy as np
import pytest
import torch

from models.tower.attention import Packs, kernel
from models.tower.backbone import Backbone
from models.tower.device import Place
from models.tower.lora import adapted
from models.tower.material import Material
from models.tower.tower import Tower
from models.tower.training import Training, train
from models.tower.watch import Silent
from models.tower.world import World
from tests.models.tower.backbones import Kept, ids_of, network_of, settings_of, state_of

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
LENGTHS = [12, 3, 40, 7]


@pytest.mark.parametrize("name", ["bert", "modernbert", "llama"])
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_packed_sequences_get_the_states_that_each_has_alone(name, precision):
    place = Place.of("cuda", precision)
    backbone = Backbone.of(network_of(name), name).to(place.device).eval()
    assert backbone.packed
    assert kernel() is not None
    ids = ids_of(LENGTHS)[0].to(place.device)
    packs = Packs.of(LENGTHS, place.device)
    with torch.inference_mode(), place.autocast():
        together = backbone(ids, packs).float()
        alone = [backbone(own, Packs.of([len(own)], place.device)) for own in ids.split(LENGTHS)]
    exact = torch.cat(alone).float()
    assert float((together - exact).norm() / exact.norm()) < 0.01


@pytest.mark.parametrize("name", ["bert", "llama"])
def test_they_are_handed_to_the_kernel(name, monkeypatch):
    from models.tower import attention

    calls = []
    known = attention._on_card
    monkeypatch.setattr(attention, "_on_card", lambda *a: calls.append(1) or known(*a))
    place = Place.of("cuda", "bf16")
    backbone = Backbone.of(network_of(name), name).to(place.device).eval()
    with torch.inference_mode(), place.autocast():
        backbone(ids_of(LENGTHS)[0].to(place.device), Packs.of(LENGTHS, place.device))
    assert len(calls) == backbone.n_layers


PIECES = {"lstm": 8, "pooling": "attention", "head_norm": True, "clip_by": "tensor"}


@pytest.mark.parametrize("pieces", [{}, PIECES | {"ties": "rao_kupper"}])
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_a_tower_learns_and_resumes(precision, pieces, backbone_folder, rows64):
    battles, y = rows64
    settings = settings_of(
        backbone_folder("bert"),
        precision=precision,
        epochs=2,
        evaluate_every=3,
        learning_rate=1e-3,
        **pieces,
    )
    material = Material.of(settings, battles, device="cuda")
    kept = Kept()
    whole = train(material, y, np.arange(len(y)), checkpoints=kept)
    assert whole.history[-1]["loss"] < whole.history[0]["loss"]
    again = train(material, y, np.arange(len(y)), checkpoints=kept)
    for name, own in state_of(whole).items():
        torch.testing.assert_close(state_of(again)[name], own)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
@pytest.mark.parametrize("name", ["bert", "llama", "deberta-v2"])
def test_adapters_learn_and_come_back(name, precision, backbone_folder, rows64, tmp_path):
    """Also DeBERTa's, whose fused kernels would read past them."""
    battles, y = rows64
    settings = settings_of(
        backbone_folder(name), precision=precision, lora_rank=4, learning_rate=5e-3
    )
    material = Material.of(settings, battles, device="cuda")
    tower = train(material, y, np.arange(len(y)), epochs=1.0).tower
    layers = adapted(tower.network.upper)
    assert layers
    assert all(layer.lora_B["default"].weight.any() for layer in layers.values())
    tower.save(tmp_path)
    one, other = tower.logits(battles), Tower.from_folder(tmp_path, "cuda").logits(battles)
    np.testing.assert_allclose(one.raw, other.raw, atol=1e-3)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("name", ["bert", "deberta-v2"])
def test_perturbed_weights_and_embeddings(name, precision, backbone_folder, rows64):
    """Weights come back, each bit, from where the loss is higher; also under a scaled loss."""
    battles, y = rows64
    settings = settings_of(backbone_folder(name), precision=precision, awp=1e-2, vat=1.0, epochs=4)
    material = Material.of(settings, battles, device="cuda")
    rows = np.arange(len(y))
    made = Training(material, y, rows, rows[:0], Kept(), Silent(), World())
    for _ in range(30):  # until fp16 has found its scale
        made._one_step(30)
    before = {key: own.clone() for key, own in made.network.state_dict().items()}
    losses, known = [], made.gradient._at_once
    made.gradient._at_once = lambda rows: losses.append(known(rows)) or losses[-1]
    made.network.train()
    made.gradient(rows[:16], 0)
    assert all(torch.equal(own, before[key]) for key, own in made.network.state_dict().items())
    assert losses[1][0] > losses[0][0]
    assert all(torch.isfinite(weight.grad).all() for weight in made._trained())
