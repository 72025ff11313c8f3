"""What the report tells beside the scores."""

import json

import numpy as np
import pytest

from data.battles import make_battles
from data.battles import swap_battles as swap
from models.heads import probabilities, swapped_labels
from models.measures.metrics import log_loss
from pipelines.estimator.out_of_fold import OutOfFold
from pipelines.report.analysis import analyse, style_coefficients


@pytest.fixture
def voted():
    """Battles of one to nine turns whose voters like the longer answer."""
    rng = np.random.default_rng(0)
    rows = 240
    turns = rng.choice([1, 2, 9], size=rows)
    a, b = rng.integers(1, 120, size=(2, rows))
    texts = [[["word " * n] * t for n, t in zip(side, turns, strict=True)] for side in (a, b)]
    prompts = [[f"Prompt {row}"] * t for row, t in enumerate(turns)]
    y = np.where(rng.random(rows) < 0.2, 2, (b > a)).astype(np.int8)
    z, t = rng.normal(size=(2, rows))
    oof = OutOfFold(probabilities(2 * z, t), z, t, np.ones(rows), [], [])
    return make_battles(prompts, *texts, model_a=["m"] * rows, model_b=["n"] * rows), y, oof


def test_it_is_json_and_slices_add_up(voted):
    battles, y, oof = voted
    told = json.loads(json.dumps(analyse(battles, y, oof), allow_nan=False))
    for slices in (told["by_turns"], told["by_length"]):
        assert sum(part["rows"] for part in slices) == len(y)
        mean = sum(part["rows"] * part["log_loss"] for part in slices) / len(y)
        assert mean == pytest.approx(log_loss(y, oof.proba))
    assert [part["key"] for part in told["by_turns"]] == ["1", "2", "6 or more"]


def test_reliability_before_calibration_is_that_of_the_raw_logits(voted):
    battles, y, oof = voted
    told = analyse(battles, y, oof)["reliability"]
    assert told["before_calibration"] != told["after_calibration"]
    raw = oof._replace(proba=probabilities(oof.z, oof.t))
    same = analyse(battles, y, raw)["reliability"]
    assert same["before_calibration"] == same["after_calibration"] == told["before_calibration"]


def test_voters_who_like_length_have_a_positive_coefficient_whatever_the_order(voted):
    battles, y, _ = voted
    found = style_coefficients(battles, y)["coefficients"]["length"]
    assert found["low"] > 0.5
    other = style_coefficients(swap(battles), swapped_labels(y))["coefficients"]["length"]
    assert other["value"] == pytest.approx(found["value"], abs=1e-8)


def test_without_model_names_the_strengths_are_left_out(voted):
    battles, y, _ = voted
    nameless = battles.assign(model_a=None, model_b=None)
    assert style_coefficients(battles, y)["strengths"]
    assert not style_coefficients(nameless, y)["strengths"]
