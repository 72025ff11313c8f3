"""`pipelines.fit` as a command: what it refuses, and what it shows."""

import os
import re
from pathlib import Path

import pytest

from tests.commands import fit


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--preset", "nope"], r"--preset nope: no such preset\. Allowed: .*classical"),
        (["--set", "model.x=1"], r"model\.x: unknown key\. Allowed: direction"),
        (["--train", "missing.csv"], r"missing\.csv: no such file"),
        (["--config", "missing.toml"], r"missing\.toml: cannot be read"),
        (["--train", "."], r"\.: expected a folder with files that end in \.csv"),
        (["--preset", ""], r"--preset : no such preset"),
        (["--set", "x=" + "[" * 5000], r"--set x=\[+\.\.\.: expected TOML\. "),
        (["--set", "seed=" + "9" * 5000], r"--set seed=9+\.\.\.: expected TOML\. .*digits"),
        (["--set", "seed=0x" + "f" * 5000], r"seed: .*Got what is too long to show"),
        (["--set", "learners.linear.penalties=[1e300]"], r"penalties\.0: should be less than or"),
        (["--set", "learners.linear.penalties=[1e-300]"], r"penalties\.0: should be greater"),
        (["--config", "deep.toml"], r"deep\.toml: expected TOML\. "),
        (["--config", "digits.toml"], r"digits\.toml: expected TOML\. .*digits"),
        (["--config", "pipe"], r"pipe: expected a file on disk, found a pipe"),
        (["--train", "/proc/self/mem"], r"/proc/self/mem: Input/output error\."),
        (["--set", "seed=true"], r"preset classical: seed: should not be true or false"),
        (["--output", "/"], r"/: a run cannot have this name"),
        (["--output", "a.partial"], r"a\.partial: a name that ends in \.partial is kept"),
        (["--sample-submission", "s.csv"], r"--sample-submission goes with --test"),
        (
            ["--set", "learners.lightgbm.device_type=abacus"],
            r"device_type: should be 'cpu', 'cuda' or 'gpu'\. Got 'abacus'",
        ),
    ],
)
def test_fit_refuses_wrong_use(argv, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("deep.toml").write_text("x = " + "[" * 5000)
    Path("digits.toml").write_text("seed = " + "9" * 5000)
    os.mkfifo("pipe")
    assert fit([*argv, "--device", "cpu"]) == (1 if "mem" in argv[-1] else 2)
    err = capsys.readouterr().err
    assert re.match(f"error: .*{words}", err)
    assert len(err.splitlines()) == 1
    assert len(err) < 500
    assert len(list(tmp_path.iterdir())) == 3


def test_a_build_of_lightgbm_that_lacks_the_device_is_told_of_before_any_work(
    files, capfd, tmp_path, monkeypatch
):
    """The wheels have no CUDA learner."""
    monkeypatch.chdir(tmp_path)
    argv = ["--train", str(files / "train.csv"), "--device", "cpu"]
    assert fit([*argv, "--set", "learners.lightgbm.device_type=cuda"]) == 2
    said = capfd.readouterr()
    assert re.fullmatch(
        r"error: learners\.lightgbm\.device_type: LightGBM cannot train on 'cuda': .*\n", said.err
    )
    assert "writing to" not in said.out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "argv",
    [
        ["--bogus"],
        ["--seed"],
        ["--seed", "x"],
        ["--device", "abacus"],
        ["--preset", "a", "--config", "b"],
    ],
)
def test_fit_refuses_wrong_flags(argv, capsys):
    with pytest.raises(SystemExit) as stopped:
        fit(argv)
    assert stopped.value.code == 2
    assert re.fullmatch(r"error: .*\. See --help\.\n", capsys.readouterr().err)


def test_fit_shows_the_figures_and_where_everything_lies(files, light_flags, tmp_path, capsys):
    output = tmp_path / "run"
    argv = ["--train", str(files / "train.csv"), "--test", str(files / "test.csv"), *light_flags]
    argv += ["--output", str(output)]
    assert fit(argv) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "\x1b" not in out
    for name in ("this run", "class prior", "length alone"):
        assert re.search(rf"{name} +\d\.\d{{4}} +\d\.\d{{3}}–\d\.\d{{3}}", out)
    flat = out.replace("\n", "")
    assert f"run folder: {output}" in flat
    assert f"submission: {output / 'submission.csv'}" in flat
    for step in ("read", "features", "folds", "final fit", "predict"):
        assert re.search(rf"^{step}: .* s", out, flags=re.MULTILINE)
    assert fit(argv) == 2
    assert re.search(r"is a finished run\. .*--force", capsys.readouterr().err)


def test_an_interrupted_fit_says_how_to_go_on(files, light_flags, tmp_path, capsys, monkeypatch):
    from pipelines.run.folder import UnfinishedRun

    def interrupt(*_):
        raise KeyboardInterrupt

    argv = ["--train", str(files / "train.csv"), *light_flags, "--output", str(tmp_path / "run")]
    with monkeypatch.context() as patch:
        patch.setattr(UnfinishedRun, "save", interrupt)
        assert fit(argv) == 130
    assert "without --force, goes on from here" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["run.partial"]
    assert fit(argv) == 0
    assert "going on with" in capsys.readouterr().out.replace("\n", " ")


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("file/run", r"file/run\.partial: part of its path is no folder\. Name another place"),
        ("link", "link exists and is no run"),
        ("circle/run", r"circle/run\.partial: its symbolic links lead in a circle"),
        ("n" * 300, "n: the name is too long|DONE: the name is too long"),
    ],
)
def test_fit_refuses_an_output_that_cannot_be(output, words, files, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("x")
    Path("link").symlink_to("nowhere")
    Path("circle").symlink_to("circle")
    assert fit(["--train", str(files / "train.csv"), "--device", "cpu", "--output", output]) == 2
    err = capsys.readouterr().err
    assert re.match(f"error: .*({words})", err)
    assert len(err.splitlines()) == 1


def test_a_test_file_needs_a_training_file(files, capsys):
    """Or the generated sample would teach how to predict real battles."""
    assert fit(["--test", str(files / "test.csv")]) == 2
    assert "--test and --extra go with --train" in capsys.readouterr().err


def test_pipes_are_refused_as_inputs(files, tmp_path, capsys):
    """They would be waited for without end."""
    os.mkfifo(tmp_path / "pipe.csv")
    pipe, output = str(tmp_path / "pipe.csv"), ["--output", str(tmp_path / "run")]
    train = ["--train", str(files / "train.csv"), "--test", str(files / "test.csv")]
    assert fit(["--train", pipe, "--device", "cpu", *output]) == 2
    assert fit([*train, "--sample-submission", pipe, "--device", "cpu", *output]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition("expected")[2] for line in lines] == [
        " a file on disk, found a pipe or a device. Save it first."
    ] * 2


def test_the_level_of_importance_is_a_flag(files, light_flags, tmp_path, capsys):
    flags = ["--train", str(files / "train.csv"), *light_flags, "--output", str(tmp_path / "run")]
    with pytest.raises(SystemExit, match="2"):
        fit([*flags, "--importance", "most"])
    assert "argument --importance: invalid choice: 'most'" in capsys.readouterr().err
    assert fit([*flags, "--importance", "full"]) == 0
    assert (tmp_path / "run" / "importance_groups.csv").is_file()
    assert "What is lost without them" in capsys.readouterr().out
