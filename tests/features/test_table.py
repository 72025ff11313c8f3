"""Tables of statistics: their sides, which of them are chosen, and the family made of one."""

from typing import ClassVar

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from data.battles import make_battles
from features import SHARE, Statistic, StatisticsFamily
from features.table import chosen, side_columns
from features.text.formulas import characters, literal


class Marks(StatisticsFamily):
    name = "marks"
    STATISTICS: ClassVar = {
        "stars": Statistic("stars", literal("*"), sides=("a", "b", "sum", "prompt")),
        "star_share": Statistic("share of stars", literal("*"), per=characters, sides=SHARE),
    }


def test_side_columns_take_each_text_from_its_own():
    of = {text: np.array([value]) for text, value in (("prompt", 7.0), ("a", 5.0), ("b", 2.0))}
    columns = side_columns("n", of, ["prompt", "diff", "b", "a"])
    assert {name: value.item() for name, value in columns.items()} == {
        "n_prompt": 7,
        "n_diff": 3,
        "n_b": 2,
        "n_a": 5,
    }


class TestChosen:
    table: ClassVar = {"one": 1, "two": 2, "three": 3}

    def test_all_by_default(self):
        assert chosen(self, self.table, None) == self.table

    def test_in_the_order_of_the_names(self):
        assert list(chosen(self, self.table, ("three", "one"))) == ["three", "one"]

    def test_unknown(self):
        with pytest.raises(
            ValueError, match=r"must be one or more of one, two, three\. Got 'four' instead\."
        ):
            chosen(self, self.table, ["one", "four"])


class TestStatisticsFamily:
    battles = make_battles(
        ["*"],
        [
            ["**", "a"],
        ],
        [["b***"]],
    )

    def test_totals_and_shares_on_their_sides(self):
        frame = Marks().fit_transform(self.battles)
        assert frame.iloc[0].to_dict() == {
            "marks__stars_a": 2,
            "marks__stars_b": 3,
            "marks__stars_sum": 5,
            "marks__stars_prompt": 1,
            "marks__star_share_a": pytest.approx(2 / 3),
            "marks__star_share_b": 0.75,
            "marks__star_share_diff": pytest.approx(2 / 3 - 0.75),
        }

    def test_documentation_tells_statistic_and_side(self):
        documentation = Marks(["star_share"]).describe()
        assert documentation == {
            "marks__star_share_a": "share of stars, of answer A",
            "marks__star_share_b": "share of stars, of answer B",
            "marks__star_share_diff": "share of stars, A minus B",
        }

    def test_not_fitted(self):
        with pytest.raises(NotFittedError, match="Marks"):
            Marks().transform(self.battles)
        with pytest.raises(NotFittedError, match="Marks"):
            Marks().get_feature_names_out()
