"""The commands as a person meets them: exit status, one line for a fault, what is shown."""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from data.battles import DataError
from pipelines.command.flags import (
    Parser,
    add_cache_flags,
    add_config_flags,
    cache_from,
    config_from,
    run_command,
)
from pipelines.config import ConfigError
from pipelines.fit import main as fit
from pipelines.predict import main as predict
from pipelines.run.folder import RunError

ROOT = Path(__file__).parents[3]


def raising(error):
    def command(arguments, console):
        raise error

    return command


def status_of(error, *argv):
    return run_command(argparse.ArgumentParser(prog="try"), raising(error), argv)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConfigError("bad key"), 2),
        (DataError("bad row"), 2),
        (RunError("bad folder"), 2),
        (FileNotFoundError(2, "No such file", "train.csv"), 2),
        (IsADirectoryError(21, "Is a directory", "train.csv"), 2),
        (PermissionError(13, "Permission denied", "train.csv"), 2),
        (FileExistsError(17, "File exists", "runs"), 2),
        (NotADirectoryError(20, "Not a directory", "train.csv/run"), 2),
        (BlockingIOError(11, "Try again", "out.csv"), 2),
        (OSError(30, "Read-only file system", "run.partial"), 2),
        (OSError(36, "File name too long", "x"), 2),
        (OSError(5, "Input/output error", "train.csv"), 1),
        (OSError("no number"), 1),
        (ValueError("odd"), 1),
        (RuntimeError("first line\nsecond line"), 1),
        (ZeroDivisionError(), 1),
        (MemoryError(), 1),
        (KeyboardInterrupt(), 130),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_fault_is_one_line_and_a_status(error, status, capsys):
    assert status_of(error) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert err.startswith("error: ")
    assert len(err) > len("error: \n")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            OSError(28, "No space left on device", "run.partial/oof.csv"),
            "run.partial/oof.csv: the disk is full. Free some space. Again!",
        ),
        (OSError(28, "No space"), "the disk is full. Free some space. Again!"),
        (OSError(122, "Quota", "o"), "o: the disk quota is used up. Free some space. Again!"),
        (OSError(27, "Large", "o"), "o: the limit on a file's size is reached. Raise it. Again!"),
        (OSError(30, "Read-only", "o"), "o: it lies on a read-only disk. Name another place."),
        (KeyboardInterrupt(), "interrupted. Again!"),
        (MemoryError("4 GiB"), "not enough memory: 4 GiB."),
    ],
)
def test_a_line_says_what_to_do(error, line, capsys):
    parser = argparse.ArgumentParser(prog="try")
    assert run_command(parser, raising(error), [], go_on="Again!") in (1, 2, 130)
    assert capsys.readouterr().err == f"error: {line}\n"


HALF_WAY = """
import argparse, os, signal, sys
from pathlib import Path
from pipelines.command.flags import run_command
from pipelines.run.files import whole_file

def command(arguments, console):
    with whole_file(Path(arguments.output)) as file:
        file.write(b"half")
        os.kill(os.getpid(), int(arguments.signal))
        file.write(b"whole")

parser = argparse.ArgumentParser()
parser.add_argument("output")
parser.add_argument("signal")
signal.signal(signal.SIGINT, {handler})
sys.exit(run_command(parser, command, go_on="Again!"))
"""


def signalled(number, output, handler="signal.default_int_handler"):
    return subprocess.run(
        [sys.executable, "-c", HALF_WAY.replace("{handler}", handler), str(output), str(number)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("number", "status"), [(2, 130), (15, 143)], ids=["Ctrl-C", "SIGTERM"])
def test_a_signal_ends_the_process_at_once_with_a_line(number, status, tmp_path):
    (tmp_path / "out.csv").write_bytes(b"old")
    ended = signalled(number, tmp_path / "out.csv")
    assert (ended.returncode, ended.stdout) == (status, "")
    assert ended.stderr == "error: interrupted. Again!\n"
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]
    assert (tmp_path / "out.csv").read_bytes() == b"old"


def test_a_signal_that_is_ignored_stays_ignored(tmp_path):
    """As Ctrl-C is for what a shell has put in the background."""
    ended = signalled(2, tmp_path / "out.csv", "signal.SIG_IGN")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (tmp_path / "out.csv").read_bytes() == b"halfwhole"


