"""Broken training files: each with its repair, or the words of its error and of the way out.

Those of test files stand beside the probabilities they get, in ``tests/pipelines``.
"""

import gzip
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.battles import (
    COUNTS,
    TEXT_COLUMNS,
    WINNER_COLUMNS,
    DataError,
    Reading,
    read_test,
    read_training,
)
from data.folds import make_folds

NAMES = ("id", "model_a", "model_b", *TEXT_COLUMNS, *WINNER_COLUMNS)
HEADER = (",".join(NAMES) + "\n").encode()
GOOD = b"7,gpt,llama,good,x,y,0,0,1\n"
VOTES = (b"1,0,0", b"0,1,0", b"0,0,1")
WAY_OUT = r"Fix the row, or pass --skip-bad-rows to leave out such rows and list them\."
NO_TURNS = "expected a JSON list of strings or nulls, got "
SKIP = {"skip_bad_rows": True, "reading": Reading(skip_at_most=1)}  # of few rows one is many
MARKED = b"\xef\xbb\xbf"


class Repaired(NamedTuple):
    """A file, the labels and the answers A that are read from it, and what is counted."""

    content: bytes
    y: list[int]
    answers: list[list[str | None]]
    counts: dict[str, int] = {}


def row(
    number: int = 0,
    answer: bytes = b"a",
    votes: bytes = VOTES[0],
    prompt: bytes = b"p",
    models: bytes = b"m,n",
) -> bytes:
    """One row as Kaggle ships it."""
    quoted = b'"' + answer.replace(b'"', b'""') + b'"'
    return b"%d,%s,%s,%s,b,%s\n" % (number, models, prompt, quoted, votes)


def one(answer: bytes, turns: list[str | None], **counts: int) -> Repaired:
    """One row with this answer A."""
    return Repaired(HEADER + row(answer=answer), [0], [turns], counts)


TWO = HEADER + row(1) + row(2, votes=VOTES[2], prompt=b"q")
REPAIRED = {
    "byte-order mark": Repaired(MARKED + TWO, [0, 2], [["a"]] * 2),
    "CRLF": Repaired(TWO.replace(b"\n", b"\r\n"), [0, 2], [["a"]] * 2),
    "UTF-16": Repaired(TWO.decode().encode("utf-16"), [0, 2], [["a"]] * 2),
    "lone CR": Repaired(TWO.replace(b"\n", b"\r"), [0, 2], [["a"]] * 2),
    "blank lines": Repaired(b"\n" + TWO.replace(b"\n", b"\n\n"), [0, 2], [["a"]] * 2),
    "Latin-1": one(b"caf\xe9", ["caf\ufffd"], repaired_characters=1),
    "lone surrogate": one(b'["\\udc00x"]', ["\ufffdx"], repaired_characters=1),
    "byte-order mark in a cell": one(MARKED + b'["Hi"]', ["Hi"]),
    "NUL": one(b"a\0b", ["a\0b"]),
    "null turns": one(b"[null]", [None], null_turns=1),
    "empty list": one(b"[]", [], empty_cells=1, unequal_turns=1),
    "unequal lists": one(b'["x", "y"]', ["x", "y"], unequal_turns=1),
    "text that is no list": one(b"x ]", ["x ]"]),
    "extra and reordered columns": Repaired(
        b"winner_tie,winner_model_b,winner_model_a,judge,response_b,response_a,prompt\n"
        b"0,1,0,j,b,a,p\n",
        [1],
        [["a"]],
    ),
    "repeated column that is not needed": Repaired(
        b"judge,judge," + HEADER + b"j,k," + row(), [0], [["a"]]
    ),
    "votes as decimals": Repaired(HEADER + row(votes=b"0.0,1.0,0.0"), [1], [["a"]]),
    "exact duplicate": Repaired(HEADER + row(1) + row(2), [0], [["a"]], {"duplicates": 1}),
    "contradictory duplicate": Repaired(
        HEADER + row(1) + row(2, votes=VOTES[1]), [0, 1], [["a"]] * 2, {"contradictory": 1}
    ),
    "the same of other models": Repaired(HEADER + row(1) + row(1, models=b"m,o"), [0, 0],
                                         [["a"]] * 2, {"duplicate_ids": 1}),
    "duplicate ids": Repaired(
        HEADER + row(1) + row(1, prompt=b"q"), [0, 0], [["a"]] * 2, {"duplicate_ids": 1}
    ),
    "formula and markup in ids": Repaired(
        HEADER + b"=1+" + row(1) + b"<b>" + row(1, prompt=b"q"), [0, 0], [["a"]] * 2
    ),
}  # fmt: skip

