"""The one launcher: every command in its table, called in each way, and quick where it can be."""

import os
import subprocess
import sys
from configparser import ConfigParser
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from pipelines.command.flags import Parser
from pipelines.command.launcher import COMMANDS, launch, main

ROOT = Path(__file__).parents[3]
HEAVY = {"numpy", "pandas", "polars", "sklearn", "pydantic", "rich", "lightgbm", "xgboost", "numba"}


def python(*arguments, cwd=ROOT):
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_whole_and_is_a_module_as_well(name):
    command = import_module(COMMANDS[name])
    parser = Parser()
    command.add_flags(parser)
    assert f"``python -m pipelines.{name}" in command.__doc__
    assert command.GO_ON.endswith(".")
    assert callable(command.run)
    shown = python("-m", f"pipelines.{name}", "--help")
    assert shown.returncode == 0
    assert shown.stdout.startswith(f"usage: python -m pipelines.{name} [-h]")
    described = shown.stdout.split("\n\n")[1].replace("\n", " ")
    does = command.__doc__.strip().partition("``: ")[2]
    assert described == does[0].upper() + does[1:]


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize(("flag", "status"), [("--help", 0), ("--bogus", 2)])
def test_help_and_wrong_flags_wait_for_no_library(name, flag, status):
    code = (
        "import sys\nfrom pipelines.command.launcher import start\n"
        f"try:\n    start({name!r})\nexcept SystemExit as end:\n"
        f"    print(*({HEAVY} & set(sys.modules)), file=sys.stderr)\n    raise"
    )
    told = python("-c", code, flag)
    assert told.returncode == status
    assert told.stderr.splitlines()[-1] == ""


def test_a_command_has_its_name_in_every_folder(light_run, files, tmp_path):
    """As the console script calls it: relative paths are those of the current folder."""
    (tmp_path / "test.csv").write_bytes((files / "test.csv").read_bytes())
    flags = ["predict", str(light_run), "--test", "test.csv", "--output", "out/o.csv"]
    done = python("-m", "pipelines", *flags, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "out/o.csv").read_bytes() == (light_run / "submission.csv").read_bytes()


def test_the_console_script_is_the_launcher():
    read = ConfigParser()
    read.read(ROOT / "setup.cfg")
    name, _, value = read["options.entry_points"]["console_scripts"].strip().partition(" = ")
    assert name == "arenaboost"
    assert EntryPoint(name, value, "console_scripts").load() is main


@pytest.mark.parametrize(
    ("argv", "status", "words"),
    [
        (["--help"], 0, "usage: arenaboost [-h] COMMAND\n"),
        (["fit", "--help"], 0, "usage: arenaboost fit [-h]"),
        ([], 2, "error: the following arguments are required: COMMAND. See --help.\n"),
        (["bake"], 2, "error: argument COMMAND: invalid choice: 'bake' (choose from"),
        (["fit", "--bogus"], 2, "error: unrecognized arguments: --bogus. See --help.\n"),
        (["fit", "--train", "no.csv"], 2, "error: no.csv: no such file.\n"),
    ],
)
def test_the_first_argument_names_the_command(argv, status, words):
    told = python("-m", "pipelines", *argv)
    assert told.returncode == status
    assert (told.stderr or told.stdout).startswith(words)


def test_the_module_is_the_command():
    told = python("-m", "pipelines.fit", "--train", "missing.csv")
    assert (told.returncode, told.stderr) == (2, "error: missing.csv: no such file.\n")


def test_within_a_process_the_status_is_returned_and_a_wrong_flag_ends(capsys):
    assert launch("fit", ["--train", "missing.csv", "--device", "cpu"]) == 2
    assert capsys.readouterr().err == "error: missing.csv: no such file.\n"
    with pytest.raises(SystemExit, match="2"):
        launch("fit", ["--bogus"])
