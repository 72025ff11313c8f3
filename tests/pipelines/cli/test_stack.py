"""`pipelines.stack` as a command: what it refuses, and what it shows."""

import json
import os
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from data.battles import WINNER_COLUMNS
from tests.commands import stack


def said(capsys):
    """Return the one line that says what is wrong."""
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert len(err) < 1000
    return err


@pytest.fixture
def here(light_run, files, tmp_path, monkeypatch):
    """A folder with a run, and with a table of what it predicts out of fold, moved a little."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(light_run, "run")
    table = pd.read_csv("run/oof.csv", dtype={"id": str})
    names = list(WINNER_COLUMNS)
    table[names] = 0.9 * table[names] + 0.1 / 3
    table.assign(fold=pd.read_csv("run/folds.csv")["fold"]).to_csv("other.csv", index=False)
    table.to_csv("unproven.csv", index=False)
    pd.read_csv(files / "test.csv", dtype=str).iloc[:20].to_csv("test.csv", index=False)
    test = pd.read_csv("run/submission.csv", dtype={"id": str}).iloc[:20]
    test.to_csv("answers.csv", index=False)
    test[["id", *names]].iloc[:0:-1].to_csv("sample.csv", index=False)
    os.mkfifo("pipe")
    return tmp_path


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["none"], r"none: no such file or folder"),
        (["other.csv"], r"other\.csv: expected a finished run or a tower's folder as the first"),
        (["run", "pipe"], r"pipe: expected a file on disk, found a pipe"),
        (["run", "run"], r"run: the same predictions as run"),
        (["run", "unproven.csv"], r"unproven\.csv: expected proof .* --trust"),
        (["run", "--set", "folds=3"], r"--set: folds: unknown key\. Allowed: candidates, calib"),
        (["run", "--seed", "-1"], r"--set: seed: should be greater than or equal to 0"),
        (["run", "--test", "none.csv"], r"none\.csv: no such file"),
        (["run", "--train", "test.csv"], r"--train test\.csv: expected a file that run was made"),
        (["run", "--member", "x"], r"--member x: expected NAME=CSV"),
        (["run", "--member", "x=answers.csv"], r"--member x=…: the stack has no member of this"),
        (["run", "other.csv", "--test", "test.csv"], r"member other is a CSV, which cannot pred"),
        (
            ["run", "--test", "test.csv", "--sample-submission", "sample.csv"],
            r"test\.csv, column id",
        ),
        (["run", "--output", "a.partial"], r"a\.partial: a name that ends in \.partial is kept"),
        (["run", "--output", "run"], r"run is a finished run\. .*--force"),
    ],
)
def test_stack_refuses_wrong_use(argv, words, here, capsys):
    output = [] if "--output" in argv else ["--output", "stack"]
    assert stack([*argv, "--device", "cpu", *output]) == 2
    assert re.match(f"error: .*{words}", said(capsys))
    assert not Path("stack").exists()


def test_without_a_source_the_flags_are_told(capsys):
    with pytest.raises(SystemExit, match="2"):
        stack([])
    assert "the following arguments are required: SOURCE" in said(capsys)


def test_it_ends_in_the_leaderboard(here, capsys):
    argv = ["run", "again=other.csv", "--test", "test.csv", "--member", "again=answers.csv"]
    argv += ["--output", "stack", "--seed", "3", "--device", "cpu"]
    assert stack(argv) == 0
    out = capsys.readouterr().out
    for step in ("read", "members", "stack", "copy", "predict", "evaluate"):
        assert re.search(rf"^{step}: ", out, re.MULTILINE)
    loss, interval, weight = r"\d\.\d{4}", r"\d\.\d{3}–\d\.\d{3}", r"\d\.\d\d"
    seconds = r"\d+\.\d s"
    for name, cells in {
        "run": (loss, interval, weight, weight, seconds, seconds),
        "again": (loss, interval, weight, weight, "–", seconds),
        "stack": (loss, interval, "–", "–", seconds, seconds),
        "class prior": (loss, interval),
        "length alone": (loss, interval),
    }.items():
        assert re.search(rf"^ *{name} +{' +'.join(cells)}", out, re.MULTILINE), name
    assert re.search(r"^log loss against the best member, \w+: [+-]\d\.\d{4} \[", out, re.MULTILINE)
    assert "run folder: stack\nsubmission: stack/submission.csv\n" in out
    report = json.loads(Path("stack/report.json").read_text())
    assert [one["name"] for one in report["members"]] == ["run", "again"]
    assert "seed = 3" in Path("stack/config.toml").read_text()
    assert stack(argv) == 2
    assert re.search(r"stack is a finished run\. .*--force", said(capsys))
    assert stack([*argv, "--force"]) == 0


def test_an_interrupted_one_says_how_to_go_on(here, capsys, monkeypatch):
    from pipelines.run.folder import UnfinishedRun

    def interrupt(*_):
        raise KeyboardInterrupt

    argv = ["run", "unproven.csv", "--trust", "--output", "stack", "--device", "cpu"]
    with monkeypatch.context() as patch:
        patch.setattr(UnfinishedRun, "finish", interrupt)
        assert stack(argv) == 130
    assert "without --force, goes on from here" in capsys.readouterr().err
    assert stack(argv) == 0
    assert "going on with stack.partial" in capsys.readouterr().out


def test_files_that_are_gone_are_named_and_may_be_named(refit, files, tmp_path, capsys):
    train = Path(shutil.copy(files / "train.csv", tmp_path))
    run = refit(tmp_path / "run", train=train)
    train.unlink()
    argv = [str(run), "--output", str(tmp_path / "stack"), "--device", "cpu"]
    assert stack(argv) == 2
    assert re.search(r"train\.csv: .* found no such file\. .*: --train CSV", said(capsys))
    assert stack([*argv, "--train", str(files / "train.csv")]) == 0


def test_by_default_the_folder_has_a_name_of_the_time(here):
    assert stack(["run", "--device", "cpu"]) == 0
    (found,) = Path("runs").iterdir()
    assert re.fullmatch(r"stack-\d{8}-\d{6}", found.name)
