"""Runs that are read back: what is refused, and in which words."""

import json
import re
import shutil
from pathlib import Path

import pytest

from data.battles import make_battles
from pipelines.estimator import reading
from pipelines.predict import load_pipeline
from pipelines.run.folder import RunError, file_hash
from tests.commands import predict


def test_the_pipeline_of_a_run_takes_one_battle(run):
    p = load_pipeline(run).predict_proba(make_battles(["Hi"], ["Hello!"], ["Hey"]))
    assert p.shape == (1, 3)


@pytest.mark.parametrize("harm", ["changed", "missing"])
def test_a_model_file_that_is_not_the_runs_is_refused(harm, run, files, tmp_path, capsys):
    shutil.copytree(run, tmp_path / "run")
    path = sorted((tmp_path / "run" / "models").iterdir())[0]
    if harm == "changed":
        path.write_bytes(path.read_bytes() + b" ")
    else:
        path.unlink()
    words = rf"{path.name}: expected the file that the run.*changed since"
    if harm == "missing":
        words = rf"expected the files .* not there: models/{path.name}\. Copy the folder whole"
    with pytest.raises(RunError, match=words):
        load_pipeline(tmp_path / "run")
    arguments = ["--test", str(files / "test.csv"), "--output", str(tmp_path / "o.csv")]
    assert predict([str(tmp_path / "run"), *arguments]) == 2
    assert re.search(words, capsys.readouterr().err)
    assert not (tmp_path / "o.csv").exists()


@pytest.mark.parametrize("name", ["missing", "empty", "run.partial"])
def test_what_is_no_finished_run_is_refused(name, run, files, tmp_path):
    if name == "empty":
        (tmp_path / name).mkdir()
    if name == "run.partial":
        shutil.copytree(run, tmp_path / name)
        (tmp_path / name / "DONE").unlink()
    with pytest.raises(RunError, match="expected a finished run folder"):
        load_pipeline(tmp_path / name)


def rewritten(**changes):
    """Change keys of a report; None takes one out."""

    def harm(path):
        report = json.loads(path.read_text()) | changes
        path.write_text(json.dumps({k: v for k, v in report.items() if v is not None}))

    return harm


def without_a_model(path):
    report = json.loads(path.read_text())
    del report["files"]["models/linear_tie.json"]
    path.write_text(json.dumps(report))


@pytest.mark.parametrize(
    ("name", "harm", "words"),
    [
        ("report.json", Path.unlink, r"report\.json: expected the file .*found no such file"),
        ("report.json", lambda p: p.write_text("{"), "found a file that is no JSON"),
        ("report.json", lambda p: p.write_bytes(b"\xff\x00"), "found a file that is no JSON"),
        ("report.json", lambda p: p.write_text("[" * 100_000), "found a file that is no JSON"),
        ("report.json", lambda p: p.write_text("[]"), "found no JSON object"),
        ("report.json", rewritten(device=None), "found no valid device"),
        ("report.json", rewritten(device={"name": "abacus"}), r"found no valid device\.name"),
        ("report.json", rewritten(files=None), "found no valid files"),
        ("report.json", rewritten(files={"config.toml": 1}), r"no valid files\.config\.toml"),
        ("report.json", rewritten(files={}), r"found no hash of config\.toml"),
        ("report.json", without_a_model, r"found no hash of models/linear_tie\.json"),
        (
            "report.json",
            rewritten(format=None, versions=None),
            r"run: made by arenaboost of an unknown version with format 1, this one reads format "
            r"\d+\. Fit the run again\.$",
        ),
        (
            "report.json",
            rewritten(format=99, versions={"arenaboost": "9.9"}),
            r"made by arenaboost 9\.9 with format 99, .*again, or install arenaboost 9\.9\.$",
        ),
        ("config.toml", Path.unlink, r"expected the files .* not there: config\.toml\. Copy"),
        (
            "config.toml",
            lambda p: p.write_text(p.read_text().replace("seed = 0", "seed = 1")),
            r"config\.toml: expected the file that the run wrote, found a file that was changed",
        ),
    ],
)
def test_a_run_of_another_version_or_altered_by_hand_is_refused(name, harm, words, run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    harm(tmp_path / "run" / name)
    with pytest.raises(RunError, match=words):
        load_pipeline(tmp_path / "run")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("preference.json", b"{}"),
        ("preference.json", b"[]"),
        ("preference.json", b"[" * 100_000),
        ("linear_tie.json", b"{}"),
        ("linear_tie.json", b"junk"),
        ("linear_tie.json", None),
        ("lightgbm_tie.txt", b"junk"),
        ("xgboost_direction.ubj", b"{}"),
    ],
)
def test_models_altered_with_their_hashes_are_refused(name, content, run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    path = tmp_path / "run" / "models" / name
    if content is None:  # right in form, of other columns
        model = json.loads(path.read_bytes())
        columns = [10**6] * len(model["columns"])
        content = json.dumps({**model, "columns": columns}).encode()
    assert path.exists()
    path.write_bytes(content)
    report = json.loads((run / "report.json").read_text())
    report["files"][f"models/{name}"] = file_hash(path)
    (tmp_path / "run" / "report.json").write_text(json.dumps(report))
    with pytest.raises(RunError, match=r"models: expected the file that the run wrote, found mod"):
        load_pipeline(tmp_path / "run")


def test_a_configuration_that_this_version_does_not_know_is_refused(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    path = tmp_path / "run" / "config.toml"
    path.write_text(path.read_text() + "[tower]\nlayers = 3\n")
    report = json.loads((run / "report.json").read_text())
    report["files"]["config.toml"] = file_hash(path)
    (tmp_path / "run" / "report.json").write_text(json.dumps(report))
    with pytest.raises(RunError, match=r"tower: unknown key.*made by another version: fit it"):
        load_pipeline(tmp_path / "run")


def test_columns_that_the_features_no_longer_make_are_refused(light_run, monkeypatch):
    build = reading.build_pipeline

    def fewer(config, *given):
        features = {"length": {"statistics": ["characters_sum", "words_sum"]}}
        return build(config.model_copy(update={"features": features}), *given)

    monkeypatch.setattr(reading, "build_pipeline", fewer)
    with pytest.raises(RunError, match=r"column \d+ of the features: expected length__\w+, which"):
        load_pipeline(light_run)
