"""Commands as processes: signals while they still import, streams closed or of another encoding."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.command.process import own_process

ROOT = Path(__file__).parents[3]


def command(module, *arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", f"pipelines.{module}", *map(os.fsencode, arguments)],
        cwd=ROOT,
        capture_output=True,
        check=False,
        **options,
    )


def flags(run, files, output):
    return [str(run), "--test", str(files / "test.csv"), "--output", str(output)]


WORK = {  # flags with which a command begins to work, and so to import
    "fit": [],
    "predict": ["run", "--test", "test.csv", "--output", "out.csv"],
}


@pytest.mark.parametrize("module", WORK)
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_while_it_imports_it_says_how_to_go_on(module, number, status):
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", f"pipelines.{module}", *WORK[module]],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    line = "…"
    while line and not line.rstrip().endswith("numpy._core"):
        line = process.stderr.readline()
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == status
    told = [line for line in err.splitlines() if not line.startswith("import time:")]
    assert len(told) == 1
    assert told[0].startswith("error: interrupted. ")


def test_a_sign_that_the_encoding_lacks_stops_nothing(light_run, files, light_flags, tmp_path):
    settings = {**os.environ, "PYTHONIOENCODING": "ascii"}
    train = ["--train", str(files / "train.csv"), "--output", str(tmp_path / "run"), *light_flags]
    ended = command("fit", *train, env=settings)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert b"battles ? families" in ended.stdout


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)])
def test_closed_streams_stop_nothing_and_no_file_takes_their_place(
    closed, light_run, files, tmp_path
):
    ended = command(
        "predict",
        *flags(light_run, files, tmp_path / "out.csv"),
        preexec_fn=lambda: [os.close(number) for number in closed],
    )
    assert ended.returncode == 0
    assert (tmp_path / "out.csv").read_bytes() == (light_run / "submission.csv").read_bytes()
    broken = command(
        "predict",
        *flags(tmp_path, files, tmp_path / "none.csv"),
        preexec_fn=lambda: [os.close(number) for number in closed],
    )
    assert broken.returncode == 2
    assert (2 in closed) == (broken.stderr == b"")


def test_a_path_may_hold_any_bytes(files, light_flags, tmp_path):
    train, run = os.fsencode(tmp_path) + b"/tr\xff.csv", os.fsencode(tmp_path) + b"/r\xff[/b]"
    Path(os.fsdecode(train)).write_bytes((files / "train.csv").read_bytes() + b"9,m\n")
    ended = command("fit", "--train", train, "--output", run, "--skip-bad-rows", *light_flags)
    assert (ended.returncode, ended.stderr) == (0, b"")
    report = json.loads(Path(os.fsdecode(run), "report.json").read_bytes())
    assert report["files_read"][0]["file"].endswith("/tr?.csv")
    assert report["files_read"][0]["skipped"][0].startswith("tr?.csv, row 301")
    stopped = command("fit", "--train", train, "--output", run + b"2", *light_flags)
    assert stopped.returncode == 2
    assert stopped.stderr.startswith(b"error: tr\\udcff.csv, row 301")


def test_open_streams_stay_and_ignored_signals_stay_ignored(monkeypatch):
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    out = sys.stdout
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        own_process("Again!")
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) != before[signal.SIGTERM]
        assert sys.stdout is out
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
