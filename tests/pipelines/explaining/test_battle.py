"""Which battle is explained: how texts are taken, and how one is found by its id."""

import json
from functools import partial

import pandas as pd
import pytest

from data.battles import DataError, read_test
from pipelines.explaining import battle
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
        "prompt: JSON (turns: 2); response_a: plain text; response_b: plain text",
        "Plain text is one turn, as it stands.",
    ]
    listed = battle_of_texts(dict.fromkeys(("prompt", "response_a", "response_b"), '["a"]'))
    assert len(listed.notes) == 1


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


def test_how_the_file_was_read_is_told(files, tmp_path):
    table = pd.read_csv(files / "test.csv", dtype=str)
    table.loc[7, "prompt"] = "[oops"
    path = tmp_path / "test.csv"
    table.to_csv(path, index=False)
    layout = f"{path}: read as Kaggle LMSYS"
    (raw,) = [note for note in battle_of_file(path, "00013").notes if note != layout]
    assert raw.startswith("raw_cells: 1 (")


def test_of_rows_with_one_id_the_first_is_explained_and_the_others_told(files, tmp_path):
    table = pd.read_csv(files / "test.csv", dtype=str)
    table.loc[9, "id"] = "00013"
    path = tmp_path / "test.csv"
    table.to_csv(path, index=False)
    found = battle_of_file(path, "00013")
    assert len(found.battles) == 1
    assert list(found.battles["response_b"].iloc[0]) == json.loads(table["response_b"][1])
    assert "2 rows have the id 00013: the first of them is explained." in found.notes
    assert "2 rows have" not in "".join(battle_of_file(path, "00014").notes)
    with pytest.raises(DataError) as raised:
        battle_of_file(path, "000135")
    assert str(raised.value).count("00013,") + str(raised.value).count("00013.") == 1  # not twice


def test_a_file_is_read_to_its_end_in_whatever_chunk_the_battle_stands(files, monkeypatch):
    whole = read_test(files / "test.csv").battles
    in_chunks = partial(battle.iter_test, chunk_rows=4)
    monkeypatch.setattr(battle, "iter_test", in_chunks)
    for place in (0, 17, 28):
        wanted = whole["id"].iloc[place]
        found = battle_of_file(files / "test.csv", wanted).battles
        pd.testing.assert_frame_equal(found, whole.iloc[[place]].reset_index(drop=True))


def test_an_id_that_is_not_there_is_answered_with_those_like_it(files):
    words = r"test\.csv: expected a battle with the id '0013', found none among 30\. .*\b00013\b"
    with pytest.raises(DataError, match=words):
        battle_of_file(files / "test.csv", "0013")
    with pytest.raises(DataError, match=r"found none among 30\. The first is 00012\."):
        battle_of_file(files / "test.csv", "zzz")
