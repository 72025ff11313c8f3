"""A column of weights: read, refused, and carried in the battles frame."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.battles import (
    FRAME_COLUMNS,
    TEXT_COLUMNS,
    WINNER_COLUMNS,
    DataError,
    Reading,
    concat_battles,
    make_battles,
    read_test,
    read_training,
)
from data.weights import shares, training_weights
from tests.published import write_table


def _row(number: int, **cells: str) -> dict[str, str]:
    texts = {name: json.dumps([f"{name} {number}"]) for name in TEXT_COLUMNS}
    votes = dict(zip(WINNER_COLUMNS, "100", strict=True))
    return {"id": str(number), **texts, **votes, **cells}


def test_weights_travel_in_the_frame(tmp_path: Path) -> None:
    path = write_table(tmp_path / "train.csv", [_row(0, weight="2.5"), _row(1, weight="1e-3")])
    read = read_training(path).battles
    assert read["weight"].dtype == np.float64
    assert read["weight"].tolist() == [2.5, 0.001]
    assert "weight" not in read_test(path).battles


def test_a_file_without_weights_has_no_such_column(tmp_path: Path) -> None:
    read = read_training(write_table(tmp_path / "train.csv", [_row(0)]))
    assert read.battles.columns.tolist() == list(FRAME_COLUMNS)


@pytest.mark.parametrize("cell", ["0", "-1", "nan", "inf", "", "heavy", "1,5"])
def test_what_is_no_weight_is_a_rows_fault(tmp_path: Path, cell: str) -> None:
    path = write_table(tmp_path / "train.csv", [_row(0, weight="1"), _row(1, weight=cell)])
    message = f"train.csv, row 2, column weight: expected a finite number above 0, got '{cell}'"
    with pytest.raises(DataError, match=message):
        read_training(path)
    anyhow = Reading(skip_at_most=0.5)
    read = read_training(path, skip_bad_rows=True, reading=anyhow)
    assert read.counts["skipped_rows"] == 1


def test_any_layout_may_have_weights(tmp_path: Path) -> None:
    pairs = [{"prompt": "Hi", "chosen": f"yes {n}", "rejected": "no", "weight": n} for n in (1, 3)]
    (tmp_path / "pairs.json").write_text(json.dumps(pairs))
    assert read_training(tmp_path / "pairs.json").battles["weight"].tolist() == [1.0, 3.0]
    truth = [{**pairs[0], "weight": True}]
    (tmp_path / "pairs.json").write_text(json.dumps(truth))
    with pytest.raises(
        DataError, match="column weight: expected a finite number above 0, got True"
    ):
        read_training(tmp_path / "pairs.json")


def test_weights_that_some_files_have_are_1_in_the_others(tmp_path: Path) -> None:
    files = [
        write_table(tmp_path / "a.csv", [_row(0)]),
        write_table(tmp_path / "b.csv", [_row(1, weight="2")]),
    ]
    assert read_training(files).battles["weight"].tolist() == [1.0, 2.0]
    plain = make_battles(["Hi"], ["Hello!"], ["Hey"])
    both = concat_battles([plain.assign(share=0.5), plain.assign(weight=3.0)])
    assert both["share"].tolist() == [0.5, 1.0]
    assert both["weight"].tolist() == [1.0, 3.0]


def test_weights_from_python() -> None:
    texts = (["Hi", "Ho"], ["Hello!", "Yes"], ["Hey", "No"])
    assert make_battles(*texts, weight=[1, 2.5])["weight"].tolist() == [1.0, 2.5]
    with pytest.raises(DataError, match="found 2 of prompt and 1 of weight"):
        make_battles(*texts, weight=[1.0])
    for wrong in (0, math.nan, math.inf, True, "1"):
        with pytest.raises(DataError, match="row 2, column weight: expected a finite number"):
            make_battles(*texts, weight=[1, wrong])  # type: ignore[list-item]


def test_training_weighs_by_weight_and_share_scores_by_share_alone() -> None:
    frame = pd.DataFrame({"weight": [2.0, 4.0], "share": [0.5, 1.0]})
    assert training_weights(frame).tolist() == [1.0, 4.0]
    assert shares(frame) is not None
    assert shares(frame.assign(share=1.0)) is None
    arrow = frame.astype("double[pyarrow]")
    assert training_weights(arrow).tolist() == [1.0, 4.0]
    with pytest.raises(ValueError, match=r"row 2, column weight: expected a finite .* got nan"):
        training_weights(frame.assign(weight=[1.0, None]))
