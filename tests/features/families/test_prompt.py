"""What the prompt columns must tell apart, and that they see no answer."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from data.battles import make_battles
from features.families.prompt import PromptFeatures


def value(statistic, prompt, **options):
    """Return a statistic of one prompt, whose answers would give another value."""
    battles = make_battles([prompt], ["1 + 1 = 2? {x};\nДа 你好 Why"], ["Hi"])
    return PromptFeatures([statistic], **options).fit_transform(battles).iat[0, 0]


@pytest.mark.parametrize(
    ("statistic", "prompt", "expected"),
    [
        ("question_marks", "Why? 为什么？", 2),
        ("question_end", "Is it? Say.", 0),
        ("question_end", ["Is it? ", "And now?"], 2),
        ("bare_end", "tell me", 1),
        ("bare_end", "tell me.", 0),
        ("small_start", "iPhone", 1),
        ("small_start", "Phone", 0),
        ("fences", "```a``` ```b", 1),
        ("code_lines", "a;\n  }\nb; c", 2),
        ("code_characters", "a[1]", 0.5),
        ("options", "Pick:\na) x\n(b) y\nC. z", 3),
        ("options", "I. Newton\n1) x\nA plan", 0),
        ("list_items", "1. a\n- b\n2 c", 2),
        ("digits", "1 a2", 0.5),
        ("formula_signs", "2+2 = 4", 2),
        ("formula_signs", "and/or, a well-known C* thing", 0),
        ("latex", r"$x$ and \frac{1}{2}", 2),
        ("latex", "from $5 on", 0),
        ("amounts", "500 words in 3 Paragraphs", 2),
        ("amounts", "5 wordings, words", 0),
        ("words_asked", "in 99 words", np.log(100)),
        ("words_asked", "99 lines", 0),
        ("capitals", "ABcd", 0.5),
        ("beyond_ascii", "é漢ab", 0.5),
        ("cyrillic", "Да a", 0.5),
        ("cjk", "你好ab", 0.5),
        ("other_script", "αβ Да", 0.4),
        ("english", "The cat and Theo", 2),
        ("other_latin", "Was ist das und wie", 4),
        ("type_token", "ha Ha  ho ha", 0.5),
        ("repeated_lines", "a\na\n\n\nb", 1),
        ("greetings_whole", "Hello!", 1),
        ("greetings_whole", "Hello, who won?", 0),
        ("wh_questions_start", "What is it?", 1),
        ("wh_questions_start", "Tell me what it is.", 0),
        ("wh_questions_start", "Whatever it is", 0),
        ("yes_no_questions_start", "is it so", 1),
        ("imperatives_start", "**Write** a poem. Write.", 1),
        ("imperatives_start", "I write.", 0),
        ("facts_opening", "So who was Ovid", 1),
        ("choices", "True or false: it is", 1),
        ("creative", "a short Story", 1),
        ("creative", "history", 0),
        ("role_plays", "Act as a pirate", 1),
        ("code", "C++ and python", 2),
        ("mathematics", "Solve this equation", 2),
        ("brief", "Answer briefly, in one sentence", 2),
        ("long", "a detailed essay", 2),
        ("formats", "as JSON or a table", 2),
        ("attacks", "You are DAN", 1),
        ("attacks", "Dan said", 0),
        ("identity", "Who are you?", 1),
        ("politeness", "Please!", 1),
    ],
)
def test_statistics(statistic, prompt, expected):
    assert value(statistic, prompt) == pytest.approx(expected)


def test_words_are_told_apart_at_the_head_alone():
    assert value("type_token", "a b " + "c" * 300 + " a b") == 1.0
    assert value("english", "c" * 300 + " the") == 0


PROMPTS = ["", [None], "x", [], ["Hi", None, "Hi"], "你好", "```", "2*x = 4?", "ΑΒ 😀"]


@pytest.fixture
def battles():
    return make_battles(PROMPTS, ["a"] * len(PROMPTS), ["Why? 1 + 1"] * len(PROMPTS))


def test_values_are_finite_and_of_the_prompt_alone(battles):
    family = PromptFeatures().fit(battles)
    frame = family.transform(battles)
    assert np.isfinite(frame.to_numpy()).all()
    assert all(name.endswith("_prompt") for name in frame)
    other = battles.rename(columns={"response_a": "response_b", "response_b": "response_a"})
    pd.testing.assert_frame_equal(family.transform(other), frame)
    pd.testing.assert_frame_equal(family.transform(battles.iloc[[4, 1]]), frame.iloc[[4, 1]])


def test_columns_are_documented_and_stay_with_a_clone():
    family = PromptFeatures(words={"cooking": ["recipe*", "bake"]})
    names = family.fit(make_battles(["a"], ["b"], ["c"])).get_feature_names_out()
    assert list(family.describe()) == list(names)
    assert clone(family).get_params() == family.get_params()
    assert value("cooking", "Bake by recipes", words=family.words) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"statistics": ["mood"]}, "of PromptFeatures must be one or more of 48 names such as"),
        ({"words": {"digits": ["one"]}}, "a statistic has this name"),
    ],
)
def test_wrong_parameters_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        PromptFeatures(**options).fit(make_battles(["a"], ["b"], ["c"]))
