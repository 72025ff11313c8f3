"""Backbones as settings ask for them."""

from types import SimpleNamespace

import pytest
import torch

from features.encoding.files import EncoderError
from models.tower import disentangled, loaded
from models.tower.backbone import Backbone
from models.tower.device import Place
from models.tower.errors import TowerError
from models.tower.loaded import Loaded
from tests.models.tower.backbones import Notes, network_of, settings_of

CPU = Place.of("cpu", "auto")


def load(folder, **given):
    return Loaded.of(settings_of(folder, **given), CPU, Notes())


@pytest.mark.parametrize(("name", "most"), [("bert", 512), ("roberta", 512)])
def test_a_length_that_the_backbone_does_not_take(name, most, backbone_folder):
    folder = backbone_folder(name)
    assert load(folder, length=most).settings.length == most
    with pytest.raises(
        TowerError, match=rf"length: backbone {folder} takes at most {most} tokens."
    ):
        load(folder, length=most + 1)


def test_relative_positions_know_no_length(backbone_folder):
    assert load(backbone_folder("deberta-v2"), length=100_000).whole.most is None


def test_an_instruction_that_leaves_no_room_is_told_of_before_any_text(backbone_folder):
    assert load(backbone_folder("bert"), length=48, instruction="Judge.").settings.length == 48
    with pytest.raises(ValueError, match=r"must leave a token to each of 2 parts .* Got 48 inst"):
        load(backbone_folder("bert"), length=48, instruction="Please judge it. " * 9)


def test_more_layers_than_there_are(backbone_folder):
    with pytest.raises(TowerError, match=r"train_layers: expected at most 2.* Got 3."):
        load(backbone_folder("bert"), train_layers=3)


def test_a_backbone_that_is_not_there(tmp_path):
    with pytest.raises(EncoderError, match=r"nowhere: no such folder"):
        load(str(tmp_path / "nowhere"))


def test_parts(backbone_folder):
    found = load(backbone_folder("bert"), train_layers=1)
    assert (found.parts.lower.n_layers, found.parts.upper.n_layers) == (1, 1)
    assert found.whole.n_layers == 2
    assert load(backbone_folder("bert")).parts.lower is None


def card(precision="bf16"):
    """What a place on a card says of itself."""
    return SimpleNamespace(
        on_card=True, precision=precision, device=torch.device("cpu"), autocast=CPU.autocast
    )


def speed_up(name, place, **given):
    whole, notes = Backbone.of(network_of(name), name), Notes()
    loaded._speed_up(whole, settings_of("x", **given), place, notes)
    return whole.flash, notes.said


@pytest.mark.parametrize(("why", "flash"), [(None, True), ("not today", False)])
def test_fused_kernels_on_a_card(why, flash, monkeypatch):
    monkeypatch.setattr(disentangled, "enable", lambda network: why)
    told = [] if flash else ["attention with padding, 10% at most: not today"]
    assert speed_up("deberta-v2", card()) == (flash, told)


def test_no_kernels_are_tried_elsewhere(monkeypatch):
    monkeypatch.delattr(disentangled, "enable")
    assert speed_up("deberta-v2", CPU) == (False, [])
    assert speed_up("deberta-v2", card("fp32")) == (False, [])
    assert speed_up("bert", card(), dropout=0.0) == (False, [])


def test_dropout_that_a_card_does_not_know_is_told():
    words = "attention dropout is 0: the kernel for packed sequences knows none"
    assert speed_up("bert", card(), dropout="own") == (False, [words])
    assert speed_up("llama", card(), dropout="own") == (False, [])
