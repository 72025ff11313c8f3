"""The linear member: its columns, its penalty, and its exact symmetry."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from features.sides import Swap
from models.learners.contract import Sample, Watch
from models.learners.linear import LinearLearner, LinearModel, scaling_for

NAMES = ["f__long_prompt", "f__size_a", "f__size_b", "f__gap_diff", "f__part_ratio", "f__sum_sum"]
SWAP = Swap(NAMES)
ODD = [3, 4]
EVEN = [0, 5]


@pytest.fixture
def sample():
    """Both orders of 300 decided battles, on columns of different size and off centre."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 6)) * [1, 5, 5, 40, 0.01, 3] + [7, 2, 2, 10, 0.002, 100]
    y = (0.03 * X[:, 3] + rng.normal(size=300) > 0).astype(np.int8)
    X = X.astype(np.float32)
    weight = rng.uniform(0.5, 2.0, size=300)
    return Sample(X, np.concatenate([y, 1 - y]), np.tile(weight, 2), swap=SWAP)


def test_direction_columns_are_antisymmetric_over_their_root_mean_square(sample, setting):
    scaling = scaling_for(sample.both(), setting(NAMES))
    X = sample.both()[:, ODD].astype(np.float64)
    assert scaling.columns.tolist() == ODD
    np.testing.assert_allclose(scaling(sample.both()), np.tanh(X / np.sqrt(np.mean(X**2, axis=0))))


def test_the_scale_is_no_standard_deviation(setting):
    """On rows of one order the two differ: nothing may be centred."""
    X = np.zeros((50, 6), dtype=np.float32)
    X[:, 3], X[:, 4] = 2.0, np.resize([1.0, 3.0], 50)
    scaling = scaling_for(X, setting(NAMES))
    np.testing.assert_allclose(scaling.scale, [2.0, np.sqrt(5.0)])
    np.testing.assert_array_equal(scaling.centre, 0.0)


def test_tie_columns_are_symmetric_or_absolute_and_standardised(sample, setting):
    scaling = scaling_for(sample.both(), setting(NAMES, "tie"))
    values = np.column_stack([sample.both()[:, EVEN], np.abs(sample.both()[:, ODD])]).astype(
        np.float64
    )
    assert scaling.columns.tolist() == EVEN + ODD
    expected = np.tanh((values - values.mean(axis=0)) / values.std(axis=0))
    np.testing.assert_allclose(scaling(sample.both()), expected, rtol=1e-9, atol=1e-12)


def test_constant_columns_do_no_harm(sample, setting):
    sample.X[:, 0] = 3.0
    for head in ("tie", "multiclass"):
        target = sample.target if head == "tie" else np.resize([0, 1, 2], 600).astype(np.int8)
        model = LinearLearner().fit(
            replace(sample, target=target), setting(NAMES, head), complexity=3
        )
        assert np.isfinite(model.raw(sample.both())).all()


@pytest.mark.parametrize(("head", "sign"), [("direction", -1.0), ("tie", 1.0)])
def test_scores_of_the_other_order_are_exact(head, sign, sample, setting):
    model = LinearLearner().fit(sample, setting(NAMES, head), complexity=4)
    np.testing.assert_array_equal(model.raw(SWAP(sample.both())), sign * model.raw(sample.both()))


def test_the_direction_has_no_intercept(setting):
    """Rows of one order only, of which A won most: an intercept would take that up."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(400, 6)).astype(np.float32)
    sample = Sample(X, (rng.uniform(size=400) < 0.9).astype(np.int8), np.ones(400))
    still = np.zeros((1, 6), dtype=np.float32)
    assert LinearLearner().fit(sample, setting(NAMES), complexity=7).raw(still)[0] == 0.0
    tie = LinearLearner().fit(sample, setting(NAMES, "tie"), complexity=1).raw(X)
    assert tie.mean() == pytest.approx(np.log(9.0), abs=0.3)


@pytest.mark.parametrize("place", [1, 4, 7])
def test_the_gradient_of_mean_loss_and_penalty_vanishes(place, sample, setting):
    """``weighted mean of (p - y) u + lambda w = 0``; a sum in place of the mean is far off."""
    learner = LinearLearner()
    model = learner.fit(sample, setting(NAMES), complexity=place)
    U = scaling_for(sample.both(), setting(NAMES))(sample.both())
    w = model.coefficients[-1, 0]
    error = (expit(U @ w) - sample.target) * sample.weight / sample.weight.sum()
    np.testing.assert_allclose(U.T @ error, -learner.penalties[place - 1] * w, atol=1e-4)
    assert np.abs(w).max() > 0.01


def test_the_path_starts_at_the_strongest_penalty(sample, setting):
    watch = Watch(sample.both(), lambda raw: float(np.abs(raw).mean()))
    losses = LinearLearner().fit(sample, setting(NAMES), watch=watch).losses
    assert len(losses) == len(LinearLearner().penalties)
    assert losses == sorted(losses)
    assert losses[0] < 0.5 * losses[-1]


def test_importance_adds_up_what_a_column_does(sample, setting):
    target = np.resize([0, 1, 2], 600).astype(np.int8)
    model = LinearLearner().fit(
        replace(sample, target=target), setting(NAMES, "multiclass"), complexity=5
    )
    importance = model.importance(6)
    weights = np.abs(model.coefficients[-1]).sum(axis=0)
    assert importance.sum() == pytest.approx(weights.sum())
    assert importance[3] == pytest.approx(weights[model.scaling.columns == 3].sum())
    assert importance[1] == importance[2] == 0.0


@pytest.mark.parametrize(("head", "expected"), [("direction", 0.0), ("tie", np.log(0.25 / 0.75))])
def test_without_a_column_the_class_shares_are_left(head, expected, setting):
    """A family of the prompt alone knows nothing of the direction."""
    target = np.resize([1, 0, 0, 0], 80).astype(np.int8)
    sample = Sample(np.empty((80, 0), np.float32), target, np.ones(80))
    model = LinearLearner().fit(sample, setting([], head), complexity=1)
    np.testing.assert_allclose(model.raw(sample.both()), np.full(80, expected))
    np.testing.assert_allclose(
        LinearModel.load(model.dump()).raw(sample.both()), np.full(80, expected)
    )


@pytest.mark.parametrize("head", ["direction", "tie"])
def test_a_mirror_teaches_nothing_new(head, sample, setting):
    """Fitted on one order of mirrored rows, it is what both orders give."""
    target = np.tile(sample.target[:300], 2) if head == "tie" else sample.target
    mirrored = replace(sample, target=target)
    fits = [
        LinearLearner().fit(rows, setting(NAMES, head), complexity=5)
        for rows in (Sample(sample.both(), target, sample.weight), mirrored)
    ]
    np.testing.assert_allclose(
        fits[0].raw(sample.both()), fits[1].raw(sample.both()), rtol=1e-6, atol=1e-9
    )
