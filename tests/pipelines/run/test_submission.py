"""A test file held against a sample submission, before any work."""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.battles import TEXT_COLUMNS, WINNER_COLUMNS, DataError
from data.tables import read as tables
from pipelines import fit as fit_module
from pipelines.run.submission import check_sample
from tests.commands import fit, predict

HEADER = ",".join(("id", *WINNER_COLUMNS))


def make_sample(path, ids, header=HEADER):
    path.write_text("\n".join([header, *(f"{name},0.4,0.3,0.3" for name in ids)]) + "\n")
    return path


def make_test(path, ids):
    path.write_text("\n".join(["id,prompt,response_a,response_b", *(f"{i},p,a,b" for i in ids)]))
    return path


IDS = ["00012", "b", "c", "d", "e"]


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        (
            ["00012", "c", "b", "d", "e"],
            r"test\.csv, row 2, column id: expected 'c', which is in row 2 of sample\.csv, found "
            r"'b'\..* sample's order: sort",
        ),
        (["12", *IDS[1:]], r"test\.csv, row 1, column id: expected '12', .*found '00012'"),
        (["x", *IDS[1:]], r"test\.csv, row 1, column id: expected 'x'"),
        (IDS[:3], r"test\.csv: expected 3 rows as in sample\.csv, found 5\. Name the sample"),
        ([*IDS, "f", "g"], r"test\.csv: expected 7 rows as in sample\.csv, found 5\. Name"),
        ([], r"sample\.csv: expected at least one row"),
    ],
    ids=["another order", "a number", "another id", "too few", "too many", "none"],
)
@pytest.mark.parametrize("chunk_rows", [2, 100])
def test_other_rows_are_refused(ids, words, chunk_rows, tmp_path, monkeypatch):
    monkeypatch.setattr(
        tables.read_chunks,
        "__kwdefaults__",
        {**tables.read_chunks.__kwdefaults__, "chunk_rows": chunk_rows},
    )
    test = make_test(tmp_path / "test.csv", IDS)
    check_sample(test, make_sample(tmp_path / "sample.csv", IDS))
    with pytest.raises(DataError, match=words):
        check_sample(test, make_sample(tmp_path / "sample.csv", ids))


@pytest.mark.parametrize(
    "header",
    [
        "id,winner_model_b,winner_model_a,winner_tie",
        "winner_model_a,id,winner_model_b,winner_tie",
        HEADER + ",extra",
        "id,winner_model_a,winner_model_b",
        "id,a,b,tie",
    ],
)
def test_other_columns_are_refused(header, tmp_path):
    test = make_test(tmp_path / "test.csv", IDS)
    sample = make_sample(tmp_path / "sample.csv", IDS, header)
    with pytest.raises(DataError, match=rf"sample\.csv: expected the columns {HEADER[:2]}, winner"):
        check_sample(test, sample)


def test_ids_that_are_row_numbers_are_compared_too(tmp_path):
    (tmp_path / "test.csv").write_text("prompt,response_a,response_b\np,a,b\np,a,b\n")
    check_sample(tmp_path / "test.csv", make_sample(tmp_path / "sample.csv", ["0", "1"]))
    with pytest.raises(DataError, match=r"row 2, column id: expected '2', .*found '1'"):
        check_sample(tmp_path / "test.csv", make_sample(tmp_path / "sample.csv", ["0", "2"]))


def test_numbers_in_parquet_are_the_ids_that_stand_in_csv(tmp_path):
    battles = pd.DataFrame({"id": [7, 8], "prompt": "p", "response_a": "a", "response_b": "b"})
    battles.to_parquet(tmp_path / "test.parquet")
    battles.drop(columns="id").to_parquet(tmp_path / "unnumbered.parquet")
    check_sample(tmp_path / "test.parquet", make_sample(tmp_path / "sample.csv", [7, 8]))
    check_sample(tmp_path / "unnumbered.parquet", make_sample(tmp_path / "sample.csv", [0, 1]))


def test_ids_are_compared_as_they_are_written(tmp_path):
    texts = {name: ["x", "y"] for name in TEXT_COLUMNS}
    battles = pa.table({"id": [1.0, float("nan")], **texts})  # pandas would write null for NaN
    pq.write_table(battles, tmp_path / "test.parquet")
    check_sample(tmp_path / "test.parquet", make_sample(tmp_path / "sample.csv", ["1.0", ""]))
    with pytest.raises(DataError, match=r"row 2, column id: expected 'nan'.*found ''"):
        check_sample(
            tmp_path / "test.parquet", make_sample(tmp_path / "sample.csv", ["1.0", "nan"])
        )


def test_predict_is_refused_before_it_writes(light_run, files, tmp_path, capsys):
    output = tmp_path / "out.csv"
    flags = [str(light_run), "--test", str(files / "test.csv"), "--output", str(output)]
    wrong = make_sample(tmp_path / "sample.csv", IDS)
    assert predict([*flags, "--sample-submission", str(wrong)]) == 2
    assert "row 2, column id" in capsys.readouterr().err
    assert not output.exists()
    right = light_run / "submission.csv"
    assert predict([*flags, "--sample-submission", str(right)]) == 0
    assert output.read_bytes() == right.read_bytes()
    assert predict([*flags[:-1], str(wrong), "--sample-submission", str(wrong)]) == 2
    assert "is the sample submission itself" in capsys.readouterr().err


def test_fit_is_refused_before_it_reads(files, light_flags, tmp_path, capsys, monkeypatch):
    def read(*_, **__):
        raise AssertionError("the sample is checked first")

    monkeypatch.setattr(fit_module, "read_inputs", read)
    wrong = make_sample(tmp_path / "sample.csv", IDS)
    flags = ["--train", str(files / "train.csv"), "--sample-submission", str(wrong), *light_flags]
    flags += ["--output", str(tmp_path / "run")]
    assert fit([*flags, "--test", str(files / "test.csv")]) == 2
    assert "row 2, column id" in capsys.readouterr().err
    assert fit(flags) == 2
    assert "--sample-submission goes with --test" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["sample.csv"]


def test_fit_goes_ahead_with_the_right_sample(files, light_flags, light_run, tmp_path):
    flags = ["--train", str(files / "train.csv"), "--test", str(files / "test.csv"), *light_flags]
    sample = ["--sample-submission", str(light_run / "submission.csv")]
    assert fit([*flags, *sample, "--output", str(tmp_path / "run")]) == 0
    ours, known = (run / "submission.csv" for run in (tmp_path / "run", light_run))
    assert ours.read_bytes() == known.read_bytes()
