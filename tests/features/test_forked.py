"""Processes that are forked: they work, or say at once why not, and never hang."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from features import forked

ROOT = Path(__file__).parents[2]
CHILD = """
import os, sys, time
pid = os.fork()
if pid == 0:
    import features.layout
    start = time.monotonic()
    try:
        print("child", use())
    except RuntimeError as error:
        print(type(error).__name__, error)
    print("in time" if time.monotonic() - start < 2 else "late", flush=True)
    os._exit(0)
os.waitpid(pid, 0)
"""
USE = """
def use():
    from data.battles import make_battles
    from features import FAMILIES
    battles = make_battles(["Hi"] * 3, ["Hello!"] * 3, ["Hey"] * 3)
    return FAMILIES["length"]().fit_transform(battles).shape[0]
"""
COUNT = 'import polars as pl; pl.DataFrame({"a": ["x"] * 9}).select(pl.col("a").str.len_bytes())\n'


def run(before):
    command = [sys.executable, "-W", "ignore", "-c", USE + textwrap.dedent(before) + CHILD]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


@pytest.mark.parametrize(
    "before",
    ["use()\n", COUNT, "import features\n" + COUNT],
    ids=["ours was used", "polars was used, ours is not imported", "ours is imported"],
)
def test_after_polars_was_at_work_a_child_is_refused_at_once(before):
    out = run(before)
    assert "ForkedError This process was forked after polars had started" in out
    assert "spawn" in out
    assert "--preload" in out
    assert "in time" in out


@pytest.mark.parametrize("before", ["", "import features\n", "import features, polars\n"])
def test_before_that_a_child_works(before):
    assert "child 3" in run(before)


def test_the_process_itself_is_not_asked_twice(monkeypatch):
    forked.check_forked()
    monkeypatch.setattr(forked, "_lost", lambda: pytest.fail("asked again"))
    forked.check_forked()


@pytest.mark.parametrize(
    ("names", "lost"),
    [
        (["python", "polars-0"], False),
        (["python", "named-0", "named-1"], False),  # a pool by another name
        (["python", "python", "python", "jemalloc_bg_thd"], True),  # other libraries' threads
        (["python"], True),
    ],
)
def test_whose_threads_are_polars(monkeypatch, tmp_path, names, lost):
    for number, name in zip([forked.os.getpid(), 1, 2, 3], names, strict=False):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "comm").write_text(f"{name}\n")
    monkeypatch.setattr(forked, "TASKS", tmp_path)
    monkeypatch.setattr(forked, "WAIT", 0.01)
    monkeypatch.setattr(forked, "_imported_in", forked.os.getpid())
    monkeypatch.setattr(forked.pl, "thread_pool_size", lambda: 2)
    assert forked._lost() == lost
