"""Faults of a whole file: told once, with the way out."""

import csv
import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.battles import (
    TEXT_COLUMNS,
    WINNER_COLUMNS,
    DataError,
    Reading,
    iter_test,
    iter_training,
    read_test,
    read_training,
)
from tests.published import Vote, records_of, write_table


def kaggle(path, n_rows, bad, cell="[oops", column="response_a", tail=""):
    """Write battles, the first `bad` of which have a cell that cannot be read."""
    names = dict.fromkeys(("id", *TEXT_COLUMNS, *WINNER_COLUMNS, column))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        for n in range(n_rows):
            row = {"id": n, **{name: json.dumps([f"{name} {n}"]) for name in TEXT_COLUMNS}}
            row |= dict(zip(WINNER_COLUMNS, (0, 0, 1), strict=True))
            writer.writerow(row | ({column: cell} if n < bad else {}))
        file.write(tail)
    return path


@pytest.mark.parametrize(
    ("n_rows", "bad", "whole"),
    [(20, 4, False), (20, 5, True), (500, 5, False), (499, 5, True), (2500, 19, False),
     (2500, 20, True)],
)  # fmt: skip
def test_many_rows_that_fail_alike_are_told_once(n_rows, bad, whole, tmp_path):
    path = kaggle(tmp_path / "t.csv", n_rows, bad)
    with pytest.raises(DataError) as caught:
        list(iter_training(path, chunk_rows=7))
    message = str(caught.value)
    assert ("Fix the row, or pass --skip-bad-rows" in message) == (not whole)
    assert message.startswith("t.csv, column response_a" if whole else "t.csv, row 1, column")
    if whole:
        assert f"in {bad} of {n_rows:,} rows, such as row 1: '[oops'; row 2: '[oops'" in message
        assert message.count("'[oops'") == 3
        assert "text that begins like a list and is none" in message
        assert message.endswith("Write each text as a JSON list, by json.dumps([text]).")


def test_rows_that_fail_in_two_ways_are_two_kinds(tmp_path):
    path = kaggle(tmp_path / "t.csv", 20, 4, tail='x,p,"[no",b,0,0,1\n' + "y,p,a,b,0,0,7\n" * 3)
    with pytest.raises(DataError, match=r"^t\.csv, column response_a: .* in 5 of 24 rows"):
        read_training(path)


def test_rows_longer_than_the_header_are_told_with_their_cells(tmp_path):
    path = kaggle(tmp_path / "t.csv", 0, 0, tail="0,7,p,a,b,0,0,1\n" * 9)  # an index without a name
    words = r"all columns: expected as many .*, found more in 9 of 9 rows, such as row 1: '0, 7, p,"
    with pytest.raises(DataError, match=rf"{words}.*Write a name in the header for each field"):
        read_training(path)


def test_other_layouts_tell_it_too(tmp_path):
    records = records_of("conversations", [Vote([f"p{n}"], ["a"], ["b"], 0) for n in range(9)])
    path = write_table(tmp_path / "t.jsonl", [one | {"winner": "left one"} for one in records])
    with pytest.raises(DataError, match=r"column winner: .* in 9 of 9 rows.*Say what stands for"):
        read_training(path)
    odd = [{**one, "conversation_a": "[oops"} for one in records]
    with pytest.raises(DataError, match=r"conversation_a: expected a list of messages .* 9 of 9"):
        read_test(write_table(tmp_path / "t.jsonl", odd))


def test_no_more_than_a_share_is_skipped(tmp_path):
    path = kaggle(tmp_path / "t.csv", 100, 5)
    assert read_training(path, skip_bad_rows=True).counts["kept"] == 95
    path = kaggle(tmp_path / "t.csv", 100, 6)
    words = (
        r"^t\.csv: 6 of 100 rows \(6\.0%\) cannot be read, and --skip-bad-rows leaves out 5% .*"
        r"column response_a: .* in 6 of 100 rows.*--skip-at-most 0\.06\.$"
    )
    with pytest.raises(DataError, match=words):
        read_training(path, skip_bad_rows=True)
    for share in (0.06, 1):
        read = read_training(path, skip_bad_rows=True, reading=Reading(skip_at_most=share))
        assert read.counts["skipped_rows"] == 6
    path = kaggle(tmp_path / "t.csv", 100, 1)
    with pytest.raises(DataError, match=r"1 of 100 rows .* leaves out 0% .*--skip-at-most 0\.01"):
        read_training(path, skip_bad_rows=True, reading=Reading(skip_at_most=0))


@pytest.mark.parametrize(("n_rows", "bad", "share"), [(100, 57, "0.57"), (300, 100, "0.34")])
def test_the_share_that_is_named_is_enough(n_rows, bad, share, tmp_path):
    """0.57 times 100 is less than 57 in float64."""
    path = kaggle(tmp_path / "t.csv", n_rows, bad)
    with pytest.raises(DataError, match=rf"--skip-at-most {share}\.$"):
        read_training(path, skip_bad_rows=True)
    read = read_training(path, skip_bad_rows=True, reading=Reading(skip_at_most=float(share)))
    assert read.counts["skipped_rows"] == bad


