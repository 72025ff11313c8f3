"""Rows of a training file: labels and repeated votes."""

import pytest

from data.rows import RowError, Votes, label_of, training_row
from data.tables.read import Chunk


@pytest.mark.parametrize(
    ("cells", "label"),
    [
        (["1", "0", "0"], 0),
        (["0.0", "1.0", "0"], 1),
        ([False, False, True], 2),
        ([0, 1, 0], 1),
        ([0.0, 0.0, 1.0], 2),
    ],
)
def test_label_of(cells: list[object], label: int) -> None:
    assert label_of(cells) == label


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["1", "", "0"], "column winner_model_b: expected 1 or 0, got ''"),
        (["x", "0", "1"], "column winner_model_a: expected 1 or 0, got 'x'"),
        (["0", "0", "0.5"], "column winner_tie: expected 1 or 0, got '0.5'"),
        (["1", "1", "0"], "winner_tie: expected exactly one 1 and two 0, got 1, 1, 0"),
        (["0", "0", "0"], "expected exactly one 1 and two 0, got 0, 0, 0"),
    ],
)
def test_a_label_is_never_repaired(cells: list[object], message: str) -> None:
    with pytest.raises(RowError, match=message):
        label_of(cells)


def test_votes_are_told_apart_by_cells_not_by_their_text_run_together() -> None:
    votes = Votes()
    assert votes.add(["ab", "c"], 0) is None
    assert votes.add(["a", "bc"], 0) is None
    assert votes.add(["ab", "c"], 0) == "duplicates"
    assert votes.add(["ab", "c"], 1) == "contradictory"
    assert votes.add(["ab", "c"], 1) == "duplicates"
    assert votes.add([["ab", None], "c"], 1) is None


def test_training_row_of_a_chunk() -> None:
    columns = {
        "prompt": ['["p"]', "p", "p"],
        "response_a": ['["\\ud83d"]', "a", "a"],
        "response_b": ["b", "[b", "b"],
        "winner_model_a": ["0", "1", "1"],
        "winner_model_b": ["1", "0", "0"],
        "winner_tie": ["0", "0", "0"],
    }
    chunk = Chunk(start=0, n_rows=3, columns=columns, long_rows=set(), stray_quotes={2}, replaced=0)
    assert training_row(chunk, 0) == ([["p"], ["\ufffd"], ["b"]], 1, 1)
    with pytest.raises(RowError, match=r"column response_b: expected a JSON list .*, got '\[b'"):
        training_row(chunk, 1)
    with pytest.raises(
        RowError, match=r"all columns: expected a comma or the end of the row after"
    ):
        training_row(chunk, 2)
