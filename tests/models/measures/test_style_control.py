"""Style control against simulated truth, scikit-learn, and its own symmetries."""

import json

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from models.measures.style_control import ARENA_COEFFICIENTS, RIDGE, style_control

NAMES = list(ARENA_COEFFICIENTS)


def simulate(rows=400, models=6, coefficients=(0.8, 0.3, 0.0, -0.4), ties=0.25, seed=0):
    """Battles of a Bradley-Terry law; stronger models write longer, as they do in the Arena."""
    rng = np.random.default_rng(seed)
    strength = np.linspace(-1, 1, models)
    a = rng.integers(models, size=rows)
    b = (a + rng.integers(1, models, size=rows)) % models
    features = rng.normal(size=(rows, 4)) * [0.5, 0.3, 0.2, 0.1]
    features[:, 0] += 0.3 * (strength[a] - strength[b])
    scale = np.sqrt((features**2).mean(axis=0))
    z = strength[a] - strength[b] + features / scale @ np.array(coefficients)
    y = (rng.random(rows) > 1 / (1 + np.exp(-z))).astype(int)
    y[rng.random(rows) < ties] = 2
    label = np.array([f"model-{i}" for i in range(models)], dtype=object)
    return {
        "features": features,
        "names": NAMES,
        "y": y,
        "model_a": label[a],
        "model_b": label[b],
        "group": np.array([f"g{i // 2}" for i in range(rows)]),
        "n_bootstrap": 5,
    }


def values(battles):
    rows = style_control(**battles)["coefficients"]
    return np.array([rows[name]["value"] for name in battles["names"]])


def nameless(battles):
    unknown = np.full(len(battles["y"]), None)
    return battles | {"model_a": unknown, "model_b": unknown}


def test_known_coefficients_come_back_inside_their_intervals():
    truth = (0.5, 0.2, 0.0, -0.3)
    battles = simulate(rows=20_000, models=12, coefficients=truth, ties=0.0)
    result = style_control(**battles | {"n_bootstrap": 100, "level": 0.99})
    for name, expected in zip(NAMES, truth, strict=True):
        row = result["coefficients"][name]
        assert row["value"] == pytest.approx(expected, abs=0.06)
        assert row["low"] < expected < row["high"]
        assert row["high"] - row["low"] < 0.15
        assert row["arena"] == ARENA_COEFFICIENTS[name]


def test_without_names_the_strengths_are_left_out_and_length_takes_their_part():
    battles = simulate(rows=5000, models=12, ties=0.0)
    result = style_control(**nameless(battles))
    assert (result["strengths"], result["models"]) == (False, 0)
    assert style_control(**battles)["strengths"] is True
    assert values(nameless(battles))[0] > values(battles)[0] + 0.05


def scikit_learn(battles):
    """Every battle as two rows of weight 1/2, a column per model, the covariates by their RMS."""
    features, y = battles["features"], battles["y"]
    a, b = battles["model_a"], battles["model_b"]
    models = sorted({name for name in [*a, *b] if name is not None})
    columns = [(a == name).astype(float) - (b == name).astype(float) for name in models]
    columns += list((features / np.sqrt((features**2).mean(axis=0))).T)
    first, second = np.where(y == 1, 0, 1), np.where(y == 0, 1, 0)
    model = LogisticRegression(C=1 / RIDGE, fit_intercept=False, tol=1e-10, max_iter=10_000)
    design = np.stack(columns, axis=1)
    model.fit(
        np.concatenate([design, design]),
        np.concatenate([first, second]),
        sample_weight=np.full(2 * len(y), 0.5),
    )
    return model.coef_[0, len(models) :]


@pytest.mark.parametrize("named", [True, False])
def test_the_fit_is_scikit_learns(named):
    battles = simulate() if named else nameless(simulate())
    np.testing.assert_allclose(values(battles), scikit_learn(battles), atol=1e-5)


