"""Formulas on text, each with the inputs on which its plausible wrong form gives another number."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.text import formulas as text
from features.text.formulas import literal, measure, occurrences, prose

FORMULAS = {
    "characters": text.characters,
    "stripped_characters": text.stripped_characters,
    "words": text.words,
    "tokens": text.tokens,
    "sentences": text.sentences,
    "lines": text.lines,
    "paragraphs": text.paragraphs,
}


@pytest.mark.parametrize(
    ("formula", "string", "expected"),
    [
        (text.characters, "日本語", 3),  # nine bytes
        (text.characters, "👍🏽", 2),  # code points, not graphemes
        (text.characters, "e\u0301", 2),
        (text.characters, "a\r\nb", 4),
        (text.stripped_characters, "\u00a0 a  b\t\r\n", 4),
        (text.stripped_characters, " \n\t", 0),
        (text.words, "don't", 2),
        (text.words, "snake_case x2 3.14", 4),
        (text.words, "Привет, мир", 2),
        (text.words, "日本語 です", 2),
        (text.words, "-- ... !", 0),
        (text.tokens, "don't stop!", 5),
        (text.tokens, "a...b", 5),
        (text.tokens, " \n ", 0),
        (text.tokens, "👍👍", 2),
        (text.sentences, "It is 3.5 m. Yes!", 2),
        (text.sentences, "Wait... what?! No", 2),
        (text.sentences, "one.\ntwo.\r\nthree", 2),
        (text.sentences, "你好。再见！", 2),
        (text.sentences, "no end", 0),
        (text.sentences, "e.g.this", 0),
        (text.sentences, "end.\n", 1),  # `$` is the end alone, but the line break is white space
        (text.lines, "a\n\n \t\nb", 2),
        (text.lines, "a\r\n\r\nb\r\n", 2),
        (text.lines, "  a  ", 1),
        (text.lines, "", 0),
        (text.paragraphs, "a\nb\n\nc", 2),
        (text.paragraphs, "a\r\nb\r\n\r\nc", 2),
        (text.paragraphs, "\n\n  a\n \t \n\n\nb\n", 2),
        (text.paragraphs, " \n\n ", 0),
    ],
)
def test_formula(formula, string, expected):
    assert measure(formula, string) == [expected]


def test_whole_columns_at_a_time():
    assert measure(text.words, "a b", "", "c") == [2, 0, 1]


def test_occurrences_do_not_overlap_and_see_every_line():
    assert measure(occurrences("aa"), "aaaa") == [2]
    assert measure(occurrences("(?m)^a"), "a\nb\na") == [2]
    assert measure(occurrences("^a"), "a\nb\na") == [1]


def test_literal_takes_no_pattern():
    assert measure(literal("."), "a.b") == [1]
    assert measure(literal("(", "[", "$"), "([a$") == [3]
    assert measure(literal("\n\n"), "a\n\n\nb\n\n") == [2]


@pytest.mark.parametrize(
    ("string", "left"),
    [
        ("a```b```c", "ac"),
        ("```a``` b ```c```", " b "),  # each block alone, not from the first to the last fence
        ("```py\nx\n```", ""),
        ("a ```open\nend", "a ```open\nend"),
        ("```a``` ```open", " ```open"),
        ("```a `b` c```", "```a `b` c```"),  # a backtick inside: the definition lets it stand
        ("``````", ""),
        ("`a`", "`a`"),
    ],
)
def test_fences_are_removed(string, left):
    assert measure(text.without_fences, string) == [left]


def test_prose_leaves_fenced_code_out():
    string = "one ```two three``` four"
    assert measure(prose(text.words), string) == [2]
    assert measure(text.words, string) == [4]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.text(max_size=40), min_size=1, max_size=8))
def test_any_text_has_consistent_counts(strings):
    counts = {name: np.array(measure(formula, *strings)) for name, formula in FORMULAS.items()}
    np.testing.assert_array_equal(counts["characters"], [len(string) for string in strings])
    np.testing.assert_array_equal(
        counts["lines"] > 0, counts["paragraphs"] > 0, err_msg=f"{strings!r}"
    )
    assert (counts["words"] <= counts["tokens"]).all()
    assert (counts["tokens"] <= counts["stripped_characters"]).all()
    assert (counts["paragraphs"] <= counts["lines"]).all()
    assert (counts["stripped_characters"] <= counts["characters"]).all()
