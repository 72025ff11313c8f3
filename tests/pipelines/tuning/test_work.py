"""Trials that fail alone, and memory that does not grow."""

import json
from pathlib import Path

import pandas as pd
import pytest

from models.partwise import PartwiseModel
from pipelines.config import read_source
from pipelines.tuning.evaluation import Evaluator


@pytest.mark.parametrize(
    "fault", [MemoryError(), ValueError("no such n-grams"), RuntimeError("CUDA")]
)
def test_a_trial_that_cannot_be_done_fails_alone(study, monkeypatch, fault):
    original = PartwiseModel.fit_parts

    def failing(self, names, X, y, held):
        if self.inner_folds == 4:
            raise fault
        return original(self, names, X, y, held)

    monkeypatch.setattr(PartwiseModel, "fit_parts", failing)
    folder = study(8)
    table = pd.read_csv(folder / "trials.csv").set_index("trial")
    failed = table[table["log_loss"].isna()]
    assert 0 < len(failed) < 8
    assert set(failed["model.inner_folds"]) == {4}
    assert all(failed["failed"].str.startswith(type(fault).__name__))
    assert (folder / "DONE").exists()
    told = json.loads((folder / "study.json").read_text())
    assert told["failed"] == len(failed)
    assert told["early"] == table["early"].sum()  # who failed did not end early


def test_a_preset_that_cannot_be_done_ends_the_command(study, monkeypatch):
    monkeypatch.setattr(PartwiseModel, "fit_parts", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        study(3)
    monkeypatch.undo()
    assert (study(3) / "DONE").exists()  # and once it can, the same command goes on


def test_a_full_disk_ends_the_command(study, monkeypatch):
    study(1)
    monkeypatch.setattr(Evaluator, "evaluate", lambda *_: Path("/nowhere").read_text())
    with pytest.raises(FileNotFoundError):
        study(3)
    monkeypatch.undo()
    table = pd.read_csv(study(3) / "trials.csv")
    assert table["log_loss"].notna().all()


def resident():
    """Bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="there is no /proc")
def test_memory_does_not_grow_over_trials(study, space_file, monkeypatch):
    quick = ("folds.n_folds=2", "model.calibrate=false", "search.model.calibrate=[false]")
    space, held = read_source(file=space_file, settings=quick), []
    original = Evaluator.evaluate

    def watched(self, *given):
        outcome = original(self, *given)
        held.append(resident())
        return outcome

    monkeypatch.setattr(Evaluator, "evaluate", watched)
    study(200, space=space)
    assert len(held) == 200
    assert max(held[-50:]) <= 1.1 * max(held[:50])
