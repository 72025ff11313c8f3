"""Logits of rankings against the three probabilities of Rao and Kupper."""

import math

import numpy as np
import pytest

from models.heads import MulticlassHead, probabilities
from models.tower.logits import TieWidth, difference, direction_and_tie


def rao_kupper(delta, width):
    """The formula as it is printed, one battle at a time."""
    a = 1 / (1 + math.exp(-(width.slope * delta - width.eta)))
    b = 1 / (1 + math.exp(-(-width.slope * delta - width.eta)))
    return a, b, 1 - a - b


def drawn(width, n=20_000, seed=0):
    """Votes that are cast by such probabilities."""
    rng = np.random.default_rng(seed)
    delta = rng.normal(scale=2.0, size=n)
    p = np.array([rao_kupper(one, width) for one in delta])
    return delta, (rng.random(n)[:, None] > np.cumsum(p, axis=1)[:, :2]).sum(axis=1).astype(np.int8)


def log_loss(delta, y, slope, eta):
    p = np.array([rao_kupper(one, TieWidth(slope, eta)) for one in delta])
    return -np.mean(np.log(p[np.arange(len(y)), y]))


def test_logits_give_back_the_three_probabilities():
    for width in (TieWidth(1.0, 0.4), TieWidth(0.3, 2.0), TieWidth(4.0, 0.01)):
        delta = np.linspace(-3, 3, 25)
        expected = [rao_kupper(one, width) for one in delta]
        np.testing.assert_allclose(probabilities(*width.logits(delta)), expected, rtol=1e-9)


def test_logits_mirror_exactly_and_stay_finite():
    delta = np.concatenate([np.random.default_rng(0).normal(size=500) * 3, [0.0, 700.0, 1e5]])
    for width in (TieWidth(1.3, 0.7), TieWidth(2.0, 1e-6), TieWidth(0.0, 30.0), TieWidth(9, 500)):
        z, t = width.logits(delta)
        mirrored, same = width.logits(-delta)
        np.testing.assert_array_equal(mirrored, -z)
        np.testing.assert_array_equal(same, t)
        assert np.isfinite(z).all()
        assert np.isfinite(t).all()


def test_the_fit_finds_what_votes_were_cast_by():
    for width in (TieWidth(0.8, 0.5), TieWidth(0.05, 1.2)):
        found = TieWidth.fit(*drawn(width))
        assert found.slope == pytest.approx(width.slope, rel=0.3, abs=0.02)
        assert found.eta == pytest.approx(width.eta, rel=0.05)


def test_no_other_width_is_more_likely():
    delta, y = drawn(TieWidth(0.8, 0.5), n=400)
    slope, eta = TieWidth.fit(delta, y)
    least = log_loss(delta, y, slope, eta)
    for by in (0.97, 1.03):
        assert log_loss(delta, y, slope * by, eta) > least
        assert log_loss(delta, y, slope, eta * by) > least
    for by in (1 - 1e-4, 1 + 1e-4):  # flat here: the slope of the likelihood is 0
        assert log_loss(delta, y, slope * by, eta) == pytest.approx(least, abs=1e-7)


def test_a_fit_knows_neither_the_scale_of_the_scores_nor_the_order_of_the_answers():
    delta, y = drawn(TieWidth(0.8, 0.5), n=2000)
    one, large = TieWidth.fit(delta, y), TieWidth.fit(delta * 1e6, y)
    np.testing.assert_allclose(large, (one.slope / 1e6, one.eta), rtol=1e-6)
    other = TieWidth.fit(-delta, np.array([1, 0, 2], dtype=np.int8)[y])
    np.testing.assert_allclose(other, one, rtol=1e-6)


@pytest.mark.parametrize("label", [0, 1, 2, None])
def test_votes_without_ties_or_with_nothing_else_give_finite_logits(label):
    delta = np.random.default_rng(1).normal(size=50)
    y = np.full(50, label) if label is not None else (delta < 0).astype(np.int8)  # parted by it
    width = TieWidth.fit(delta, y.astype(np.int8))
    z, t = width.logits(delta)
    assert np.isfinite([z, t]).all()
    assert (t > 5).all() if label == 2 else (t < -5).all()


def test_scores_that_say_the_contrary_or_nothing_are_no_direction():
    delta, y = drawn(TieWidth(0.8, 0.5), n=500)
    assert TieWidth.fit(-delta, y).slope == 0.0
    width = TieWidth.fit(np.zeros(500), y)
    z, t = width.logits(np.zeros(500))
    np.testing.assert_array_equal(z, 0.0)
    share = np.mean(y == 2)
    np.testing.assert_allclose(t, math.log(share / (1 - share)), rtol=1e-5)


def test_no_rows_are_refused():
    with pytest.raises(ValueError, match=r"delta of TieWidth.fit must hold one battle at least"):
        TieWidth.fit(np.empty(0), np.empty(0, dtype=np.int8))


def test_of_three_logits_the_head_is_asked():
    first, second = np.random.default_rng(2).normal(size=(2, 40, 3)).astype(np.float32)
    z, t = direction_and_tie(first, second)
    expected = MulticlassHead().logits(first.astype(np.float64), second.astype(np.float64))
    np.testing.assert_array_equal(z, expected["z"])
    np.testing.assert_array_equal(t, expected["t"])
    assert z.dtype == t.dtype == np.float64


def test_of_two_scores_the_differences_of_both_orders_are_averaged():
    first, second = np.array([[2.0, 0.5]], np.float32), np.array([[1.0, 4.0]], np.float32)
    width = TieWidth(0.5, 0.3)
    assert difference(first, second).tolist() == [2.25]
    z, t = direction_and_tie(first, second, width)
    np.testing.assert_allclose(probabilities(z, t)[0], rao_kupper(2.25, width), rtol=1e-12)
    assert z[0] > 0  # A's score is higher in both orders


@pytest.mark.parametrize("k", [3, 2])
def test_the_other_order_gives_exact_mirror_images(k):
    first, second = np.random.default_rng(3).normal(size=(2, 200, k)).astype(np.float32)
    width = TieWidth(1.7, 0.6)
    z, t = direction_and_tie(first, second, width)
    other, same = direction_and_tie(second, first, width)
    np.testing.assert_array_equal(other, -z)
    np.testing.assert_array_equal(same, t)


def test_two_scores_need_a_width():
    with pytest.raises(ValueError, match=r"width of direction_and_tie must be fitted"):
        direction_and_tie(np.zeros((1, 2)), np.zeros((1, 2)))
