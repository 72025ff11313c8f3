"""Soft labels: three probabilities that are weighted votes of one battle."""

import csv
import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from data.battles import (
    TEXT_COLUMNS,
    WINNER_COLUMNS,
    DataError,
    Reading,
    iter_training,
    make_battles,
    read_test,
    read_training,
)
from data.convert import main
from data.rows import RowError
from data.soft import battle_starts, soft_label, soft_votes
from data.weights import shares, training_weights
from tests.published import write_table

Row = dict[str, str]


def _row(number: int, votes: tuple[str, str, str], **cells: str) -> Row:
    texts = {name: json.dumps([f"{name} {number}"]) for name in TEXT_COLUMNS}
    return {"id": str(number), **texts, **dict(zip(WINNER_COLUMNS, votes, strict=True)), **cells}


def _swapped(row: Row) -> Row:
    pairs = {"response_a": "response_b", "winner_model_a": "winner_model_b"}
    pairs |= {other: name for name, other in pairs.items()}
    return {name: row[pairs.get(name, name)] for name in row}


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["0.7", "0.1", "0.2"], (0.7, 0.1, 0.2)),
        ([0.25, 0.75, 0], (0.25, 0.75, 0.0)),
        (["0.5", "1e-20", "0.5"], (0.5, 0.0, 0.5)),
        (["0.333", "0.333", "0.333"], (1 / 3, 1 / 3, 1 / 3)),  # adds up to 0.999
        (["0.334", "0.333", "0.334"], (334 / 1001, 333 / 1001, 334 / 1001)),  # and to 1.001
        (["0.9995", "0", "0"], (1.0, 0.0, 0.0)),
        ([Decimal("0.7"), Decimal("0.3"), Decimal("0.0")], (0.7, 0.3, 0.0)),  # of Parquet
        (["1", "0", "0"], None),
        (["1", "1", "0"], None),
        (["1.5", "-0.5", "0"], None),
        (["0.5", "", "0.5"], None),
        (["0.5", "nan", "0.5"], None),
        ([0.5, True, 0.5], None),
    ],
)
def test_soft_label(cells: list[object], expected: tuple[float, ...] | None) -> None:
    found = soft_label(cells)
    assert found == (expected if expected is None else pytest.approx(expected, rel=1e-12))
    if found:
        assert sum(found) == pytest.approx(1.0, abs=1e-15)


def test_probabilities_that_do_not_add_up_are_told() -> None:
    with pytest.raises(RowError, match=r"winner_tie: expected one 1 .* got 0.5, 0.2, 0.1, which "):
        soft_label(["0.5", "0.2", "0.1"])
    with pytest.raises(RowError, match=r"add up to 0.998"):
        soft_label(["0.998", "0", "0"])


def test_a_file_of_votes_and_soft_labels(tmp_path: Path) -> None:
    rows = [
        _row(0, ("0.7", "0.1", "0.2"), weight="2"),
        _row(1, ("0", "1", "0"), weight="1"),
        _row(2, ("0.5", "0", "0.5"), weight="3"),
        _row(3, ("0.0", "0.4", "0.6"), weight="1", id="2"),
    ]
    path = write_table(tmp_path / "train.csv", rows)
    read = read_training(path)
    assert read.y is not None
    assert read.battles["id"].tolist() == ["0", "0", "0", "1", "2", "2", "2", "2"]
    assert read.y.tolist() == [0, 1, 2, 1, 0, 2, 1, 2]
    np.testing.assert_allclose(shares(read.battles), [0.7, 0.1, 0.2, 1, 0.5, 0.5, 0.4, 0.6])
    expected = [1.4, 0.2, 0.4, 1, 1.5, 1.5, 0.4, 0.6]
    np.testing.assert_allclose(training_weights(read.battles), expected)
    told = ("rows", "kept", "soft_labels", "duplicate_ids", "null_turns")
    assert [read.counts[name] for name in told] == [4, 4, 3, 1, 0]
    assert np.flatnonzero(battle_starts(read.battles, read.y)).tolist() == [0, 3, 4, 6]
    assert read.battles.index.tolist() == list(range(8))
    assert read_test(path).battles["id"].tolist() == ["0", "1", "2", "2"]
    small = list(iter_training(path, chunk_rows=1))
    assert ["share" in part.battles for part in small] == [True, False, True, True]


