"""The commands that measure tuning, on few battles."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.quality.tuning import write_gain
from benchmarks.speed import tuning
from pipelines.run.inputs import Inputs

SMALL = (
    'families=["length", "style"]',
    'model.members=["linear"]',
    "folds.n_folds=2",
    "model.inner_folds=2",
)


@pytest.fixture
def few(files, monkeypatch):
    """The command's flags, its battles being few."""
    monkeypatch.delenv("ARENABOOST_DATA", raising=False)
    monkeypatch.setattr(tuning, "SAMPLE", files)
    sets = [flag for setting in SMALL for flag in ("--set", setting)]
    return ["--trials", "3", "--plain", "2", *sets, "--set", "search.model.bag=[1, 2]"]


def test_rates_of_both_ways_are_told_and_their_quotient(few, capsys):
    assert tuning.main(few) == 0
    out = capsys.readouterr().out
    ours, plain, times = (
        float(line.split("|")[2].strip(" *"))
        for line in out.splitlines()
        if line.count("|") == 3
        if "---" not in line and "minute" not in line
    )
    assert times == pytest.approx(ours / plain, abs=0.06, rel=0.05)
    assert "of the columns" in out


def test_the_plain_way_is_the_same_log_loss(files, monkeypatch):
    """Else its time would be that of something else."""
    from pipelines.config import load_config
    from pipelines.run.folds import cut_folds
    from pipelines.run.inputs import read_inputs
    from pipelines.tuning.evaluation import Evaluator
    from pipelines.tuning.kept import Kept

    battles, config = read_inputs(Inputs(files / "train.csv")), load_config(settings=SMALL)
    scores = []
    original = tuning.cross_val_score
    monkeypatch.setattr(
        tuning, "cross_val_score", lambda *given, **named: scores.extend(original(*given, **named))
    )
    tuning.plainly(config, battles)
    folds = cut_folds(battles, 2, config.seed)
    kept = Kept(files.parent / "kept-by-benchmark", {})
    value = Evaluator(config, battles, folds, kept, n_jobs=1).evaluate(config, [0, 1], None).value
    sizes = np.bincount(folds.fold)
    assert -np.average(scores, weights=sizes) == pytest.approx(value, abs=1e-12)


def test_shares_are_of_all_trials():
    rows = {
        "columns_asked": [8, 2],
        "columns_found": [0, 2],
        "parts_asked": [6, 6],
        "parts_found": [0, 3],
        "folds": [2, 1],
    }
    assert tuning.Shares.of(pd.DataFrame(rows), 2) == (0.2, 0.25, 0.25)


def test_the_gain_is_told_by_split_and_together(capsys):
    gain = {"value": 0.003, "low": 0.001, "high": 0.005}
    split = {"value": 1.01, "gain": 0.006, "held_gain": 0.002}
    write_gain(
        {
            "best": {"log_loss": 1.005, "gain": 0.007, "values": {"model.bag": 2}},
            "nested": {"gain": gain, "splits": [split, split]},
            "finished": 9,
            "trials": 9,
            "early": 4,
            "seconds": 61.2,
        }
    )
    out = capsys.readouterr().out
    assert "| all rows | 1.0050 | +0.0070 |  |" in out
    assert "| without split 2 | 1.0100 | +0.0060 | +0.0020 |" in out
    assert "**+0.0030 [+0.0010, +0.0050]**" in out
    assert "- `model.bag` = 2" in out
