"""Members' logits become a table and come back, exact under a swap; wrong ones are named."""

import numpy as np
import pandas as pd
import pytest

from models.heads import probabilities
from models.stacking.members import (
    Material,
    Member,
    StackError,
    columns_of,
    logits_of,
    member_names,
)

PAIR = {"characters": [10, 20], "turns": [1, 2]}


def member(name, z=(0.5, -1.0), t=(-1.0, 0.0)):
    return Member(name, np.array(z), np.array(t))


def test_logits_are_those_that_gave_the_probabilities():
    rng = np.random.default_rng(0)
    z, t = rng.normal(size=(2, 500)) * 3
    found = logits_of(probabilities(z, t))
    np.testing.assert_allclose(found, (z, t), atol=1e-9)


def test_logits_swap_bit_for_bit():
    p = np.random.default_rng(0).dirichlet([1, 1, 1], size=5000)
    (z, t), (z_swapped, t_swapped) = logits_of(p), logits_of(p[:, [1, 0, 2]])
    np.testing.assert_array_equal(z_swapped, -z)
    np.testing.assert_array_equal(t_swapped, t)


def test_logits_of_certain_probabilities_are_bounded():
    z, t = logits_of(np.eye(3))
    assert z.tolist() == [30.0, -30.0, 0.0]
    assert t.tolist() == [-30.0, -30.0, 30.0]


def test_the_table_gives_back_each_members_logits():
    first, second = member("one"), member("two", z=(3.0, 4.0), t=(5.0, 6.0))
    X = columns_of([first, second], group=["g", "h"], fold=[0, 1], **PAIR)
    assert X.columns[:4].tolist() == ["group", "fold", "characters", "turns"]
    assert member_names(X) == ("one", "two")
    found = Material.of(X, ("two", "one"))
    np.testing.assert_array_equal(found.z, np.column_stack([second.z, first.z]))
    np.testing.assert_array_equal(found.t, np.column_stack([second.t, first.t]))
    assert found.characters.tolist() == [10, 20]
    assert found.turns.tolist() == [1, 2]


def test_taken_rows_are_the_masked_ones():
    X = columns_of([member("one")], **PAIR)
    found = Material.of(X, ["one"]).take(np.array([False, True]))
    assert [values.ravel().tolist() for values in found] == [[-1.0], [0.0], [20.0], [2.0]]


def test_logits_without_bound_are_bounded_in_both_directions():
    found = Material.of(columns_of([member("one", z=(99.0, -99.0))], **PAIR), ["one"])
    assert found.z[:, 0].tolist() == [30.0, -30.0]


@pytest.mark.parametrize("name", ["", "One", "1st", "a-b", "a b"])
def test_a_name_must_be_fit_for_a_column(name):
    with pytest.raises(StackError, match="expected a name of small letters"):
        columns_of([member(name)], **PAIR)


def test_names_must_differ():
    with pytest.raises(StackError, match="two members are called 'one'"):
        columns_of([member("one"), member("one")], **PAIR)


def test_a_member_needs_both_columns():
    X = columns_of([member("one"), member("two")], **PAIR).drop(columns="two__t_pair")
    with pytest.raises(StackError, match="two__z_diff and two__t_pair, found one of them"):
        member_names(X)


def test_a_table_without_members():
    with pytest.raises(StackError, match="no member's columns"):
        member_names(pd.DataFrame(PAIR))


@pytest.mark.parametrize("column", ["turns", "one__z_diff"])
def test_a_missing_column_is_named(column):
    X = columns_of([member("one")], **PAIR).drop(columns=column)
    with pytest.raises(StackError, match=f"lacks the column {column}"):
        Material.of(X, ["one"])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_number_that_is_none_is_named(value):
    X = columns_of([member("one", t=(0.0, value))], **PAIR)
    with pytest.raises(StackError, match=f"row 2, column one__t_pair: .* found {value}"):
        Material.of(X, ["one"])
