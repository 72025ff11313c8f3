"""`pipelines.tune` as a command: what it refuses, and what it shows."""

import json

import pytest

from tests.commands import fit, tune

SPACE = """
families = ["length"]
[folds]
n_folds = 3
[model]
members = ["linear"]
inner_folds = 2
[learners.linear]
penalties = [0.3, 0.03]
[search]
model.inner_folds = {low = 2, high = 3}
model.calibrate = [true, false]
"""


@pytest.fixture
def flags(files, tmp_path):
    """A study of two trials, on few battles, and more if asked for."""
    (tmp_path / "mine.toml").write_text(SPACE)
    own = ["--config", str(tmp_path / "mine.toml"), "--train", str(files / "train.csv")]
    rest = ["--device", "cpu", "--no-cache", "--trials", "2", "--output", str(tmp_path / "study")]
    return lambda *more: [*own, *rest, *more]


def said(capsys):
    """Return the one line that says what is wrong."""
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert len(err) < 1000
    return err


def test_a_study_ends_with_a_file_that_fits(flags, files, tmp_path, capsys):
    assert tune(flags()) == 0
    out = capsys.readouterr().out
    assert "best of 2 trials: " in out
    assert f"fit with it: --config {tmp_path}/study/tuned.toml" in out
    assert json.loads((tmp_path / "study/study.json").read_text())["study"] == "mine"
    given = ["--config", str(tmp_path / "study/tuned.toml"), "--train", str(files / "train.csv")]
    given += ["--device", "cpu", "--no-cache", "--output", str(tmp_path / "run")]
    assert fit(given) == 0
    assert "search" not in (tmp_path / "run/config.toml").read_text()


def test_the_study_has_the_name_that_it_is_given(flags, tmp_path):
    assert tune(flags("--study", "other")) == 0
    assert json.loads((tmp_path / "study/study.json").read_text())["study"] == "other"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--set", "search.model.bagg=[1]"], "search.model.bagg: model.bagg: unknown key. Allowed"),
        (["--set", "search.model.bag={low = 0, high = 2}"], "greater than or equal to 1. Got 0."),
        (["--storage", "sqlite:////nowhere/s.db"], "does not answer as a database"),
        (["--storage", "studies"], "expected journal:PATH or a URL"),
        (["--train", "none.csv"], "none.csv: no such file."),
        (["--skip-at-most", "0.1"], "says how much --skip-bad-rows may leave out, which is not"),
    ],
)
def test_wrong_use_is_told_in_a_line(flags, capsys, more, words):
    assert tune(flags(*more)) == 2
    assert words in said(capsys)


def test_a_study_of_something_else_is_told_in_a_line(flags, capsys):
    assert tune(flags()) == 0
    capsys.readouterr()
    assert tune(flags("--seed", "3")) == 2
    assert "holds a study of other configuration. Run the command that it was" in said(capsys)


def test_a_preset_without_a_space_is_told_how_to_have_one(capsys, tmp_path):
    given = ["--preset", "ngram_xgboost", "--device", "cpu", "--output", str(tmp_path / "s")]
    assert tune(given) == 2
    assert "preset ngram_xgboost: no section [search]: there is nothing to tune." in said(capsys)


def test_a_stack_is_tuned_member_by_member(capsys):
    assert tune(["--preset", "stack"]) == 2
    assert "--preset stack: no such preset." in said(capsys)


def test_extra_rows_need_others(capsys):
    assert tune(["--extra", "more.csv"]) == 2
    assert said(capsys) == "error: --extra goes with --train: the bundled sample is generated.\n"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--trials", "0"], "argument --trials: expected a whole number from 1 on, found '0'"),
        (["--jobs", "x"], "argument --jobs: expected a whole number from 1 on, found 'x'"),
        (["--nested", "1"], "argument --nested: expected a whole number from 2 on, found '1'"),
        (["--raw"], "unrecognized arguments: --raw"),  # of test files, of which none is read
        (["--timeout", "nan"], "argument --timeout: expected seconds above 0, found 'nan'"),
    ],
)
def test_a_wrong_flag_is_told_in_a_line(flags, capsys, more, words):
    with pytest.raises(SystemExit, match="2"):
        tune(flags(*more))
    assert words in said(capsys)
