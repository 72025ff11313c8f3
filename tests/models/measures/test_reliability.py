"""Reliability and slices."""

import json

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from models.measures.metrics import TIE, A, B
from models.measures.reliability import by_slice, reliability
from tests.models.measures.test_evaluation import draw, score


def test_reliability_is_scikit_learns_curve_and_symmetric_in_direction():
    y, proba, _ = draw()
    result = reliability(y, proba, n_bins=8)
    observed, predicted = calibration_curve(y == TIE, proba[:, TIE], n_bins=8)
    np.testing.assert_allclose([row["observed"] for row in result["tie"]], observed)
    np.testing.assert_allclose([row["predicted"] for row in result["tie"]], predicted)
    assert sum(row["count"] for row in result["top_label"]) == len(y)
    assert sum(row["count"] for row in result["direction"]) == 2 * (y != TIE).sum()
    total = sum(row["count"] * row["observed"] for row in result["direction"])
    assert total == pytest.approx((y != TIE).sum())
    assert json.loads(json.dumps(result)) == result


def test_reliability_in_direction_uses_both_orders():
    rows = reliability(np.array([A, A, B]), np.tile([0.6, 0.2, 0.2], (3, 1)))["direction"]
    assert [(row["lower"], row["count"]) for row in rows] == [(0.2, 3), (0.7, 3)]
    assert [row["predicted"] for row in rows] == pytest.approx([0.25, 0.75])
    assert [row["observed"] for row in rows] == pytest.approx([1 / 3, 2 / 3])


def test_the_top_label_curve_sums_to_the_ece():
    y, proba, _ = draw()
    rows = reliability(y, proba)["top_label"]
    gap = sum(row["count"] * abs(row["observed"] - row["predicted"]) for row in rows) / len(y)
    assert score("ece", y, proba) == pytest.approx(gap)


def test_by_slice_takes_each_keys_rows():
    y, proba, _ = draw()
    keys = np.where(np.arange(300) < 100, 2, 10)
    few, many = by_slice(y, proba, keys)
    assert (few["key"], few["rows"], many["key"], many["rows"]) == (2, 100, 10, 200)
    assert few["log_loss"] == pytest.approx(score("log_loss", y[:100], proba[:100]))
    assert many["direction_auc"] == pytest.approx(score("direction_auc", y[100:], proba[100:]))
    assert few["tie_observed"] == pytest.approx((y[:100] == TIE).mean())
    assert many["tie_predicted"] == pytest.approx(proba[100:, TIE].mean())
    (one,) = by_slice(np.array([A]), proba[:1], np.array(["one turn"]))
    assert (one["key"], one["direction_auc"]) == ("one turn", None)


def test_no_bins_are_refused():
    y, proba, _ = draw(10)
    with pytest.raises(ValueError, match="n_bins of reliability must be at least 1"):
        reliability(y, proba, n_bins=0)
