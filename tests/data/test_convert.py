"""Votes of any layout in Kaggle's format."""

import pytest

from data.battles import read_test, read_training
from data.convert import main
from tests.published import Vote, records_of, write_table

VOTES = [
    Vote(["q", None], ['a "b"\r\n,', ""], ["é", "d"], 0),
    Vote(["r"], [None], ["=1+1"], 2),
    Vote(["[s"], ["\0"], ["x"], 1),
]


def test_what_is_converted_reads_as_before(tmp_path, capsys):
    given = write_table(tmp_path / "t.parquet", records_of("lmarena-140k", VOTES))
    output = tmp_path / "train.csv"
    assert main([str(given), "--output", str(output)]) == 0
    before, after = read_training(given), read_training(output)
    assert after.layout == "Kaggle LMSYS"
    assert after.battles.equals(before.battles)
    assert after.y.tolist() == before.y.tolist() == [0, 2, 1]
    told = capsys.readouterr().out
    assert "read as LMArena 140k: 3 battles written" in told
    assert "null_turns: 2 (turns that are null, in the kept rows)" in told
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["t.parquet", "train.csv"]


def test_test_files_and_several_files(tmp_path):
    files = [
        write_table(tmp_path / f"t{number}.jsonl", records_of("kaggle", VOTES)[number:][:1])
        for number in (0, 1)
    ]
    output = tmp_path / "test.csv"
    assert main([*map(str, files), "--no-votes", "--output", str(output)]) == 0
    assert output.read_text(encoding="utf-8").startswith("id,prompt,response_a,response_b\n1,")
    names = ["model_a", "model_b"]  # which a test file of Kaggle's does not have
    assert read_test(output).battles[names].isna().all(axis=None)
    written, given = (read_test(of).battles.drop(columns=names) for of in (output, files))
    assert written.equals(given)


def test_flags_of_reading(tmp_path):
    table = [{"x": "p", "y": "a", "z": "b", "w": "L"}, {"x": "q", "y": "a", "z": "b", "w": "?"}]
    given = write_table(tmp_path / "t.csv", table)
    columns = "prompt=x,response_a=y,response_b=z,winner=w"
    flags = ["--columns", columns, "--votes", "a=L,b=R,both-bad=?", "--both-bad", "skip"]
    assert main([str(given), *flags, "--output", str(tmp_path / "o.csv")]) == 0
    assert read_training(tmp_path / "o.csv").y.tolist() == [0]


@pytest.mark.parametrize("name", ["t.csv", "none.csv"])
def test_a_fault_leaves_what_was_there(name, tmp_path, capsys):
    write_table(tmp_path / "t.csv", [{"x": 1}])
    output = tmp_path / "train.csv"
    output.write_text("old")
    assert main([str(tmp_path / name), "--output", str(output)]) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert output.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2
