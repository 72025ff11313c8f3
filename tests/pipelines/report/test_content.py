"""What a run tells of itself, key by key."""

import json

import numpy as np

from pipelines.report.content import (
    FinalPart,
    Report,
    Scores,
    peak_memory_mb,
    report_bytes,
    versions,
)
from pipelines.report.screen import show


def keys_of(kind):
    return kind.__required_keys__ | kind.__optional_keys__


def test_the_file_holds_the_keys_that_the_types_name(run, light_run):
    """All of them, but for what only some runs have."""
    report, light = (json.loads((path / "report.json").read_text()) for path in (run, light_run))
    assert set(report) == keys_of(Report) - {"encoder", "importance"}
    assert set(report["scores"]) == keys_of(Scores) - {"ratings"}
    assert set(report["final"]) == keys_of(FinalPart)
    assert set(light["final"]) == keys_of(FinalPart) - {"lightgbm"}


def test_a_report_that_is_read_back_is_shown_as_it_was(run, quiet):
    report = json.loads((run / "report.json").read_text())
    console = quiet()
    show(console, report)
    text = console.file.getvalue()
    assert f"{report['scores']['metrics']['log_loss']['value']:.4f}" in text
    assert "What style is worth to the voters" in text
    assert report_bytes(report) == (run / "report.json").read_bytes()


def test_a_path_of_any_bytes_can_be_written():
    report = {"files_read": [{"file": "tr\udcff.csv"}]}
    assert json.loads(report_bytes(report))["files_read"][0]["file"] == "tr?.csv"


def test_versions_and_memory():
    found = versions()
    assert found["numpy"] == np.__version__
    assert found["python"].startswith("3.")
    assert {"lightgbm", "scikit-learn"} <= set(found)
    assert 50 < peak_memory_mb() < 100_000
