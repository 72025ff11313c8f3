"""The presets of towers, each on real rows, with a small backbone of its architecture."""

import os
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, LlamaConfig

from data.battles import swap_battles
from models.tower.backbone import Backbone
from models.tower.material import Material
from models.tower.network import Network
from models.tower.settings import TowerSettings
from models.tower.states import StateStore
from models.tower.tower import Tower
from tests.models.tower.backbones import Kept, Notes, same_weights, state_of, trained_on

FOLDER = Path(__file__).parents[3] / "pipelines" / "presets" / "tower"
ARCHITECTURE = {
    "minilm_tower": "bert",
    "dpo": "deberta-v2",
    "dual_base": "deberta-v2",
    "keras_small": "deberta-v2",
    "nltk_small": "deberta-v2",
    "keras_extra_small": "deberta-v2",
    "layernorm_clip": "deberta-v2",
    "llama_lora": "llama",
}
CASES = [(name, {}) for name in ARCHITECTURE] + [("dual_base", {"task": "ranking"})]
CASES += [("llama_lora", {"instruction": ""})]


def preset(name, folder, **changed):
    """A preset's settings, for a small network: a larger rate, and what a CPU has."""
    given = tomllib.loads((FOLDER / f"{name}.toml").read_text())
    small = {"backbone": folder, "precision": "auto", "learning_rate": 2e-3, "dropout": 0.1}
    small |= {"length": 48, "inner_folds": 4, "batch": max(given["batch"], 8)}
    if given.get("instruction"):
        small |= {"length": 112}  # beside its 60 tokens
    return TowerSettings.model_validate(given | small | changed)


@pytest.fixture
def material(rows64, backbone_folder):
    def make(name, changed, states=None):
        settings = preset(name, backbone_folder(ARCHITECTURE[name]), **changed)
        if settings.text == "nltk" and not os.environ.get("NLTK_DATA"):
            pytest.skip("NLTK_DATA names no folder of NLTK's corpora")
        return Material.of(settings, rows64[0], states=states)

    return make


def test_every_preset_is_tried():
    assert {path.stem for path in FOLDER.glob("*.toml")} == set(ARCHITECTURE)


@pytest.mark.parametrize(("name", "changed"), CASES)
def test_it_learns_is_saved_and_comes_back(name, changed, material, rows64, tmp_path):
    battles, y = rows64
    states = StateStore(tmp_path / "states", 10**9) if name == "minilm_tower" else None
    notes = Notes()
    made = material(name, changed | {"epochs": 6, "schedule": "constant"}, states)
    tower = trained_on(made, y, watch=notes, epochs=6).tower
    losses = np.array([loss for _, _, loss in notes.losses])
    third = len(losses) // 3
    assert losses[-third:].mean() < losses[:third].mean()
    tower.save(tmp_path / "tower")
    found = Tower.from_folder(tmp_path / "tower")
    one, other = tower.logits(battles.iloc[:16]), found.logits(battles.iloc[:16])
    assert all(map(np.array_equal, one, other))
    swapped = found.logits(swap_battles(battles.iloc[:16]))
    assert np.array_equal(swapped.z, -one.z)
    assert np.array_equal(swapped.t, one.t)


@pytest.mark.parametrize("name", ARCHITECTURE)
def test_it_goes_on_where_it_was(name, material, rows64):
    kept = Kept()
    changed = {"evaluate_every": 2, "epochs": 1, "batch": 16}
    whole = trained_on(material(name, changed), rows64[1], checkpoints=kept)
    resumed = trained_on(material(name, changed), rows64[1], checkpoints=Kept(kept.written[0]))
    assert len(kept.written) == 2
    assert same_weights(state_of(whole), state_of(resumed))
    assert whole.history == resumed.history


def test_llama_lora_is_the_published_one():
    given = tomllib.loads((FOLDER / "llama_lora.toml").read_text())
    found = TowerSettings.model_validate(given)
    assert (found.lora_rank, found.lora_alpha, found.lora_dropout) == (8, 32.0, 0.1)
    assert found.lora_targets == ("q_proj", "v_proj")
    assert (found.length, found.epochs, found.batch, found.learning_rate) == (512, 1, 2, 2e-5)
    assert found.instruction == (
        "There is a prompt and its response. Please tell me whether the human likes the response "
        "of this prompt."
    )


def test_llama_lora_trains_as_many_numbers_as_its_ranks_say():
    config = LlamaConfig(
        vocab_size=128_256,
        hidden_size=2048,
        num_hidden_layers=16,
        num_attention_heads=32,
        num_key_value_heads=8,
        head_dim=64,
        intermediate_size=8192,
    )
    given = tomllib.loads((FOLDER / "llama_lora.toml").read_text())
    with torch.device("meta"):
        backbone = Backbone(AutoModel.from_config(config), 16)
        made = Network(TowerSettings.model_validate(given), backbone)
    trained = {key: own.numel() for key, own in made.named_parameters() if own.requires_grad}
    assert sum(own for key, own in trained.items() if key.startswith("head.")) == 12_291
    # 16 layers: 8 * (2048 + 2048) of the queries, 8 * (2048 + 512) of the values.
    assert sum(trained.values()) == 12_291 + 851_968
    assert sum(own.numel() for own in made.parameters()) == 1_235_814_400 + 12_291 + 851_968