ONE_ANSWER = "columns winner_model_a, winner_model_b, winner_tie: expected exactly one 1 and two 0"
BAD_ROWS = {
    "broken JSON": (row(answer=b'["oops'), rf"""column response_a: {NO_TURNS}'\["oops'\."""),
    "after a byte-order mark": (row(answer=MARKED + b"[oops"), rf"column response_a: {NO_TURNS}"),
    "object": (row(answer=b'{"role": "user"}'), rf"column response_a: {NO_TURNS}'{{"),
    "list of numbers": (row(answer=b"[1, 2]"), rf"column response_a: {NO_TURNS}'\[1, 2\]'"),
    "nested list": (row(answer=b'[["x"]]'), rf"column response_a: {NO_TURNS}'\[\["),
    "50,000 levels": (row(answer=b"[" * 50_000), rf"response_a: {NO_TURNS}'\[{{60}}'\.\.\.\."),
    "6 MB of brackets": (row(answer=b"[" * 6_000_000), rf"{NO_TURNS}'\[{{60}}'\.\.\.\."),
    "row too long": (
        row()[:-1] + b",9\n", "all columns: expected as many fields as the header has, got more"
    ),
    "quote never closed before another row": (
        b'999,m,n,"oops,a,b,1,0,0\n' + row(3, prompt=b'"""oops"', answer=b"x"),
        "all columns: expected a comma or the end of the row after a closing quote, got more text: "
        "rows may have run together",
    ),
    "quotes not doubled": (
        b'0,m,n,p,"he said "no" to me",b,1,0,0\n', "row after a closing quote, got more text"
    ),
    "row too short": (b"0,m,n,p,a,b,1\n", "column winner_model_b: expected 1 or 0, got ''"),
    "label empty": (row(votes=b",0,1"), "column winner_model_a: expected 1 or 0, got ''"),
    "label a word": (row(votes=b"0,yes,0"), "column winner_model_b: expected 1 or 0, got 'yes'"),
    "label True": (row(votes=b"True,False,False"), "winner_model_a: expected 1 or 0, got 'True'"),
    "label 2": (row(votes=b"0,0,2"), "column winner_tie: expected 1 or 0, got '2'"),
    "label NaN": (row(votes=b"0,0,NaN"), "column winner_tie: expected 1 or 0, got 'NaN'"),
    "label a half": (row(votes=b"0,0,0.5"), "that add up to 1, got 0, 0, 0.5, which add up to 0.5"),
    "label with a space": (row(votes=b"0,0, 1"), "column winner_tie: expected 1 or 0, got ' 1'"),
    "two winners": (row(votes=b"1,0,1"), f"{ONE_ANSWER}, got 1, 0, 1"),
    "no winner": (row(votes=b"0,0,0"), f"{ONE_ANSWER}, got 0, 0, 0"),
}  # fmt: skip

NOT_UTF8 = r"expected CSV text in UTF-8, found bytes that are none .* Save it as CSV in UTF-8\."
STOPPED = {
    "empty file": (b"", "expected a header and rows, found an empty file"),
    "header only": (HEADER, "expected at least one row, found a header and no rows"),
    "UTF-16 without a mark": (
        TWO.decode().encode("utf-16-le"),
        f"{NOT_UTF8} .*--encoding utf-16-le",
    ),
    "binary file": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), NOT_UTF8),
    "quote never closed": (
        TWO + b'3,m,n,p,"a,b,1,0,0\n4,m,n,p,a,b,1,0,0\n',
        r"row 3: expected a closing quote, found the end of the file; .*Close the quote",
    ),
    "labels absent": (
        b"id,prompt,response_a,response_b\n1,p,a,b\n",
        r"nearest is Kaggle LMSYS .*; not there: winner_model_a, winner_model_b, "
        r"winner_tie\. Rename or add the columns",
    ),
    "answer absent": (TWO.replace(b"response_b", b"answer_b"), "not there: response_b"),
    "needed column twice": (
        HEADER[:-1] + b",winner_tie\n" + row()[:-1] + b",1\n",
        r"column winner_tie: expected it once, found it 2 times in the header\. Remove or rename",
    ),
}


def written(folder: Path, content: bytes) -> Path:
    path = folder / "train.csv"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", REPAIRED)
