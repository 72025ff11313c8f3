"""Measures of soft labels: rows count by their share, so that a battle counts once."""

import numpy as np
import pytest
from sklearn.base import clone

from models.measures.baselines import BASELINES
from models.measures.evaluation import evaluate
from models.measures.reliability import by_slice, reliability
from models.measures.style_control import style_control


@pytest.fixture
def soft():
    """Battles with probabilities for labels, in tenths, and as rows: label, share, battle."""
    rng = np.random.default_rng(0)
    tenths = rng.multinomial(10, [0.4, 0.35, 0.25], size=60)
    battle, y = np.nonzero(tenths)
    share = tenths[battle, y] / 10
    predicted = rng.dirichlet([4, 3, 3], size=60)
    return tenths, y, share, battle, predicted


def of_ten(tenths):
    """The same as ten votes of each battle."""
    battle = np.repeat(np.arange(60), 10)
    y = np.concatenate([np.repeat([0, 1, 2], row) for row in tenths])
    return y, battle


def test_log_loss_is_the_cross_entropy_of_each_battle(soft):
    tenths, y, share, battle, predicted = soft
    found = evaluate(y, predicted[battle], battle, baselines={}, share=share, n_bootstrap=20)
    by_hand = -(tenths / 10 * np.log(predicted)).sum(axis=1).mean()
    assert found["metrics"]["log_loss"]["value"] == pytest.approx(by_hand, rel=1e-12)
    assert (found["rows"], found["groups"]) == (60, 60)
    assert list(found["outcomes"].values()) == pytest.approx(tenths.sum(axis=0) / 600)


def test_all_figures_are_those_of_ten_votes_a_battle(soft):
    tenths, y, share, battle, predicted = soft
    votes, of = of_ten(tenths)
    prior = np.tile([0.4, 0.3, 0.3], (60, 1))

    def figures(y, battle, share=None):
        given = {"baselines": {"prior": prior[battle]}, "n_bootstrap": 20}
        found = evaluate(y, predicted[battle], battle, share=share, **given)
        flat = [found["metrics"], *found["baselines"]["prior"].values()]
        return [value for table in flat for one in table.values() for value in one.values()]

    np.testing.assert_allclose(
        np.array(figures(y, battle, share), dtype=float),
        np.array(figures(votes, of), dtype=float),
        atol=1e-9,
    )


def test_reliability_and_slices_are_those_of_ten_votes_a_battle(soft):
    tenths, y, share, battle, predicted = soft
    votes, of = of_ten(tenths)
    found = reliability(y, predicted[battle], share=share)
    for name, curve in reliability(votes, predicted[of]).items():
        for point, expected in zip(found[name], curve, strict=True):
            assert point.pop("count") == pytest.approx(expected.pop("count") / 10)
            assert point == pytest.approx(expected)
    slices = by_slice(y, predicted[battle], battle % 3, share)
    for one, expected in zip(slices, by_slice(votes, predicted[of], of % 3), strict=True):
        assert one.pop("rows") * 10 == expected.pop("rows")
        assert one == pytest.approx(expected)


def test_style_is_that_of_battles_not_of_rows(soft):
    tenths, _, _, _, _ = soft
    rng = np.random.default_rng(1)
    features = rng.normal(size=(60, 1))
    # As soft as can be for half of the battles, and a vote in the others.
    table = np.where(np.arange(60)[:, None] % 2, np.eye(3)[tenths.argmax(axis=1)], [0.5, 0.5, 0])
    battle, y = np.nonzero(table)
    unknown = np.array([None] * len(y))
    given = features[battle], ["length"], y, unknown, unknown, battle
    found = style_control(*given, share=table[battle, y], n_bootstrap=9)
    votes = np.where(np.arange(60) % 2, tenths.argmax(axis=1), 2)  # half a win each, as a tie is
    same = style_control(
        features, ["length"], votes, unknown[:60], unknown[:60], np.arange(60), n_bootstrap=9
    )
    assert found["rows"] == 60
    for name, value in same["coefficients"]["length"].items():
        assert found["coefficients"]["length"][name] == pytest.approx(value, abs=1e-8)


@pytest.mark.parametrize("name", list(BASELINES))
def test_baselines_learn_by_share(name, soft):
    tenths, y, share, battle, _ = soft
    votes, of = of_ten(tenths)
    X = np.random.default_rng(2).normal(size=(60, 1))
    found = clone(BASELINES[name]).fit(X[battle], y, sample_weight=share).predict_proba(X)
    expected = clone(BASELINES[name]).fit(X[of], votes).predict_proba(X)
    np.testing.assert_allclose(found, expected, atol=1e-4)
