"""What flags say of how files are to be read."""

import argparse

import pytest

from data.battles import DataError, Reading, read_test, read_training
from data.layouts.flags import add_reading_flags, reading_from
from data.layouts.reading import parse_columns, parse_votes
from tests.published import write_table

TABLE = [
    {"key": "x", "question": "q", "out1": "a", "out2": "b", "verdict": "left"},
    {"key": "y", "question": "r", "out1": "c", "out2": "d", "verdict": "Same"},
]
COLUMNS = "prompt=question,response_a=out1,response_b=out2,winner=verdict,id=key"


def reading(*flags):
    parser = argparse.ArgumentParser()
    add_reading_flags(parser)
    return reading_from(parser.parse_args(flags))


def test_any_table_is_read_when_its_columns_and_votes_are_named(tmp_path):
    path = write_table(tmp_path / "t.csv", TABLE)
    how = reading("--columns", COLUMNS, "--votes", "a=left,b=right,tie=same")
    read = read_training(path, reading=how)
    assert read.y.tolist() == [0, 2]
    assert read.battles["id"].tolist() == ["x", "y"]
    assert read.battles["response_b"].tolist() == [["b"], ["d"]]
    assert (read.layout, read.ties) == ("plain table", True)
    assert read_test(path, reading=how).battles["prompt"].tolist() == [["q"], ["r"]]


def test_votes_without_a_tie_know_no_ties(tmp_path):
    path = write_table(tmp_path / "t.jsonl", [{**row, "verdict": n} for n, row in enumerate(TABLE)])
    read = read_training(path, reading=reading("--columns", COLUMNS, "--votes", "a=0,b=1"))
    assert (read.y.tolist(), read.ties) == ([0, 1], False)
    write_table(tmp_path / "t.csv", TABLE)
    message = r"row 1, column verdict: expected one of right, wrong, got 'left'"
    with pytest.raises(DataError, match=message):
        read_training(
            tmp_path / "t.csv", reading=reading("--columns", COLUMNS, "--votes", "a=right,b=wrong")
        )


def test_columns_lead_to_other_layouts_too(tmp_path):
    pairs = [{"instruction": "q", "good": "yes", "bad": "no"}]
    how = reading("--columns", "prompt=instruction,chosen=good,rejected=bad")
    read = read_training(write_table(tmp_path / "t.csv", pairs), reading=how)
    assert read.layout == "chosen/rejected pairs"
    winners = [{"a_won": 1, "b_won": 0, "draw": 0, **TABLE[0]}]
    how = reading("--columns", "winner_model_a=a_won,winner_model_b=b_won,winner_tie=draw,"
                               "prompt=question,response_a=out1,response_b=out2")  # fmt: skip
    assert read_training(write_table(tmp_path / "u.csv", winners), reading=how).y.tolist() == [0]


def test_a_layout_that_is_named_is_taken(tmp_path):
    row = {"prompt": '["p"]', "response_a": "a", "response_b": "b", "winner": "model_a",
           "language": "en"}  # fmt: skip
    path = write_table(tmp_path / "t.csv", [row])
    assert read_training(path).battles["prompt"].tolist() == [['["p"]']]
    named = read_training(path, reading=Reading(layout="plain"))
    assert named.battles["prompt"].tolist() == [["p"]]
    with pytest.raises(DataError, match="HelpSteer3, which --layout names"):
        read_training(path, reading=Reading(layout="helpsteer3"))
    assert read_training(path, source="extra", reading=Reading(layout="helpsteer3")).y[0] == 0


def test_columns_that_are_not_there(tmp_path):
    path = write_table(tmp_path / "t.csv", TABLE)
    how = reading("--columns", COLUMNS.replace("verdict", "vredict"))
    with pytest.raises(DataError, match=r"not there: vredict\. Name columns that the file has"):
        read_training(path, reading=how)
    assert len(read_test(path, reading=how).battles) == 2  # a test file has no votes
    other = [{"prompt": "p", "response_a": "a", "response_b": "b", "winner": "b"}]
    assert read_training(write_table(tmp_path / "u.csv", other), reading=how).y.tolist() == [1]


@pytest.mark.parametrize(
    ("parse", "text", "message"),
    [
        (parse_columns, "prompt", "--columns prompt: expected NAME=VALUE with commas between"),
        (parse_columns, "prompt=", "expected NAME=VALUE"),
        (parse_columns, "answer=x", "--columns answer=…: no layout has a column of this name"),
        (parse_columns, "prompt=x,prompt=y", "--columns prompt=…: given twice"),
        (parse_votes, "a=x", "expected a word for a and one for b"),
        (parse_votes, "a=x,b=X", "'X' stands for two votes"),
        (parse_votes, "a=x,b=y,c=z", "--votes c=z: expected a, b, tie or both-bad"),
    ],
)
def test_flags_that_cannot_be_meant(parse, text, message):
    with pytest.raises(DataError, match=message):
        parse(text)


def test_what_is_noted_of_it():
    how = reading(
        "--votes", "a=1.0,b=2,both-bad=0", "--both-bad", "skip", "--repeated-votes", "keep"
    )
    assert how.told() == {
        "layout": None, "columns": {}, "votes": {"1": 0, "2": 1, "0": 3}, "both_bad": "skip",
        "repeated_votes": "keep",
        "encoding": None, "raw": False, "skip_at_most": 0.05,
    }  # fmt: skip
    assert Reading(**how.told()) == how


def test_encodings_and_shares():
    how = reading("--encoding", "GBK", "--raw")
    assert (how.encoding, how.raw) == ("gbk", True)
    assert how.binding() == Reading(encoding="gbk")  # --raw says nothing of what is learned from
    with pytest.raises(DataError, match=r"--encoding klingon: no such encoding.*cp1252"):
        reading("--encoding", "klingon")
    with pytest.raises(DataError, match="--encoding hex: no such encoding"):
        reading("--encoding", "hex")
    with pytest.raises(DataError, match="--skip-at-most 2: expected a share from 0 to 1"):
        Reading(skip_at_most=2)
