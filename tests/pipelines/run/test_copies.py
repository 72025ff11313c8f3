"""Runs that come over in part, packed up, or in another folder."""

import shutil
import tarfile

import pytest

from pipelines.estimator.reading import load_pipeline
from pipelines.run.copies import find_run
from pipelines.run.folder import RunError
from tests.commands import predict


@pytest.fixture
def copy(light_run, tmp_path):
    return shutil.copytree(light_run, tmp_path / "copy")


def test_done_holds_a_line(light_run):
    """Some carriers drop empty files."""
    assert (light_run / "DONE").read_text().endswith("written last.\n")
    assert all(path.stat().st_size for path in light_run.rglob("*") if path.is_file())


def test_lost_sub_folders_are_named(copy):
    shutil.rmtree(copy / "models")
    words = r"not there: models/\w+\.json, models/\w+\.json.*\. Copy the folder whole"
    with pytest.raises(RunError, match=words):
        load_pipeline(copy)


def test_flattened_sub_folders_are_told_as_such(copy):
    for path in (copy / "models").iterdir():
        path.rename(copy / path.name)
    (copy / "models").rmdir()
    words = r"lies in the folder itself: sub-folders were lost\)\. Copy the folder whole"
    with pytest.raises(RunError, match=words):
        load_pipeline(copy)


@pytest.mark.parametrize("name", ["models.tar", "models.zip"])
def test_packed_sub_folders_are_told_as_such(name, copy):
    with tarfile.open(copy / name, "w") as archive:
        archive.add(copy / "models")
    shutil.rmtree(copy / "models")
    with pytest.raises(RunError, match=rf"\({name} lies there: unpack it to models/\)\. Copy"):
        load_pipeline(copy)


def test_a_lost_done_is_named_and_what_lacks_beside_it(copy):
    (copy / "DONE").unlink()
    with pytest.raises(RunError, match=r"not there: DONE\. Copy the folder whole"):
        load_pipeline(copy)
    (copy / "models" / "preference.json").unlink()
    with pytest.raises(RunError, match=r"not there: DONE, models/preference\.json\. Copy"):
        find_run(copy)


def test_a_lost_report_is_named(copy):
    (copy / "report.json").unlink()
    with pytest.raises(RunError, match=r"report\.json: .* no such file\. Copy the folder whole"):
        load_pipeline(copy)


def test_a_run_is_found_in_the_folder_around_it(copy, files, tmp_path):
    outer = tmp_path / "input" / "data-set"
    outer.mkdir(parents=True)
    copy.rename(outer / "run")
    assert find_run(tmp_path / "input") == outer / "run"
    flags = [str(tmp_path / "input"), "--test", str(files / "test.csv"), "--output"]
    assert predict([*flags, str(tmp_path / "out.csv")]) == 0
    shutil.copytree(outer / "run", outer / "second")
    with pytest.raises(RunError, match=r"holds several runs: .*run, .*second\. Name one"):
        find_run(tmp_path / "input")


def test_what_holds_no_run_is_told_as_such(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(RunError, match="expected a finished run folder, found no run"):
        find_run(tmp_path)
