"""Each layout from a small file in its own nesting, in every kind of file."""

import json

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.battles import COUNTS, DataError, Reading, read_test, read_training
from data.layouts.kaggle import BOTH_BAD_COLUMNS
from data.layouts.layout import drawn
from data.layouts.registry import LAYOUTS
from tests.published import PUBLISHED, Vote, messages, parts, records_of, write_table

ONE_TURN = {"wsdm", "pairs"}
PAIRS = {"ultrafeedback", "tulu-3", "pairs", "hh"}  # the order is drawn
NO_TIES = {"wsdm", *PAIRS}
NAMELESS = {"ultrafeedback", "hh", "helpsteer3"}  # who answered is not told
UNNUMBERED = {"mt-bench": "0", "comparia": "0", "helpsteer3": "0", "ultrafeedback": "0", "hh": "0"}
IDS = {"wsdm": f"{1:064x}", "lmarena-100k": "q1", "lmarena-140k": "u1", "lmarena-expert-5k": "u1",
       "tulu-3": "t1", **UNNUMBERED}  # fmt: skip
TITLES = {"lmarena-expert-5k": "LMArena 140k"}
KINDS = ("csv", "parquet", "json", "jsonl")


def votes_for(name):
    """Three votes that the layout can hold, the last a tie where it has ties."""
    turns = 1 if name in ONE_TURN else 2
    both = name == "helpsteer3"  # answers before the last are of both sides

    def answers(side, number):
        return [
            f"{'' if both and turn < turns - 1 else side} {turn} of {number} é"
            for turn in range(turns)
        ]

    return [
        Vote([f"q{turn} {number}" for turn in range(turns)], answers("a", number),
             answers("b", number), 0 if label == 2 and name in NO_TIES else label)
        for number, label in enumerate((0, 1, 2))
    ]  # fmt: skip


def as_votes(read, names=True):
    """What was read, as votes."""
    columns = ["prompt", "response_a", "response_b"]
    rows = read.battles[columns].to_numpy().tolist()
    models = read.battles[["model_a", "model_b"]].astype(object).to_numpy().tolist()
    assert names or pd.isna(models).all()
    return [
        Vote(*(list(cell) for cell in row), int(label), *(who if names else ("m", "n")))
        for row, label, who in zip(rows, read.y, models, strict=True)
    ]


def winners_first(votes):
    """Votes without ties, the winner's side first, without names."""
    return [
        (vote.prompt, *(vote.response_a, vote.response_b)[:: -1 if vote.label else 1])
        for vote in votes
    ]


def winners(read):
    """The names of those who won."""
    names = read.battles[["model_a", "model_b"]].astype(object).to_numpy()
    return names[range(len(names)), read.y].tolist()


