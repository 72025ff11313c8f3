"""Nothing is lost without a word: what a run counts in its files stands on the screen."""

import re

import pandas as pd
import pytest

from data.battles import COUNTS, Files, Reading
from pipelines.fit import fit
from pipelines.run.inputs import Inputs, read_inputs
from pipelines.tower.origin import Given, Origin
from tests.commands import predict


@pytest.fixture
def odd_files(files, tmp_path):
    """A training file in GB18030 with a copy and null turns, and an extra one that repeats it."""
    train = pd.read_csv(files / "train.csv", dtype=str, keep_default_na=False)
    train.loc[0, "response_b"] = '["好", null]'
    train = pd.concat([train, train.iloc[:1].assign(id="copy")])
    train.to_csv(tmp_path / "train.csv", index=False, encoding="gb18030")
    swapped = {"response_a": "response_b", "response_b": "response_a"}
    extra = pd.concat([train.iloc[1:3], train.iloc[3:6].rename(columns=swapped)[train.columns]])
    extra.assign(model_a="x").to_csv(tmp_path / "extra.csv", index=False)
    test = pd.read_csv(files / "test.csv", dtype=str, keep_default_na=False)
    test.loc[3, "prompt"] = "[oops"
    test.to_csv(tmp_path / "test.csv", index=False)
    return tmp_path


HOW = Reading(encoding="gb18030", skip_at_most=0.2)


def test_extra_rows_that_stand_in_train_are_counted_in_either_order(odd_files):
    inputs = Inputs(Files.of(odd_files / "train.csv", HOW), extra=(odd_files / "extra.csv",))
    battles = read_inputs(inputs)
    assert [one["rows_in_train"] for one in battles.files] == [0, 5]
    lines = battles.read_as()
    assert lines[1:3] == [
        "train.csv: read as GB18030",
        f"duplicates: 1 ({COUNTS['duplicates']})",
    ]
    assert lines[-1] == f"rows_in_train: 5 ({COUNTS['rows_in_train']})"
    assert not any("duplicates" in line for line in battles.read_as(counts=False))


def test_an_extra_row_of_soft_labels_is_counted_once(files, tmp_path):
    extra = pd.read_csv(files / "train.csv", dtype=str, keep_default_na=False).iloc[:4]
    extra["winner_model_a"], extra["winner_model_b"], extra["winner_tie"] = "0.5", "0.25", "0.25"
    extra.to_csv(tmp_path / "extra.csv", index=False)
    battles = read_inputs(Inputs(files / "train.csv", extra=(tmp_path / "extra.csv",)))
    assert len(battles.frame) - battles.n_plain == 12
    assert battles.files[1]["rows_in_train"] == 4


def test_a_run_tells_its_counts_and_reads_its_files_alike_again(odd_files, light, quiet, capsys):
    inputs = Inputs(Files.of(odd_files / "train.csv", HOW), odd_files / "test.csv")
    console = quiet()
    run = fit(light, inputs, odd_files / "run", device="cpu", console=console)
    told = " ".join(console.file.getvalue().split())
    assert f"raw_cells: 1 ({COUNTS['raw_cells']})" in told
    assert told.index("duplicates: 1 (") < told.index("Out of fold")
    assert Files.of(Origin.of(Given(), run).inputs.train).reading == HOW
    flags = [str(run), "--test", str(odd_files / "test.csv"), "--output"]
    assert predict([*flags, str(odd_files / "o.csv"), "--no-cache"]) == 0
    assert capsys.readouterr().out.count(f"raw_cells: 1 ({COUNTS['raw_cells']})\n") == 1


def test_flags_of_one_command_that_say_nothing_of_the_rows_bind_no_run(odd_files):
    def key(**how):
        return Inputs(Files.of(odd_files / "train.csv", Reading(**how))).hashes()

    assert key() == key(raw=True) == key(skip_at_most=0.5)
    assert key() != key(encoding="gb18030")


def test_a_test_file_that_is_not_understood_is_refused_unless_it_is_text(
    odd_files, light_run, capsys
):
    test = pd.read_csv(odd_files / "test.csv", dtype=str, keep_default_na=False)
    test.assign(prompt="[INST] Hi [/INST]").to_csv(odd_files / "test.csv", index=False)
    flags = [str(light_run), "--test", str(odd_files / "test.csv"), "--no-cache"]
    flags += ["--output", str(odd_files / "o.csv")]
    assert predict(flags) == 2
    assert re.search(r"30 of 30 cells.* pass --raw", capsys.readouterr().err)
    assert not (odd_files / "o.csv").exists()
    assert predict([*flags, "--raw"]) == 0
    assert "raw_cells: 30 " in capsys.readouterr().out
