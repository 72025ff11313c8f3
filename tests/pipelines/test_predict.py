"""Predictions with a run folder: byte for byte what the run wrote, for any test file."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.battles import COUNTS, WINNER_COLUMNS, make_battles, read_test
from pipelines.estimator import predictions as writing
from pipelines.estimator import reading
from pipelines.estimator.predictions import predictions, write_predictions
from pipelines.predict import load_pipeline
from pipelines.run.folder import RunError, file_hash
from tests.commands import predict


def rows(path):
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_predict_writes_the_submission_byte_for_byte(run, files, tmp_path):
    output = tmp_path / "deep" / "again.csv"
    status = predict([str(run), "--test", str(files / "test.csv"), "--output", str(output)])
    assert status == 0
    assert output.read_bytes() == (run / "submission.csv").read_bytes()
    assert [path.name for path in output.parent.iterdir()] == ["again.csv"]


def test_the_submission_has_a_row_for_each_row_in_its_order(run, files):
    header, *table = rows(run / "submission.csv")
    ids = [row[0] for row in rows(files / "test.csv")[1:]]
    assert header == ["id", *WINNER_COLUMNS]
    assert [row[0] for row in table] == ids
    assert ids[0] == ids[-1] == "00012"
    assert 'a, "b"' in ids
    assert table[0] == table[-1]  # the same battle twice: both are owed a prediction


def test_reading_gives_the_same_float64(run, files):
    p = np.array([[float(cell) for cell in row[1:]] for row in rows(run / "submission.csv")[1:]])
    battles = read_test(files / "test.csv").battles
    np.testing.assert_array_equal(p, load_pipeline(run).predict_proba(battles))
    assert p.min() > 0
    assert p.max() < 1
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=0, atol=4e-16)


def test_awkward_probabilities_are_written_whole():
    proba = np.array([[1e-13, 1 / 3, 0.1 + 0.2], [5e-324, 0.9999999999999999, 2 / 3]])
    text = predictions(["1", "00012"], proba).to_csv(index=False)
    cells = [[float(cell) for cell in line.split(",")[1:]] for line in text.splitlines()[1:]]
    assert cells == proba.tolist()
    assert text.splitlines()[2].startswith("00012,")


@pytest.mark.parametrize("n_rows", [1, 2, 7])
def test_a_row_does_not_depend_on_how_many_there_are(n_rows, run, files, quiet, tmp_path):
    from pipelines.command.progress import Steps

    table = pd.read_csv(files / "test.csv", dtype=str, keep_default_na=False)
    table.iloc[:n_rows].to_csv(tmp_path / "some.csv", index=False)
    write_predictions(
        load_pipeline(run), tmp_path / "some.csv", tmp_path / "out.csv", Steps(quiet())
    )
    some, whole = rows(tmp_path / "out.csv")[1:], rows(run / "submission.csv")[1:]
    assert [row[0] for row in some] == [row[0] for row in whole[:n_rows]]
    p, q = (np.array([row[1:] for row in part], dtype=float) for part in (some, whole[:n_rows]))
    np.testing.assert_allclose(p, q, rtol=0, atol=1e-12)


def test_chunks_are_put_under_one_another(run, files, quiet, tmp_path, monkeypatch):
    from data.battles import iter_test
    from pipelines.command.progress import Steps

    monkeypatch.setattr(writing, "iter_test", lambda path: iter_test(path, chunk_rows=8))
    counts = write_predictions(
        load_pipeline(run), files / "test.csv", tmp_path / "out.csv", Steps(quiet())
    )
    table = rows(tmp_path / "out.csv")
    assert counts["rows"] == 30
    assert [row[0] for row in table] == [row[0] for row in rows(run / "submission.csv")]
    p, q = (
        np.array([row[1:] for row in rows(path)[1:]], dtype=float)
        for path in (tmp_path / "out.csv", run / "submission.csv")
    )
    np.testing.assert_allclose(p, q, rtol=0, atol=1e-12)


def test_a_cell_that_is_no_list_is_predicted_and_counted(run, files, tmp_path, capsys):
    table = pd.read_csv(files / "test.csv", dtype=str, keep_default_na=False)
    table.loc[3, "response_a"] = "[oops"
    table.loc[4, "response_b"] = '["x", null]'
    table.to_csv(tmp_path / "test.csv", index=False)
    arguments = [str(run), "--test", str(tmp_path / "test.csv")]
    assert predict([*arguments, "--output", str(tmp_path / "out.csv")]) == 0
    assert len(rows(tmp_path / "out.csv")) == 31
    assert f"raw_cells: 1 ({COUNTS['raw_cells']})" in capsys.readouterr().out


def test_a_file_without_ids_is_numbered(run, files, tmp_path):
    table = pd.read_csv(files / "test.csv", dtype=str, keep_default_na=False)
    table.drop(columns="id").to_csv(tmp_path / "test.csv", index=False)
    predict([str(run), "--test", str(tmp_path / "test.csv"), "--output", str(tmp_path / "o.csv")])
    assert [row[0] for row in rows(tmp_path / "o.csv")[1:]] == [str(row) for row in range(30)]


def test_an_output_that_stands_there_is_replaced_whole_or_not_at_all(run, files, tmp_path, capsys):
    output = tmp_path / "out.csv"
    output.write_text("old")
    (tmp_path / "bad.csv").write_text("id,prompt\n1,x\n")
    arguments = [str(run), "--output", str(output), "--test"]
    assert predict([*arguments, str(tmp_path / "bad.csv")]) == 2
    assert output.read_text() == "old"
    assert "response_a" in capsys.readouterr().err
    assert predict([*arguments, str(files / "test.csv")]) == 0
    assert output.read_bytes() == (run / "submission.csv").read_bytes()


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
    words = "changed since" if harm == "changed" else "no such file"
    with pytest.raises(RunError, match=rf"{path.name}: expected the file that the run.*{words}"):
        load_pipeline(tmp_path / "run")
    arguments = ["--test", str(files / "test.csv"), "--output", str(tmp_path / "o.csv")]
    assert predict([str(tmp_path / "run"), *arguments]) == 2
    assert words in capsys.readouterr().err
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
        ("config.toml", Path.unlink, r"config\.toml: expected the file .*found no such file"),
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

    def fewer(config, device):
        features = {"length": {"statistics": ["characters_sum", "words_sum"]}}
        return build(config.model_copy(update={"features": features}), device)

    monkeypatch.setattr(reading, "build_pipeline", fewer)
    with pytest.raises(RunError, match=r"column \d+ of the features: expected length__\w+, which"):
        load_pipeline(light_run)


@pytest.mark.parametrize("name", ["report.json", "models/linear_tie.json", "submission.csv"])
def test_a_file_of_the_run_is_not_written_over(name, run, files, capsys):
    before = (run / name).read_bytes()
    flags = [str(run), "--test", str(files / "test.csv"), "--output", str(run / name)]
    assert predict(flags) == 2
    assert "belongs to the run" in capsys.readouterr().err
    assert (run / name).read_bytes() == before


def test_an_id_with_a_carriage_return_comes_back(run, files, tmp_path):
    table = pd.read_csv(files / "test.csv", dtype=str, keep_default_na=False)
    table.assign(id=[f"a\r{row}" for row in range(30)]).to_csv(
        tmp_path / "test.csv", index=False, quoting=csv.QUOTE_ALL
    )
    output = tmp_path / "out.csv"
    assert predict([str(run), "--test", str(tmp_path / "test.csv"), "--output", str(output)]) == 0
    assert [row[0] for row in rows(output)[1:]] == [f"a\r{row}" for row in range(30)]


def test_what_was_repaired_is_told_with_its_number(light_run, tmp_path, capsys):
    (tmp_path / "test.csv").write_bytes(
        b'id,prompt,response_a,response_b\n1,p,"a"b,c\n2,p,"a\xff,b\n3,p,a,b,c\n'
    )
    flags = [str(light_run), "--test", str(tmp_path / "test.csv"), "--output"]
    assert predict([*flags, str(tmp_path / "o[b].csv")]) == 0
    out = capsys.readouterr().out
    for name in ("stray_quotes", "unclosed_quotes", "long_rows", "repaired_characters"):
        assert f"{name}: 1 ({COUNTS[name]})\n" in out
    assert "null_turns" not in out
    assert f"predictions: {tmp_path / 'o[b].csv'}\n" in out
    assert [row[0] for row in rows(tmp_path / "o[b].csv")] == ["id", "1", "2", "3"]
