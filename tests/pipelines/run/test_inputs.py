"""What a run tells of its files."""

import json
from pathlib import Path

from pipelines.run.folder import file_hash
from pipelines.run.inputs import Inputs


def test_files_are_told_as_named_and_as_they_lie(files, tmp_path, monkeypatch):
    (tmp_path / "link.csv").symlink_to(files / "train.csv")
    monkeypatch.chdir(tmp_path)
    inputs = Inputs(Path("link.csv"), extra=(files / "extra.csv",))
    told = inputs.told(inputs.hashes(), skip_bad_rows=True)
    assert told["train"]["file"] == "link.csv"
    assert Path(told["train"]["path"]) == (files / "train.csv").resolve()
    assert told["train"]["sha256"] == file_hash(files / "train.csv")
    assert [one["file"] for one in told["extra"]] == [str(files / "extra.csv")]
    assert told["test"] is None
    assert told["skip_bad_rows"]


def test_a_run_tells_it(light_run, files):
    told = json.loads((light_run / "report.json").read_text())["inputs"]
    assert told["test"]["sha256"] == file_hash(files / "test.csv")
    assert not told["skip_bad_rows"]
