"""Intervals over prompt groups."""

import json

import numpy as np
import pytest

from models.measures.evaluation import (
    evaluate,
    group_weights,
    paired_difference,
)
from models.measures.metrics import METRICS, TIE


def draw(rows=300, seed=0):
    """Labels, probabilities with equal scores among them, and integer weights with zeros."""
    rng = np.random.default_rng(seed)
    proba = rng.dirichlet([4, 3, 3], rows)
    proba[: rows // 3] = proba[: rows // 3].round(1).clip(0.1)
    proba /= proba.sum(axis=1, keepdims=True)
    return rng.choice(3, rows, p=[0.4, 0.35, 0.25]), proba, rng.integers(0, 4, rows).astype(float)


def groups(rows, size):
    return np.array([f"g{i // size}" for i in range(rows)])


def score(name, *arguments):
    return METRICS[name].function(*arguments)


def test_group_weights_draw_whole_groups_as_many_as_there_are():
    group = np.array(["p", "q", "p", "r", "q", "p"])
    weight = np.concatenate(list(group_weights(group, 50, seed=3)))
    assert weight.shape == (50, 6)
    np.testing.assert_array_equal(weight[:, 0], weight[:, 2])
    np.testing.assert_array_equal(weight[:, 0], weight[:, 5])
    assert (weight[:, [0, 1, 3]].sum(axis=1) == 3).all()
    assert len(np.unique(weight, axis=0)) > 5


def test_group_weights_do_not_depend_on_the_block_size():
    group = groups(20, 2)
    whole = np.concatenate(list(group_weights(group, 30, seed=0)))
    blocks = list(group_weights(group, 30, seed=0, block_size=80))
    assert [len(block) for block in blocks] == [4] * 7 + [2]
    np.testing.assert_array_equal(np.concatenate(blocks), whole)


def test_evaluate_is_json_and_its_values_are_the_measures():
    y, proba, _ = draw()
    other = np.tile([0.4, 0.35, 0.25], (len(y), 1))
    result = evaluate(y, proba, groups(300, 3), baselines={"prior": other}, n_bootstrap=50)
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert (result["rows"], result["groups"]) == (300, 100)
    prior = result["baselines"]["prior"]
    assert list(result["metrics"]) == list(prior["metrics"]) == list(prior["difference"])
    for name, row in result["metrics"].items():
        assert row["value"] == pytest.approx(score(name, y, proba))
        assert row["low"] <= row["high"]
        expected = row["value"] - prior["metrics"][name]["value"]
        assert prior["difference"][name]["value"] == pytest.approx(expected)


def test_evaluate_resamples_model_and_baseline_together():
    y, proba, _ = draw(600)
    near = 0.99 * proba + 0.01 / 3
    result = evaluate(y, proba, groups(600, 1), baselines={"near": near}, n_bootstrap=100)

    def width(row):
        return row["high"] - row["low"]

    difference = result["baselines"]["near"]["difference"]["log_loss"]
    assert width(difference) < width(result["metrics"]["log_loss"]) / 20


def test_a_baseline_identical_to_the_model_differs_by_exactly_nothing():
    y, proba, _ = draw()
    result = evaluate(y, proba, groups(300, 2), baselines={"same": proba.copy()}, n_bootstrap=50)
    for row in result["baselines"]["same"]["difference"].values():
        assert row == {"value": 0.0, "low": 0.0, "high": 0.0}


def test_an_undefined_measure_is_null_and_some_undefined_resamples_are_left_out():
    y, proba, _ = draw(30)
    never = evaluate(np.zeros(30, int), proba, groups(30, 1), baselines={}, n_bootstrap=20)
    assert never["metrics"]["tie_auc"] == {"value": None, "low": None, "high": None}
    rare = np.where(np.arange(30) == 0, TIE, y % 2)
    row = evaluate(rare, proba, groups(30, 1), baselines={}, n_bootstrap=50)["metrics"]["tie_auc"]
    assert None not in row.values()


def test_the_interval_is_wider_where_groups_repeat_their_rows():
    y, proba, _ = draw(100)
    y, proba = np.repeat(y, 9), np.repeat(proba, 9, axis=0)

    def width(group):
        row = evaluate(y, proba, group, baselines={}, n_bootstrap=300)["metrics"]["log_loss"]
        return row["high"] - row["low"]

    assert 2.4 < width(groups(900, 9)) / width(groups(900, 1)) < 3.6


def test_the_interval_has_the_width_of_the_central_limit():
    y, proba, _ = draw(2000)
    row = evaluate(y, proba, groups(2000, 1), baselines={}, n_bootstrap=1000)["metrics"]["log_loss"]
    losses = -np.log(proba[np.arange(2000), y].clip(2.3e-16))
    expected = 2 * 1.96 * losses.std() / np.sqrt(2000)
    assert row["high"] - row["low"] == pytest.approx(expected, rel=0.1)


def test_paired_difference_agrees_with_evaluate():
    y, proba, _ = draw()
    _, other, _ = draw(seed=5)
    group = groups(300, 3)
    expected = evaluate(y, proba, group, baselines={"other": other}, n_bootstrap=100)
    found = paired_difference(y, proba, other, group, metric="tie_auc", n_bootstrap=100)
    assert {k: found[k] for k in ("value", "low", "high")} == pytest.approx(
        expected["baselines"]["other"]["difference"]["tie_auc"]
    )
    assert found["runs"] == [found["value"]]


def test_paired_difference_counts_rows_by_their_share_as_evaluate_does():
    y, proba, _ = draw()
    _, other, _ = draw(seed=5)
    given = {"share": np.linspace(0.1, 1.0, 300), "n_bootstrap": 100}
    expected = evaluate(y, proba, groups(300, 3), baselines={"other": other}, **given)
    found = paired_difference(y, proba, other, groups(300, 3), **given)
    assert {k: found[k] for k in ("value", "low", "high")} == pytest.approx(
        expected["baselines"]["other"]["difference"]["log_loss"]
    )


def test_paired_difference_over_seeds_is_their_mean_on_the_same_groups():
    y, _, _ = draw()
    runs = [draw(seed=s)[1] for s in (1, 2, 3)]
    others = [draw(seed=s)[1] for s in (4, 5, 6)]
    found = paired_difference(y, runs, others, groups(300, 3), n_bootstrap=200)
    expected = [
        score("log_loss", y, p) - score("log_loss", y, q) for p, q in zip(runs, others, strict=True)
    ]
    np.testing.assert_allclose(found["runs"], expected)
    assert found["value"] == pytest.approx(np.mean(expected))
    # The same run three times is no more certain than once: groups are not drawn anew per run.
    once = paired_difference(y, runs[0], others[0], groups(300, 3))
    thrice = paired_difference(y, [runs[0]] * 3, [others[0]] * 3, groups(300, 3))
    assert thrice["high"] - thrice["low"] == pytest.approx(once["high"] - once["low"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"y": np.array([0, 3])}, r"must hold 0 \(A\), 1 \(B\) or 2 \(tie\). Got \[3\]"),
        ({"y": np.array([], int)}, "Got no rows"),
        (
            {"y": np.array([0, 2]), "proba": np.full((2, 2), 0.5)},
            r"must have shape \(2, 3\). Got \(2, 2\) instead",
        ),
        ({"proba": np.full((2, 4), 0.25)}, r"must have shape \(2, 3\). Got \(2, 4\) instead"),
        (
            {"proba": np.full((2, 2), 0.5), "baselines": {"prior": np.full((2, 3), 1 / 3)}},
            r"must have shape \(2, 2\). Got \(2, 3\) instead",
        ),
        ({"proba": np.full((2, 3), 0.5)}, "sum to 1 in each row"),
        ({"proba": np.full((2, 3), np.nan)}, "sum to 1 in each row"),
        ({"group": np.array(["p"])}, r"must have shape \(2,\). Got \(1,\) instead"),
        ({"level": 95}, r"must lie between 0 and 1. Got 95 instead"),
        ({"n_bootstrap": 0}, "must be at least 1. Got 0 instead"),
        ({"baselines": {"prior": np.full((1, 3), 1 / 3)}}, r"Got \(1, 3\) instead"),
    ],
)
def test_evaluate_names_what_is_wrong(change, words):
    sound = {
        "y": np.array([0, 1]),
        "proba": np.full((2, 3), 1 / 3),
        "group": np.array(["p", "q"]),
        "baselines": {},
    }
    with pytest.raises(ValueError, match=words):
        evaluate(**sound | change)


def test_paired_difference_names_what_is_wrong():
    y, proba, _ = draw(10)
    with pytest.raises(ValueError, match=r"equally many runs, at least one\. Got 2 and 1 instead"):
        paired_difference(y, [proba, proba], proba, groups(10, 1))
    with pytest.raises(ValueError, match=r"must be one of log_loss, .* Got 'logloss' instead"):
        paired_difference(y, proba, proba, groups(10, 1), metric="logloss")
