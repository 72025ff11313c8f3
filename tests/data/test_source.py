"""The hash of the source: another one after an edit, the same one everywhere else."""

import os
import shutil
import subprocess
import sys

import pytest

from data import source
from data.source import ROOT, SUFFIXES, source_hash

PACKAGES = ("data", "features", "models", "pipelines")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A small project that is hashed instead of this one."""
    root = tmp_path / "one"
    for name, content in {
        "data/rows.py": "ROWS = 1\n",
        "features/families/length.py": "EDGE = 2\n",
        "features/text/words.toml": 'hedges = ["perhaps"]\n',
        "features/compiled.py": "FAST = True\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    monkeypatch.setattr(source, "ROOT", root)
    yield root
    source._hashed.cache_clear()


def hashed(*rooms):
    """What a new process would say."""
    source._hashed.cache_clear()
    return source_hash(*(rooms or ("data", "features")))


@pytest.mark.parametrize("name", ["data/rows.py", "features/text/words.toml"])
def test_an_edited_file_changes_it(name, project):
    before = hashed()
    content = (project / name).read_bytes()
    (project / name).write_bytes(content.replace(b"\n", b"\r\n"))  # bytes count as they are
    assert hashed() != before
    (project / name).write_bytes(content)
    assert hashed() == before


def test_a_new_a_missing_and_a_renamed_file_change_it(project):
    seen = [hashed()]
    (project / "features" / "new.py").write_text("")
    seen.append(hashed())
    (project / "features" / "new.py").rename(project / "features" / "newer.py")
    seen.append(hashed())
    (project / "data" / "rows.py").unlink()
    (project / "data" / "cells.py").touch()
    seen.append(hashed())
    assert len(set(seen)) == len(seen)


def test_what_moves_from_one_file_to_the_next_counts(project):
    before = hashed("data")
    (project / "data" / "rows.py").write_text("ROWS = 1")
    (project / "data" / "s.py").write_text("\n")
    one = hashed("data")
    (project / "data" / "rows.py").write_text("ROWS = 1\n")
    (project / "data" / "s.py").write_text("")
    assert len({before, one, hashed("data")}) == 3


def test_only_the_rooms_that_are_asked_for_count(project):
    before = hashed("features.text", "features.compiled")
    (project / "features" / "families" / "length.py").write_text("EDGE = 3\n")
    assert hashed("features.text", "features.compiled") == before
    (project / "features" / "compiled.py").write_text("FAST = False\n")
    assert hashed("features.text", "features.compiled") != before


def test_neither_place_nor_time_nor_leftovers_count(project, tmp_path, monkeypatch):
    before = hashed()
    other = shutil.copytree(project, tmp_path / "elsewhere" / "two")
    os.utime(other / "data" / "rows.py", (0, 0))
    for leftover in ("data/__pycache__/rows.cpython-311.pyc", "data/notes.txt", "data/.rows.py"):
        (other / leftover).parent.mkdir(exist_ok=True)
        (other / leftover).write_text("left over")
    (other / "data" / ".ipynb_checkpoints").mkdir()
    (other / "data" / ".ipynb_checkpoints" / "rows.py").write_text("left over")
    monkeypatch.setattr(source, "ROOT", other)
    assert hashed() == before


def test_it_is_read_once_in_a_process(project):
    """What was edited after the import is not what computes."""
    before = hashed()
    (project / "data" / "rows.py").write_text("ROWS = 2\n")
    assert source_hash("features", "data") == before


@pytest.mark.parametrize("room", ["features.nowhere", "data.row"])
def test_a_room_without_source_is_refused(room, project):
    with pytest.raises(ValueError, match=rf"rooms of source_hash must have source\. Got '{room}'"):
        hashed(room)


def test_processes_agree():
    code = f"from data.source import source_hash; print(source_hash(*{PACKAGES}))"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert found.stdout.strip() == source_hash(*PACKAGES)


def test_no_kind_of_file_that_the_packages_read_is_forgotten():
    """A sample's rows are a run's input files, and a page is for readers."""
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*")]
    other = {
        path.relative_to(ROOT).parts[:2]
        for path in files
        if path.is_file() and path.suffix not in (*SUFFIXES, ".pyc", ".nbi", ".nbc")
    }
    assert other <= {("data", "sample"), ("data", "README.md")}
