"""Cells of lists and votes, in each notation that people bring."""

from collections import Counter

import numpy as np
import pytest

from data.layouts.notation import (
    CUT,
    EITHER,
    EMPTY,
    JSON,
    MESSAGES,
    NESTED,
    OTHER,
    PYTHON,
    TEXT,
    flag_of,
    kind_of,
    shown_cell,
    turns_in,
)

SAID = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "2+2?"},
    {"role": "assistant", "content": [{"type": "image"}, {"type": "text", "text": "4"}]},
]
LIMIT = 32_767


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        ("", EMPTY),
        (" [] ", EMPTY),
        ("Hi", TEXT),
        ("array(3) of what?", TEXT),
        ('["a", null]', JSON),
        ('["a"]', JSON),  # Python would have written 'a'
        ("""["it's"]""", EITHER),
        ("""["['a', None]"]""", EITHER),  # one turn that looks like Python
        ("['a', None]", PYTHON),
        ("\ufeff['a', nan]", PYTHON),
        (str(np.array(["a", "b"])), PYTHON),
        (repr(np.array(["a", None], dtype=object)), PYTHON),
        (repr(list(np.array(["a", "b"]))), PYTHON),
        (repr(SAID), MESSAGES),
        ('{"role": "user", "content": "Hi"}', MESSAGES),
        (SAID, NESTED),
        (["a", None], JSON),
        ([1], OTHER),
        ("[Verse 1] La la", OTHER),
        ('[{"content": "Hi"}]', OTHER),
        ("[" * LIMIT, CUT),
        ("[" * (LIMIT + 1), OTHER),
        ('["' + "x" * (LIMIT - 2), CUT),
        ('["' + "😀" + "x" * (LIMIT - 4), CUT),  # counted in UTF-16
        ('["' + "x" * (LIMIT - 4) + '"]', JSON),  # as long as that, and whole
    ],
)
def test_kinds_of_cells(cell, kind):
    assert kind_of(cell) == kind


def test_a_cut_cell_is_shown_by_its_end():
    assert shown_cell("[" + "x" * (LIMIT - 5) + "here") == (
        f"...'{'x' * 36}here', cut by a spreadsheet at 32,767 characters"
    )
    assert shown_cell("[oops") == "'[oops'"


def test_each_speaker_has_the_turns_of_one_column():
    counts = Counter()
    for cell in (SAID, repr(SAID)):
        assert turns_in(cell, {MESSAGES}, answers=False, left_out=counts) == (["2+2?"], 0)
        assert turns_in(cell, {MESSAGES}, answers=True, left_out=counts) == (["4"], 0)
    assert counts == {"other_messages": 8, "image_parts": 4}


def test_text_is_read_in_the_notations_of_the_file_alone():
    for cell, known in (("['a']", {MESSAGES}), (repr(SAID), {PYTHON}), ("[x]", {PYTHON})):
        with pytest.raises(ValueError, match="found"):
            turns_in(cell, known, answers=True, left_out=Counter())
    assert turns_in("['\\ud83d', None]", {PYTHON}, answers=True, left_out=Counter()) == (
        ["\ufffd", None],
        1,
    )


@pytest.mark.parametrize("cell", ["2", "yes", "", "nan", "0.5", "-1", None, []])
def test_what_is_neither_one_nor_zero(cell):
    assert flag_of(cell) is None