def test_some_unknown_models_stand_at_strength_zero():
    battles = simulate()
    half = battles | {"model_a": np.where(np.arange(400) < 200, battles["model_a"], None)}
    np.testing.assert_allclose(values(half), scikit_learn(half), atol=1e-5)
    assert style_control(**half)["models"] == 6
    missing = half | {"model_a": np.where(half["model_a"] == None, np.nan, half["model_a"])}  # noqa: E711
    np.testing.assert_array_equal(values(missing), values(half))


def test_swapping_any_battles_changes_no_coefficient():
    battles = simulate()
    turned = np.random.default_rng(1).random(400) < 0.7
    swapped = battles | {
        "features": np.where(turned[:, None], -battles["features"], battles["features"]),
        "y": np.where(turned, np.array([1, 0, 2])[battles["y"]], battles["y"]),
        "model_a": np.where(turned, battles["model_b"], battles["model_a"]),
        "model_b": np.where(turned, battles["model_a"], battles["model_b"]),
    }
    one, other = (style_control(**b)["coefficients"] for b in (battles, swapped))
    for name in NAMES:
        assert other[name] == pytest.approx(one[name], abs=1e-8)


def test_a_tie_is_half_a_win_and_not_a_battle_left_out():
    battles = simulate(ties=0.5)
    decided = battles["y"] != 2
    columns = ("features", "y", "model_a", "model_b", "group")
    without = battles | {name: battles[name][decided] for name in columns}
    assert values(battles)[0] < 0.75 * values(without)[0]


def test_the_unit_is_the_standard_deviation():
    battles = simulate()
    scaled = battles | {"features": battles["features"] * [1, 10, 0.1, 7]}
    np.testing.assert_allclose(values(scaled), values(battles), atol=1e-9)


def test_a_covariate_that_never_differs_has_coefficient_zero():
    battles = simulate()
    flat = battles | {"features": battles["features"] * [1, 1, 0, 1]}
    row = style_control(**flat)["coefficients"]["headers"]
    assert row == {"value": 0.0, "low": 0.0, "high": 0.0, "arena": 0.024}


def test_a_model_that_never_lost_stays_finite():
    battles = simulate()
    best = battles["model_a"] == "model-5"
    battles["y"] = np.where(best, 0, np.where(battles["model_b"] == "model-5", 1, battles["y"]))
    np.testing.assert_allclose(values(battles), scikit_learn(battles), atol=1e-5)


def test_intervals_resample_whole_groups():
    battles = simulate(rows=200)
    repeated = {
        name: np.repeat(battles[name], 9, axis=0)
        for name in ("features", "y", "model_a", "model_b")
    }

    def width(group):
        result = style_control(**battles | repeated | {"group": group, "n_bootstrap": 200})
        row = result["coefficients"]["length"]
        return row["high"] - row["low"]

    assert width(np.arange(1800) // 9) > 2 * width(np.arange(1800))


def test_the_result_is_json_and_repeatable():
    battles = simulate() | {"names": ["length", "lists", "headers", "emoji"]}
    result = style_control(**battles)
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert result == style_control(**battles)
    assert result != style_control(**battles, seed=1)
    assert (result["rows"], result["groups"], result["models"]) == (400, 200, 6)
    assert result["coefficients"]["emoji"]["arena"] is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"names": ["length"]}, r"must have shape \(400, 1\).* Got \(400, 4\) instead"),
        ({"features": np.full((400, 4), np.nan)}, "must be finite"),
        ({"y": np.full(400, 3)}, "must hold 0"),
        ({"model_a": np.array(["m"])}, r"model_a of style_control must have shape \(400,\)"),
        ({"group": np.array(["g"])}, r"group of style_control must have shape \(400,\)"),
        ({"level": 1.5}, "Got 1.5 instead"),
        ({"n_bootstrap": 0}, "must be at least 1. Got 0 instead"),
    ],
)
def test_what_is_wrong_is_named(change, words):
    with pytest.raises(ValueError, match=words):
        style_control(**simulate() | change)
