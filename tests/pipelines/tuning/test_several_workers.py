"""Several workers at one study: nothing is lost, doubled or overshot, whatever the storage is."""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from pipelines.tuning.slots import WORKER
from pipelines.tuning.storage import Store
from tests.pipelines.tuning.processes import started

TRIALS = 9


def binaries():
    """Return where PostgreSQL's programs lie, None where it is not installed."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    found = shutil.which("initdb") or next(map(str, places), None)
    return found and Path(found).parent


@pytest.fixture(scope="module")
def postgres():
    """URL of a server of the test's own, on loopback, run by its own user."""
    where = binaries()
    if where is None:
        pytest.skip("PostgreSQL is not installed")
    pytest.importorskip("psycopg", reason="psycopg, PostgreSQL's driver, is not installed")
    own = {"user": "postgres"} if os.getuid() == 0 else {}  # it refuses to run as root
    folder = Path(tempfile.mkdtemp())
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    try:
        if own:
            shutil.chown(folder, **own)
        quiet = {"stdout": subprocess.DEVNULL, "cwd": folder, **own}
        made = [where / "initdb", "-D", folder / "db", "-A", "trust", "-U", "tuner", "--no-sync"]
        subprocess.run(made, check=True, **quiet)
        options = ["-p", str(port), "-c", "listen_addresses=127.0.0.1", "-k", folder, "-F"]
        server = subprocess.Popen(
            [where / "postgres", "-D", folder / "db", *options],
            stderr=subprocess.DEVNULL,
            **quiet,
        )
        try:
            await_answer(port)
            yield f"postgresql+psycopg://tuner@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGINT)  # it would wait for our own connections else
            server.wait(timeout=60)
    finally:
        shutil.rmtree(folder)


def await_answer(port):
    import psycopg

    for _ in range(200):
        try:
            psycopg.connect(host="127.0.0.1", port=port, user="tuner", dbname="postgres").close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("the server does not answer")


@pytest.fixture(params=["sqlite", "journal", "postgres"])
def url(request, tmp_path):
    if request.param == "postgres":
        return request.getfixturevalue("postgres")
    return {"sqlite": f"sqlite:///{tmp_path}/s.db", "journal": f"journal:{tmp_path}/log"}[
        request.param
    ]


def trials_of(url, name):
    with Store(url) as store:
        return store.study(name).trials


def told(out):
    """Return which trials a worker told of."""
    return [int(number) for number in re.findall(r"trial (\d+): ", out)]


def test_two_commands_at_once_share_the_trials(tune_flags, url, tmp_path):
    given = [*tune_flags, "--trials", str(TRIALS), "--storage", url, "--study", "shared"]
    given += ["--output", str(tmp_path / "study")]
    commands = [started(given, tmp_path, number=number) for number in range(2)]
    ends = [command.ended() for command in commands]
    assert [(code, err) for code, _, err in ends] == [(0, ""), (0, "")]
    assert Counter(told(ends[0][1]) + told(ends[1][1])) == Counter(range(TRIALS))
    trials = trials_of(url, "shared")
    assert [trial.state.name for trial in trials[:TRIALS]] == ["COMPLETE"] * TRIALS
    assert {trial.state.name for trial in trials[TRIALS:]} <= {"WAITING"}  # slots, not taken
    assert pd.read_csv(tmp_path / "study/trials.csv")["trial"].tolist() == list(range(TRIALS))
    assert (tmp_path / "study/DONE").exists()


def test_who_is_killed_beside_another_loses_nothing(tune_flags, url, tmp_path):
    given = [*tune_flags, "--trials", str(TRIALS), "--storage", url, "--study", "killed"]
    given += ["--output", str(tmp_path / "study")]
    dying = started(given, tmp_path, "before a fit", 3, number=0)
    staying = started(given, tmp_path, number=1)
    assert dying.ended()[0] == -9
    code, _, err = staying.ended()
    assert (code, err) == (0, "")
    trials = trials_of(url, "killed")
    assert [trial.state.name for trial in trials[:TRIALS]] == ["COMPLETE"] * TRIALS


def test_jobs_are_processes_that_share_the_trials(study):
    folder = study(TRIALS, jobs=2)
    trials = trials_of(f"sqlite:///{folder}/study.db", "small")
    assert [trial.state.name for trial in trials[:TRIALS]] == ["COMPLETE"] * TRIALS
    assert {trial.state.name for trial in trials[TRIALS:]} <= {"WAITING"}  # slots, not taken
    workers = {trial.user_attrs[WORKER].split()[1] for trial in trials[:TRIALS]}
    assert str(os.getpid()) not in workers
    assert (folder / "DONE").exists()
