"""The solver finds the constrained minimum, whatever the rows are."""

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from models.stacking.logistic import fit_weights


def rows(n=400, k=4, seed=0):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, k))
    score = logits @ np.linspace(1.0, -0.5, k) - 0.7
    return logits, rng.uniform(size=n) < 1 / (1 + np.exp(-score))


def objective(logits, won, penalty, centre, weights, shift=0.0):
    margin = np.where(won, 1, -1) * (logits @ weights + shift)
    return np.logaddexp(0, -margin).mean() + penalty / 2 * np.sum((weights - centre) ** 2)


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("penalty", [1e-6, 0.01, 0.3])
def test_agrees_with_a_general_solver(penalty, intercept):
    logits, won = rows()
    centre = np.array([0.0, 1.0, 0.0, 0.0])
    weights, shift = fit_weights(logits, won, penalty=penalty, centre=centre, intercept=intercept)
    other = minimize(
        lambda w: objective(logits, won, penalty, centre, w[:4], w[4] if intercept else 0.0),
        x0=np.full(5, 0.1),
        bounds=[(0, None)] * 4 + [(None, None)],
        method="L-BFGS-B",
        options={"ftol": 1e-15, "gtol": 1e-9},
    )
    assert other.x[3] == weights[3] == 0.0  # the bound is met: without it the weight is -0.5
    np.testing.assert_allclose(weights, other.x[:4], atol=2e-5)
    assert objective(logits, won, penalty, centre, weights, shift) <= other.fun + 1e-12
    assert (shift != 0.0) == intercept


def test_without_a_penalty_to_speak_of_it_is_logistic_regression():
    logits, won = rows()
    logits[:, 3] *= -1  # so that no weight is held at 0
    weights, shift = fit_weights(logits, won, penalty=1e-9, centre=np.zeros(4), intercept=True)
    fit = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(logits, won)
    np.testing.assert_allclose(weights, fit.coef_[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(shift, fit.intercept_[0], rtol=1e-4)


def test_a_strong_penalty_leaves_the_centre():
    logits, won = rows()
    centre = np.array([0.0, 0.0, 1.0, 0.0])
    weights, _ = fit_weights(logits, won, penalty=1e4, centre=centre, intercept=True)
    np.testing.assert_allclose(weights, centre, atol=1e-4)


@pytest.mark.parametrize(
    ("logits", "won"),
    [
        (np.zeros((9, 2)), np.arange(9) % 2 == 0),
        (np.ones((9, 2)), np.arange(9) % 2 == 0),
        (np.linspace(-30, 30, 18).reshape(9, 2), np.arange(9) > 4),
        (np.ones((9, 2)), np.ones(9, dtype=bool)),
        (np.full((9, 2), 1e-12), np.zeros(9, dtype=bool)),
    ],
)
def test_rows_that_settle_nothing_leave_finite_weights(logits, won):
    weights, shift = fit_weights(
        logits, won, penalty=1e-6, centre=np.array([1.0, 0.0]), intercept=True
    )
    assert np.isfinite([*weights, shift]).all()
    assert (weights >= 0.0).all()


def test_copies_share_a_weight():
    logits, won = rows(k=1)
    weights, _ = fit_weights(
        np.repeat(logits, 2, axis=1), won, penalty=1e-6, centre=np.zeros(2), intercept=False
    )
    np.testing.assert_allclose(weights[0], weights[1], rtol=1e-6)
