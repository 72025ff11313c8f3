"""Votes of any layout in Kaggle's format."""

import pytest

from data.battles import Reading, read_test, read_training
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


def test_how_many_rows_may_be_left_out(tmp_path, capsys):
    given = write_table(tmp_path / "t.jsonl", [{**row, "winner_tie": tie} for row, tie in zip(
        records_of("kaggle", VOTES), ("x", 1, 0), strict=True
    )])  # fmt: skip
    flags = [str(given), "--output", str(tmp_path / "o.csv"), "--skip-bad-rows"]
    assert main(flags) == 2
    assert "1 of 3 rows (33.3%) cannot be read" in capsys.readouterr().err
    assert main([*flags, "--skip-at-most", "0.34"]) == 0
    assert read_training(tmp_path / "o.csv").y.tolist() == [2, 1]
    with pytest.raises(SystemExit):
        main([*flags, "--skip-at-most", "34"])
    assert "expected a share from 0 to 1, found '34'" in capsys.readouterr().err


def test_a_share_to_leave_out_of_nothing_is_refused(tmp_path, capsys):
    given = write_table(tmp_path / "t.jsonl", records_of("kaggle", VOTES))
    flags = [str(given), "--output", str(tmp_path / "o.csv"), "--skip-at-most", "0.3"]
    assert main(flags) == 2
    assert "--skip-at-most 0.3: says how much --skip-bad-rows may" in capsys.readouterr().err
    assert main([*flags, "--skip-bad-rows"]) == 0


@pytest.mark.parametrize("name", ["t.csv", "none.csv"])
def test_a_fault_leaves_what_was_there(name, tmp_path, capsys):
    write_table(tmp_path / "t.csv", [{"x": 1}])
    output = tmp_path / "train.csv"
    output.write_text("old")
    assert main([str(tmp_path / name), "--output", str(output)]) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert output.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2


def test_weights_are_written_through_and_repeated_votes_are_asked_for(tmp_path, capsys):
    rows = [{"prompt": f"{n}", "response_a": "a", "response_b": "b"} for n in range(10)]
    rows = [row | {"winner": "a", "weight": n + 0.5} for n, row in enumerate(rows)]
    given, output = write_table(tmp_path / "t.jsonl", [*rows, *rows]), tmp_path / "train.csv"
    assert main([str(given), "--output", str(output)]) == 2
    assert "found 10 of 20 rows" in capsys.readouterr().err
    assert not output.exists()
    flags = ["--repeated-votes", "keep", "--output", str(output)]
    assert main([str(given), *flags]) == 0
    assert "repeated_votes: 10 (" in capsys.readouterr().out
    again = read_training(output, reading=Reading(repeated_votes="keep"))
    assert again.battles["weight"].tolist() == 2 * [n + 0.5 for n in range(10)]
