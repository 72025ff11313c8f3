"""Files whose cells are all in another notation than JSON, and those in which only some are."""

import csv
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

TURNS = {
    "prompt": lambda n: [f"What's {n}?", None],
    "response_a": lambda n: [f'It is "{n}".', "x\ny"],
    "response_b": lambda n: [f"{n}", ""],
}


def said(turns, role):
    return [{"role": role, "content": turn} for turn in turns]


def table(path, n_rows, write=json.dumps, *, odd=None, votes=("1", "0", "0"), **cells):
    """Write battles of two turns; `odd` are cells that stand elsewhere: (row, column) → cell."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("id", *TEXT_COLUMNS, *WINNER_COLUMNS))
        for n in range(n_rows):
            row = {name: cells.get(name, write)(turns(n)) for name, turns in TURNS.items()}
            row |= {name: cell for (at, name), cell in (odd or {}).items() if at == n}
            writer.writerow((n, *row.values(), *votes))
    return path


def texts(read):
    return [[list(turns) for turns in read.battles[name]] for name in TEXT_COLUMNS]


def expected(n_rows):
    return [[turns(n) for n in range(n_rows)] for turns in TURNS.values()]


def numpy_repr(turns):
    return f"array({turns!r}, dtype=object)"


@pytest.mark.parametrize("write", [repr, numpy_repr])
def test_lists_as_python_and_numpy_show_them_are_read(write, tmp_path):
    for read in (read_training, read_test):
        found = read(table(tmp_path / "t.csv", 5, write))
        assert texts(found) == expected(5)
        assert found.counts["raw_cells"] == 0
        (note,) = found.notes
        assert note.startswith("t.csv: read prompt, response_a, response_b as lists as Python")


def test_messages_as_text_are_read_as_turns(tmp_path):
    cells = {
        "prompt": lambda turns: json.dumps(said(turns, "user")),
        "response_a": lambda turns: repr(said(turns, "assistant")),
        "response_b": lambda turns: json.dumps(said(turns, "assistant")),
    }
    for read in (read_training, read_test):
        found = read(table(tmp_path / "t.csv", 6, **cells))
        assert texts(found) == expected(6)
        assert "messages with role and content" in found.notes[0]


def test_messages_of_parquet_are_read_whatever_their_number(tmp_path):
    rows = [
        {"prompt": said(["q"], "user"), "response_a": ["a"], "response_b": said(["b"], "assistant")}
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "t.parquet")
    assert texts(read_test(tmp_path / "t.parquet")) == [[["q"]], [["a"]], [["b"]]]


def test_a_notation_that_shows_late_is_read_in_every_chunk(tmp_path):
    """The first rows are JSON as well: Python writes such strings alike."""
    early = {(n, name): f'["it\'s {n}"]' for n in range(20) for name in TEXT_COLUMNS}
    path = table(tmp_path / "t.csv", 40, repr, odd=early)
    whole = read_training(path)
    assert texts(whole)[0][19:21] == [["it's 19"], ["What's 20?", None]]
    parts = list(iter_training(path, chunk_rows=7))
    assert [one for part in parts for one in texts(part)[0]] == texts(whole)[0]
    assert sum(len(part.notes) for part in parts) == 1


@pytest.mark.parametrize(("n_odd", "whole"), [(1, True), (2, False)])
def test_of_a_hundred_cells_one_may_be_otherwise(n_odd, whole, tmp_path):
    odd = {(50 + n, "prompt"): json.dumps(["p", None]) for n in range(n_odd)}
    path = table(tmp_path / "t.csv", 100, odd=odd, prompt=repr)
    if whole:
        assert texts(read_training(path))[0][50:52] == [["p", None], TURNS["prompt"](51)]
        return
    with pytest.raises(DataError) as caught:
        read_training(path)
    assert str(caught.value) == (
        "t.csv, column prompt: expected a JSON list of strings or nulls, found lists as Python or "
        "NumPy show them in 98 of 100 rows, such as row 1: '[\"What\\'s 0?\", None]'; "
        "row 2: '[\"What\\'s 1?\", None]'; row 3: '[\"What\\'s 2?\", None]'. Write each list by "
        "json.dumps(turns), None as null."
    )
    with pytest.raises(DataError, match=r"column prompt: .* in 98 of 100 cells.* pass --raw\."):
        read_test(path)
    raw = read_test(path, reading=Reading(raw=True))
    assert raw.counts["raw_cells"] == 98
    assert texts(raw)[0][0] == [repr(TURNS["prompt"](0))]


def test_a_stray_python_list_among_json_is_a_fault_of_its_row(tmp_path):
    path = table(tmp_path / "t.csv", 300, odd={(7, "response_b"): "['x']"})
    with pytest.raises(DataError, match=r"t\.csv, row 8, column response_b: .*Fix the row, or"):
        read_training(path)
    found = read_test(path)
    assert (texts(found)[2][7], found.counts["raw_cells"]) == (["['x']"], 1)


def test_json_that_holds_what_looks_like_python_stays_as_it_is(tmp_path):
    odd = {(n, "response_a"): json.dumps([f"['{n}', None]"]) for n in range(9)}
    found = read_training(table(tmp_path / "t.csv", 9, odd=odd))
    assert texts(found)[1] == [[f"['{n}', None]"] for n in range(9)]
    assert found.notes == []


def test_below_five_rows_nothing_is_guessed(tmp_path):
    path = table(tmp_path / "t.csv", 4, repr)
    with pytest.raises(DataError, match=r"row 1, column prompt: .* Fix the row"):
        read_training(path)
    with pytest.raises(DataError, match=r"column prompt: .*found lists as Python.* 4 of 4 cells"):
        read_test(path)
    one = table(tmp_path / "t.csv", 1, odd={(0, "prompt"): "['p']"})
    assert texts(read_test(one))[0] == [["['p']"]]


def test_plain_text_that_begins_with_a_bracket_is_text_in_a_test_file(tmp_path):
    odd = {(n, "prompt"): f"[Verse {n}] La" for n in range(4)}
    path = table(tmp_path / "t.csv", 9, lambda turns: turns[0], odd=odd)
    found = read_test(path)
    assert texts(found)[0][3:5] == [["[Verse 3] La"], ["What's 4?"]]
    assert found.counts["raw_cells"] == 4
    odd |= {(4, "prompt"): "[Chorus] La"}
    path = table(tmp_path / "t.csv", 9, lambda turns: turns[0], odd=odd)
    with pytest.raises(DataError, match=r"prompt: .*begins like a list and is none in 5 of 9"):
        list(iter_test(path, chunk_rows=2))


@pytest.mark.parametrize(
    "votes",
    [
        ("True", "False", "False"),
        ("true", "false", "false"),
        ('"1"', '"0"', '"0"'),
        (" 1", "0 ", "0.00"),
    ],
)
def test_votes_in_one_notation_are_read(votes, tmp_path):
    read = read_training(table(tmp_path / "t.csv", 5, votes=votes))
    assert read.y.tolist() == [0] * 5
    assert read.notes[0].startswith("t.csv: read winner_model_a")
    with pytest.raises(DataError, match=r"row 1, column winner_.*: expected 1 or 0"):
        read_training(table(tmp_path / "t.csv", 4, votes=votes))


def test_votes_in_words_are_told_once_with_a_way_out(tmp_path):
    path = table(tmp_path / "t.csv", 30, votes=("yes", "no", "no"))
    with pytest.raises(DataError, match=r"30 of 30 rows.*row 3: 'yes'\. Write 1 and 0.*--votes"):
        read_training(path)


def test_a_cell_that_a_spreadsheet_cut_is_told(tmp_path):
    cut = '["' + "x" * 32_761 + "here"
    path = table(tmp_path / "t.csv", 9, odd={(3, "response_a"): cut})
    words = r"row 4, column response_a: .*here', cut by a spreadsheet at 32,767 characters"
    with pytest.raises(DataError, match=words):
        read_training(path)
    found = read_test(path)
    assert (found.counts["cut_cells"], found.counts["raw_cells"]) == (1, 1)
    assert "row 4, column response_a" in found.notes[0]
    several = table(tmp_path / "t.csv", 20, odd={(n, "prompt"): cut for n in range(9)})
    found = read_test(several)
    assert (found.counts["cut_cells"], len(found.notes)) == (9, 3)
    assert "here', cut by a spreadsheet" in found.notes[0]
