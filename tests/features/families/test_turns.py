"""What the turns of a conversation tell, by hand."""

import numpy as np
import polars as pl
import pytest

from data.battles import make_battles
from features.families.turns import STATISTICS, TurnFeatures, growth, last_share, unevenness

# A: 3, null, white space, 5 characters; B: 2 and 6; prompt: 1, 4 and 4.
BATTLES = make_battles([["?", "more", "more"]], [["one", None, " \n", "seven"]], [["ab", "cdefgh"]])


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("turns_prompt", 3),
        ("turns_absdiff", 2),
        ("null_a", 1),
        ("null_b", 0),
        ("null_diff", 1),
        ("empty_a", 1),  # the null is none of them
        ("empty_b", 0),
        ("last_share_a", 5 / 10),
        ("last_share_b", 6 / 8),
        ("last_share_diff", 5 / 10 - 6 / 8),
        ("last_share_prompt", 4 / 9),
        ("growth_a", (5 - 3) / (5 + 3 + 1)),
        ("growth_b", (6 - 2) / (6 + 2 + 1)),
        ("unevenness_a", (3 + 2 + 3) / 3 / (10 / 4)),
        ("unevenness_b", 4 / 4),
        ("unevenness_diff", (3 + 2 + 3) / 3 / (10 / 4) - 1),
    ],
)
def test_statistic(column, expected):
    value = TurnFeatures().fit_transform(BATTLES)[f"turns__{column}"].item()
    assert value == pytest.approx(expected, rel=1e-6)


def measured(formula, *lengths):
    return (
        pl.DataFrame({"n": pl.Series(lengths, dtype=pl.Float64)})
        .select(formula(pl.col("n")))
        .item()
    )


@pytest.mark.parametrize(
    ("formula", "lengths", "expected"),
    [
        (last_share, (0, 0), 0),
        (last_share, (7,), 1),
        (last_share, (7, 0), 0),
        (growth, (7,), 0),
        (growth, (0, 7), 7 / 8),
        (growth, (7, 0), -7 / 8),
        (growth, (1, 100, 1), 0),
        (unevenness, (7,), 0),
        (unevenness, (0, 0), 0),
        (unevenness, (4, 4, 4), 0),
        (unevenness, (6, 0, 6), 6 / 4),
    ],
)
def test_formula_at_its_edges(formula, lengths, expected):
    assert measured(formula, *lengths) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("turns", "null", "empty"),
    [([], 0, 0), ([None], 1, 0), ([""], 0, 1), (["\u3000\t"], 0, 1), ([None, None, "x"], 2, 0)],
)
def test_null_empty_and_missing_are_three_things(turns, null, empty):
    row = TurnFeatures().fit_transform(make_battles([turns], [turns], ["x"])).iloc[0]
    assert row["turns__null_a"] == null
    assert row["turns__empty_a"] == empty
    assert row["turns__turns_prompt"] == len(turns)
    assert row["turns__turns_absdiff"] == abs(len(turns) - 1)


def test_share_and_growth_of_one_turn_are_trivial():
    row = TurnFeatures().fit_transform(make_battles(["Hi"], ["yes"], ["no!!"])).iloc[0]
    assert row["turns__last_share_a"] == row["turns__last_share_b"] == 1
    assert not row.filter(regex="growth|unevenness").any()


def test_the_table_is_the_columns():
    family = TurnFeatures().fit(BATTLES)
    expected = [f"turns__{name}_{side}" for name, row in STATISTICS.items() for side in row.sides]
    assert family.get_feature_names_out().tolist() == expected == list(family.describe())
    assert np.unique(expected).size == len(expected)
