"""A tower's out-of-fold logits: trained, scored, committed, and scored again."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from benchmarks.quality import tower
from benchmarks.quality.__main__ import main
from benchmarks.quality.oof import OutOfFold
from benchmarks.quality.runs import RunError, Scored
from data.battles import read_training
from data.folds import folds_digest
from pipelines.run.folder import file_hash
from tests.conftest import SAMPLE

ROWS = 60


@pytest.fixture(scope="module")
def arena(tmp_path_factory):
    """A folder of few battles, laid out as the real one."""
    folder = tmp_path_factory.mktemp("real")
    (folder / "arena").mkdir()
    rows = pd.read_csv(SAMPLE / "train.csv", dtype=str, keep_default_na=False)
    rows.iloc[:ROWS].to_csv(folder / "arena" / "train.csv", index=False)
    rows.iloc[ROWS : ROWS + 20].to_csv(folder / "arena" / "extra.csv", index=False)
    return folder


@pytest.fixture
def here(arena, monkeypatch, tmp_path):
    """The folder is named, and logits are committed to a folder of the test."""
    monkeypatch.setenv("ARENABOOST_DATA", str(arena))
    monkeypatch.setattr(OutOfFold.commit, "__defaults__", (tmp_path / "oof",))
    monkeypatch.setattr(OutOfFold.committed.__func__, "__defaults__", (tmp_path / "oof",))
    return read_training(arena / "arena" / "train.csv")


@pytest.fixture
def made(here, arena):
    """Logits that know the winners of most battles."""
    rng = np.random.default_rng(0)
    fold = (np.arange(ROWS) % 5).astype(np.int8)
    z = rng.normal(size=ROWS) + np.choose(here.y, [2.0, -2.0, 0.0])
    t = rng.normal(size=ROWS) / 3 + (here.y == 2)
    ids = Scored.of(here).id
    record = {
        "train": file_hash(arena / "arena" / "train.csv"),
        "folds": {"sha256": folds_digest(ids, fold)},
        "seconds_of_folds": [1.0, 2.0],
    }
    return OutOfFold(fold, z, t, record)


def test_what_is_committed_is_read_back_bit_for_bit(here, made):
    scored = Scored.of(here)
    path = made.commit("some", 3, scored)
    assert path.name == "some-3.csv"
    found = OutOfFold.committed("some", 3, scored)
    for name in ("fold", "z", "t"):
        np.testing.assert_array_equal(getattr(found, name), getattr(made, name))
    assert found.record == made.record
    assert list(pd.read_csv(path)) == ["id", "fold", "z", "t"]


def test_rows_are_bound_by_id(here, made):
    scored = Scored.of(here)
    path = made.commit("some", 0, scored)
    table = pd.read_csv(path, dtype={"id": str})
    table.iloc[::-1].to_csv(path, index=False)
    side = path.with_suffix(".json")
    side.write_text(json.dumps({**json.loads(side.read_text()), "sha256": file_hash(path)}))
    np.testing.assert_array_equal(OutOfFold.committed("some", 0, scored).z, made.z)


def test_a_table_that_was_changed_is_refused(here, made):
    scored = Scored.of(here)
    path = made.commit("some", 0, scored)
    path.write_text(path.read_text().replace("0.", "1.", 1))
    with pytest.raises(RunError, match=r"some-0\.csv: not the file that some-0\.json is the reco"):
        OutOfFold.committed("some", 0, scored)


def test_folds_of_another_record_are_refused(here, made):
    scored = Scored.of(here)
    made._replace(fold=made.fold[::-1].copy()).commit("some", 0, scored)
    with pytest.raises(RunError, match="its folds are not those of its record"):
        OutOfFold.committed("some", 0, scored)


def test_logits_of_another_file_are_refused(here, made):
    scored = Scored.of(here)
    made._replace(record={**made.record, "train": "0"}).commit("some", 0, scored)
    with pytest.raises(RunError, match=r"made of another file than .*train\.csv"):
        OutOfFold.committed("some", 0, scored)


def test_nothing_committed_says_how_to_make_it(here):
    with pytest.raises(
        SystemExit,
        match=r"python -m benchmarks.quality tower --commit --preset none --seeds 0; for a run",
    ):
        main(["tower", "--preset", "none", "--from-committed"])


def test_a_fold_is_calibrated_by_the_others(here, made):
    found = tower.probabilities_of(made, here)
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    in_fold = made.fold == 2
    turned = np.where(in_fold, (here.y + 1) % 3, here.y).astype(np.int8)
    other = tower.probabilities_of(made, replace(here, y=turned))
    np.testing.assert_array_equal(found[in_fold], other[in_fold])
    assert not np.array_equal(found[~in_fold], other[~in_fold])


def test_figures_of_folds_and_of_all(here, made, capsys):
    better = made._replace(z=made.z + np.choose(here.y, [9.0, -9.0, 0.0]))
    tower.write_towers("some", [0, 1], [made, better], here)
    told = capsys.readouterr().out
    assert told.count("| fold 4 | 12 |") == 2
    assert "some, seed 0: 3 s of training" in told
    rows = [line.split(" | ") for line in told.splitlines() if line.startswith("| all folds")]
    losses = [float(row[2]) for row in rows]
    assert losses[1] < losses[0]
    assert losses[2] == pytest.approx((losses[0] + losses[1]) / 2, abs=1e-4)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--commit", "--set", "epochs=2"], "a preset's logits are committed as it stands"),
        (["--towers", "one", "two"], "expected one folder for each of --seeds"),
    ],
)
def test_wrong_use(here, capsys, flags, said):
    with pytest.raises(SystemExit):
        main(["tower", *flags])
    assert said in capsys.readouterr().err


def test_no_tower_lies_there(here, tmp_path):
    with pytest.raises(
        SystemExit,
        match=r"expected the record of what made it, found none. Name a folder that pipelines\.f",
    ):
        main(["tower", "--towers", str(tmp_path)])


@pytest.mark.slow
def test_trained_committed_and_scored_again(here, tiny_encoder, tmp_path, capsys):
    flags = ["tower", "--cache", str(tmp_path / "cache"), "--device", "cpu"]
    tiny = [f"backbone={tiny_encoder}", "length=32", "inner_folds=2", "batch=32"]
    tiny += ["train_layers=1", "n_folds=2"]
    sets = [flag for setting in tiny for flag in ("--set", setting)]
    assert main([*flags, *sets]) == 0
    told = capsys.readouterr().out
    (folder,) = (tmp_path / "cache").glob("*/towers/minilm_tower-0-*")
    shutil.rmtree(folder / "tower")  # what is made is not made again
    assert main([*flags, *sets]) == 0
    assert _tables(capsys.readouterr().out) == _tables(told)
    assert main(["tower", "--towers", str(folder), "--commit"]) == 0
    assert _tables(capsys.readouterr().out) == _tables(told)
    assert main(["tower", "--from-committed"]) == 0
    assert _tables(capsys.readouterr().out) == _tables(told)
    side = (tmp_path / "oof" / "minilm_tower-0.json").read_text()
    assert json.loads(side)["settings"]["train_layers"] == 1
    assert "train.csv" not in side


def _tables(told):
    return [line for line in told.splitlines() if line.startswith("| ")]
