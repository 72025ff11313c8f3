"""Entries must be found as words, in any case, with either apostrophe, and nowhere else."""

import pytest

from features.text.formulas import measure
from features.text.phrases import (
    CLOSING,
    OPENING,
    anywhere,
    closing,
    extended,
    formulas,
    opening,
    start,
    whole,
)
from features.text.wordlists import ANSWERS, PROMPTS, WordList


@pytest.mark.parametrize(
    ("entry", "text", "expected"),
    [
        ("sorry", "SORRY, sorry", 2),
        ("sorry", "sorrysville unsorry", 0),
        ("can't", "I can't, I can’t, I cant", 2),
        ("apolog*", "apology, apologise, Apolog", 3),
        ("apolog*", "unapologetic", 0),
        ("as an ai", "As an AI, I was an air ship", 1),
        ("as an ai", "as an airship", 0),
        ("c++", "C++, c++ and c", 2),
        ("text:", "Text: this text", 1),
        ("извините", "Извините, не извинитесь", 1),
        ("désolé*", "Désolée !", 1),
        ("me", "crème brûlée, méme me", 1),
        ("a.b", "a.b acb", 1),
        ("DAN", "DAN, Dan and dan", 1),
    ],
)
def test_an_entry_is_a_word(entry, text, expected):
    assert measure(anywhere([entry]), text) == [expected]


def test_longer_entries_are_tried_first():
    # as alternatives in the order given, "you" would take half of "you're welcome"
    assert measure(anywhere(["you", "you're welcome"]), "you're welcome") == [1]
    assert measure(anywhere(["i think", "I"]), "I think") == [2]  # two ways of looking, two counts


@pytest.mark.parametrize(
    ("place", "inside", "outside"),
    [
        (opening, "x" * (OPENING - 4) + " no.", "x" * OPENING + " no."),
        (closing, "no " + "x" * (CLOSING - 3), "no " + "x" * CLOSING),
        (start, '"No", I said', "I said no"),
        (whole, " No!\n", "no no no"),
    ],
)
def test_places(place, inside, outside):
    assert measure(place(["no"]), inside, outside, "", "x") == [1, 0, 0, 0]


def test_start_is_asked_of_the_whole_text_not_of_each_line():
    assert measure(start(["sure"]), "Well\nsure") == [0]


def test_each_place_is_a_statistic_and_says_so():
    table = formulas({"hedges": WordList("hedges", "why", ("maybe",), ("anywhere", "opening"))})
    assert list(table) == ["hedges", "hedges_opening"]
    assert table["hedges"][0] == "hedges"
    assert table["hedges_opening"][0] == f"hedges, in the first {OPENING} characters of a turn"


def test_extending_leaves_the_lists_as_they_were():
    before = ANSWERS["hedges"].entries
    lists = extended(ANSWERS, {"hedges": ["arguably"]})
    assert lists["hedges"].entries == (*before, "arguably")
    assert ANSWERS["hedges"].entries == before
    assert lists["hedges"].reason == ANSWERS["hedges"].reason


@pytest.mark.parametrize("entries", ["arguably", [""], ["*"], [3]])
def test_wrong_entries_are_named(entries):
    with pytest.raises(ValueError, match=r"words\['hedges'\] must be a list of words"):
        extended(ANSWERS, {"hedges": entries})


def test_a_new_list_may_not_take_a_statistic_name():
    with pytest.raises(ValueError, match=r"words\['digits'\]: a statistic has this name"):
        extended(ANSWERS, {"digits": ["one"]}, taken={"digits"})


@pytest.mark.parametrize("lists", [ANSWERS, PROMPTS], ids=["answers", "prompts"])
def test_every_list_has_a_reason_and_entries_that_it_finds(lists):
    for name, row in lists.items():
        assert row.reason, name
        assert len(set(row.entries)) == len(row.entries), name
        for entry in row.entries:
            text = entry.removesuffix("*")
            assert measure(anywhere(row.entries), text)[0] >= 1, (name, entry)
