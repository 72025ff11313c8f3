"""The word lists as data: no entry twice, each in a known place, each found where it stands."""

import pytest

from features.text.formulas import measure
from features.text.phrases import PLACES, anywhere, extended
from features.text.wordlists import ANSWERS, PROMPTS

LISTS = [(name, row) for lists in (ANSWERS, PROMPTS) for name, row in lists.items()]
every_list = pytest.mark.parametrize("row", [row for _, row in LISTS], ids=[n for n, _ in LISTS])


@every_list
def test_no_entry_stands_twice(row):
    assert len(set(row.entries)) == len(row.entries)


@every_list
def test_it_says_what_and_why_and_where(row):
    assert row.doc
    assert row.reason
    assert set(row.places) <= set(PLACES)


@every_list
def test_each_entry_is_found_where_it_stands(row):
    missed = [e for e in row.entries if measure(anywhere([e]), f"so {e.rstrip('*')} there") == [0]]
    assert missed == []


def test_a_new_list_needs_an_entry():
    with pytest.raises(ValueError, match=r"words\['moods'\] must be a list.*Got \[\]"):
        extended(ANSWERS, {"moods": []})


def test_a_new_list_may_not_take_the_name_of_a_list_in_a_place():
    with pytest.raises(ValueError, match=r"words\['refusals_opening'\]: a statistic has this name"):
        extended(ANSWERS, {"refusals_opening": ["nope"]})