def test_every_layout_of_the_registry_is_published_here():
    assert set(PUBLISHED) == {*LAYOUTS, "lmarena-expert-5k"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", PUBLISHED)
def test_a_layout_is_known_by_its_columns_and_read_in_every_kind_of_file(name, kind, tmp_path):
    votes = votes_for(name)
    read = read_training(write_table(tmp_path / f"t.{kind}", records_of(name, votes)))
    layout = LAYOUTS[name if name in LAYOUTS else "lmarena-140k"]
    assert read.layout == TITLES.get(name, layout.title)
    assert read.ties == (name not in NO_TIES)
    assert read.battles["id"].tolist()[0] == IDS.get(name, "1")
    found = as_votes(read, names=name not in NAMELESS)
    if name in PAIRS:
        assert winners_first(found) == winners_first(votes)
        assert name in NAMELESS or winners(read) == [vote[4 + vote.label] for vote in votes]
    else:
        assert found == votes
    assert read.counts["kept"] == 3
    assert not any(read.counts[key] for key in COUNTS if key not in ("rows", "kept"))


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_layout_as_a_test_file_needs_no_votes(name, tmp_path):
    layout = LAYOUTS[name if name in LAYOUTS else "lmarena-140k"]
    votes = votes_for(name)
    without = [
        {key: cell for key, cell in record.items() if key not in layout.votes}
        for record in records_of(name, votes)
    ]
    if name == "wsdm":
        without = [{**record, "scored": True} for record in without]
    read = read_test(write_table(tmp_path / "t.jsonl", without))
    assert read.y is None
    assert read.battles["prompt"].tolist() == [vote.prompt for vote in votes]
    names, trained = (
        of.battles[["response_a", "model_a", "model_b"]]
        for of in (read, read_training(write_table(tmp_path / "v.jsonl", records_of(name, votes))))
    )
    assert names.equals(trained)
    assert names["model_a"].isna().all() == (name in NAMELESS)
    labelled = read_test(write_table(tmp_path / "l.jsonl", records_of(name, votes)))
    assert labelled.battles.equals(read.battles)


TURN = st.none() | st.text(max_size=12)
TEXT = st.text(max_size=12)
SPOKEN = TEXT.filter(lambda text: "\n\nHuman:" not in text and "\n\nAssistant:" not in text)


@st.composite
def votes_that_fit(draw, name):
    """Votes that a layout can hold; no two of them are the same."""
    turn = {"hh": SPOKEN, "wsdm": TEXT, "pairs": TEXT}.get(name, TURN)
    found = []
    for number in range(draw(st.integers(1, 4))):
        size = 1 if name in ONE_TURN else draw(st.integers(1, 3))
        texts = [draw(st.lists(turn, min_size=size, max_size=size)) for _ in range(3)]
        texts[0][0] = f"{number} {texts[0][0]}"
        if name == "helpsteer3":
            last = draw(TEXT), draw(TEXT)
            texts[1], texts[2] = ([*texts[1][:-1], answer] for answer in last)
        label = draw(st.integers(0, 1 if name in NO_TIES else 2))
        found.append(Vote(*texts, label))
    return found


@pytest.mark.parametrize("name", PUBLISHED)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_battles_come_back_from_a_layout_as_they_went_in(name, data, tmp_path_factory):
    votes = data.draw(votes_that_fit(name))
    kind = data.draw(st.sampled_from(("parquet", "json", "jsonl")))
    path = tmp_path_factory.mktemp("t") / f"t.{kind}"
    found = as_votes(
        read_training(write_table(path, records_of(name, votes))), names=name not in NAMELESS
    )
    if name in PAIRS:
        found, votes = winners_first(found), winners_first(votes)
    assert found == votes


def test_the_order_of_pairs_is_drawn_and_is_the_same_again(tmp_path):
    votes = [Vote([f"q {n}"], [f"good {n}"], [f"bad {n}"], 0) for n in range(400)]
    path = write_table(tmp_path / "t.jsonl", records_of("pairs", votes))
    read = read_training(path)
    assert 150 < (read.y == 0).sum() < 250  # ±5 standard deviations
    assert not (read.y == 2).any()
    first = read.battles["response_a"].map(lambda turns: turns[0].startswith("good"))
    assert (first == (read.y == 0)).all()
    assert read_training(path).battles.equals(read.battles)
    assert drawn(["good 0"], ["bad 0"]) == (read.y[0] == 1)


def test_both_bad_is_a_tie_or_left_out(tmp_path):
    words = ["model_a", "tie", "tie (bothbad)", "both_bad"]
    votes = [Vote([f"q {number}"], ["a"], ["b"], 0) for number in range(4)]
    records = records_of("lmarena-100k", votes)
    for record, word in zip(records, words, strict=True):
        record["winner"] = word
    path = write_table(tmp_path / "t.parquet", records)
    read = read_training(path)
    assert read.y.tolist() == [0, 2, 2, 2]
    assert read.counts["both_bad"] == 2
    read = read_training(path, reading=Reading(both_bad="skip"))
    assert read.y.tolist() == [0, 2]
    assert (read.counts["both_bad"], read.counts["kept"]) == (2, 2)
    for record in records:
        record["winner"] = "both_bad"
    with pytest.raises(DataError, match=r"no row is left, .* both answers are bad"):
        read_training(
            write_table(tmp_path / "u.parquet", records), reading=Reading(both_bad="skip")
        )


@pytest.mark.parametrize("column", BOTH_BAD_COLUMNS)
def test_a_fourth_winner_column_says_both_bad(column, tmp_path):
    records = records_of("kaggle", votes_for("kaggle"))
    records[0]["winner_model_a"] = 0
    rows = [{**record, column: int(place == 0)} for place, record in enumerate(records)]
    read = read_training(write_table(tmp_path / "t.csv", rows))
    assert read.y.tolist() == [2, 1, 2]
    assert read.counts["both_bad"] == 1


def test_parts_that_are_no_text_are_counted_by_kind_and_left_out(tmp_path):
    (record,) = records_of("lmarena-140k", [Vote(["look", "and?"], ["a", "b"], ["c", "d"], 0)])
    picture = {"type": "image", "text": None, "image": "x.png", "mimeType": "image/png"}
    first = record["conversation_a"][0]["content"]
    record["conversation_a"][0]["content"] = [*first, picture, {**first[0], "text": "closely"}]
    record["conversation_b"][0]["content"] = record["conversation_a"][0]["content"]
    record["conversation_b"][2]["content"] = [{**picture, "type": "input_audio"}]
    record["conversation_a"][2]["content"] = [{**picture, "type": "hologram"}]
    read = read_training(write_table(tmp_path / "t.parquet", [record]))
    assert read.battles["prompt"].tolist() == [["look\nclosely", None]]
    assert read.counts["image_parts"] == 2
    assert (read.counts["audio_parts"], read.counts["other_parts"]) == (1, 1)


def test_mt_bench_votes_on_the_first_turn_hold_the_first_turn(tmp_path):
    votes = [Vote(["q", "r"], ["a", "b"], ["c", "d"], 0)] * 2
    records = records_of("mt-bench", votes)
    records[0]["turn"] = 1
    read = read_training(write_table(tmp_path / "t.parquet", records))
    assert read.battles["prompt"].tolist() == [["q"], ["q", "r"]]
    assert read.battles["response_b"].tolist() == [["c"], ["c", "d"]]


def test_judges_of_one_battle_are_votes_each(tmp_path):
    vote = Vote(["q"], ["a"], ["b"], 0)
    records = records_of("mt-bench", [vote] * 3)
    records[2]["judge"] = records[0]["judge"]
    read = read_training(write_table(tmp_path / "t.parquet", records))
    assert (read.counts["kept"], read.counts["duplicates"]) == (2, 1)
    tulu = records_of("tulu-3", [vote] * 3)  # ids differ, and are no judges
    assert read_training(write_table(tmp_path / "u.jsonl", tulu)).counts["kept"] == 1


def test_plain_text_of_wsdm_is_never_parsed(tmp_path):
    vote = Vote(['["a", null]'], ["[oops"], ["{}"], 1)
    read = read_training(write_table(tmp_path / "t.parquet", records_of("wsdm", [vote])))
    assert as_votes(read) == [vote]


def test_a_lists_of_kaggle_with_a_language_is_no_wsdm_test_file(tmp_path):
    texts = {"prompt": '["p"]', "response_a": '["a"]', "response_b": '["b"]', "language": "en"}
    read = read_test(write_table(tmp_path / "t.csv", [texts]))
    assert read.battles["prompt"].tolist() == [["p"]]


BAD = {
    "wsdm": ({"winner": "tie"}, "column winner: expected one of model_a, model_b, got 'tie'"),
    "lmarena-100k": ({"winner": "?"}, r"winner: expected one of a, model_a, .*tie.*, got '\?'"),
    "lmarena-140k": (
        {"conversation_b": parts(["other"], ["b"])},
        "column conversation_b: expected the questions that column conversation_a has",
    ),
    "conversations": (
        {"conversation_a": "[{'role': 'user', 'content': f()}]"},
        "conversation_a: expected a list of messages with role and content .*'f' is no value",
    ),
    "mt-bench": ({"turn": 0}, "column turn: expected the number of turns that were judged, got 0"),
    "comparia": (
        {"chosen_model_name": "x"},
        "chosen_model_name: expected the name of one of two models, or both_equal, got 'x'",
    ),
    "helpsteer3": ({"overall_preference": 4}, "overall_preference: expected a number from -3"),
    "tulu-3": (
        {"rejected": messages(["other"], ["b"])},
        "rejected: expected the questions that column chosen has",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_row_names_its_column_and_can_be_skipped(name, tmp_path):
    change, message = BAD[name]
    records = records_of(name, [Vote(["p"], ["a"], ["b"], 0), Vote(["q"], ["a"], ["b"], 0)])
    path = write_table(tmp_path / "t.jsonl", [records[0], {**records[1], **change}])
    with pytest.raises(
        DataError, match=rf"^t\.jsonl, row 2, {'.*' if message[:6] != 'column' else ''}{message}"
    ):
        read_training(path)
    read = read_training(path, skip_bad_rows=True, reading=Reading(skip_at_most=1))
    assert (read.counts["kept"], read.counts["skipped_rows"]) == (1, 1)


def test_messages_that_cannot_be_read_stop_a_test_file(tmp_path):
    records = records_of("conversations", [Vote(["p"], ["a"], ["b"], 0)])
    path = write_table(tmp_path / "t.jsonl", [{**records[0], "conversation_a": "[oops"}])
    with pytest.raises(DataError, match=r"row 1, column conversation_a: .* needs its prediction"):
        read_test(path)


def test_prompts_and_answers_as_messages_apart(tmp_path):
    record = {
        "prompt": [{"role": "user", "content": "p"}],
        "chosen": [{"role": "assistant", "content": "yes"}],
        "rejected": [{"role": "assistant", "content": "no"}],
    }
    as_text = {name: json.dumps(cell) for name, cell in record.items()}
    for path in (
        write_table(tmp_path / "t.parquet", [record]),
        write_table(tmp_path / "t.csv", [as_text]),
    ):
        (vote,) = winners_first(as_votes(read_training(path), names=False))
        assert vote == (["p"], ["yes"], ["no"])


def test_the_nesting_of_140k_with_columns_of_no_type(tmp_path):
    part = pa.struct(
        {"type": pa.string(), "text": pa.string(), "image": pa.null(), "mimeType": pa.null()}
    )
    message = pa.struct({"role": pa.string(), "content": pa.list_(part), "num_tokens": pa.int64()})
    (record,) = records_of("lmarena-140k", [Vote(["p"], ["a"], ["b"], 1)])
    arrays = {
        name: pa.array([cell], pa.list_(message)) if "conversation_" in name else pa.array([cell])
        for name, cell in record.items()
    }
    pq.write_table(pa.table(arrays), tmp_path / "train-00000-of-00001.parquet")
    assert as_votes(read_training(tmp_path)) == [Vote(["p"], ["a"], ["b"], 1)]