def test_a_file_of_votes_has_no_shares(tmp_path: Path) -> None:
    read = read_training(write_table(tmp_path / "train.csv", [_row(0, ("1", "0", "0"))]))
    assert "share" not in read.battles
    assert read.counts["soft_labels"] == 0


def test_probabilities_that_do_not_add_up_are_a_rows_fault(tmp_path: Path) -> None:
    path = write_table(tmp_path / "train.csv", [_row(0, ("0.5", "0.2", "0.1"))])
    with pytest.raises(DataError, match=r"train.csv, row 1, columns winner_model_a, .* got 0.5, 0"):
        read_training(path)


def test_copies_of_soft_labels_in_either_order(tmp_path: Path) -> None:
    soft = _row(0, ("0.7", "0.1", "0.2"))
    rows = [soft, _swapped(soft), soft, soft | {"winner_model_a": "0.6", "winner_tie": "0.3"}]
    rows.append(_row(0, ("1", "0", "0")))
    read = read_training(write_table(tmp_path / "train.csv", rows))
    assert read.y is not None
    told = ("duplicates", "swapped_copies", "contradictory")
    assert [read.counts[name] for name in told] == [1, 1, 2]
    assert int(battle_starts(read.battles, read.y).sum()) == 3
    kept = read_training(tmp_path / "train.csv", reading=Reading(repeated_votes="keep"))
    assert kept.y is not None
    assert kept.y.tolist() == [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0]
    # The swapped copy as it stands in the file: its shares change places with its answers.
    np.testing.assert_allclose(kept.battles["share"].iloc[3:6], [0.1, 0.7, 0.2])


def test_they_are_converted_as_they_were(tmp_path: Path) -> None:
    rows = [_row(0, ("0.75", "0", "0.25"), weight="2"), _row(1, ("0", "0", "1"), weight="0.5")]
    given, output = write_table(tmp_path / "t.csv", rows), tmp_path / "o.csv"
    assert main([str(given), "--output", str(output)]) == 0
    with output.open(encoding="utf-8", newline="") as stream:
        found = list(csv.DictReader(stream))
    assert [[float(row[name]) for name in (*WINNER_COLUMNS, "weight")] for row in found] == [
        [0.75, 0.0, 0.25, 2.0],
        [0.0, 0.0, 1.0, 0.5],
    ]
    assert read_training(output).battles.equals(read_training(given).battles)


def test_from_python() -> None:
    battles = make_battles(["p", "q"], ["a", "a"], ["b", "b"], weight=[1, 2])
    frame, y = soft_votes(battles, [[0.0, 1.0, 0.0], [0.2, 0.3, 0.5]])
    assert y.tolist() == [1, 0, 1, 2]
    assert frame["share"].tolist() == [1.0, 0.2, 0.3, 0.5]
    assert frame["weight"].tolist() == [1.0, 2.0, 2.0, 2.0]
    with pytest.raises(DataError, match=r"of the shape \(2, 3\).* got \(2,\)"):
        soft_votes(battles, [0.5, 0.5])
    for wrong in ([0.5, 0.2, 0.1], [1.5, -0.5, 0.0], [np.nan, 0.5, 0.5]):
        with pytest.raises(DataError, match="row 2: expected three probabilities that add up to 1"):
            soft_votes(battles, [[1.0, 0.0, 0.0], wrong])


def test_battles_of_one_id_begin_where_labels_do_not_rise() -> None:
    """Of all pairs of neighbouring battles that have one id."""
    kinds = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    kinds += [[0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5], [0.2, 0.3, 0.5]]
    pairs = [(one, other) for one in kinds for other in kinds]
    for pair in pairs:
        same = make_battles(["p"] * 2, ["a"] * 2, ["b"] * 2, id=["x", "x"])
        frame, y = soft_votes(same, pair)
        first = np.count_nonzero(pair[0])
        assert np.flatnonzero(battle_starts(frame, y)).tolist() == [0, first], pair
