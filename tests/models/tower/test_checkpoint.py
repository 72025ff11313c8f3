"""Unfinished trainings: what is kept, and that a kill leaves no trace."""

import os
import pickle
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch

from models.tower.checkpoint import Checkpoint, Nowhere, optimiser_tensors, restore_optimiser
from tests.models.tower.backbones import (
    Kept,
    Notes,
    material_of,
    same_weights,
    state_of,
    trained_on,
)

SETTINGS = {"epochs": 2, "evaluate_every": 3, "dropout": 0.1, "warm_up": 0.2, "batch": 10}


def test_tensors_and_all_else_come_back():
    tensors = {
        "weight.a.b": torch.randn(3, 2),
        "best.a.b": torch.randn(2, 3).T,  # not in one piece
        "optimiser.0.step": torch.tensor(3.0),
    }
    told = {"losses": [0.1 + 0.2, 1e-300], "history": [{"step": 3}], "scaler": {}}
    found = Checkpoint.load(Checkpoint(tensors, told).dump())
    assert found.told == told
    assert same_weights(found.tensors, tensors)
    assert list(found.under("weight.")) == ["a.b"]


def test_it_holds_no_pickle():
    content = Checkpoint({"weight.a": torch.zeros(1)}, {"step": 1}).dump()
    with pytest.raises(pickle.UnpicklingError):
        pickle.loads(content)
    assert content[8:9] == b"{"


def test_nowhere_keeps_nothing():
    kept = Nowhere()
    kept.write(b"content")
    assert kept.read() is None


@pytest.mark.parametrize("kind", [torch.optim.AdamW, torch.optim.Adam])
def test_an_optimiser_goes_on(kind):
    found = []
    for stop in (False, True):
        torch.manual_seed(0)
        weight = torch.nn.Parameter(torch.ones(4))
        optimiser = kind([{"params": [weight], "peak": 1.0}], lr=0.1)
        for step in range(6):
            if stop and step == 3:
                kept = {
                    name.removeprefix("optimiser."): own.clone()
                    for name, own in optimiser_tensors(optimiser).items()
                }
                optimiser = kind([{"params": [weight], "peak": 1.0}], lr=0.1)
                restore_optimiser(optimiser, kept)
            weight.grad = torch.randn(4)
            optimiser.step()
        assert optimiser.param_groups[0]["peak"] == 1.0
        found.append(weight.detach().clone())
    assert torch.equal(*found)


def test_a_checkpoint_at_each_evaluation(rows64, backbone_folder):
    kept = Kept()
    trained = trained_on(
        material_of(backbone_folder("bert"), rows64[0], **SETTINGS), rows64[1], checkpoints=kept
    )
    told = [Checkpoint.load(content).told for content in kept.written]
    assert [one["step"] for one in told] == [row["step"] for row in trained.history]
    assert len(told) > 2


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"train_layers": 1, "task": "ranking", "features": ("words_sum",)},
        {"gradient_checkpointing": True, "tokens": 300},
        {"awp": 1e-2, "awp_from": 0.5, "vat": 1.0, "tokens": 300},
    ],
)
def test_gone_on_with_from_anywhere_it_is_the_same_tower(given, rows64, backbone_folder):
    """Also from the last one, where nothing is left to do."""
    battles, y = rows64
    kept, notes = Kept(), Notes()
    options = SETTINGS | given
    whole = trained_on(
        material_of(backbone_folder("bert"), battles, **options), y, checkpoints=kept, watch=notes
    )
    for content in (kept.written[0], kept.written[-1]):
        again = Notes()
        resumed = trained_on(
            material_of(backbone_folder("bert"), battles, **options), y,
            checkpoints=Kept(content), watch=again,
        )  # fmt: skip
        assert same_weights(state_of(resumed), state_of(whole))
        assert resumed.history == whole.history
        assert resumed.tower.width == whole.tower.width
        assert (resumed.epochs, resumed.tokens) == (whole.epochs, whole.tokens)
        step = Checkpoint.load(content).told["step"]
        assert again.losses == notes.losses[step:]


def test_micro_batches_stay_as_small_as_they_had_to_become(rows64, backbone_folder):
    kept = Kept()
    material = material_of(backbone_folder("bert"), rows64[0], **SETTINGS)
    trained_on(material, rows64[1], checkpoints=kept)
    found = Checkpoint.load(kept.written[0])
    told = found.told | {"tokens_at_once": 300}
    again = Kept(Checkpoint(found.tensors, told).dump())
    trained_on(material, rows64[1], checkpoints=again)
    assert Checkpoint.load(again.written[-1]).told["tokens_at_once"] == 300


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL here")
def test_killed_and_resumed_equals_undisturbed(rows64, backbone_folder, tmp_path):
    """Bit for bit, dropout included: killed two steps after a checkpoint, and begun there."""
    battles, y = rows64
    given = {
        "backbone": backbone_folder("deberta-v2"),
        "battles": battles,
        "y": y,
        "rows": np.arange(64),
        "settings": SETTINGS | {"train_layers": 1},
        "step": 5,
    }
    (tmp_path / "told.pickle").write_bytes(pickle.dumps(given))
    done = subprocess.run(
        [sys.executable, "-m", "tests.models.tower.worker", "killed", str(tmp_path)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()[-2000:]
    content = (tmp_path / "checkpoint").read_bytes()
    assert Checkpoint.load(content).told["step"] == 3
    found = []
    for kept in (Kept(), Kept(content)):
        material = material_of(given["backbone"], battles, **given["settings"])
        notes = Notes()
        trained = trained_on(material, y, checkpoints=kept, watch=notes)
        found.append((trained, notes))
    (whole, _), (resumed, notes) = found
    assert notes.losses[0][0] == 4
    assert same_weights(state_of(whole), state_of(resumed))
    assert whole.history == resumed.history
    assert whole.tokens == resumed.tokens
    logits = [one.tower.predict(material, np.arange(64)).raw for one in (whole, resumed)]
    assert np.array_equal(*logits)
