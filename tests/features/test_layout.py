"""Texts of a battles frame as polars lists, and their turns one under the other."""

import numpy as np
import polars as pl
import pytest

from data.battles import concat_battles, make_battles
from features.layout import TEXTS, count, share, to_polars, turns_of
from features.text.formulas import characters, literal, words

BATTLES = make_battles([["p", "pp"], []], [["aaa", None], [""]], [["b"], ["bb", "bbb", "b"]])


class TestToPolars:
    def test_texts_become_lists_of_strings(self):
        frame = to_polars(BATTLES)
        assert frame.columns == ["prompt", "response_a", "response_b"]
        assert frame["response_a"].to_list() == [["aaa", None], [""]]
        assert set(frame.dtypes) == {pl.List(pl.String)}

    def test_a_part_of_a_frame_and_a_joined_one(self):
        joined = concat_battles([BATTLES, BATTLES.iloc[1:]])
        assert to_polars(joined)["prompt"].to_list() == [["p", "pp"], [], []]
        assert to_polars(joined.iloc[[2, 0]])["response_b"].to_list()[1] == ["b"]

    def test_no_rows(self):
        assert to_polars(BATTLES.iloc[:0]).height == 0

    @pytest.mark.parametrize("wrong", [["Hi"], None, {"prompt": ["Hi"]}, np.zeros((2, 3))])
    def test_no_frame(self, wrong):
        with pytest.raises(TypeError, match=r"battles must be a pandas DataFrame .*make_battles"):
            to_polars(wrong)

    def test_a_missing_column_is_named(self):
        with pytest.raises(TypeError, match=r"Got DataFrame without response_b instead"):
            to_polars(BATTLES.drop(columns="response_b"))


class TestTurns:
    turns = turns_of(to_polars(BATTLES), list(TEXTS.values()))

    def test_one_turn_under_the_other(self):
        assert self.turns.text["text"].to_list() == [
            *("p", "pp", ""),
            *("aaa", "", ""),
            *("b", "bb", "bbb", "b"),
        ]
        assert self.turns.owner.tolist() == [0, 0, 1, 2, 2, 3, 4, 5, 5, 5]
        assert self.turns.shape == (3, 2)

    def test_missing_null_and_empty_turns_are_told_apart(self):
        assert np.flatnonzero(~self.turns.present).tolist() == [2]
        assert np.flatnonzero(self.turns.null).tolist() == [4]

    def test_total(self):
        lengths = count(self.turns, {"n": characters})["n"]
        assert self.turns.total(lengths).tolist() == [[3, 0], [3, 0], [1, 6]]

    def test_aggregate_keeps_turns_of_a_text_together(self):
        values = {"n": count(self.turns, {"n": characters})["n"]}
        formulas = {("n", "last"): lambda n: n.last(), ("n", "size"): lambda n: n.len()}
        sums = self.turns.aggregate(values, formulas)
        assert sums["n", "last"].tolist() == [[2, 0], [0, 0], [1, 1]]
        assert sums["n", "size"].tolist() == [[2, 1], [2, 1], [1, 3]]

    def test_only_the_columns_that_are_asked_for(self):
        turns = turns_of(to_polars(BATTLES), ["response_b"])
        assert turns.text["text"].to_list() == ["b", "bb", "bbb", "b"]
        assert turns.shape == (1, 2)

    def test_no_rows(self):
        turns = turns_of(to_polars(BATTLES.iloc[:0]), list(TEXTS.values()))
        assert turns.total(np.empty(0)).shape == (3, 0)
        assert turns.total(np.empty(0)).dtype == np.float64


def test_count_evaluates_each_formula_on_each_turn():
    turns = turns_of(to_polars(make_battles(["a b", "*"], ["x"] * 2, ["x"] * 2)), ["prompt"])
    counts = count(turns, {"words": words, "stars": literal("*")})
    assert {name: values.tolist() for name, values in counts.items()} == {
        "words": [2, 0],
        "stars": [0, 1],
    }


def test_share_of_nothing_is_nothing():
    assert share(np.array([1.0, 0.0, 3.0]), np.array([2.0, 0.0, 3.0])).tolist() == [0.5, 0, 1]
