"""Two processes that train one tower."""

import os
import pickle
import subprocess
import sys

import numpy as np
import torch
from safetensors.torch import load_file

from models.tower.world import World
from tests.models.tower.backbones import material_of, state_of, trained_on

TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone")


def test_one_process_is_alone(monkeypatch):
    for key in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(key, raising=False)
    world = World.here()
    assert world == World(rank=0, size=1, local=0)
    assert world.main
    assert world.broadcast("this") == "this"
    assert world.gather("this") == ["this"]
    tensor = torch.ones(2)
    world.add([tensor])
    world.barrier()
    world.close()
    assert tensor.tolist() == [1.0, 1.0]


def test_a_process_finds_its_place(monkeypatch):
    joined = []
    monkeypatch.setattr("torch.distributed.is_initialized", lambda: False)
    monkeypatch.setattr(
        "torch.distributed.init_process_group", lambda *given, **_: joined.append(given)
    )
    for key, value in (("RANK", "5"), ("WORLD_SIZE", "8"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(key, value)
    world = World.here()
    assert world == World(rank=5, size=8, local=1)
    assert not world.main
    assert len(joined) == 1


def test_two_processes_give_one_processes_weights(rows64, backbone_folder, tmp_path):
    """Three steps; and ten of one row each, which leave none to the second process."""
    battles = (
        rows64[0].iloc[:17].assign(source=["plain", "plain", "plain", "extra"] * 4 + ["plain"])
    )
    y = (np.arange(17) % 3).astype(np.int8)
    rows = np.delete(np.arange(17), [3, 7, 11])  # 14 left, of which one is an extra tie
    y[15] = 2
    battles = battles.reset_index(drop=True)
    usual = {"batch": 4, "clip": 0.5, "extra_weight": 0.5, "epochs": 1}
    given = {
        "backbone": backbone_folder("bert"),
        "battles": battles,
        "y": y,
        "rows": rows,
        "epochs": 3 / 4,
        "settings": [
            usual,
            usual | {"batch": 1, "epochs": 3, "train_layers": 1, "loss": "direction_tie"},
            usual | {"awp": 1e-2, "loss": "dpo"},
        ],
    }
    (tmp_path / "told.pickle").write_bytes(pickle.dumps(given))
    done = subprocess.run(
        [*TORCHRUN, "-m", "tests.models.tower.worker", "together", str(tmp_path)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    for number, settings in enumerate(given["settings"]):
        material = material_of(given["backbone"], battles, **settings)
        alone = state_of(trained_on(material, y, rows, epochs=given["epochs"]))
        first, second = (load_file(tmp_path / f"{number}-{rank}.safetensors") for rank in (0, 1))
        assert alone.keys() == first.keys()
        still = material_of(given["backbone"], battles, **settings | {"learning_rate": 1e-12})
        untrained = state_of(trained_on(still, y, rows, epochs=given["epochs"]))
        moved = max(float((alone[key] - untrained[key]).abs().max()) for key in alone)
        assert moved > 1e-3
        for key, own in alone.items():
            assert torch.equal(first[key], second[key]), key
            if key.endswith("key.bias"):  # softmax does not see it: Adam scales rounding errors up
                continue
            torch.testing.assert_close(first[key], own, atol=1e-5, rtol=1e-4)
