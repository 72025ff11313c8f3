"""The benchmark of the stack: committed members of one seed, put together, beside each other."""

import json

import numpy as np
import pandas as pd
import pytest

from benchmarks.quality import stack
from benchmarks.quality.__main__ import main
from benchmarks.quality.oof import OutOfFold
from benchmarks.quality.runs import RunError, Scored
from data.battles import WINNER_COLUMNS, read_training
from data.folds import folds_digest
from models.heads import probabilities
from pipelines.run.folder import file_hash
from tests.conftest import SAMPLE

ROWS = 240


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Few battles laid out as the real ones, and an empty folder for what is committed."""
    (tmp_path / "arena").mkdir()
    rows = pd.read_csv(SAMPLE / "train.csv", dtype=str, keep_default_na=False)
    rows.iloc[:ROWS].to_csv(tmp_path / "arena" / "train.csv", index=False)
    monkeypatch.setenv("ARENABOOST_DATA", str(tmp_path))
    for function in (OutOfFold.commit, OutOfFold.committed.__func__):
        monkeypatch.setattr(function, "__defaults__", (tmp_path / "oof",))
    return read_training(tmp_path / "arena" / "train.csv")


def _member(read, path, noise, seed, shift=0):
    """Logits that know the votes, but for noise."""
    rng = np.random.default_rng(seed)
    fold = ((np.arange(ROWS) + shift) % 5).astype(np.int8)
    z = np.choose(read.y, [1.0, -1.0, 0.0]) + noise * rng.normal(size=ROWS)
    t = (read.y == 2) - 1.0 + noise * rng.normal(size=ROWS)
    record = {
        "train": file_hash(path / "arena" / "train.csv"),
        "folds": {"sha256": folds_digest(Scored.of(read).id, fold)},
        "seconds_of_folds": [1.0],
        "settings": {"seed": seed},
    }
    return OutOfFold(fold, z, t, record)


def test_members_and_stack_are_printed_side_by_side(read, tmp_path, capsys):
    scored = Scored.of(read)
    for seed in (0, 1):
        _member(read, tmp_path, 0.8, seed).commit("keen", seed, scored)
        _member(read, tmp_path, 3.0, seed + 10).commit("dull", seed, scored)
    assert main(["stack", "--members", "dull", "keen", "--seeds", "0", "1"]) == 0
    told = capsys.readouterr().out
    loss = {
        cells[0].strip("| "): float(cells[2])
        for cells in (line.split(" | ") for line in told.splitlines())
        if len(cells) == len(stack.COLUMNS) and cells[2][0].isdigit()
    }
    assert loss["keen"] < loss["dull"]
    assert loss["stack"] < loss["dull"]
    assert "The best member is keen." in told
    assert told.count("folds chose") == 2


def test_a_run_is_kept_under_the_seed_of_its_configuration(read, tmp_path, capsys):
    run = tmp_path / "run"
    run.mkdir()
    made = _member(read, tmp_path, 1.0, 4)
    ids = Scored.of(read).id
    proba = pd.DataFrame(probabilities(made.z, made.t), columns=list(WINNER_COLUMNS))
    proba.assign(id=ids).iloc[::-1].to_csv(run / "oof.csv", index=False)
    folds = pd.DataFrame({"id": ids, "group": "x", "fold": made.fold})
    folds.to_csv(run / "folds.csv", index=False)
    (run / "config.toml").write_text("seed = 4\n")
    inputs = {"train": {"sha256": made.record["train"]}, "extra": []}
    told = {"inputs": inputs, "seconds": {"folds": 7.0}, "source": "abc", "versions": {}}
    (run / "report.json").write_text(json.dumps(told))
    assert main(["stack", "--commit", f"some={run}"]) == 0
    assert "some-4.csv" in capsys.readouterr().err
    found = OutOfFold.committed("some", 4, Scored.of(read))
    np.testing.assert_allclose(found.z, made.z, atol=1e-12)
    np.testing.assert_allclose(found.t, made.t, atol=1e-12)
    assert found.record["folds"]["sha256"] == made.record["folds"]["sha256"]
    assert (found.seconds, found.record["source"]) == (7.0, "abc")


def test_a_run_of_another_file_is_not_kept(read, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    folds = pd.DataFrame({"id": Scored.of(read).id, "group": "x", "fold": 0})
    folds.to_csv(run / "folds.csv", index=False)
    (run / "config.toml").write_text("seed = 4\n")
    told = {"inputs": {"train": {"sha256": "0"}, "extra": []}, "seconds": {"folds": 7.0}}
    (run / "report.json").write_text(json.dumps(told))
    with pytest.raises(RunError, match=r"made of another file than .*train\.csv"):
        OutOfFold.of_run(run, Scored.of(read))


def test_members_of_other_folds_are_refused(read, tmp_path):
    scored = Scored.of(read)
    _member(read, tmp_path, 1.0, 0).commit("one", 0, scored)
    _member(read, tmp_path, 1.0, 0, shift=1).commit("other", 0, scored)
    with pytest.raises(SystemExit, match=r"other, seed 0: its folds are not those of one"):
        main(["stack", "--members", "one", "other", "--seeds", "0"])


def test_what_is_not_committed_says_how_to_make_it(read):
    with pytest.raises(SystemExit, match=r"benchmarks.quality stack --commit none=RUN"):
        main(["stack", "--members", "none", "--seeds", "0"])


def test_wrong_use(read, capsys):
    with pytest.raises(SystemExit):
        main(["stack", "--commit", "here"])
    assert "expected NAME=RUN, found 'here'" in capsys.readouterr().err
