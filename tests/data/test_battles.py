"""Reading training and test files into battles frames."""

import csv
import gzip
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.battles import (
    COUNTS,
    FRAME_COLUMNS,
    TEXT_COLUMNS,
    WINNER_COLUMNS,
    DataError,
    ReadBattles,
    Reading,
    iter_test,
    make_battles,
    read_test,
    read_training,
)

KAGGLE = ("id", "model_a", "model_b", *TEXT_COLUMNS, *WINNER_COLUMNS)
ANY = Reading(skip_at_most=1)  # of few rows one is many
TURNS = pd.ArrowDtype(pa.large_list(pa.large_string()))


def _row(number: int = 0, label: int = 0, **cells: Any) -> dict[str, str]:
    """One row as Kaggle ships it, with the given cells in place of its own."""
    row = {
        "id": f"{number:05d}",
        "model_a": "gpt",
        "model_b": "llama",
        "prompt": json.dumps([f"prompt {number}"]),
        "response_a": json.dumps([f"answer {number}"]),
        "response_b": json.dumps([f"other {number}"]),
    }
    row.update({name: str(int(place == label)) for place, name in enumerate(WINNER_COLUMNS)})
    return {**row, **cells}


def _csv(path: Path, rows: Sequence[dict[str, str]], columns: Sequence[str] = KAGGLE) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def _counts(read: ReadBattles) -> dict[str, int]:
    """Return the counts that are not 0, and neither rows nor kept."""
    return {
        name: count for name, count in read.counts.items() if count and name not in ("rows", "kept")
    }


def test_training_file_as_kaggle_ships_it(tmp_path: Path) -> None:
    rows = [_row(number, label) for number, label in enumerate([2, 0, 1])]
    rows[1]["response_b"] = '["one", null, "two \\u00e9"]'
    read = read_training(_csv(tmp_path / "train.csv", rows))
    assert tuple(read.battles.columns) == FRAME_COLUMNS
    assert read.battles["prompt"].dtype == TURNS
    assert read.battles["id"].tolist() == ["00000", "00001", "00002"]
    assert read.battles["response_b"].tolist()[1] == ["one", None, "two é"]
    assert read.battles["model_a"].tolist() == ["gpt"] * 3
    assert read.battles["source"].tolist() == ["plain"] * 3
    assert read.y is not None
    assert read.y.dtype == np.int8
    assert read.y.tolist() == [2, 0, 1]
    assert set(read.counts) == set(COUNTS)
    assert (read.counts["rows"], read.counts["kept"]) == (3, 3)
    assert _counts(read) == {"null_turns": 1, "unequal_turns": 1}
    assert read.skipped == []


def test_files_without_id_and_models(tmp_path: Path) -> None:
    columns = (*WINNER_COLUMNS, *TEXT_COLUMNS)
    rows = [_row(1), _row(1), _row(2)]
    read = read_training(_csv(tmp_path / "train.csv", rows, columns), source="extra")
    # The number is that of the row in the file, so the one left out leaves a gap.
    assert read.battles["id"].tolist() == ["0", "2"]
    assert read.battles["model_a"].isna().all()
    assert read.battles["source"].tolist() == ["extra", "extra"]


def test_empty_model_names_are_null(tmp_path: Path) -> None:
    read = read_training(_csv(tmp_path / "train.csv", [_row(model_a=""), _row(1)]))
    assert read.battles["model_a"].isna().tolist() == [True, False]


def test_duplicates_are_kept_once_and_contradictory_votes_stay(tmp_path: Path) -> None:
    rows = [
        _row(1, 0, id="first"),
        _row(1, 0, id="again"),
        _row(1, 1, id="contradicts"),
        _row(1, 0, id="other model", model_b="qwen"),
        _row(1, 0, id="third", winner_tie="0.0"),
        _row(1, 1, id="contradicts again"),
        _row(1, 2, id="first"),
    ]
    read = read_training(_csv(tmp_path / "train.csv", rows))
    assert read.battles["id"].tolist() == ["first", "contradicts", "other model", "first"]
    assert read.y is not None
    assert read.y.tolist() == [0, 1, 0, 2]
    assert _counts(read) == {"duplicates": 3, "contradictory": 2, "duplicate_ids": 1}
    assert (read.counts["rows"], read.counts["kept"]) == (7, 4)