def test_what_is_repaired_is_counted(name: str, tmp_path: Path) -> None:
    expected = REPAIRED[name]
    read = read_training(written(tmp_path, expected.content))
    assert read.y is not None
    assert read.y.tolist() == expected.y
    assert [list(turns) for turns in read.battles["response_a"]] == expected.answers
    counted = {key: read.counts[key] for key in COUNTS if key not in ("rows", "kept")}
    assert {key: count for key, count in counted.items() if count} == expected.counts
    assert read.skipped == []


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_row_stops_or_is_left_out_and_listed(name: str, tmp_path: Path) -> None:
    bad, message = BAD_ROWS[name]
    whole = rf"^train\.csv, row 2, .*{message}.*{WAY_OUT}$"
    path = written(tmp_path, HEADER + GOOD + bad + row(9, prompt=b"last"))
    with pytest.raises(DataError, match=whole) as caught:
        read_training(path)
    read = read_training(path, **SKIP)
    assert read.skipped == [str(caught.value)]
    assert read.battles["id"].tolist() == ["7", "9"]
    assert (read.counts["rows"], read.counts["skipped_rows"]) == (3, 1)
    alone = written(tmp_path, HEADER + bad)
    with pytest.raises(DataError, match=r"no row is left, all were skipped\. train\.csv, row 1"):
        read_training(alone, **SKIP)


@pytest.mark.parametrize("name", STOPPED)
@pytest.mark.parametrize("skip_bad_rows", [False, True])
def test_a_fault_of_the_whole_file_is_never_skipped(
    name: str, skip_bad_rows: bool, tmp_path: Path
) -> None:
    content, message = STOPPED[name]
    with pytest.raises(DataError, match=rf"^train\.csv.*{message}"):
        read_training(written(tmp_path, content), skip_bad_rows=skip_bad_rows)


PROMPTS = [b"p%d" % number for number in range(12)]
ENOUGH = "expected at least as many"
UNFIT = {
    "fewer rows than folds": (
        [row(n, prompt=PROMPTS[n], votes=VOTES[n]) for n in range(3)],
        rf"{ENOUGH} rows as folds, found 3 rows and 5 folds\. Give more battles, or ask for fewer",
    ),
    "one prompt in all rows": (
        [row(n, answer=b"%d" % n, votes=VOTES[n % 3]) for n in range(9)],
        rf"{ENOUGH} different prompts \(groups\) as folds, found 1 .* and 5 folds",
    ),
    "prompts that differ in case alone": (
        [
            row(n, answer=b"%d" % n, prompt=prompt, votes=VOTES[n % 3])
            for n, prompt in enumerate([b"Hi", b"hi", b"HI"] * 3)
        ],
        r"found 1 different prompts \(groups\) and 5 folds",
    ),
    "all one class": (
        [row(n, prompt=prompt) for n, prompt in enumerate(PROMPTS)],
        r"found none of class B \(winner_model_b\) and tie \(winner_tie\) in 12 rows",
    ),
    "no ties": (
        [row(n, prompt=prompt, votes=VOTES[n % 2]) for n, prompt in enumerate(PROMPTS)],
        r"found none of class tie \(winner_tie\) in 12 rows\. Give training rows of that class",
    ),
}


@pytest.mark.parametrize("name", UNFIT)
def test_rows_that_no_folds_can_be_cut_from(name: str, tmp_path: Path) -> None:
    rows, message = UNFIT[name]
    read = read_training(written(tmp_path, HEADER + b"".join(rows)))
    assert read.y is not None
    with pytest.raises(DataError, match=message):
        make_folds(read.y, read.battles["group"])


