"""The presets of towers, each on real rows, with a small backbone of its architecture."""

import os
import tomllib
from pathlib import Path

import numpy as np
import pytest

from data.battles import swap_battles
from models.tower.material import Material
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
}
CASES = [(name, {}) for name in ARCHITECTURE] + [("dual_base", {"task": "ranking"})]


def preset(name, folder, **changed):
    """A preset's settings, for a small network: a larger rate, and what a CPU has."""
    given = tomllib.loads((FOLDER / f"{name}.toml").read_text())
    small = {"backbone": folder, "precision": "auto", "learning_rate": 2e-3, "dropout": 0.1}
    small |= {"length": 48, "inner_folds": 4, "batch": max(given["batch"], 8)}
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
    assert {path.stem for path in FOLDER.glob("*.toml")} >= set(ARCHITECTURE)


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
