"""A few battles, and run folders that predict them."""

import json

import numpy as np
import pandas as pd
import pytest

from benchmarks.quality.runs import Scored
from data.battles import WINNER_COLUMNS

IDS = [f"0{n}" for n in range(8)]


@pytest.fixture
def scored():
    """Eight battles of six prompts."""
    y = np.array([0, 1, 2, 0, 1, 2, 0, 1], dtype=np.int8)
    return Scored(np.array(IDS, dtype=object), y, np.array(list("aabbcdef"), dtype=object))


@pytest.fixture
def write_run(tmp_path, scored):
    """Write a run folder, its rows in another order than the battles'."""

    def write(name, seed=0, sure=0.5, fold=None, ids=IDS, seconds=(2.0, 3.0)):
        folder = tmp_path / name
        folder.mkdir()
        proba = np.full((len(ids), 3), (1 - sure) / 2)
        proba[np.arange(len(ids)), np.resize(scored.y, len(ids))] = sure
        oof = pd.DataFrame(proba, columns=list(WINNER_COLUMNS)).assign(id=ids)
        oof.iloc[::-1].to_csv(folder / "oof.csv", index=False)
        folds = np.arange(len(ids)) % 3 if fold is None else fold
        folds = pd.DataFrame({"id": ids, "group": "x", "fold": folds})
        folds.iloc[::-1].to_csv(folder / "folds.csv", index=False)
        (folder / "config.toml").write_text(f"seed = {seed}\n")
        report = {"seconds": dict(zip("ab", seconds, strict=True)), "peak_memory_mb": 100 + seed}
        (folder / "report.json").write_text(json.dumps(report))
        return folder

    return write
