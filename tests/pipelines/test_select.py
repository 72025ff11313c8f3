"""`pipelines.select`: what it leaves, what it refuses, and that its outcome can be fitted."""

import json
import re

import pandas as pd
import pytest

from pipelines.config import load_config
from tests.commands import fit, select
from tests.conftest import cells


def said(capsys):
    """Return the one line that says what is wrong."""
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    return err


def test_what_stays_is_a_configuration(selection):
    config = load_config(file=selection / "selected.toml")
    told = json.loads((selection / "selection.json").read_text())
    assert config.model.select == told["selected"]
    assert config.model.direction == ["linear"]
    table = pd.read_csv(selection / "selection.csv")
    staying = table[table["stays"]]
    assert set(staying["unit"]) <= set(told["selected"])
    assert set(config.families) == set(staying["family"])
    assert table["folds"].between(0, 2).all()
    assert table["importance"].sum() == pytest.approx(1)
    counts = told["counts"]
    assert 0 < counts["columns"] < counts["columns_every"] == 33
    assert len(told["folds"]) == 2
    assert (selection / "DONE").is_file()


def test_its_worth_is_told_on_rows_that_no_selection_saw(selection):
    worth = json.loads((selection / "selection.json").read_text())["worth"]
    gap = worth["difference"]
    assert gap["value"] == pytest.approx(worth["log_loss"] - worth["log_loss_every"])
    assert gap["low"] < gap["value"] < gap["high"]
    assert 1.0 < worth["log_loss"] < 1.1
    assert worth["seconds"] > 0
    assert worth["seconds_every"] > 0


def test_its_outcome_is_fitted_as_any_other(selection, files, tmp_path):
    argv = ["--config", str(selection / "selected.toml"), "--train", str(files / "train.csv")]
    argv += ["--output", str(tmp_path / "run"), "--device", "cpu", "--no-cache"]
    assert fit(argv) == 0
    columns = json.loads((tmp_path / "run" / "features.json").read_text())
    counts = json.loads((selection / "selection.json").read_text())["counts"]
    assert len(columns) == counts["columns"]


def test_of_noise_alone_nothing_stays_and_no_configuration_is_written(
    select_flags, tmp_path, capsys
):
    """Votes drawn by lot."""
    table = cells("train.csv").iloc[:400]
    winners = [name for name in table if name.startswith("winner")]
    table[winners] = table[winners].sample(frac=1, random_state=0).to_numpy()
    table.to_csv(tmp_path / "noise.csv", index=False)
    argv = [
        *select_flags,
        "--train",
        str(tmp_path / "noise.csv"),
        "--output",
        str(tmp_path / "none"),
    ]
    assert select(argv) == 0
    out = capsys.readouterr().out
    assert "nothing stays: no column lowers the log loss by more than chance does" in out
    assert "columns that stay: 0 of 33" in out
    assert "configuration:" not in out
    assert (tmp_path / "none" / "DONE").is_file()
    assert not (tmp_path / "none" / "selected.toml").exists()


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--train", "none.csv"], r"none\.csv: no such file"),
        (["--extra", "none.csv"], r"--extra goes with --train: the bundled sample is generated"),
        (["--set", "model.select=['turns__nope_a']"], r"'turns__nope_a' is no column of .*Did you"),
        (["--preset", "stack"], r"--preset stack: no such preset\."),
        (["--output", "a.partial"], r"a\.partial: a name that ends in \.partial is kept"),
    ],
)
def test_wrong_use_is_a_line(argv, words, select_flags, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    output = [] if "--output" in argv else ["--output", "out"]
    given = select_flags if "--preset" not in argv else ["--no-cache"]
    assert select([*given, *argv, *output]) == 2
    assert re.search(words, said(capsys))


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--ranking", "luck"], r"argument --ranking: invalid choice: 'luck'"),
        (["--timeout", "0"], r"argument --timeout: expected seconds above 0, found '0'"),
        (["--timeout", "soon"], r"argument --timeout: expected seconds above 0, found 'soon'"),
        (["--test", "test.csv"], r"unrecognized arguments: --test test\.csv"),
        (["--raw"], r"unrecognized arguments: --raw"),
        (["--skip-at-most", "2"], r"--skip-at-most: expected a share from 0 to 1, found '2'"),
    ],
)
def test_wrong_flags_are_refused(argv, words, capsys):
    with pytest.raises(SystemExit, match="2"):
        select(argv)
    assert re.search(words, said(capsys))


def test_a_finished_one_is_replaced_with_force_alone(selection, select_flags, capsys):
    assert select([*select_flags, "--output", str(selection)]) == 2
    assert re.search(r"is a finished run\. .*--force", said(capsys))


def test_another_ranking_does_not_go_on_with_the_work_of_the_first(select_flags, tmp_path, capsys):
    argv = [*select_flags, "--output", str(tmp_path / "late"), "--timeout", "0.001"]
    assert select(argv) == 0
    assert select([*argv, "--ranking", "shap"]) == 2
    assert re.search(r"holds unfinished work of", said(capsys))


def test_the_flag_names_the_rankings_that_there_are():
    from models.ranking import RANKINGS
    from pipelines.cli import select as command

    assert tuple(RANKINGS) == command.RANKINGS
