"""The battles frame built from Python values."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from data.cells import Conversation, prompt_group
from data.frames import (
    FRAME_COLUMNS,
    TEXT_COLUMNS,
    build_frame,
    concat_battles,
    make_battles,
    swap_battles,
)
from data.tables.read import DataError

TEXT = pd.ArrowDtype(pa.large_string())
TURNS = pd.ArrowDtype(pa.large_list(pa.large_string()))


def _two() -> pd.DataFrame:
    return make_battles(
        ["Hi", ["One", None]],
        ["Hello!", ["a", "b"]],
        ["Hey", ["c", None]],
        id=["007", 8],
        model_a=["m", None],
        model_b=["", "n"],
    )


def test_columns_types_and_values() -> None:
    battles = _two()
    assert tuple(battles.columns) == FRAME_COLUMNS
    for name in FRAME_COLUMNS:
        assert battles[name].dtype == (TURNS if name in TEXT_COLUMNS else TEXT)
    assert isinstance(battles.index, pd.RangeIndex)
    assert battles["id"].tolist() == ["007", "8"]
    assert battles["prompt"].tolist() == [["Hi"], ["One", None]]
    assert battles["model_a"].isna().tolist() == [False, True]
    assert battles["model_b"].isna().tolist() == [True, False]
    assert battles["group"].tolist() == [prompt_group(["Hi"]), prompt_group(["One", None])]
    assert battles["source"].tolist() == ["plain", "plain"]


def test_defaults_other_sequences_and_surrogates() -> None:
    answers: Any = pd.Series([("x",), ["y"]]), [np.array(["z"]), []]
    battles = make_battles(["[not json", "b\ud83d"], *answers, source="extra")
    assert battles["id"].tolist() == ["0", "1"]
    assert battles["prompt"].tolist() == [["[not json"], ["b\ufffd"]]
    assert battles["response_a"].tolist() == [["x"], ["y"]]
    assert battles["response_b"].tolist() == [["z"], []]
    assert battles["model_a"].isna().all()
    assert battles["source"].tolist() == ["extra", "extra"]


def test_no_rows() -> None:
    battles = make_battles([], [], [])
    assert len(battles) == 0
    assert battles["prompt"].dtype == TURNS


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(DataError, match="found 1 of prompt and 2 of response_b"):
        make_battles(["a"], ["b"], ["c", "d"])
    with pytest.raises(DataError, match="found 1 of prompt and 2 of id"):
        make_battles(["a"], ["b"], ["c"], id=[1, 2])
    with pytest.raises(DataError, match=r"row 2, column response_a: expected a string .* got 5"):
        make_battles(["a", "a"], ["b", 5], ["c", "c"])  # type: ignore[list-item]
    with pytest.raises(DataError, match=r"row 1, column prompt: .* got None"):
        make_battles([None], ["b"], ["c"])  # type: ignore[list-item]
    with pytest.raises(DataError, match=r"column response_b: .* got \['c', 1\]"):
        make_battles(["a"], ["b"], [["c", 1]])  # type: ignore[list-item]
    with pytest.raises(DataError, match="prompt: expected one entry per battle, got the string"):
        make_battles("a", ["b"], ["c"])
    with pytest.raises(ValueError, match=r"source must be one of plain, extra\. Got 'other'"):
        make_battles(["a"], ["b"], ["c"], source="other")


def test_swap_changes_answers_and_models_and_nothing_else() -> None:
    battles = _two()
    swapped = swap_battles(battles)
    assert tuple(swapped.columns) == FRAME_COLUMNS
    assert swapped["response_a"].tolist() == [["Hey"], ["c", None]]
    assert swapped["response_b"].tolist() == [["Hello!"], ["a", "b"]]
    assert swapped["model_b"].tolist()[0] == "m"
    assert swapped["model_a"].tolist()[1] == "n"
    for name in ("id", "prompt", "group", "source"):
        assert swapped[name].equals(battles[name])
    pd.testing.assert_frame_equal(swap_battles(swapped), battles)
    assert battles["response_a"].tolist() == [["Hello!"], ["a", "b"]]


def test_concat_renumbers_and_keeps_types() -> None:
    both = concat_battles([_two(), make_battles([], [], []), _two().iloc[[1]]])
    assert both.index.equals(pd.RangeIndex(3))
    assert both["id"].tolist() == ["007", "8", "8"]
    assert both["response_b"].tolist() == [["Hey"], ["c", None], ["c", None]]
    assert both["prompt"].dtype == TURNS
    assert both["model_a"].dtype == TEXT


def test_build_frame_makes_missing_ids_empty() -> None:
    texts: dict[str, list[Conversation]] = {name: [["Hi"], ["Ho"]] for name in TEXT_COLUMNS}
    battles = build_frame(
        texts, id=[None, 3], model_a=[float("nan"), "m"], model_b=None, source="plain"
    )
    assert battles["id"].tolist() == ["", "3"]
    assert battles["model_a"].isna().tolist() == [True, False]
