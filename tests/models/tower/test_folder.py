"""Folders of towers with adapters; those of whole towers are in `test_tower`."""

import json
import shutil

import numpy as np
import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModel

from features.encoding.backbone import quiet
from models.tower.errors import TowerError
from models.tower.folder import digest_of
from models.tower.tower import Tower
from tests.models.tower.backbones import material_of, same_weights, trained_on
from tests.models.tower.test_lora import LORA, moved


@pytest.fixture
def base(backbone_folder, tmp_path):
    """A copy of a backbone that a test may change."""

    def copy(name="bert"):
        return str(shutil.copytree(backbone_folder(name), tmp_path / "base", dirs_exist_ok=True))

    return copy


@pytest.fixture
def tower(base, rows64):
    def make(name="bert", **given):
        material = material_of(base(name), rows64[0], length=32, **LORA | given)
        found = trained_on(material, rows64[1], epochs=0.25).tower
        moved(found.network, by=0.1)
        return found

    return make


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("bert", {"train_layers": 1}),
        ("bert", {"lora_dropout": 0.1, "task": "ranking"}),
        ("llama", {"pooling": "last"}),
        ("deberta-v2", {"lora_targets": ["all-linear"]}),
        ("albert", {}),
    ],
)
def test_adapters_come_back(name, given, tower, rows64, tmp_path):
    battles, made, folder = rows64[0].iloc[:12], tower(name, **given), tmp_path / "tower"
    made.save(folder)
    names = {path.name for path in folder.iterdir()}
    assert {"adapter_config.json", "adapter_model.safetensors", "head.safetensors"} <= names
    assert "model.safetensors" not in names
    found = Tower.from_folder(folder)
    assert all(map(np.array_equal, found.logits(battles), made.logits(battles)))
    assert same_weights(found.network.learned(), made.network.learned())
    assert found.settings == made.settings
    found.save(tmp_path / "again")
    for file in ("adapter_model.safetensors", "head.safetensors", "config.json"):
        assert (tmp_path / "again" / file).read_bytes() == (folder / file).read_bytes()


@pytest.mark.parametrize("name", ["bert", "llama"])
def test_peft_reads_the_folder(name, tower, tmp_path):
    """Adapters of the top layer, on the network as transformers loads it."""
    made, folder = tower(name, train_layers=1), tmp_path / "tower"
    made.save(folder)
    network = AutoModel.from_pretrained(tmp_path / "base", attn_implementation="eager")
    with quiet():
        network = PeftModel.from_pretrained(network, folder).eval()
    ids = torch.arange(5, 17)
    loaded = made.loaded
    given, packs = loaded.whole.embedded([ids.numpy()], torch.device("cpu"))
    with torch.no_grad():
        expected = made.network.upper(loaded.parts.lower(given, packs), packs)
        found = network(input_ids=ids[None]).last_hidden_state[0]
        plain = loaded.parts.upper(loaded.parts.lower(given, packs), packs)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(plain, expected, atol=1e-3)


def test_the_base_may_lie_elsewhere(tower, rows64, tmp_path):
    made = tower()
    made.save(tmp_path / "tower")
    elsewhere = (tmp_path / "base").rename(tmp_path / "elsewhere")
    words = r"tower: its adapters stand on the backbone .*base, which cannot be had\. Bring its"
    with pytest.raises(TowerError, match=words):
        Tower.from_folder(tmp_path / "tower")
    found = Tower.from_folder(tmp_path / "tower", backbone=str(elsewhere))
    one, other = (each.logits(rows64[0].iloc[:8]) for each in (found, made))
    assert all(map(np.array_equal, one, other))


def test_a_base_is_named_for_adapters_alone(base, rows64, tmp_path):
    material = material_of(base(), rows64[0], length=32)
    trained_on(material, rows64[1], epochs=0.25).tower.save(tmp_path / "tower")
    with pytest.raises(TowerError, match=r"tower: a tower without adapters has a backbone of its"):
        Tower.from_folder(tmp_path / "tower", backbone=base())


def test_a_base_of_other_weights(tower, tmp_path):
    tower().save(tmp_path / "tower")
    file = tmp_path / "base" / "model.safetensors"
    weights = load_file(file)
    weights["encoder.layer.0.output.dense.bias"][0] += 1e-3
    save_file(weights, file, metadata={"format": "pt"})
    words = (
        r"tower: adapters of a backbone .*base whose files have the hash \w{32}, found \w{32} in"
    )
    with pytest.raises(TowerError, match=words):
        Tower.from_folder(tmp_path / "tower")


@pytest.mark.parametrize("file", ["adapter_model.safetensors", "head.safetensors"])
def test_weights_that_were_changed(file, tower, tmp_path):
    folder = tmp_path / "tower"
    tower().save(folder)
    weights = load_file(folder / file)
    save_file({name: own + 1.0 for name, own in weights.items()}, folder / file)
    with pytest.raises(TowerError, match=rf"{file}: not the weights that were written here"):
        Tower.from_folder(folder)
    (folder / file).unlink()
    with pytest.raises(TowerError, match=rf"{file}: cannot be read"):
        Tower.from_folder(folder)


def test_adapters_of_other_settings(tower, tmp_path):
    folder = tmp_path / "tower"
    tower().save(folder)
    weights = load_file(folder / "adapter_model.safetensors")
    weights.pop(sorted(weights)[0])
    save_file(weights, folder / "adapter_model.safetensors")
    told = json.loads((folder / "config.json").read_text())
    told["arenaboost"]["weights"] = digest_of(folder / "adapter_model.safetensors")
    (folder / "config.json").write_text(json.dumps(told))
    with pytest.raises(TowerError, match=r"not the adapters of its settings. Copy the folder"):
        Tower.from_folder(folder)
