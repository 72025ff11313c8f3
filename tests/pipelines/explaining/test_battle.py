"""Which battle is explained: how texts are taken, and how one is found by its id."""

import pytest

from data.battles import DataError, read_test
from pipelines.explaining.battle import battle_of_file, battle_of_texts


def test_plain_text_is_one_turn_and_a_json_list_is_turns():
    found = battle_of_texts(
        {"prompt": '["Hi", null]', "response_a": " [a] list, no JSON ", "response_b": "Hey\nyou"}
    )
    row = found.battles.iloc[0]
    assert list(row["prompt"]) == ["Hi", None]
    assert list(row["response_a"]) == [" [a] list, no JSON "]
    assert list(row["response_b"]) == ["Hey\nyou"]
    assert found.notes == [
        "prompt is JSON, turns: 2, response_a is plain text, response_b is plain text. "
        "Plain text is one turn, as it stands."
    ]


@pytest.mark.parametrize("text", ["", "[]", "[1]", '["a", 2]', '{"a": "b"}', "[" * 5000, '"a"'])
def test_whatever_is_no_list_of_texts_is_plain(text):
    found = battle_of_texts({"prompt": "p", "response_a": text, "response_b": "b"})
    assert list(found.battles["response_a"].iloc[0]) == [text]


def test_a_battle_is_found_by_its_id_as_it_stands_there(files):
    whole = read_test(files / "test.csv").battles
    found = battle_of_file(files / "test.csv", 'a, "b"').battles
    assert found["id"].tolist() == ['a, "b"']
    assert found.index.tolist() == [0]
    (wanted,) = whole.loc[whole["id"] == 'a, "b"', "response_a"]
    assert list(found["response_a"].iloc[0]) == list(wanted)
    assert len(battle_of_file(files / "test.csv", "00012").battles) == 1  # it stands there twice


def test_an_id_that_is_not_there_is_answered_with_those_like_it(files):
    words = r"test\.csv: expected a battle with the id '0013', found none among 30\. .*\b00013\b"
    with pytest.raises(DataError, match=words):
        battle_of_file(files / "test.csv", "0013")
    with pytest.raises(DataError, match=r"found none among 30\. The first is 00012\."):
        battle_of_file(files / "test.csv", "zzz")
