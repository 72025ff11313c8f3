"""What battles ask an encoder for, whatever the order of their answers."""

import numpy as np

from data.battles import make_battles, swap_battles
from features import to_polars
from features.encoding.asked import Asked, Keyed

BATTLES = make_battles(
    [["Hi", " "], ["Hi"], [None], ["Hi", " "], ["Hi"]],
    [["one"], ["same", "end"], [], ["two", "three"], ["same", "end"]],
    [["two", "three"], ["same", "end"], ["\n"], ["one"], ["same end"]],
)


def asked(battles=BATTLES):
    return Asked.of(to_polars(battles))


def content(battles, texts):
    """Return the turns of each text of each battle as text."""
    return [[[texts[turn] for turn in turns] for turns in battle] for battle in battles]


def test_each_distinct_turn_is_asked_for_once_and_blank_ones_never():
    assert asked().texts == ["Hi", "one", "same", "end", "two", "three", "same end"]
    conversations = asked().conversations()
    assert content(conversations, asked().texts)[0] == [["Hi"], ["one"], ["two", "three"]]
    assert content(conversations, asked().texts)[2] == [[], [], []]


def test_no_battles_ask_for_nothing():
    empty = asked(BATTLES.iloc[:0])
    assert (empty.texts, empty.conversations()) == ([], [])
    assert Keyed.of(empty).keys == []


def test_the_order_of_the_answers_makes_no_other_battle():
    keyed, swapped = Keyed.of(asked()), Keyed.of(asked(swap_battles(BATTLES)))
    assert keyed.keys == swapped.keys
    assert content(keyed.battles, keyed.texts) == content(swapped.battles, swapped.texts)
    np.testing.assert_array_equal(keyed.place, swapped.place)
    equal = np.array(keyed.equal)[keyed.place]
    np.testing.assert_array_equal(keyed.swapped != swapped.swapped, ~equal)


def test_a_battle_that_occurs_twice_is_read_once():
    keyed = Keyed.of(asked())
    assert len(keyed.keys) == 4
    assert keyed.place[0] == keyed.place[3]
    assert keyed.swapped[0] != keyed.swapped[3]


def test_equal_answers_are_known_and_turns_are_not_joined():
    keyed = Keyed.of(asked())
    equal = np.array(keyed.equal)[keyed.place]
    assert equal.tolist() == [False, True, True, False, False]


def test_the_longest_comes_first():
    keyed = Keyed.of(asked())
    lengths = keyed.sums([len(text) for text in keyed.texts])
    assert lengths == sorted(lengths, reverse=True)
    assert Keyed.of(asked(BATTLES.iloc[::-1])).keys == keyed.keys


def test_local_numbers_name_the_same_turns():
    keyed = Keyed.of(asked())
    turns, battles = keyed.local([2, 0])
    texts = [keyed.texts[turn] for turn in turns]
    rows = [keyed.battles[2], keyed.battles[0]]
    assert content(battles, texts) == content(rows, keyed.texts)
    assert len(set(texts)) == len(texts)


def test_some_of_the_battles_can_be_chosen():
    keyed = Keyed.of(asked())
    some = keyed.only([False, True, False, True])
    assert some.keys == [keyed.keys[1], keyed.keys[3]]
    assert some.equal == [keyed.equal[1], keyed.equal[3]]