def test_duplicates_are_found_across_chunks(tmp_path: Path) -> None:
    rows = [_row(number) for number in range(9000)] + [_row(0), _row(8999)]
    seen: list[int] = []
    read = read_training(_csv(tmp_path / "train.csv", rows), progress=seen.append)
    assert (read.counts["kept"], read.counts["duplicates"]) == (9000, 2)
    assert sum(seen) == 9002
    assert len(seen) > 1
    assert read.battles.index.equals(pd.RangeIndex(9000))
    assert read.battles["id"].tolist() == [f"{number:05d}" for number in range(9000)]


def test_bad_cell_names_file_row_column_find_and_way_out(tmp_path: Path) -> None:
    rows = [_row(number) for number in range(820)]
    rows[811]["response_a"] = "[oops"
    message = (
        "train.csv, row 812, column response_a: expected a JSON list of strings or nulls, got "
        "'[oops'. Fix the row, or pass --skip-bad-rows to leave out such rows and list them."
    )
    path = _csv(tmp_path / "train.csv", rows)
    with pytest.raises(DataError, match="row 812") as caught:
        read_training(path)
    assert str(caught.value) == message
    read = read_training(path, skip_bad_rows=True)
    assert read.skipped == [message]
    assert _counts(read) == {"skipped_rows": 1}
    assert read.counts["kept"] == 819


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"prompt": '{"role": "user"}'}, r"column prompt: expected a JSON list .*, got '{"),
        ({"response_b": "[1, 2]"}, r"column response_b: .*, got '\[1, 2\]'"),
        ({"response_b": '[["x"]]'}, "column response_b: expected a JSON list"),
        ({"response_b": "[" * 50_000}, r"column response_b: .*, got '\[{60}'\.\.\."),
        ({"winner_tie": ""}, "column winner_tie: expected 1 or 0, got ''"),
        ({"winner_model_a": "yes"}, "column winner_model_a: expected 1 or 0, got 'yes'"),
        ({"winner_model_b": "1"}, "expected exactly one 1 and two 0, got 1, 1, 0"),
        ({"winner_model_a": "0"}, "expected exactly one 1 and two 0, got 0, 0, 0"),
    ],
    ids=str,
)
def test_what_stops_training_or_is_skipped(
    tmp_path: Path, cells: dict[str, Any], message: str
) -> None:
    path = _csv(tmp_path / "train.csv", [_row(0), _row(1, **cells), _row(2)])
    with pytest.raises(DataError, match=f"train.csv, row 2, .*{message}"):
        read_training(path)
    read = read_training(path, skip_bad_rows=True, reading=ANY)
    assert read.battles["id"].tolist() == ["00000", "00002"]
    assert read.counts["skipped_rows"] == len(read.skipped) == 1


