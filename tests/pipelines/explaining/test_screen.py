"""What a terminal shows of an explained battle: 80 columns, sums that can be followed."""

import io

import pytest
from rich.console import Console

from pipelines.explaining.screen import show_explained


def column(name, z, t, value=0.25):
    return {"name": name, "meaning": f"what {name} is", "value": value, "adds": {"z": z, "t": t}}


@pytest.fixture
def found():
    long = column("style__b_diff", -0.25, 0.125)
    long["meaning"] = "a meaning of many words, of which none may be lost on any screen, A minus B"
    columns = [long, column("style__c_pair", 0.0, 0.0625), column("style__d_pair", 1e-9, 0.03125)]
    return {
        "id": "7",
        "probabilities": {"model_a": 0.5, "model_b": 0.25, "tie": 0.25},
        "average": {"model_a": 0.375, "model_b": 0.375, "tie": 0.25},
        "logits": {
            "z": {"value": -0.25, "average": 0.0, "clipped": False},
            "t": {"value": -0.78125, "average": -1.0, "clipped": False},
        },
        "families": [
            {"name": "style", "adds": {"z": -0.25, "t": 0.21875}, "columns": columns},
        ],
    }


def shown(found, width=80, top=1):
    console = Console(file=io.StringIO(), width=width)
    show_explained(console, found, top)
    return console.file.getvalue()


def row(text, start):
    (line,) = [line for line in text.splitlines() if line.strip().startswith(start)]
    return line.split()


@pytest.mark.parametrize("width", [80, 120])
def test_all_of_it_fits_and_adds_up(width, found):
    text = shown(found, width)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80
    assert text.startswith("this battle: A 0.5000, B 0.2500, tie 0.2500\n")
    assert row(text, "the average battle  ")[-2:] == ["0.000", "-1.000"]
    assert row(text, "style")[1:] == ["-0.250", "+0.219"]
    assert row(text, "2 more")[2:] == ["0.000", "+0.094"]
    assert row(text, "this battle  ")[-2:] == ["-0.250", "-0.781"]
    words = " ".join(text.split())
    for part in ("a meaning of many words,", "lost on any screen,", "A minus B"):
        assert part in words
    assert "beyond" not in text


def test_as_many_columns_are_shown_as_are_asked_for(found):
    assert "what style__c_pair is" not in shown(found)
    assert "what style__c_pair is" in shown(found, top=2)
    assert "more" not in shown(found, top=3)
    assert row(shown(found, top=0), "3 more")[2:] == ["-0.250", "+0.219"]


def test_a_logit_that_is_clipped_is_told(found):
    found["logits"]["t"]["clipped"] = True
    assert "\ntie: beyond 30 on either side, and counts as 30.\n" in shown(found)


def test_without_ties_there_is_one_logit(found):
    """As where votes know none."""
    del found["logits"]["t"]
    for of in (*found["families"], *found["families"][0]["columns"]):
        del of["adds"]["t"]
    text = shown(found)
    assert row(text, "style")[1:] == ["-0.250"]
    assert "Log odds: above 0 for A (below for B)." in text
    assert "for a tie" not in text


def test_margins_of_three_classes_have_columns_of_their_own(found):
    adds = dict.fromkeys(("a", "b", "tie"), 0.5)
    logit = {"value": 0.5, "average": 0.0, "clipped": False}
    one = column("style__b_diff", 0, 0) | {"adds": adds}
    found["logits"] = dict.fromkeys(adds, logit)
    found["families"] = [{"name": "style", "adds": adds, "columns": [one]}]
    text = shown(found)
    assert row(text, "style")[1:] == ["+0.500"] * 3
    assert "Margins of the three classes before calibration" in text


def test_words_stand_on_the_side_that_they_speak_for(found):
    grams = {"word:[b]so[/b]": 0.5, "char: of ": -0.25, "word:a\x1b[31m": -0.125, "word:x": 0.0}
    found["words"] = {"score": 0.125, "grams": grams}
    text = shown(found)
    assert "What the words say: +0.125 for A, by n-gram" in text
    assert row(text, "word:[b]so[/b]") == ["word:[b]so[/b]", "+0.500", "char:␣of␣", "-0.250"]
    assert "\x1b" not in text
    assert "word:a·[31m" in text
    assert "word:x" not in text


def test_a_title_stays_on_its_line_whatever_the_width_of_its_table(found):
    found["words"] = {"score": 0.5, "grams": {"word:a": 0.5}}
    assert "What the words say: +0.500 for A, by n-gram\n" in shown(found)


def test_answers_without_words_are_a_line(found):
    found["words"] = {"score": 0.0, "grams": {}}
    text = shown(found)
    assert "What the words say: nothing, no n-gram makes a difference" in text
    assert "add up to one column" not in text
