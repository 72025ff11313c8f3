"""Script and language, and whether an answer keeps to its prompt's."""

import numpy as np
import pytest

from data.battles import make_battles
from features.layout import to_polars
from features.text.formulas import measure
from features.text.language import (
    HEAD,
    beside_prompt,
    beyond_ascii,
    characters_of_script,
    letters,
    own_script,
)

RUSSIAN = "Как мне приготовить борщ?"
CHINESE = "请写一首诗。"
GERMAN = "Wie ist das Wetter und der Wind?"
ENGLISH = "What is the weather and how is the wind?"


def compared(prompt, a, b="x"):
    """Return what `beside_prompt` says of both answers."""
    battles = to_polars(make_battles([prompt], [a], [b]))
    return {name: values[:, 0] for name, values in beside_prompt(battles).items()}


@pytest.mark.parametrize(
    ("script", "text", "expected"),
    [
        ("cyrillic", "Да, yes", 2),
        ("cjk", "漢字とカナ", 5),
        ("hangul", "한국 漢", 2),
        ("arabic", "سلام!", 4),
        ("devanagari", "नमक", 3),
        ("greek", "αβγ abc", 3),
        ("hebrew", "שלום", 4),
        ("thai", "ไทย", 3),
        ("cyrillic", "plain ASCII", 0),
        ("cyrillic", "", 0),
    ],
)
def test_letters(script, text, expected):
    assert measure(letters(script), text) == [expected]


def test_beyond_ascii_counts_characters_not_bytes():
    assert measure(beyond_ascii, "é漢🎉x", "plain", "") == [3, 0, 0]


def test_own_script_needs_a_quarter_of_the_characters():
    other = np.array([[24.0, 25.0, 30.0], [0.0, 0.0, 31.0]])
    assert own_script(other, np.full(3, 100.0)).tolist() == [-1.0, 0.0, 1.0]


def test_latin_is_what_no_other_script_has():
    other, total = np.array([[2.0], [3.0]]), np.array([10.0])
    counts = [characters_of_script(other, total, np.array([own]))[0] for own in (0, 1, -1)]
    assert counts == [2.0, 3.0, 5.0]


@pytest.mark.parametrize(
    ("prompt", "same", "different"),
    [(RUSSIAN, RUSSIAN, ENGLISH), (CHINESE, "春眠不觉晓", "Spring."), (ENGLISH, GERMAN, RUSSIAN)],
)
def test_an_answer_in_the_prompts_script(prompt, same, different):
    kept, left = compared(prompt, same, different)["same_script"]
    assert kept > 0.7
    assert left < 0.3


def test_the_script_is_the_prompts_not_the_other_answers():
    # a Russian pair of answers to an English prompt is alike, yet neither is in its script
    assert (compared(ENGLISH, RUSSIAN, RUSSIAN)["same_script"] < 0.3).all()


@pytest.mark.parametrize(
    ("prompt", "answer", "sign"),
    [(GERMAN, GERMAN, 1), (GERMAN, ENGLISH, -1), (ENGLISH, ENGLISH, 1), (ENGLISH, "Hm", 0)],
)
def test_languages_in_latin_script(prompt, answer, sign):
    assert np.sign(compared(prompt, answer)["same_language"][0]) == sign
    swapped = compared(prompt, "x", answer)
    assert np.sign(swapped["same_language"]).tolist() == [0, sign]


def test_english_is_the_answers_own():
    values = compared(GERMAN, ENGLISH, GERMAN)["english"]
    assert values[0] > 0.5
    assert values[1] < -0.5


def test_only_the_head_of_a_turn_is_looked_at():
    assert compared(ENGLISH, "x" * HEAD + RUSSIAN)["same_script"][0] == 1.0
    assert compared(ENGLISH, "x" * (HEAD - 10) + RUSSIAN)["same_script"][0] < 1.0


@pytest.mark.parametrize("empty", ["", [None], []])
def test_empty_texts_have_no_script(empty):
    for values in (compared(empty, "x"), compared("x", empty), compared(empty, empty, empty)):
        assert all(np.isfinite(value).all() for value in values.values())
    assert compared("x", empty)["same_script"][0] == 0.0
