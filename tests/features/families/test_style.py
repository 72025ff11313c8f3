"""Style counts: those of style control against an independent reading of its definitions."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.battles import make_battles
from features.families.style import CONTROL, STATISTICS, StyleFeatures
from features.text.formulas import measure

FENCE = re.compile(r"```[^`]*```")
DEFINED = {
    "tokens": [r"\w+|[^\w\s]"],
    "headers": [r"(?m)^#{1,6}\s"],
    "ordered": [r"(?m)^[^\S\n]*\d+\.\s"],
    "unordered": [r"(?m)^[^\S\n]*[-*+]\s"],
    "lists": [r"(?m)^[^\S\n]*\d+\.\s", r"(?m)^[^\S\n]*[-*+]\s"],
    "bold": [r"\*\*[^*\n]+\*\*", r"__[^_\n]+__"],
}
TRICKY = {
    "header needs white space": "#no\n# yes\n####### seven\n###### six\n #indented\n # indented",
    "header in the middle": "a # b\n##\tc",
    "header at a line's end": "#\n##\r\n#",
    "fence removed first": "```\n# code\n- item\n**x**\n```\n# text\n- item",
    "two fences": "```a``` - x\n- y ```b```\n- z",
    "fence joins two lines": "```a```- x",
    "fence hides a line's start": "x```\n```- y",
    "unclosed fence": "```python\n# comment\n- item\n**x**",
    "closed, then unclosed": "```a\n- b\n```\n- c\n```\n- d",
    "backtick inside a fence": "```\n`a`\n- b\n```",
    "windows line ends": "1. a\r\n2. b\r\n- c\r\n\r\n# d\r\n**e**\r\n",
    "numbers": "1. a\n10. b\n 3. c\n4.d\n5 . e\n1.5 f\n٣. g",
    "bullets": "- a\n* b\n+ c\n  - d\n\t* e\n-f\n--- \n– g",
    "nothing but bullets": "-\n*\n+\n1.\n",
    "blank lines before an item": "\n\n   \n- a\n\n\n 1. b",
    "bold": "**a** **b**",
    "bold with stars inside": "**a*b** ***c*** ****",
    "bold over lines": "**a\nb** __c\nd__",
    "bold shares its stars": "**a**b**c**",
    "underscores": "__x__ __y_z__ ___w___ a__b__c",
    "bold in code": "`**a**` ```__b__```",
    "bold item": "* **a**\n** b **\n**\n",
    "other scripts": "**粗体** 1. 一\n1. 二\n\u00a0- três\n\u3000* 四 __пять__",
    "tokens": "don't  stop... _x_ 3.14 👍 «ok» ```no```",
    "empty": "",
    "white space": " \n\t\r\n ",
}


def defined(name, text):
    """Count by the definitions of style control, with Python's regular expressions."""
    prose = FENCE.sub("", text)
    return sum(len(re.findall(pattern, prose)) for pattern in DEFINED[name])


def counted(name, text):
    return measure(STATISTICS[name].formula, text)[0]


@pytest.mark.parametrize("name", DEFINED)
@pytest.mark.parametrize("case", TRICKY)
def test_style_control_follows_its_definitions(case, name):
    assert counted(name, TRICKY[case]) == defined(name, TRICKY[case])


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("headers", TRICKY["header needs white space"], 2),
        ("headers", TRICKY["fence removed first"], 1),
        ("headers", TRICKY["unclosed fence"], 1),
        ("unordered", TRICKY["fence removed first"], 1),
        ("unordered", TRICKY["two fences"], 3),
        ("ordered", TRICKY["numbers"], 4),
        ("ordered", "10. x", 1),
        ("unordered", TRICKY["bullets"], 5),
        ("lists", TRICKY["windows line ends"], 3),
        ("bold", TRICKY["bold"], 2),
        ("bold", "__x__", 1),
        ("bold", TRICKY["bold over lines"], 0),
        ("tokens", "Hi, you! ```a b c```", 4),
        ("bold_items", "- **a**: b\n- c **d**\n1. **e**\n**f**", 2),
        ("fences", "```a``` b ```c``` ```open", 2),
        ("inline_code", "`a` ```b``` `c\nd` e", 1),
        ("table_rows", "| a | b |\n|---|---|\n| c\nd | e |", 2),
        ("links", "[a](http://b.c) https://d.e ftp://f", 3),
        ("latex", r"$$x$$ \(y\) \frac{1}{2} \fraction \pi", 5),
        ("emoji", "👍 ✅ ⭐ → © 🤔", 4),
        ("quotes", "> a\n >b\n > c\nd > e", 2),
        ("quotations", "\"a\" “b” «c» 'd'", 6),
        ("commas", "a, b，c、d;", 3),
        ("full_stops", "a. b。c…", 2),
        ("colons", "a: b：", 2),
        ("semicolons", "a; b；", 2),
        ("question_marks", "a? b？", 2),
        ("exclamations", "a! b！", 2),
        ("parentheses", "(a) （b）", 2),
        ("dashes", "a — b – c - d-e", 3),
        ("newlines", "a\nb\r\n\nc", 3),
        ("blank_lines", "a\n\nb\n\n\nc\n\n\n\nd", 4),
    ],
)
def test_counts_by_hand(name, text, expected):
    assert counted(name, text) == expected


