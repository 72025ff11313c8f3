"""Calibration finds what was done to the logits, and nothing that breaks the symmetry."""

import numpy as np
import pytest

from models.calibration import Calibration
from models.heads import direction_loss, probabilities, swapped_labels, tie_loss


def simulated(n=30_000, slope=1.7, tie_slope=0.6, margin=-0.3, intercept=-0.4, seed=0):
    """Logits, and labels drawn from the probabilities that calibrated logits give."""
    rng = np.random.default_rng(seed)
    z, t = rng.normal(size=n), rng.normal(size=n) - 0.5
    p = probabilities(slope * z, tie_slope * t + margin * np.abs(slope * z) + intercept)
    y = (rng.uniform(size=(n, 1)) > p.cumsum(axis=1)).sum(axis=1).clip(max=2).astype(np.int8)
    return z, t, y


def fit(z, t, y, length=None):
    """Fit with four folds, on battles whose lengths say nothing unless they are given."""
    if length is None:
        length = np.random.default_rng(9).uniform(1, 1000, size=len(y))
    return Calibration.fit(z, t, y, length, (np.arange(len(y)) % 4).astype(np.int8))


def apply(calibration, z, t, length=50.0):
    return calibration(z, t, np.broadcast_to(length, np.shape(z)))


def numbers(calibration):
    """The four numbers of a calibration without bins: two slopes, the margin's, an intercept."""
    assert calibration.edges == ()
    return np.concatenate(calibration[:4])


def test_recovers_slopes_margin_and_intercept():
    found = numbers(fit(*simulated()))
    np.testing.assert_allclose(found, [1.7, 0.6, -0.3, -0.4], atol=0.05)


def test_a_margin_that_makes_ties_likelier_is_not_believed():
    z, t, y = simulated(margin=0.5)
    found = numbers(fit(z, t, y))
    assert found[2] == 0.0
    np.testing.assert_allclose(found[:2], [1.7, 0.6], atol=0.1)


def test_applies_what_it_found():
    found = Calibration((1.7,), (0.6,), (-0.1,), (-0.4,))
    z, t = apply(found, np.array([2.0, -1.0]), np.array([1.0, 0.0]))
    np.testing.assert_allclose(z, [3.4, -1.7])
    np.testing.assert_allclose(t, [0.2 - 0.34, -0.4 - 0.17])


def test_no_neighbour_has_less_loss():
    z, t, y = simulated(n=3000)
    found = numbers(fit(z, t, y))
    decided = y != 2

    def losses(four):
        d, e = apply(Calibration(*((value,) for value in four)), z, t)
        return direction_loss(d[decided], y[decided]), tie_loss(e, y)

    best = losses(found)
    for step in (-0.05, 0.05):
        assert losses(np.add(found, [step, 0.0, 0.0, 0.0]))[0] > best[0]
        for place in (1, 2, 3):
            assert losses(found + step * np.eye(4)[place])[1] > best[1]


def test_ties_say_nothing_of_the_direction():
    z, t, y = simulated(n=4000)
    absurd = np.where(y == 2, -9.0, z)
    one, other = numbers(fit(absurd, t, y)), numbers(fit(z, t, y))
    np.testing.assert_allclose(one[0], other[0], rtol=1e-6)


def test_a_slope_is_never_negative():
    z, t, y = simulated(n=4000)
    share = np.mean(y == 2)
    np.testing.assert_allclose(
        numbers(fit(-z, -t, y)), [0.0, 0.0, 0.0, np.log(share / (1 - share))], rtol=1e-9
    )


@pytest.mark.parametrize(("labels", "untouched"), [([0, 0], "z"), ([2, 2], "zt"), ([0, 1], "t")])
def test_identity_where_only_one_class_was_seen(labels, untouched):
    rng = np.random.default_rng(0)
    z, t = rng.normal(size=(2, 60))
    given = apply(fit(z, t, np.resize(labels, 60).astype(np.int8)), z, t)
    for name, before, after in zip("zt", (z, t), given, strict=True):
        if name in untouched:
            np.testing.assert_array_equal(after, before)


def test_a_swap_of_all_battles_changes_nothing():
    z, t, y = simulated(n=4000)
    one, other = numbers(fit(z, t, y)), numbers(fit(-z, t, swapped_labels(y)))
    np.testing.assert_allclose(one, other, rtol=1e-6)


