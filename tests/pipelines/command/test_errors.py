"""A fault as a person meets it: one line, and an exit status."""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from data.battles import DataError
from pipelines.command.errors import run_command
from pipelines.config import ConfigError
from pipelines.run.folder import RunError

ROOT = Path(__file__).parents[3]


def raising(error):
    def command(arguments, console):
        raise error

    return command


def status_of(error, *, debug=False, go_on=""):
    return run_command(raising(error), argparse.Namespace(debug=debug), go_on=go_on)


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
    assert status_of(error, go_on="Again!") in (1, 2, 130)
    assert capsys.readouterr().err == f"error: {line}\n"


HALF_WAY = """
import argparse, os, signal, sys
from pathlib import Path
from pipelines.command.errors import run_command
from pipelines.command.process import own_process
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
own_process("Again!")
arguments = argparse.Namespace(**vars(parser.parse_args()), debug=False)
sys.exit(run_command(command, arguments, go_on="Again!"))
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
        status_of(ConfigError("bad key"), debug=True)


def test_success_is_zero(capsys):
    arguments = argparse.Namespace(debug=False)
    assert run_command(lambda arguments, console: console.print("done"), arguments) == 0
    assert capsys.readouterr().out == "done\n"