MARKDOWN = st.lists(
    st.sampled_from(
        [
            "*",
            "**",
            "_",
            "__",
            "#",
            "`",
            "```",
            "- ",
            "1. ",
            "10.",
            "\n",
            "\r\n",
            " ",
            "\t",
            "a",
            "Б",
            "7",
        ]
    ),
    max_size=30,
).map("".join)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(text=MARKDOWN)
def test_style_control_follows_its_definitions_on_any_markdown(text):
    for name in DEFINED:
        assert counted(name, text) == defined(name, text), name


def test_every_statistic_of_style_control_is_among_those_checked():
    assert list(CONTROL.values()) == ["tokens", "lists", "headers", "bold"]
    assert set(CONTROL.values()) <= set(DEFINED)


def test_style_controls_comparison_of_two_answers():
    battles = make_battles(["?"], ["1. **a**\n2. b\n- c"], ["- d"])
    row = StyleFeatures(list(CONTROL.values())).fit_transform(battles).iloc[0]
    assert row["style__lists_ratio"] == pytest.approx((3 - 1) / (3 + 1 + 1))
    assert row["style__bold_ratio"] == pytest.approx(1 / 2)
    assert row["style__headers_ratio"] == 0
    assert row["style__tokens_a"] == 12  # "-" and the stars are tokens


def test_turns_are_counted_alone_and_added_up():
    # Joined, the first turn's fence would end at the second's.
    battles = make_battles(["?"], [["```\n- a", None, "- b\n```"]], [["**a", "b**"]])
    row = StyleFeatures(["unordered", "bold", "fences"]).fit_transform(battles).iloc[0]
    assert row["style__unordered_a"] == 2
    assert row["style__bold_b"] == 0
    assert row["style__fences_a"] == 0


def test_code_share_is_of_the_whole_text_not_a_mean_of_turns():
    battles = make_battles(["?"], [["```ab```", "x" * 24]], [[]])
    row = StyleFeatures(["code_share"]).fit_transform(battles).iloc[0]
    assert row["style__code_share_a"] == 8 / 32
    assert row["style__code_share_b"] == 0
    assert row["style__code_share_diff"] == 8 / 32


def test_statistics_are_chosen_in_the_callers_order():
    family = StyleFeatures(["emoji", "code_share"]).fit(make_battles(["?"], ["a"], ["b"]))
    assert family.get_feature_names_out().tolist() == [
        "style__emoji_a",
        "style__emoji_b",
        "style__emoji_ratio",
        "style__code_share_a",
        "style__code_share_b",
        "style__code_share_diff",
    ]


def test_unknown_statistics_are_named():
    with pytest.raises(
        ValueError,
        match=r"statistics of StyleFeatures must be one or more of tokens, .*Got 'italics' instead",
    ):
        StyleFeatures(["bold", "italics"]).fit(make_battles(["?"], ["a"], ["b"]))


def test_sums_over_turns_equal_numpys():
    turns = [*TRICKY.values()]
    row = StyleFeatures().fit_transform(make_battles(["?"], [turns], [turns[:5]])).iloc[0]
    for name in DEFINED:
        expected = np.sum([defined(name, turn) for turn in turns])
        assert row[f"style__{name}_a"] == expected, name