def test_rows_of_the_wrong_length(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    header = ",".join((*TEXT_COLUMNS, *WINNER_COLUMNS))
    path.write_text(f"{header}\np,a,b,1,0,0\np,a,b,1,0,0,9\np,a,b,1\n")
    with pytest.raises(DataError, match="row 2, all columns: expected as many fields as the head"):
        read_training(path)
    read = read_training(path, skip_bad_rows=True, reading=ANY)
    assert read.counts["kept"] == 1
    assert "row 3, column winner_model_b: expected 1 or 0, got ''" in read.skipped[1]


def test_no_row_left(tmp_path: Path) -> None:
    path = _csv(tmp_path / "train.csv", [_row(prompt="[")])
    with pytest.raises(DataError, match=r"no row is left, all were skipped. train.csv, row 1"):
        read_training(path, skip_bad_rows=True, reading=ANY)


def test_missing_winner_columns(tmp_path: Path) -> None:
    path = _csv(tmp_path / "train.csv", [_row()], ("id", *TEXT_COLUMNS, "winner_tie"))
    with pytest.raises(DataError, match="not there: winner_model_a, winner_model_b"):
        read_training(path)


def test_unknown_source(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"source must be one of plain, extra\. Got 'test'"):
        read_training(_csv(tmp_path / "train.csv", [_row()]), source="test")


def test_cells_that_can_be_repaired_are_counted(tmp_path: Path) -> None:
    rows = [
        _row(0, prompt="", response_a="[]", response_b="[null]"),
        _row(1, prompt='["\\ud83d"]', response_a='["\\ud83d\\ude00"]'),
    ]
    path = _csv(tmp_path / "train.csv", rows)
    path.write_bytes(path.read_bytes().replace(b"other 1", b"other \xe9"))
    read = read_training(path)
    assert read.battles["prompt"].tolist() == [[""], ["\ufffd"]]
    assert read.battles["response_a"].tolist() == [[], ["😀"]]
    assert read.battles["response_b"].tolist() == [[None], ["other \ufffd"]]
    assert _counts(read) == {
        "empty_cells": 2,
        "null_turns": 1,
        "unequal_turns": 1,
        "repaired_characters": 2,
    }


def test_test_file_keeps_every_row_and_takes_broken_cells_as_text(tmp_path: Path) -> None:
    cells = ["[oops", "{}", "[" * 50_000, "[1]", "", "[]", "__import__('os')"]
    rows = [_row(7, response_a=cell) for cell in cells]
    read = read_test(_csv(tmp_path / "test.csv", rows), reading=Reading(raw=True))
    assert read.y is None
    assert read.battles["id"].tolist() == ["00007"] * len(cells)
    expected = [[cell] for cell in cells]
    expected[5] = []
    assert read.battles["response_a"].tolist() == expected
    assert _counts(read) == {"raw_cells": 4, "empty_cells": 2, "unequal_turns": 1}
    assert read.battles["model_a"].tolist() == ["gpt"] * len(cells)
    assert read.battles["source"].unique().tolist() == ["plain"]


def test_test_file_ignores_labels_repeated_columns_and_ragged_rows(tmp_path: Path) -> None:
    path = tmp_path / "test.csv"
    path.write_text(
        "id,prompt,response_a,response_b,prompt,winner_tie\n"
        "=1+1,p,a,b,q,maybe\n<b>,p,a,b,q,1,2,3\nü,p\n"
    )
    read = read_test(path)
    assert read.battles["id"].tolist() == ["=1+1", "<b>", "ü"]
    assert read.battles["prompt"].tolist() == [["p"]] * 3
    assert read.battles["response_b"].tolist() == [["b"], ["b"], [""]]
    assert _counts(read) == {"long_rows": 1, "empty_cells": 2}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty file"),
        ("id,prompt,response_a,response_b\n", "no rows"),
        ("id,prompt,response_a\n1,p,a\n", "not there: response_b"),
    ],
)
def test_only_faults_of_the_whole_file_stop_a_test_file(
    tmp_path: Path, content: str, message: str
) -> None:
    path = tmp_path / "test.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=f"test.csv.*{message}"):
        read_test(path)


@pytest.mark.parametrize("chunk_rows", [1, 2, 3, 8, 100])
def test_quote_never_closed_loses_no_row(tmp_path: Path, chunk_rows: int) -> None:
    path = tmp_path / "test.csv"
    before, after = b"caf\xe9,a,b\n" * 7, b"q,a,b\n" * 9
    path.write_bytes(b"prompt,response_a,response_b\n" + before + b'p,a,"q\n' + after)
    parts = list(iter_test(path, chunk_rows=chunk_rows, reading=Reading(encoding="utf-8")))
    assert [row for part in parts for row in part.battles["id"]] == [*map(str, range(17))]
    assert [row for part in parts for row in part.battles["prompt"]][7] == ["p"]
    assert [row for part in parts for row in part.battles["response_b"]][7] == ["q"]
    assert [part.counts["unclosed_quotes"] for part in parts] == [0] * (len(parts) - 1) + [1]
    assert sum(part.counts["repaired_characters"] for part in parts) == 7