def test_a_cut_or_mixed_archive_says_so(tmp_path: Path) -> None:
    packed = gzip.compress(HEADER + b"".join(map(row, range(20_000))))
    path = tmp_path / "train.csv.gz"
    for broken in (packed[:-20], packed[: len(packed) // 2], packed + b"more"):
        path.write_bytes(broken)
        with pytest.raises(DataError, match=r"train\.csv\.gz: .*CSV text.* Write the file again"):
            read_training(path, skip_bad_rows=True)


def test_a_folder_without_tables(tmp_path: Path) -> None:
    (tmp_path / "votes.csv").mkdir()
    (tmp_path / "votes.csv" / "README.md").write_text("votes")
    with pytest.raises(DataError, match=r"found 'README.md'\. Name the files"):
        read_training(tmp_path / "votes.csv")


def bad_text() -> pa.Array:
    """Return two strings, the first of which is no UTF-8; no check stops a writer of them."""
    offsets = pa.py_buffer(b"\0\0\0\0\2\0\0\0\4\0\0\0")
    return pa.Array.from_buffers(pa.string(), 2, [None, offsets, pa.py_buffer(b"\xff\xfeok")])


PARQUET: dict[str, tuple[pa.Array, list[list[str | None]], int]] = {
    "numbers": (pa.array([1, 2]), [["1"], ["2"]], 0),
    "nulls alone": (pa.nulls(2), [[""], [""]], 0),
    "bytes": (pa.array([b"\xff", b"ok"]), [["\ufffd"], ["ok"]], 1),
    "lists of bytes": (pa.array([[b"x", None], [b"\xff"]]), [["x", None], ["\ufffd"]], 1),
    "text that is none": (bad_text(), [["\ufffd\ufffd"], ["ok"]], 2),
    "lists of such text": (
        pa.ListArray.from_arrays([0, 1, 2], bad_text()), [["\ufffd\ufffd"], ["ok"]], 2
    ),
    "lists of one such text": (
        pa.FixedSizeListArray.from_arrays(bad_text(), 1), [["\ufffd\ufffd"], ["ok"]], 2
    ),
    "categories": (pa.array(["x", "y"]).dictionary_encode(), [["x"], ["y"]], 0),
}  # fmt: skip
UNREADABLE = {  # by Python: years, and text that is none
    "when": pa.array([2**62] * 2, pa.timestamp("us")),
    "how long": pa.array([2**62] * 2, pa.duration("s")),
    "what": pa.StructArray.from_arrays([bad_text()], ["k"]),
    "which": pa.MapArray.from_arrays([0, 1, 2], bad_text(), bad_text()),
}
VOTED = {"winner_model_a": [True, False], "winner_model_b": [0.0, 1.0], "winner_tie": [0, 0]}


@pytest.mark.parametrize("name", PARQUET)
def test_parquet_of_odd_types(name: str, tmp_path: Path) -> None:
    cells, answers, repaired = PARQUET[name]
    table = pa.table({"prompt": ["p", "q"], "response_a": cells, "response_b": ["b", "c"], **VOTED})
    pq.write_table(table, tmp_path / "train.parquet")
    read = read_training(tmp_path / "train.parquet")
    assert [list(turns) for turns in read.battles["response_a"]] == answers
    assert read.counts["repaired_characters"] == repaired


@pytest.mark.parametrize("name", UNREADABLE)
def test_parquet_columns_that_are_not_needed_do_no_harm(name: str, tmp_path: Path) -> None:
    texts = {"prompt": ["p", "q"], "response_a": ["a", "b"], "response_b": ["c", "d"]}
    pq.write_table(pa.table({name: UNREADABLE[name], **texts, **VOTED}), tmp_path / "t.parquet")
    assert read_training(tmp_path / "t.parquet").counts["kept"] == 2
    pq.write_table(pa.table({"id": UNREADABLE[name], **texts}), tmp_path / "t.parquet")
    ids = read_test(tmp_path / "t.parquet").battles["id"].tolist()
    known = {"when": [str(2**62)] * 2, "how long": [str(2**62)] * 2, "which": ["0", "1"]}
    assert ids == known.get(name, ["{'k': '\ufffd\ufffd'}", "{'k': 'ok'}"])


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        (pa.array([{"role": "user"}, None]), "{'role': 'user'}"),
        (pa.array([[1], ["2"][:0]]), r"\[1\]"),
        (
            pa.StructArray.from_arrays([bad_text()], ["k"], mask=pa.array([False, True])),
            "{'k': '\ufffd",
        ),
        (pa.array([[["x"]], []]), r"\[\['x'\]\]"),
    ],
    ids=["objects", "lists of numbers", "objects of bytes", "nested lists"],
)
def test_parquet_of_wrong_types_is_a_bad_row(cells: pa.Array, found: str, tmp_path: Path) -> None:
    table = pa.table({"prompt": ["p", "q"], "response_a": cells, "response_b": ["b", "c"], **VOTED})
    pq.write_table(table, tmp_path / "train.parquet")
    path = tmp_path / "train.parquet"
    with pytest.raises(DataError, match=rf"train\.parquet, row 1, column .*{NO_TURNS}{found}"):
        read_training(path)
    assert read_training(path, **SKIP).counts["kept"] == 1


def test_parquet_with_a_needed_column_twice(tmp_path: Path) -> None:
    columns = {"prompt": ["p", "q"], "response_a": ["a", "b"], "response_b": ["c", "d"], **VOTED}
    arrays = [pa.array(cells) for cells in (*columns.values(), ["x", "y"])]
    table = pa.Table.from_arrays(arrays, [*columns, "prompt"])
    pq.write_table(table, tmp_path / "train.parquet")
    with pytest.raises(DataError, match=r"^train\.parquet, column prompt: expected it once"):
        read_training(tmp_path / "train.parquet")
