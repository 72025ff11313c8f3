"""Compiled passes must count what the regular expressions would, in any text."""

import random
from itertools import pairwise

import polars as pl
import pytest

from features.compiled import code_points
from features.tally import BLOCK, Tally, Total, counted, head, through
from features.text import passes
from features.text.formulas import literal, measure

EXPRESSIONS = {
    "words": r"\w+",
    "sentences": r"[.!?…]+(?:\s|$)|[。！？]+",
    "lines": r"(?m)^[^\S\n]*\S",
    "paragraphs": r"\S[^\n]*(?:\n[^\S\n]*\S[^\n]*)*",
    "tokens": r"\w+|[^\w\s]",
    "headers": r"(?m)^#{1,6}\s",
    "ordered": r"(?m)^[^\S\n]*\d+\.\s",
    "unordered": r"(?m)^[^\S\n]*[-*+]\s",
    "bold_items": r"(?m)^[^\S\n]*(?:\d+\.|[-*+])[^\S\n]+\*\*",
    "table_rows": r"(?m)^[^\S\n]*\|[^\n]*\|",
    "quotes": r"(?m)^[^\S\n]*>\s",
}
LETTERS = (
    *"ab1٣_é好Σ\u0301\u200d²  \t\r\n\n\u00a0\u2028\x85\x00..!?…。！#-*+>|\U0001f600",
    "\n1. ", "\n- ", "\n# ", "**", "\n| ", "\n > ", "\n12.  **",
)  # fmt: skip


@pytest.fixture(scope="module")
def texts() -> pl.DataFrame:
    draw = random.Random(0)
    drawn = ["".join(draw.choices(LETTERS, k=draw.randrange(24))) for _ in range(6000)]
    return pl.DataFrame({"text": ["", *drawn]})


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_a_pass_counts_what_the_expression_does(name, texts):
    tally = Tally(passes.runs if name in passes.RUNS else passes.marks, name)
    expected = texts["text"].str.count_matches(EXPRESSIONS[name]).to_list()
    assert max(expected) > 0
    assert counted(texts, {name: tally})[name].tolist() == expected


def test_all_counts_have_an_expression():
    assert set(EXPRESSIONS) == {*passes.RUNS, *passes.MARKS}


def test_characters_may_be_in_several_sets(texts):
    formulas = {"stops": literal(".", "。"), "dots": literal("."), "both": literal(".", "\n\n")}
    values = counted(texts, formulas)
    for name, strings in (("stops", ".。"), ("dots", "."), ("both", (".", "\n\n"))):
        expected = [sum(text.count(string) for string in strings) for text in texts["text"]]
        assert values[name].tolist() == expected


def test_code_points_are_those_of_the_text(texts):
    part = texts["text"][7 : 2 * BLOCK]
    codes, bounds = code_points(part)
    spans = pairwise(bounds)
    assert ["".join(map(chr, codes[start:end])) for start, end in spans] == part.to_list()


def test_a_formula_reads_through_its_views_in_their_order():
    words = Tally(passes.runs, "words")
    first = through(head(5), through(lambda text: text.str.replace_all("-", " "), words))
    assert measure(first, "a-b-cd-e") == [3]
    assert measure(through(head(1), Total((words, words))), "a b") == [2]


def test_null_is_counted_as_empty():
    null = pl.DataFrame({"text": pl.Series([None, "a b"], dtype=pl.String)})
    assert counted(null, {"words": Tally(passes.runs, "words")})["words"].tolist() == [0, 2]
