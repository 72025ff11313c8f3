"""Predictions with a run folder: byte for byte what the run wrote, for any test file."""

import csv

import numpy as np
import pandas as pd
import pytest

from data.battles import COUNTS, WINNER_COLUMNS, read_test
from pipelines.estimator import predictions as writing
from pipelines.estimator.predictions import predictions, write_predictions
from pipelines.predict import load_pipeline
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
        b'id,prompt,response_a,response_b\n1,p,"a"b,c\n2,p,"a\xff,b\n3,p,a,b,c\n4,p,a,b\n'
    )
    flags = [str(light_run), "--test", str(tmp_path / "test.csv"), "--output"]
    assert predict([*flags, str(tmp_path / "o[b].csv")]) == 0
    out = capsys.readouterr().out
    for name in ("stray_quotes", "unclosed_quotes", "long_rows", "repaired_characters"):
        assert f"{name}: 1 ({COUNTS[name]})\n" in out
    assert "null_turns" not in out
    assert f"predictions: {tmp_path / 'o[b].csv'}\n" in out
    assert [row[0] for row in rows(tmp_path / "o[b].csv")] == ["id", "1", "2", "3", "4"]
