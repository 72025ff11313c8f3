"""What the wording columns must tell apart."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from data.battles import make_battles
from features.families.wording import (
    WordingFeatures,
    ends_asking,
    open_fence,
    unfinished,
    unfinished_item,
)
from features.sides import Swap
from features.text.formulas import measure


def value(statistic, a, b="x", prompt="Why?", **options):
    """Return a statistic of answer A."""
    family = WordingFeatures([statistic], **options)
    return family.fit_transform(make_battles([prompt], [a], [b]))[f"wording__{statistic}_a"].item()


@pytest.mark.parametrize(
    ("statistic", "text", "expected"),
    [
        ("refusals", "I can't do that. I cannot.", 2),
        ("refusals", "You can't lose; she cannot.", 0),
        ("refusals", "Lo siento, no puedo.", 1),
        ("refusals_opening", "Sorry, I won’t.", 1),
        ("refusals_opening", "x" * 200 + " I won't.", 0),
        ("apologies", "I'm SORRY. My apologies!", 2),
        ("apologies", "Es tut mir leid. Je suis désolé. Извините.", 3),
        ("disclaimers", "As an AI language model, I know.", 2),
        ("disclaimers", "An aim. As an aide, I know.", 0),
        ("hedges", "Perhaps. It might be, probably.", 3),
        ("first_person", "I'm sure my dog likes me.", 3),
        ("first_person", "for i in mines: the ME file", 1),
        ("second_person", "You're your own; youth.", 2),
        ("politeness", "Please, thanks; pleased.", 2),
        ("clarifications", "Could you please say more?", 1),
        ("agreement_start", "Sure! Sure.", 1),
        ("agreement_start", "Am I sure?", 0),
        ("agreement_start", "Surely not.", 0),
        ("praise_opening", "That is a Great question!", 1),
        ("sign_offs_closing", "Done. Let me know!", 1),
        ("sign_offs_closing", "Let me know! " + 300 * "x", 0),
        ("refusals", ["I can't.", None, "I cannot."], 2),
    ],
)
def test_counts_of_lists(statistic, text, expected):
    assert value(statistic, text) == expected


@pytest.mark.parametrize(
    ("statistic", "text", "expected"),
    [
        ("digits", "a1b2", 0.5),
        ("digits", "٣٤", 0.0),
        ("beyond_ascii", "naïf", 0.25),
        ("capitals", "ÉaBc", 0.5),
        ("capitals", "a" * 400 + "B" * 400, 0.0),
        ("type_token", "The the\nTHE cat", 0.5),
        ("type_token", ["a b", "a b"], 1.0),
        ("word_length", "ab  abcd\n\nabc", 3.0),
        ("word_length", " \n ", 0.0),
    ],
)
def test_shares(statistic, text, expected):
    assert value(statistic, text) == pytest.approx(expected)


def test_vocabulary_is_not_poorer_for_length_alone():
    opening = " ".join(f"w{number:03d}" for number in range(80))  # 399 characters
    assert value("type_token", opening + " w000" * 500) == value("type_token", opening) == 1.0
    assert value("type_token", opening + " w000" * 500, window=2000) < 0.5


@pytest.mark.parametrize(
    ("formula", "yes", "no"),
    [
        (unfinished, ["It is", "so,", "this:", "3", "Да"], ["It.", "It!\n", 'No"', "Да。", "😀"]),
        (unfinished, ["so -", "a & b"], ["| a |", "```", "**a**", "}", "", " ", "👍️"]),
        (unfinished_item, ["x\n- a", " 12. a b", "* a"], ["- a.", "-a", "- a\nb", "a - b", ""]),
        (open_fence, ["```", "```a```\n```b"], ["```a```", "``", ""]),
        (ends_asking, ["Why?", 'Why?" ', "**Why?** 🙂", "为什么？"], ["Why? So.", "?a", "?!", ""]),
    ],
)
def test_endings(formula, yes, no):
    assert measure(formula, *yes) == [1] * len(yes)
    assert measure(formula, *no) == [0] * len(no)


@pytest.mark.parametrize("statistic", ["unfinished", "ends_asking", "open_fence"])
def test_endings_are_those_of_the_last_turn(statistic):
    text = {"unfinished": "cut", "ends_asking": "Why?", "open_fence": "```x"}[statistic]
    assert value(statistic, ["Done.", text]) == 1
    assert value(statistic, [text, "Done."]) == 0
    assert value(statistic, [text, None]) == 0


def test_columns_of_one_answer_do_not_come_from_the_other():
    frame = WordingFeatures().fit_transform(make_battles(["Hi"], ["I'm sorry."], ["Sure thing!"]))
    row = frame.iloc[0]
    assert (row["wording__apologies_a"], row["wording__apologies_b"]) == (1, 0)
    assert (row["wording__agreement_start_a"], row["wording__agreement_start_b"]) == (0, 1)
    assert row["wording__apologies_ratio"] == 0.5


TEXTS = [
    "",
    "x",
    [None],
    "I can't, sorry.",
    ["Sure!", None],
    [],
    "Да, нет",
    "你好",
    "```\n- a",
    "👍",
]


@pytest.fixture
def battles():
    pairs = [(a, b) for a in TEXTS for b in TEXTS]
    prompts = [TEXTS[number % len(TEXTS)] or "Was ist das?" for number in range(len(pairs))]
    return make_battles(prompts, [a for a, _ in pairs], [b for _, b in pairs])


def test_values_are_finite_and_swap_bitwise(battles):
    family = WordingFeatures().fit(battles)
    frame = family.transform(battles)
    other = battles.rename(columns={"response_a": "response_b", "response_b": "response_a"})
    assert np.isfinite(frame.to_numpy()).all()
    swapped = Swap(list(frame.columns))(frame.to_numpy())
    np.testing.assert_array_equal(family.transform(other).to_numpy(), swapped)


def test_rows_are_computed_each_by_itself(battles):
    family = WordingFeatures().fit(battles)
    some = battles.iloc[[7, 3, 55]]
    pd.testing.assert_frame_equal(
        family.transform(some), family.transform(battles).iloc[[7, 3, 55]]
    )


def test_columns_are_documented_and_stay_with_a_clone():
    family = WordingFeatures(words={"boasts": ["the best"]}, window=50)
    names = family.fit(make_battles(["a"], ["b"], ["c"])).get_feature_names_out()
    assert list(family.describe()) == list(names)
    assert "wording__boasts_ratio" in names
    assert clone(family).get_params() == family.get_params()


def test_statistics_can_be_chosen_in_any_order():
    battles = make_battles(["Why?"], ["I can't."], ["Ok."])
    family = WordingFeatures(["same_script", "unfinished", "type_token", "refusals"])
    names = [name.removesuffix("_a") for name in family.fit_transform(battles).filter(regex="_a$")]
    assert names == [f"wording__{name}" for name in family.statistics]
    everything = WordingFeatures().fit_transform(battles)
    chosen = family.transform(battles)
    pd.testing.assert_frame_equal(chosen, everything[chosen.columns])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"statistics": ["rudeness"]},
            "statistics of WordingFeatures must be one or more of refusals",
        ),
        ({"window": 0}, "window of WordingFeatures must be greater than or equal to 1. Got 0"),
        ({"words": {"capitals": ["a"]}}, "a statistic has this name"),
        ({"words": {"hedges": "may"}}, r"words\.hedges of WordingFeatures .* Got 'may'"),
    ],
)
def test_wrong_parameters_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        WordingFeatures(**options).fit(make_battles(["a"], ["b"], ["c"]))
