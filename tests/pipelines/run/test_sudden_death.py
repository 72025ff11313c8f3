"""Killed by SIGKILL in many places, the same command goes on and ends with the same bytes."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.predict import load_pipeline
from pipelines.run.folder import is_run
from tests import commands
from tests.pipelines.run.dying import started

ROOT = Path(__file__).parents[3]
SETTINGS = (
    'families=["length", "turns"]',
    'model.members=["lightgbm", "linear"]',
    "model.inner_folds=2",
    "folds.n_folds=3",
    "learners.lightgbm.max_rounds=15",
    "learners.linear.penalties=[0.3, 0.03]",
)
# Other moments each time; a failure shows the seed, which makes them again.
SEED = int(os.environ.get("ARENABOOST_SEED") or random.SystemRandom().randrange(2**32))
RANDOM = random.Random(SEED)
# In the order of a run. Each kill goes on from where the one before it struck.
CHAIN = (
    ("in step read", 1),
    ("in step features", 1),
    ("before a fit of a part", RANDOM.randint(1, 8)),
    ("before a checkpoint is saved", 1),
    ("half-way through a file", RANDOM.randint(3, 4)),  # a checkpoint
    ("after a fit of a part", RANDOM.randint(1, 12)),
    ("between fsync and rename", RANDOM.randint(3, 5)),
    ("in the evaluation", 1),
    ("before a fit of a part", RANDOM.randint(1, 4)),  # all folds are kept: this is the final fit
    ("half-way through a file", RANDOM.randint(5, 8)),  # a model
    ("in step predict", 1),
    ("before the run has its name", 1),
    ("while checkpoints are removed", 1),
)
RESULTS = ("oof.csv", "submission.csv", "folds.csv", "config.toml", "importance.csv", "models")
WHOLE = {*RESULTS, "report.json", "features.json", "DONE"}


def flags(files, target):
    settings = (flag for setting in SETTINGS for flag in ("--set", setting))
    train, test = str(files / "train.csv"), str(files / "test.csv")
    return ["--train", train, "--test", test, "--output", str(target), "--device", "cpu", *settings]


@pytest.fixture
def fit(tmp_path_factory, small):
    """Start a fit in a process, which kills itself where a place is named."""

    def begin(target, *more, place=None, times=1):
        given = [*flags(small, target), *more]
        return started(given, tmp_path_factory.mktemp("streams"), place, times)

    return begin


@pytest.fixture
def killed_at(fit):
    def kill(place, times, target, *more):
        status, out, err = fit(target, *more, place=place, times=times).ended()
        assert status == -signal.SIGKILL, (place, out, err)
        assert err == ""

    return kill


def contents(run):
    """Every file of a run that is the same whenever it is made."""
    paths = [path for name in RESULTS for path in [run / name, *(run / name).glob("*")]]
    return {str(p.relative_to(run)): p.read_bytes() for p in paths if p.is_file()}


def check_whole_or_absent(target):
    """What stands under the name of a run is a whole run."""
    if target.exists():
        assert is_run(target)
        assert {path.name for path in target.iterdir()} >= WHOLE
        load_pipeline(target)  # checks the hashes
        json.loads((target / "report.json").read_bytes())


@pytest.fixture(scope="module")
def small(files, tmp_path_factory):
    """The first 150 training rows, and the test rows."""
    folder = tmp_path_factory.mktemp("small")
    lines = (files / "train.csv").read_text().splitlines(keepends=True)
    (folder / "train.csv").write_text("".join(lines[:151]))
    (folder / "test.csv").write_bytes((files / "test.csv").read_bytes())
    return folder


@pytest.fixture(scope="module")
def undisturbed(small, tmp_path_factory):
    """A run that nothing stopped, and how long it took."""
    folder = tmp_path_factory.mktemp("undisturbed")
    target = folder / "run"
    for _ in range(2):  # the first one waits for what it is forked from
        began = time.perf_counter()
        status, _, err = started([*flags(small, target), "--force"], folder).ended()
        assert (status, err) == (0, "")
    return target, time.perf_counter() - began


def test_killed_in_many_places_it_ends_with_the_same_bytes(
    small, undisturbed, killed_at, tmp_path, capsys
):
    print(f"ARENABOOST_SEED={SEED}")  # shown by a failure
    target = tmp_path / "run"
    for place, times in CHAIN:
        killed_at(place, times, target)
        check_whole_or_absent(target)
    assert is_run(target)  # the last kill came after the name was given
    assert commands.fit(flags(small, target)) == 2
    assert "is a finished run" in capsys.readouterr().err
    assert {path.name for path in target.iterdir()} == WHOLE
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert contents(target) == contents(undisturbed[0])


def test_killed_at_random_moments_it_ends_with_the_same_bytes(fit, undisturbed, tmp_path):
    target = tmp_path / "run"
    expected, seconds = undisturbed
    shares = sorted(random.Random(SEED).uniform(0.1, 1.0) for _ in range(3))
    print(f"ARENABOOST_SEED={SEED}: killed at {shares} of {seconds:.1f} s")
    for share in shares:
        command = fit(target)
        time.sleep(share * seconds)
        command.process.kill()
        command.ended()
        check_whole_or_absent(target)
    if not is_run(target):
        status, _, err = fit(target).ended()
        assert (status, err) == (0, "")
    assert contents(target) == contents(expected)


def test_an_old_run_stands_until_the_new_one_is_whole(
    fit, killed_at, undisturbed, refit, files, tmp_path
):
    """Killed between the two renames, the same command without --force goes on, as it says."""
    target = tmp_path / "run"
    refit(target, test=files / "test.csv")
    old = contents(target)
    killed_at("before a checkpoint is saved", 2, target, "--force")
    assert contents(target) == old
    killed_at("after the run has its name", 1, target)  # of the old run, put aside
    assert not target.exists()
    killed_at("in step features", 1, target)
    assert contents(target) == old
    status, out, err = fit(target).ended()
    assert (status, err) == (0, "")
    assert "going on with" in out
    assert contents(target) == contents(undisturbed[0])
    assert {path.name for path in target.iterdir()} == WHOLE
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"]
)
def test_interrupted_in_a_fold_it_says_how_to_go_on(number, status, small, tmp_path):
    slow = ["--set", "learners.lightgbm.max_rounds=100000"]
    slow += ["--set", "learners.lightgbm.patience=100000"]
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines.fit", *flags(small, tmp_path / "run"), *slow],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    line = "…"
    while line and not line.startswith("features:"):
        line = process.stdout.readline()
    time.sleep(0.5)
    began = time.perf_counter()
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == status
    assert err == "error: interrupted. The same command, without --force, goes on from here.\n"
    assert time.perf_counter() - began < 20
    assert [path.name for path in tmp_path.iterdir()] == ["run.partial"]