def test_test_file_in_chunks_is_the_same_as_whole(tmp_path: Path) -> None:
    rows = [_row(number, response_b="[" if number % 3 else "b") for number in range(20)]
    path = _csv(tmp_path / "test.csv", rows, TEXT_COLUMNS)
    parts = list(iter_test(path, chunk_rows=6, reading=Reading(raw=True)))
    seen: list[int] = []
    whole = read_test(path, progress=seen.append, reading=Reading(raw=True))
    assert len(parts) == 4
    assert seen == [20]
    assert max(len(part.battles) for part in parts) <= 6
    assert [row for part in parts for row in part.battles["id"]] == whole.battles["id"].tolist()
    for name in FRAME_COLUMNS:
        found = [row for part in parts for row in part.battles[name]]
        assert str(found) == str(list(whole.battles[name]))
    assert sum(part.counts["raw_cells"] for part in parts) == whole.counts["raw_cells"] == 13


def test_all_formats_give_the_same(tmp_path: Path) -> None:
    rows = [_row(number, number % 3) for number in range(5)]
    path = _csv(tmp_path / "train.csv", rows)
    plain = read_training(path)
    (tmp_path / "train.csv.gz").write_bytes(gzip.compress(path.read_bytes()))
    (tmp_path / "marked.csv").write_bytes(
        b"\xef\xbb\xbf" + path.read_bytes().replace(b"\r\n", b"\n")
    )
    text: dict[str, Any] = {name: [row[name] for row in rows] for name in KAGGLE}
    pq.write_table(pa.table(text), tmp_path / "text.parquet")
    for name in TEXT_COLUMNS:
        text[name] = [json.loads(cell) for cell in text[name]]
    for name, cast in zip(WINNER_COLUMNS, (int, float, bool), strict=True):
        text[name] = [cast(int(cell)) for cell in text[name]]
    pq.write_table(pa.table(text), tmp_path / "typed.parquet")
    for name in ("train.csv.gz", "marked.csv", "text.parquet", "typed.parquet"):
        read = read_training(tmp_path / name)
        pd.testing.assert_frame_equal(read.battles, plain.battles)
        np.testing.assert_array_equal(read.y, plain.y)
        assert read.counts == plain.counts


def test_read_battles_equal_made_ones(tmp_path: Path) -> None:
    read = read_test(_csv(tmp_path / "test.csv", [_row(3)], TEXT_COLUMNS))
    made = make_battles(["prompt 3"], ["answer 3"], ["other 3"])
    pd.testing.assert_frame_equal(read.battles, made)


def test_a_cell_of_six_megabytes_takes_a_moment(tmp_path: Path) -> None:
    text = "😀é\n" * 1_500_000
    cells: dict[str, Any] = {
        "prompt": json.dumps([text]),
        "response_a": text,
        "response_b": "[" * 6_000_000,
    }
    started = time.process_time()
    read = read_test(_csv(tmp_path / "test.csv", [_row(**cells)]))
    assert time.process_time() - started < 10
    assert read.battles["prompt"].tolist() == [[text]]


def test_turns_beyond_any_conversation_are_joined_and_counted(tmp_path: Path) -> None:
    cells = {"response_a": json.dumps(["x", None] * 5001), "response_b": "[" + '"",' * 9999 + '""]'}
    for read in (read_test, read_training):
        found = read(_csv(tmp_path / "t.csv", [_row(**cells)]))
        (turns,), (most,) = found.battles["response_a"], found.battles["response_b"]
        assert (len(turns), turns[-2:]) == (10_000, ["x", "\nx\n"])
        assert len(most) == 10_000
        assert found.counts["joined_turns"] == 1


def test_real_battles() -> None:
    folder = os.environ.get("ARENABOOST_DATA")
    if not folder:
        pytest.skip("set ARENABOOST_DATA to the folder of the real battles")
    train = read_training(Path(folder) / "arena" / "train.csv")
    extra = read_training(Path(folder) / "arena" / "extra.csv", source="extra")
    test = read_test(Path(folder) / "arena" / "extra.csv")
    assert (train.counts["rows"], train.counts["kept"]) == (992, 992)
    assert (extra.counts["rows"], extra.counts["kept"]) == (15_399, 15_397)
    assert len(test.battles) == 15_399
    assert train.y is not None
    np.testing.assert_allclose(np.bincount(train.y) / 992, [0.359, 0.352, 0.289], atol=5e-4)
    assert (train.battles["response_a"].list.len() > 1).mean() == pytest.approx(0.14, abs=0.005)
