"""The measures against scikit-learn's and against repeated rows, and the group bootstrap."""

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from models.measures import metrics
from models.measures.metrics import METRICS, TIE, A, B


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


def test_log_loss_and_its_classes_are_scikit_learns():
    y, proba, weight = draw()
    expected = sklearn.metrics.log_loss(y, proba, sample_weight=weight)
    assert score("log_loss", y, proba, weight) == pytest.approx(expected, rel=1e-12)
    for label, name in ((A, "log_loss_a"), (B, "log_loss_b"), (TIE, "log_loss_tie")):
        rows = y == label
        expected = sklearn.metrics.log_loss(
            y[rows], proba[rows], sample_weight=weight[rows], labels=[0, 1, 2]
        )
        assert score(name, y, proba, weight) == pytest.approx(expected, rel=1e-12)


def test_log_loss_of_an_impossible_outcome_is_finite():
    assert score("log_loss", np.array([1]), np.eye(3)[[0]]) == pytest.approx(36.04, abs=0.01)


def test_confusion_measures_are_scikit_learns():
    y, proba, weight = draw()
    predicted = proba.argmax(axis=1)
    expected = sklearn.metrics.precision_recall_fscore_support(y, predicted, sample_weight=weight)
    for values, name in zip(expected[:3], ("precision", "recall", "f1"), strict=True):
        found = [score(f"{name}_{side}", y, proba, weight) for side in ("a", "b", "tie")]
        np.testing.assert_allclose(found, values, rtol=1e-12)
        assert score(f"{name}_macro", y, proba, weight) == pytest.approx(values.mean())
    expected = sklearn.metrics.accuracy_score(y, predicted, sample_weight=weight)
    assert score("accuracy", y, proba, weight) == pytest.approx(expected)


def test_a_class_never_predicted_has_precision_zero():
    y, proba = np.array([0, 1, 2]), np.eye(3)[[0, 1, 1]]
    assert [score(f"{name}_tie", y, proba) for name in ("precision", "recall", "f1")] == [0, 0, 0]
    assert score("precision_macro", y, proba) == pytest.approx((1 + 0.5 + 0) / 3)


def test_brier_is_the_sum_over_classes():
    y, proba = np.array([0, 2]), np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]])
    by_hand = ((0.25 + 0.09 + 0.04) + (0.01 + 0.04 + 0.09)) / 2
    assert score("brier", y, proba) == pytest.approx(by_hand)
    y, proba, weight = draw()
    expected = sklearn.metrics.brier_score_loss(
        y, proba, sample_weight=weight, labels=[0, 1, 2], scale_by_half=False
    )
    assert score("brier", y, proba, weight) == pytest.approx(expected)


def test_aucs_are_scikit_learns_with_weights_and_equal_scores():
    y, proba, weight = draw()
    expected = sklearn.metrics.roc_auc_score(y == TIE, proba[:, TIE], sample_weight=weight)
    assert score("tie_auc", y, proba, weight) == pytest.approx(expected, rel=1e-12)
    decided = y != TIE
    odds = np.log(proba[decided, A]) - np.log(proba[decided, B])
    assert len(np.unique(odds)) < len(odds)
    expected = sklearn.metrics.roc_auc_score(y[decided] == A, odds, sample_weight=weight[decided])
    assert score("direction_auc", y, proba, weight) == pytest.approx(expected, rel=1e-12)
    # p_a alone ranks these two the other way round.
    crossed = np.array([[0.3, 0.1, 0.6], [0.5, 0.4, 0.1]])
    assert score("direction_auc", np.array([A, B]), crossed) == 1.0


def test_constant_predictions_have_auc_one_half():
    y = draw()[0]
    constant = np.tile([0.4, 0.35, 0.25], (len(y), 1))
    assert score("direction_auc", y, constant) == 0.5
    assert score("tie_auc", y, constant) == 0.5


def test_direction_log_loss_is_that_of_the_renormalised_pair():
    y, proba, weight = draw()
    decided = y != TIE
    pair = proba[decided, :2] / proba[decided, :2].sum(axis=1, keepdims=True)
    expected = sklearn.metrics.log_loss(y[decided], pair, sample_weight=weight[decided])
    assert score("direction_log_loss", y, proba, weight) == pytest.approx(expected, rel=1e-9)


def test_ece_by_hand():
    # Bins (0.5, 0.6] and (0.8, 0.9]: gaps |1/2 - 0.575| and |1 - 0.85|, of two rows each. The row
    # of 0.6 belongs below that edge.
    top = np.array([0.55, 0.6, 0.85, 0.85])
    proba = np.column_stack([top, 1 - top, np.zeros(4)])
    y = np.array([0, 1, 0, 0])
    assert score("ece", y, proba) == pytest.approx((0.075 + 0.15) / 2)
    assert score("ece", y, proba, np.array([0, 0, 1.0, 0])) == pytest.approx(0.15)


@pytest.mark.parametrize("name", METRICS)
def test_an_integer_weight_is_a_repeated_row(name):
    y, proba, weight = draw(seed=1)
    repeated = np.repeat(np.arange(len(y)), weight.astype(int))
    expected = score(name, y[repeated], proba[repeated])
    assert score(name, y, proba, weight) == pytest.approx(expected, rel=1e-12)
    assert expected != pytest.approx(score(name, y, proba), rel=1e-6)


@pytest.mark.parametrize("name", METRICS)
def test_a_matrix_of_weights_gives_each_rows_value(name):
    y, proba, _ = draw()
    weight = np.random.default_rng(1).integers(0, 3, (5, len(y))).astype(float)
    found = score(name, y, proba, weight)
    assert found.shape == (5,)
    np.testing.assert_allclose(found, [score(name, y, proba, w) for w in weight], rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("log_loss_tie", [A, B]),
        ("precision_tie", [A, B]),
        ("recall_macro", [A, B]),
        ("f1_b", [A, TIE]),
        ("direction_auc", [A, TIE]),
        ("direction_log_loss", [TIE, TIE]),
        ("tie_auc", [A, B]),
    ],
)
def test_a_measure_without_its_rows_is_nan(name, labels):
    assert np.isnan(score(name, np.array(labels), np.full((2, 3), 1 / 3)))


@given(st.integers(1, 40), st.integers(0, 10_000))
def test_swapping_labels_and_columns_swaps_the_measures(rows, seed):
    y, proba, _ = draw(rows, seed)
    swapped_y, swapped = np.array([1, 0, 2])[y], proba[:, [1, 0, 2]]
    for name in ("log_loss", "brier", "direction_auc", "direction_log_loss", "tie_auc"):
        expected = score(name, y, proba)
        found = score(name, swapped_y, swapped)
        assert found == pytest.approx(expected, rel=1e-12, nan_ok=True)


def test_swap_error_takes_the_swapped_columns():
    proba = np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])
    assert metrics.swap_error(proba, proba[:, [1, 0, 2]]) == 0
    tilted = proba[:, [1, 0, 2]] + np.array([0.0, -0.01, 0.01])
    assert metrics.swap_error(proba, tilted) == pytest.approx(0.01)
    assert metrics.swap_error(proba[:0], proba[:0]) == 0
