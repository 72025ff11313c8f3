"""`pipelines.explain` as a command: what it prints, and what it refuses."""

import json

import pandas as pd
import pytest

from data.battles import WINNER_COLUMNS
from tests.commands import explain

TEXTS = ["--prompt", "Name a prime.", "--response-a", "Seven.", "--response-b", '["7", null]']


def test_a_battle_of_the_test_file_has_the_probabilities_of_the_submission(run, files, capsys):
    assert explain([str(run), "--test", str(files / "test.csv"), "--id", "00020", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    table = pd.read_csv(run / "submission.csv", dtype={"id": str}).set_index("id")
    expected = table.loc["00020", list(WINNER_COLUMNS)].tolist()
    assert list(told["probabilities"].values()) == pytest.approx(expected, abs=1e-12)
    assert told["id"] == "00020"


def test_three_texts_are_a_battle(run, capsys):
    assert explain([str(run), *TEXTS, "--top", "1"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("prompt: plain text; response_a: plain text; response_b: JSON (turns: 2)")
    assert "What moved it" in out
    assert max(map(len, out.splitlines())) <= 80
    assert explain([str(run), *TEXTS, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["notes"][0] in out


def test_where_no_cache_can_be_made_what_is_printed_is_json_all_the_same(
    light_run, monkeypatch, capsys
):
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/no")
    assert explain([str(light_run), *TEXTS, "--json"]) == 0
    out, err = capsys.readouterr()
    assert list(json.loads(out)["probabilities"]) == ["model_a", "model_b", "tie"]
    assert "nothing is kept for the next run" in err
    assert explain([str(light_run), *TEXTS]) == 0
    assert "nothing is kept for the next run" in capsys.readouterr().out


def test_a_file_is_read_as_the_flags_say(light_run, files, tmp_path, capsys):
    table = pd.read_csv(files / "test.csv", dtype=str, keep_default_na=False)
    table["prompt"] = [f'["größer {row}"]' for row in range(len(table))]
    others = {"prompt": "question", "response_a": "out1", "response_b": "out2"}
    path = tmp_path / "test.csv"
    table.rename(columns=others).to_csv(path, index=False, encoding="cp1252")
    named = ",".join(f"{name}={column}" for name, column in others.items())
    command = [str(light_run), "--test", str(path), "--id", "00015", "--columns", named, "--json"]
    assert explain([*command, "--encoding", "cp1252"]) == 0
    told = json.loads(capsys.readouterr().out)
    (characters,) = [
        of["value"]
        for family in told["families"]
        for of in family["columns"]
        if of["name"] == "length__characters_sum_prompt"
    ]
    assert characters == len("größer 3")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ([], "expected one battle: --test with --id, or --prompt"),
        (TEXTS[:4], "expected one battle: --test with --id, or --prompt"),
        ([*TEXTS, "--id", "7"], "expected one battle"),
        (["--test", "TEST"], "expected one battle"),
        (["--test", "TEST", "--id", "00012", *TEXTS], "expected one battle"),
        (["--test", "TEST", "--id", "no"], "expected a battle with the id 'no', found none"),
        ([*TEXTS, "--top", "-1"], "--top: expected 0 or more, found -1."),
        ([*TEXTS, "--raw"], "--encoding and --raw say how the file of --test is read. Leave"),
        ([*TEXTS, "--encoding", "utf-16"], "say how the file of --test is read. Leave them out"),
        (["--test", "TEST", "--id", "00012", "--encoding", "nix"], "--encoding nix: no such"),
    ],
)
def test_what_is_no_battle_is_refused_in_a_line(flags, words, light_run, files, capsys):
    flags = [str(files / "test.csv") if flag == "TEST" else flag for flag in flags]
    assert explain([str(light_run), *flags]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert len(err.splitlines()) == 1


def test_a_stack_is_refused_with_its_runs(light_run, tmp_path, capsys):
    stack, member = tmp_path / "stack", tmp_path / "stack" / "members" / "first"
    member.mkdir(parents=True)
    (member / "features.json").write_text("[]")
    (stack / "report.json").write_text('{"kind": "stack"}')
    (stack / "DONE").write_text("x")
    assert explain([str(stack), *TEXTS]) == 2
    err = capsys.readouterr().err
    assert "is a stack, whose columns are its members' logits. Explain a member" in err
    assert str(member) in err
