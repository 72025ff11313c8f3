"""The turns that an encoder reads of battles, whatever the order of their answers."""

import numpy as np

from data.battles import make_battles, swap_battles
from features import to_polars
from features.encoding.turns import DistinctTurns, UnorderedBattles

BATTLES = make_battles(
    [["Hi", " "], ["Hi"], [None], ["Hi", " "], ["Hi"]],
    [["one"], ["same", "end"], [], ["two", "three"], ["same", "end"]],
    [["two", "three"], ["same", "end"], ["\n"], ["one"], ["same end"]],
)


def turns_of(battles=BATTLES):
    return DistinctTurns.of(to_polars(battles))


def content(battles, texts):
    """Return the turns of each text of each battle as text."""
    return [[[texts[turn] for turn in turns] for turns in battle] for battle in battles]


def test_each_distinct_turn_is_there_once_and_blank_ones_never():
    assert turns_of().texts == ["Hi", "one", "same", "end", "two", "three", "same end"]
    conversations = turns_of().conversations()
    assert content(conversations, turns_of().texts)[0] == [["Hi"], ["one"], ["two", "three"]]
    assert content(conversations, turns_of().texts)[2] == [[], [], []]


def test_no_battles_have_none():
    empty = turns_of(BATTLES.iloc[:0])
    assert (empty.texts, empty.conversations()) == ([], [])
    assert UnorderedBattles.of(empty).keys == []


def test_the_order_of_the_answers_makes_no_other_battle():
    unordered, swapped = (
        UnorderedBattles.of(turns_of()),
        UnorderedBattles.of(turns_of(swap_battles(BATTLES))),
    )
    assert unordered.keys == swapped.keys
    assert content(unordered.battles, unordered.texts) == content(swapped.battles, swapped.texts)
    np.testing.assert_array_equal(unordered.place, swapped.place)
    equal = np.array(unordered.equal)[unordered.place]
    np.testing.assert_array_equal(unordered.swapped != swapped.swapped, ~equal)


def test_a_battle_that_occurs_twice_is_read_once():
    unordered = UnorderedBattles.of(turns_of())
    assert len(unordered.keys) == 4
    assert unordered.place[0] == unordered.place[3]
    assert unordered.swapped[0] != unordered.swapped[3]


def test_equal_answers_are_known_and_turns_are_not_joined():
    unordered = UnorderedBattles.of(turns_of())
    equal = np.array(unordered.equal)[unordered.place]
    assert equal.tolist() == [False, True, True, False, False]


def test_the_longest_comes_first():
    unordered = UnorderedBattles.of(turns_of())
    lengths = unordered.sums([len(text) for text in unordered.texts])
    assert lengths == sorted(lengths, reverse=True)
    assert UnorderedBattles.of(turns_of(BATTLES.iloc[::-1])).keys == unordered.keys


def test_local_numbers_name_the_same_turns():
    unordered = UnorderedBattles.of(turns_of())
    turns, battles = unordered.local([2, 0])
    texts = [unordered.texts[turn] for turn in turns]
    rows = [unordered.battles[2], unordered.battles[0]]
    assert content(battles, texts) == content(rows, unordered.texts)
    assert len(set(texts)) == len(texts)


def test_some_of_the_battles_can_be_chosen():
    unordered = UnorderedBattles.of(turns_of())
    some = unordered.only([False, True, False, True])
    assert some.keys == [unordered.keys[1], unordered.keys[3]]
    assert some.equal == [unordered.equal[1], unordered.equal[3]]
