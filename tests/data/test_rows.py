"""Rows of a training file: cells and labels."""

import pytest

from data.rows import RowError, check_fields, label_of
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


def test_rows_whose_cells_may_not_be_those_of_their_columns() -> None:
    chunk = Chunk(start=0, n_rows=3, columns={}, long_rows={1}, stray_quotes={2}, replaced=0)
    check_fields(chunk, 0)
    with pytest.raises(RowError, match=r"all columns: expected as many fields as the header has"):
        check_fields(chunk, 1)
    with pytest.raises(
        RowError, match=r"all columns: expected a comma or the end of the row after"
    ):
        check_fields(chunk, 2)
