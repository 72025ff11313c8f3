"""`pipelines.predict` as a command: what it refuses."""

import os
import re
from pathlib import Path

import pytest

from tests.commands import predict


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


def test_predict_refuses_what_is_no_run(tmp_path, files, capsys):
    argv = ["--test", str(files / "test.csv"), "--output", str(tmp_path / "o.csv")]
    assert predict([str(tmp_path), *argv]) == 2
    assert "expected a finished run folder" in capsys.readouterr().err


def test_predict_names_a_test_file_that_is_not_there(run, tmp_path, capsys):
    argv = [str(run), "--test", str(tmp_path / "no.csv"), "--output", str(tmp_path / "o.csv")]
    assert predict(argv) == 2
    assert re.fullmatch(r"error: .*no\.csv: no such file\.\n", capsys.readouterr().err)
    assert list(tmp_path.iterdir()) == []


def test_predict_does_not_write_over_its_input(light_run, files, tmp_path, capsys):
    test = tmp_path / "test.csv"
    test.write_bytes((files / "test.csv").read_bytes())
    assert predict([str(light_run), "--test", str(test), "--output", str(test)]) == 2
    assert "is the test file itself" in capsys.readouterr().err
    assert test.read_bytes() == (files / "test.csv").read_bytes()
    assert predict([str(light_run), "--test", str(test), "--output", str(tmp_path)]) == 2
    assert "is a folder" in capsys.readouterr().err


def test_pipes_are_refused_as_inputs(light_run, files, tmp_path, capsys):
    """They would be waited for without end."""
    os.mkfifo(tmp_path / "pipe.csv")
    pipe, output = str(tmp_path / "pipe.csv"), ["--output", str(tmp_path / "o.csv")]
    assert predict([str(light_run), "--test", pipe, *output]) == 2
    sample = ["--test", str(files / "test.csv"), "--sample-submission", pipe]
    assert predict([str(light_run), *sample, *output]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition("expected")[2] for line in lines] == [
        " a file on disk, found a pipe or a device. Save it first."
    ] * 2