def test_calibrated_logits_swap_exactly():
    z, t, y = simulated(n=4000)
    found = fit(z, t, y)
    one, other = apply(found, z, t), apply(found, -z, t)
    np.testing.assert_array_equal(other[0], -one[0])
    np.testing.assert_array_equal(other[1], one[1])


def test_perfectly_separated_logits_stay_finite():
    y = np.resize([0, 1, 2], 90).astype(np.int8)
    found = numbers(fit(np.where(y == 0, 2.0, -2.0), np.where(y == 2, 2.0, -2.0), y))
    assert np.isfinite(found).all()
    assert found[0] > 1.0


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_logits_that_say_nothing_leave_the_class_shares(value):
    """A member that has learned nothing gives one logit for all battles."""
    y = np.resize([0, 1, 2, 2], 80).astype(np.int8)
    z, t = np.zeros(80), np.full(80, value)
    z, t = apply(fit(z, t, y), z, t)
    np.testing.assert_allclose(probabilities(z, t)[0], [0.25, 0.25, 0.5], atol=1e-3)


def by_length(n=6000, seed=1):
    """Logits that say much of short battles and the contrary of nothing of long ones."""
    rng = np.random.default_rng(seed)
    length = rng.uniform(0, 900, size=n)
    slope = np.where(length < 300, 2.5, 0.3)
    z, t = rng.normal(size=n), rng.normal(size=n)
    p = probabilities(slope * z, slope * t - 1.0)
    y = (rng.uniform(size=(n, 1)) > p.cumsum(axis=1)).sum(axis=1).clip(max=2).astype(np.int8)
    return z, t, y, length


def test_long_battles_get_their_own_slope_where_it_holds_up():
    z, t, y, length = by_length()
    found = fit(z, t, y, length)
    assert len(found.edges) > 0
    assert found.edges[0] == pytest.approx(300, abs=20)
    short, long = (apply(found, np.ones(1), np.ones(1), at)[0][0] for at in (100.0, 800.0))
    assert short > 1.8
    assert long < 0.7
    one, other = (apply(found, sign * z, t, length) for sign in (1, -1))
    np.testing.assert_array_equal(one[0], -other[0])
    np.testing.assert_array_equal(one[1], other[1])


def test_length_does_not_count_where_it_says_nothing():
    z, t, y, length = by_length()
    shuffled = np.random.default_rng(2).permutation(length)
    assert fit(z, t, y, shuffled).edges == ()


def test_battles_of_one_length_are_no_fault():
    z, t, y, _ = by_length(n=300)
    found = fit(z, t, y, np.full(300, 77.0))
    assert np.isfinite(apply(found, z, t, 77.0)).all()


def where_it_holds(z, t, y, length=None):
    """Calibrate where it holds, with the folds and lengths of `fit`."""
    if length is None:
        length = np.random.default_rng(9).uniform(1, 1000, size=len(y))
    return Calibration.where_it_holds(z, t, y, length, (np.arange(len(y)) % 4).astype(np.int8))


def test_calibrated_logits_mostly_stay_as_they_are():
    calibrated = [
        where_it_holds(*simulated(600, 1.0, 1.0, 0.0, 0.0, seed)) == Calibration()
        for seed in range(20)
    ]
    assert sum(calibrated) >= 14


def test_uncalibrated_logits_get_the_numbers_of_fit():
    found = simulated(3000)
    assert where_it_holds(*found) == fit(*found) != Calibration()


def test_bins_are_kept_where_they_hold_there_too():
    z, t, y = simulated(20_000)
    length = np.where(np.random.default_rng(4).uniform(size=len(y)) < 0.5, 10.0, 1000.0)
    z = np.where(length > 100, z, 3.0 * z)
    found = where_it_holds(z, t, y, length)
    assert found.edges
    assert found == fit(z, t, y, length)


@pytest.mark.parametrize("seed", range(6))
def test_kept_exactly_if_folds_left_out_gain(seed):
    z, t, y = simulated(400, 1.15, 0.9, -0.05, -0.1, seed)
    fold = np.arange(len(y)) % 4
    gain = 0.0
    for number in range(4):
        held = fold == number
        rest = Calibration.without_bins(z[~held], t[~held], y[~held])
        for calibration, sign in ((rest, 1.0), (Calibration(), -1.0)):
            p = probabilities(*apply(calibration, z[held], t[held]))
            gain += sign * np.log(p[np.arange(held.sum()), y[held]]).sum()
    assert (where_it_holds(z, t, y) != Calibration()) == (gain > 0.0)
