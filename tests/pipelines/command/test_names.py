"""Commands in a folder with packages of the user's own of the same names."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.command import names

ROOT = Path(__file__).parents[3]
SCRIPT = "import sys; from pipelines.command.launcher import main; sys.exit(main())"


@pytest.fixture
def python(tmp_path):
    """Call Python in a folder, with arenaboost at the end of the path, as an install has it."""

    def call(*arguments, cwd):
        site = tmp_path / "site"
        site.mkdir(exist_ok=True)
        for name in ("data", "features", "models", "pipelines"):
            link = site / name
            if not link.exists():
                link.symlink_to(ROOT / name)
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=cwd,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(site)},
        )

    return call


def package(folder, name):
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text("")
    return folder / name / "__init__.py"


def module(folder, name):
    (folder / f"{name}.py").write_text("x = 1\n")
    return folder / f"{name}.py"


@pytest.mark.parametrize("name", ["data", "features", "models"])
@pytest.mark.parametrize("make", [package, module])
def test_one_line_names_the_file_that_hides_ours_and_the_way_out(name, make, python, tmp_path):
    (tmp_path / "project").mkdir()
    place = make(tmp_path / "project", name)
    done = python("-m", "pipelines.fit", "--help", cwd=tmp_path / "project")
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {place} hides arenaboost's own package {name} (")
    assert "Call it as `arenaboost fit`" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("make", [package, module])
def test_the_console_command_does_not_look_there(make, python, tmp_path):
    """The script's own folder is on the path, and the working folder only where somebody put it."""
    (tmp_path / "project").mkdir()
    for name in ("data", "features", "models"):
        make(tmp_path / "project", name)
    (tmp_path / "script.py").write_text(SCRIPT)
    done = python(tmp_path / "script.py", "fit", "--train", "no.csv", cwd=tmp_path / "project")
    assert (done.returncode, done.stderr) == (2, "error: no.csv: no such file.\n")
    (tmp_path / "script.py").write_text(f"import sys; sys.path.insert(0, ''); {SCRIPT}")
    done = python(tmp_path / "script.py", "fit", "--train", "no.csv", cwd=tmp_path / "project")
    assert (done.returncode, done.stderr) == (2, "error: no.csv: no such file.\n")


def test_what_hides_ours_on_the_path_is_told_to_the_console_command_too(python, tmp_path):
    place = module(tmp_path, "features")
    (tmp_path / "script.py").write_text(SCRIPT)  # beside it: the script's folder comes first
    (tmp_path / "elsewhere").mkdir()
    done = python(tmp_path / "script.py", "fit", "--help", cwd=tmp_path / "elsewhere")
    assert done.returncode == 2
    assert f"{place} hides" in done.stderr
    assert "take its folder out of PYTHONPATH" in done.stderr


def test_a_folder_of_data_hides_nothing(python, tmp_path):
    (tmp_path / "project" / "data").mkdir(parents=True)
    (tmp_path / "project" / "models").mkdir()
    done = python("-m", "pipelines.fit", "--train", "no.csv", cwd=tmp_path / "project")
    assert (done.returncode, done.stderr) == (2, "error: no.csv: no such file.\n")


EDITABLE = f"""
import sys
from importlib.util import spec_from_file_location
from pathlib import Path

class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        place = Path({str(ROOT)!r}).joinpath(*name.split("."))
        files = place / "__init__.py", place.with_suffix(".py")
        found = [file for file in files if file.is_file()]
        return spec_from_file_location(name, found[0]) if found else None

sys.meta_path.append(Finder)
from pipelines.command.names import what_hides
print(what_hides())
"""


def test_so_it_is_with_an_editable_install(tmp_path):
    """Its finder comes last, after a folder that is taken for a package without a file."""
    (tmp_path / "data").mkdir()
    command = [sys.executable, "-S", "-c", EDITABLE]  # without those that are installed
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "None\n"
    place = package(tmp_path, "models")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == f"('models', {str(place)!r})\n"


def test_our_own_folder_stays(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "path", ["", str(ROOT), "/elsewhere"])
    names.leave_working_folder()
    assert sys.path == ["", str(ROOT), "/elsewhere"]
    monkeypatch.chdir("/")
    names.leave_working_folder()
    assert sys.path == [str(ROOT), "/elsewhere"]
    assert names.what_hides() is None
