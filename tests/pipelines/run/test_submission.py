"""A test file held against a sample submission, before any work."""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.battles import TEXT_COLUMNS, WINNER_COLUMNS, DataError
from pipelines import fit as fit_module
from pipelines.run.submission import check_test
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
            ["12", *IDS[1:]],
            r"test\.csv, column id: expected the 5 ids of sample\.csv, .*, found 1 of them "
            r"missing, the first of which is '12' \(row 1 of sample\.csv\) and 1 foreign to "
            r"it, the first of which is '00012' \(row 1\)\. Name the sample",
        ),
        (["x", *IDS[1:]], r"1 of them missing, the first of which is 'x'"),
        (
            IDS[:3],
            r"expected the 3 ids .* found 2 foreign to it, the first of which is 'd' \(row 4\)\.",
        ),
        (
            [*IDS, "f", "g"],
            r"expected the 7 ids .* 2 of them missing, .* 'f' \(row 6 of sample\.csv\)\. Name",
        ),
        ([*IDS, "b"], r"found 1 of them missing, the first of which is 'b' \(row 6 of"),
        ([], r"sample\.csv: expected at least one row"),
    ],
    ids=["a number", "another id", "too few", "too many", "one twice", "none"],
)
def test_other_ids_are_refused(ids, words, tmp_path):
    test = make_test(tmp_path / "test.csv", IDS)
    assert check_test(test, make_sample(tmp_path / "sample.csv", IDS))[:3] == (
        None,
        [],
        "Kaggle LMSYS",
    )
    with pytest.raises(DataError, match=words):
        check_test(test, make_sample(tmp_path / "sample.csv", ids))


def test_another_order_is_the_submissions(tmp_path):
    test = make_test(tmp_path / "test.csv", ["a", "b", "a", "c"])
    sample = make_sample(tmp_path / "sample.csv", ["c", "a", "b", "a"])
    order, notes, *_ = check_test(test, sample)
    assert order.id.tolist() == ["c", "a", "b", "a"]
    assert order.row.tolist() == [3, 0, 1, 2]
    assert notes == [
        "doubled_ids: 1 (rows of test.csv whose id an earlier one has)",
        "order: that of sample.csv, which is not that of test.csv",
    ]


def test_whole_numbers_that_became_decimals_are_written_as_in_the_sample(tmp_path):
    """One missing id makes decimals of all, in pandas."""
    test = make_test(tmp_path / "test.csv", ["136060.0", "9", "1.5"])
    order, notes, *_ = check_test(test, make_sample(tmp_path / "s.csv", ["1.5", "136060", "9.0"]))
    assert order.id.tolist() == ["1.5", "136060", "9.0"]
    assert order.row.tolist() == [2, 0, 1]
    assert notes[0] == (
        "decimal_ids: 2 (ids of test.csv such as 136060.0, written as in s.csv: 136060)"
    )
    exact = make_sample(tmp_path / "s.csv", ["136060.0", "9", "1.5"])
    assert check_test(test, exact)[:3] == (None, [], "Kaggle LMSYS")


def test_odd_ids_are_told_without_a_sample(tmp_path):
    order, notes, *_ = check_test(make_test(tmp_path / "test.csv", ["7.0", "", "", "a", "a", "a"]))
    assert order is None
    assert notes[:2] == [
        "empty_ids: 2 (rows of test.csv without an id)",
        "doubled_ids: 2 (rows of test.csv whose id an earlier one has)",
    ]
    assert notes[2].startswith("decimal_ids: 1 (ids of test.csv such as 7.0, written as they stand")
    assert "where a competition has 7, name its file by --sample-submission" in notes[2]


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
        check_test(test, sample)


def test_ids_that_are_row_numbers_are_compared_too(tmp_path):
    (tmp_path / "test.csv").write_text("prompt,response_a,response_b\np,a,b\np,a,b\n")
    check_test(tmp_path / "test.csv", make_sample(tmp_path / "sample.csv", ["0", "1"]))
    with pytest.raises(DataError, match=r"'2' \(row 2 of sample\.csv\) and .* '1' \(row 2\)"):
        check_test(tmp_path / "test.csv", make_sample(tmp_path / "sample.csv", ["0", "2"]))


def test_numbers_in_parquet_are_the_ids_that_stand_in_csv(tmp_path):
    battles = pd.DataFrame({"id": [7, 8], "prompt": "p", "response_a": "a", "response_b": "b"})
    battles.to_parquet(tmp_path / "test.parquet")
    battles.drop(columns="id").to_parquet(tmp_path / "unnumbered.parquet")
    check_test(tmp_path / "test.parquet", make_sample(tmp_path / "sample.csv", [7, 8]))
    check_test(tmp_path / "unnumbered.parquet", make_sample(tmp_path / "sample.csv", [0, 1]))


def test_ids_are_compared_as_they_are_written(tmp_path):
    texts = {name: ["x", "y"] for name in TEXT_COLUMNS}
    battles = pa.table({"id": [1.0, float("nan")], **texts})  # pandas would write null for NaN
    pq.write_table(battles, tmp_path / "test.parquet")
    check_test(tmp_path / "test.parquet", make_sample(tmp_path / "sample.csv", ["1.0", ""]))
    with pytest.raises(DataError, match=r"'nan' \(row 2 of .* '' \(row 2\)"):
        check_test(tmp_path / "test.parquet", make_sample(tmp_path / "sample.csv", ["1.0", "nan"]))


def test_predict_is_refused_before_it_writes(light_run, files, tmp_path, capsys):
    output = tmp_path / "out.csv"
    flags = [str(light_run), "--test", str(files / "test.csv"), "--output", str(output)]
    wrong = make_sample(tmp_path / "sample.csv", IDS)
    assert predict([*flags, "--sample-submission", str(wrong)]) == 2
    assert "column id: expected the 5 ids" in capsys.readouterr().err
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
    assert "column id: expected the 5 ids" in capsys.readouterr().err
    assert fit(flags) == 2
    assert "--sample-submission goes with --test" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["sample.csv"]


def test_the_submission_comes_in_the_samples_order(light_run, files, tmp_path, capsys):
    known = (light_run / "submission.csv").read_text().splitlines()
    turned = [known[0], *reversed(known[1:])]
    (tmp_path / "sample.csv").write_text("\n".join(turned) + "\n")
    flags = [str(light_run), "--test", str(files / "test.csv")]
    flags += ["--sample-submission", str(tmp_path / "sample.csv")]
    assert predict([*flags, "--output", str(tmp_path / "out.csv")]) == 0
    assert (tmp_path / "out.csv").read_text().splitlines() == turned
    assert "order: that of sample.csv" in capsys.readouterr().out


def test_fit_goes_ahead_with_the_right_sample(files, light_flags, light_run, tmp_path):
    flags = ["--train", str(files / "train.csv"), "--test", str(files / "test.csv"), *light_flags]
    sample = ["--sample-submission", str(light_run / "submission.csv")]
    assert fit([*flags, *sample, "--output", str(tmp_path / "run")]) == 0
    ours, known = (run / "submission.csv" for run in (tmp_path / "run", light_run))
    assert ours.read_bytes() == known.read_bytes()