@pytest.mark.parametrize(
    ("column", "cell", "way_out"),
    [("weight", "heavy", r"Write a number in each row, .* rename it\.$"),
     ("winner_tie", "heavy", "Write 1 and 0, or three probabilities that add up to 1, or name"),
     ("winner_tie", "0.9", "which add up to 0.9. Write probabilities that add up to 1")],
)  # fmt: skip
def test_a_column_that_is_no_weight_and_votes_that_are_none(column, cell, way_out, tmp_path):
    path = kaggle(tmp_path / "t.csv", 20, 20, column=column, cell=cell)
    with pytest.raises(
        DataError, match=rf"^t\.csv, columns? .*{column}: .* in 20 of 20 .*{way_out}"
    ):
        read_training(path)


def test_a_test_file_that_is_torn_apart_is_refused(tmp_path):
    path = tmp_path / "t.csv"
    header, good = "id,prompt,response_a,response_b\n", "1,p,a,b\n"
    torn = '2,p,"say "no", you",b\n'
    for content in (header + torn * 2, header + torn * 2 + good, header + torn * 5 + good * 400):
        path.write_text(content)
        with pytest.raises(DataError, match=r"torn apart, in [25] of .*row 1: .*Write a quote .*"):
            list(iter_test(path, chunk_rows=3))
    path.write_text(header + '1,"["p", "q"]","["a"]",b\n' * 9)  # not a fault of a column
    with pytest.raises(DataError, match="torn apart, in 9 of 9"):
        read_test(path)
    for content in (header + torn, header + torn * 2 + good * 2, header + torn * 4 + good * 5):
        path.write_text(content)
        assert read_test(path).counts["stray_quotes"] == content.count('"no"')


def undecodable(path, n_bad, n_rows, text="Où est-il passé cet été ?", encoding="cp1252"):
    rows = [f"{n},{text} {n},a,b,0,0,1\n".encode(encoding) for n in range(n_bad)]
    rows += [b"%d,p%d \xef\xbf\xbd,a,b,0,0,1\n" % (n, n) for n in range(n_bad, n_rows)]
    names = ("id", *TEXT_COLUMNS, *WINNER_COLUMNS)
    path.write_bytes(",".join(names).encode() + b"\n" + b"".join(rows))
    return path


@pytest.mark.parametrize(
    ("n_bad", "n_rows", "stops"), [(4, 9, False), (5, 500, False), (5, 499, True)]
)
def test_much_undecodable_text_stops_with_the_likely_encoding(n_bad, n_rows, stops, tmp_path):
    path = undecodable(tmp_path / "t.csv", n_bad, n_rows)
    for read in (read_training, read_test):
        if not stops:
            assert read(path).counts["repaired_characters"] == 4 * n_bad
            continue
        with pytest.raises(
            DataError, match=r"none in 5 of 499 rows, such as row 1: .*CP1252"
        ) as told:
            read(path)
        assert "amid UTF-8" in str(told.value)
        as_it_is = read(path, reading=Reading(encoding="utf-8"))
        assert as_it_is.counts["repaired_characters"] == 4 * n_bad


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_file_in_another_encoding_is_read_in_the_one_that_is_named(pack, tmp_path):
    text = "这是一个很好的问题，北京有哪些景点"
    path = undecodable(tmp_path / "t.csv", 9, 9, text=text, encoding="gbk")
    path.write_bytes(pack(path.read_bytes()))
    with pytest.raises(DataError, match=r"in 9 of 9 rows.*likely GBK.*pass --encoding gb18030\."):
        read_training(path)
    read = read_training(path, reading=Reading(encoding="gbk"))
    assert read.counts["repaired_characters"] == 0
    assert list(read.battles["prompt"][0]) == [f"{text} 0"]
    assert read.notes == ["t.csv: read as GBK"]
    with pytest.raises(DataError, match="expected text in ASCII, found bytes that are none in 9"):
        read_training(path, reading=Reading(encoding="ascii"))


def test_lone_surrogates_are_no_undecodable_text(tmp_path):
    records = records_of("kaggle", [Vote([f"\ud83d {n}"], ["a"], ["b"], 0) for n in range(9)])
    for name in ("t.json", "t.jsonl"):
        read = read_training(write_table(tmp_path / name, records))
        assert read.counts["repaired_characters"] == 9


def test_undecodable_parquet_names_no_encoding_that_would_not_be_used(tmp_path):
    cells = pa.array([b"caf\xe9 %d" % n for n in range(9)])
    table = {"prompt": cells, "response_a": ["a"] * 9, "response_b": ["b"] * 9}
    pq.write_table(pa.table(table), tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"9 of 9 rows.*Write the file in UTF-8"):
        read_test(tmp_path / "t.parquet")
