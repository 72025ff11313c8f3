"""An output folder that stands there already: contents are moved in, DONE last, kills included."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from pipelines.run import folder
from pipelines.run.folder import RunError, UnfinishedRun, is_run
from pipelines.run.moving import INSIDE, is_fixed

KEY = {"configuration": "abc", "files": {"train": "1"}}
NEW = {"report.json": b"new", "models/a.json": b"new", "folds.csv": b"new"}
OLD = {"report.json": b"old", "models/b.json": b"old", "oof.csv": b"old"}


def make(target, files=NEW, **options):
    with UnfinishedRun(target, KEY, **options) as run:
        run.save("fold-0", {"p": np.arange(3.0)})
        for name, content in files.items():
            run.write(name, content)
        return run.finish()


def content(folder):
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name != "DONE")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture
def target(tmp_path):
    (tmp_path / "out").mkdir(mode=0o750)
    return tmp_path / "out"


def test_an_empty_folder_is_filled_and_stays_the_same_folder(target):
    before = target.stat()
    assert make(target) == target
    assert is_run(target)
    assert content(target) == NEW
    assert (target.stat().st_ino, target.stat().st_mode) == (before.st_ino, before.st_mode)
    assert [path.name for path in target.parent.iterdir()] == ["out"]


def test_while_it_is_made_the_folder_holds_the_work_and_is_no_run(target):
    with UnfinishedRun(target, KEY) as run:
        assert run.path == target / INSIDE
        assert not is_run(target)
        run.write("report.json", b"1")
    with UnfinishedRun(target, KEY) as run:  # gone on with
        assert run.read("report.json") == b"1"
    other = {**KEY, "configuration": "other"}
    with UnfinishedRun(target, KEY) as run:
        run.save("fold-0", {"p": np.zeros(1)})
    with pytest.raises(RunError, match="other configuration"), UnfinishedRun(target, other):
        pass


def test_hidden_files_do_not_make_a_folder_full(target):
    """Notebooks leave such folders anywhere, file systems a lost+found."""
    (target / ".ipynb_checkpoints").mkdir()
    (target / "lost+found").mkdir()
    make(target)
    assert {path.name for path in target.iterdir()} > {".ipynb_checkpoints", "lost+found", "DONE"}


def test_the_working_folder_is_filled_and_the_shell_stays_in_it(target, monkeypatch):
    monkeypatch.chdir(target)
    make(Path())
    assert is_run(Path.cwd())
    assert content(Path.cwd()) == NEW
    with pytest.raises(RunError, match=r"finished run.*--force"):
        make(Path())
    make(Path(), {"report.json": b"again"}, force=True)
    assert content(Path.cwd()) == {"report.json": b"again"}


def test_a_mount_is_filled(target):
    """As /kaggle/working is one: renaming it, or renaming into it from beside it, fails."""
    outside = target.parent / "disk"
    outside.mkdir()
    if shutil.which("mount") is None or _mount("--bind", outside, target).returncode:
        pytest.skip("no leave to mount")
    try:
        assert is_fixed(target)
        make(target, OLD)
        make(target, force=True)
        assert content(target) == NEW
        assert content(outside) == NEW
        assert sorted(path.name for path in target.parent.iterdir()) == ["disk", "out"]
    finally:
        subprocess.run(["umount", target], check=True)


def _mount(*arguments):
    return subprocess.run(["mount", *arguments], capture_output=True)


def test_what_else_lies_there_outlives_force(target, monkeypatch):
    """Somebody trains in the same folder: checkpoints are his, though ours have the name too."""
    make(target, OLD)
    for name in ("checkpoints", "lock", "notes.txt"):
        (target / name).write_text("mine")
    monkeypatch.chdir(target)
    make(target, force=True)
    theirs = dict.fromkeys(("checkpoints", "lock", "notes.txt"), b"mine")
    assert content(target) == NEW | theirs


def test_what_came_in_the_meantime_is_not_replaced(target):
    with UnfinishedRun(target, KEY) as run:
        for name, of in NEW.items():
            run.write(name, of)
        (target / "folds.csv").write_text("mine")
        with pytest.raises(RunError, match=r"folds\.csv stands where .* Move it away: the same"):
            run.finish()
    assert (target / "folds.csv").read_text() == "mine"
    (target / "folds.csv").unlink()
    with UnfinishedRun(target, KEY) as run:
        assert run.resumed
        run.finish()
    assert content(target) == NEW


class Killed(BaseException):
    """The process ends here."""


def killed_after(number, monkeypatch, work):
    """Do some work, and end it before a call of rename; return whether there were so many."""
    true, calls = Path.rename, []

    def rename(self, place):
        if len(calls) == number:
            raise Killed
        calls.append(place)
        return true(self, place)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", rename)
        try:
            work()
        except Killed:
            return True
    return False


@pytest.mark.parametrize("old", [None, OLD], ids=["empty", "replaced by force"])
def test_a_kill_anywhere_leaves_a_whole_run_or_one_to_go_on_with(old, target, monkeypatch):
    monkeypatch.chdir(target)
    number, killed = 0, True
    while killed:
        for path in target.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        if old:
            make(target, old)
        (target / "mine.txt").write_text("mine") if old else None
        killed = killed_after(number, monkeypatch, lambda: make(target, force=old is not None))
        if killed:
            number += 1
            whole = content(target)
            whole = {n: c for n, c in whole.items() if not n.startswith(INSIDE) and n != "mine.txt"}
            assert not is_run(target) or whole in (old, NEW)
            make(target)  # the same command, without --force
        assert is_run(target)
        assert content(target) == (NEW | {"mine.txt": b"mine"} if old else NEW)
    assert number == (8 if old else 4)  # renames in a whole move


def test_what_a_kill_left_after_the_last_rename_is_tidied_up(target, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(folder, "_tidy", lambda run: None)
        make(target)
    assert (target / INSIDE).is_dir()
    with pytest.raises(RunError, match="finished run"):
        make(target)
    assert content(target) == NEW
