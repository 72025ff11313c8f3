"""Adapters that become part of the weights."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from models.tower.lora import adapted
from models.tower.merging import merged
from models.tower.tower import Tower
from tests.models.tower.backbones import material_of, trained_on
from tests.models.tower.test_lora import LORA, NAMES, moved


@pytest.mark.parametrize(
    ("name", "given"),
    [(name, {}) for name in NAMES]
    + [("bert", {"train_layers": 1}), ("bert", {"task": "ranking", "features": ["words_sum"]})],
)
def test_the_same_logits_without_adapters(name, given, backbone_folder, rows64, tmp_path):
    battles, y = rows64
    material = material_of(backbone_folder(name), battles, length=32, **LORA | given)
    tower = trained_on(material, y, epochs=0.25).tower
    first = tower.logits(battles.iloc[:12])
    moved(tower.network, by=0.1)
    before = tower.logits(battles.iloc[:12])
    assert np.abs(first.raw - before.raw).max() > 1e-3
    plain = merged(tower)
    after = plain.logits(battles.iloc[:12])
    for one, other in zip(before, after, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5, rtol=1e-5)
    assert plain.settings.lora_rank == 0
    assert not adapted(plain.network.upper)
    again = tower.logits(battles.iloc[:12])  # which is left as it was
    assert all(map(np.array_equal, again, before))
    plain.save(tmp_path)
    assert "adapter" not in "".join(path.name for path in tmp_path.iterdir())
    found = Tower.from_folder(tmp_path)
    assert all(map(np.array_equal, found.logits(battles.iloc[:12]), after))


def test_what_is_added_is_written_out(backbone_folder, rows64, tmp_path):
    given = {"lora_rank": 2, "lora_alpha": 6.0, "lora_targets": ["query"], "train_layers": 1}
    material = material_of(backbone_folder("bert"), rows64[0], length=32, **given)
    tower = trained_on(material, rows64[1], epochs=0.1).tower
    (layer,) = adapted(tower.network.upper).values()
    with torch.no_grad():
        layer.lora_A["default"].weight.zero_()
        layer.lora_A["default"].weight[1, 3] = 5.0
        layer.lora_B["default"].weight.zero_()
        layer.lora_B["default"].weight[7, 1] = 0.5
    merged(tower).save(tmp_path)
    key = "encoder.layer.1.attention.self.query.weight"
    gap = (
        load_file(tmp_path / "model.safetensors")[key]
        - tower.loaded.whole.network.state_dict()[key]
    )
    expected = torch.zeros(32, 32)
    expected[7, 3] = 7.5  # 6 / 2 * 0.5 * 5
    torch.testing.assert_close(gap, expected, atol=1e-5, rtol=0.0)


def test_a_tower_without_adapters_is_itself(backbone_folder, rows64):
    tower = trained_on(material_of(backbone_folder("bert"), rows64[0]), rows64[1], epochs=0.1).tower
    assert merged(tower) is tower