@pytest.mark.parametrize("sink", ["/dev/full", "closed pipe"])
def test_an_output_that_takes_nothing_is_one_line(sink, run, files, tmp_path):
    command = [sys.executable, "-m", "pipelines.predict", str(run), "--output", str(tmp_path / "o")]
    if sink == "closed pipe":
        reading, writing = os.pipe()
        os.close(reading)
    elif Path(sink).exists():
        writing = os.open(sink, os.O_WRONLY)
    else:
        pytest.skip(f"no {sink} here")
    ended = subprocess.run(
        [*command, "--test", str(files / "test.csv")],
        cwd=ROOT,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert ended.returncode == 1
    assert re.fullmatch(r"error: standard output: .*\n", ended.stderr)


def test_debug_shows_the_traceback():
    with pytest.raises(ConfigError, match="bad key"):
        status_of(ConfigError("bad key"), "--debug")


def test_success_is_zero(capsys):
    parser = argparse.ArgumentParser(prog="try")
    assert run_command(parser, lambda arguments, console: console.print("done"), []) == 0
    assert capsys.readouterr().out == "done\n"


def test_flags_become_the_configuration(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('families = ["turns"]\nseed = 3\n')

    def config(*argv):
        parser = argparse.ArgumentParser()
        add_config_flags(parser)
        return config_from(parser.parse_args(argv))

    assert config("--config", str(path)).seed == 3
    assert config("--config", str(path), "--seed", "5", "--set", "seed=4").seed == 5
    assert config("--set", "model.inner_folds=3", "--set", "seed=2").model.inner_folds == 3
    assert config("--preset", "classical") == config()


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--preset", "nope"], r"--preset nope: no such preset\. Allowed: .*classical"),
        (["--set", "model.x=1"], r"model\.x: unknown key\. Allowed: members"),
        (["--train", "missing.csv"], r"missing\.csv: no such file"),
        (["--config", "missing.toml"], r"missing\.toml: cannot be read"),
        (["--train", "."], r"\.: a folder where a file is expected"),
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


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("file/o.csv", "file: there is a file where a folder is needed"),
        ("file/deep/o.csv", "file/deep: part of its path is no folder"),
        ("/dev/null", "--output /dev/null is no ordinary file"),
        ("n" * 300, "the name is too long"),
    ],
)
def test_predict_refuses_an_output_that_cannot_be(
    output, words, light_run, files, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("x")
    assert predict([str(light_run), "--test", str(files / "test.csv"), "--output", output]) == 2
    err = capsys.readouterr().err
    assert re.match(f"error: .*{words}", err)
    assert len(err.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_pipes_are_refused_as_inputs(light_run, files, tmp_path, capsys):
    """They would be waited for without end."""
    os.mkfifo(tmp_path / "pipe.csv")
    pipe = str(tmp_path / "pipe.csv")
    assert fit(["--train", pipe, "--device", "cpu", "--output", str(tmp_path / "run")]) == 2
    assert predict([str(light_run), "--test", pipe, "--output", str(tmp_path / "o.csv")]) == 2
    ordinary = ["--sample-submission", pipe, "--test", str(files / "test.csv")]
    train = ["--train", str(files / "train.csv"), "--device", "cpu"]
    assert fit([*train, *ordinary, "--output", str(tmp_path / "run")]) == 2
    assert predict([str(light_run), *ordinary, "--output", str(tmp_path / "o.csv")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition("expected")[2] for line in lines] == [
        " a file on disk, found a pipe or a device. Save it first."
    ] * 4


def test_predict_refuses_what_is_no_run(tmp_path, files, capsys):
    argv = ["--test", str(files / "test.csv"), "--output", str(tmp_path / "o.csv")]
    assert predict([str(tmp_path), *argv]) == 2
    assert "expected a finished run folder" in capsys.readouterr().err


def test_predict_names_a_test_file_that_is_not_there(run, tmp_path, capsys):
    argv = [str(run), "--test", str(tmp_path / "no.csv"), "--output", str(tmp_path / "o.csv")]
    assert predict(argv) == 2
    assert re.fullmatch(r"error: .*no\.csv: no such file\.\n", capsys.readouterr().err)
    assert list(tmp_path.iterdir()) == []


def test_the_module_is_the_command():
    argv = [sys.executable, "-m", "pipelines.fit", "--train", "missing.csv"]
    ended = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr == "error: missing.csv: no such file.\n"


def test_a_test_file_needs_a_training_file(files, capsys):
    """Or the generated sample would teach how to predict real battles."""
    assert fit(["--test", str(files / "test.csv")]) == 2
    assert "--test and --extra go with --train" in capsys.readouterr().err


def test_predict_does_not_write_over_its_input(light_run, files, tmp_path, capsys):
    test = tmp_path / "test.csv"
    test.write_bytes((files / "test.csv").read_bytes())
    assert predict([str(light_run), "--test", str(test), "--output", str(test)]) == 2
    assert "is the test file itself" in capsys.readouterr().err
    assert test.read_bytes() == (files / "test.csv").read_bytes()
    assert predict([str(light_run), "--test", str(test), "--output", str(tmp_path)]) == 2
    assert "is a folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "place", "limit"),
    [
        ([], "xdg/arenaboost", 5e9),
        (["--cache", "here", "--cache-limit", "0.5"], "here", 5e8),
        (["--no-cache"], None, None),
    ],
)
def test_flags_say_where_counts_are_kept(flags, place, limit, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "xdg")
    parser = Parser()
    add_cache_flags(parser)
    cache = cache_from(parser.parse_args(flags))
    found = (str(cache.folder), cache.limit_bytes) if cache else (None, None)
    assert found == (place, limit)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--cache-limit", "0"], "expected gigabytes above 0, found '0'"),
        (["--cache-limit", "much"], "expected gigabytes above 0, found 'much'"),
        (["--cache", "x", "--no-cache"], "not allowed with argument --cache"),
    ],
)
def test_wrong_cache_flags_are_one_line(flags, words, capsys):
    with pytest.raises(SystemExit, match="2"):
        fit(flags)
    line = capsys.readouterr().err
    assert words in line
    assert line.count("\n") == 1
