"""Logistic weights: what they find, and what the penalty keeps them from."""

import numpy as np

from models.stacking.members import Member
from models.stacking.regression import PENALTIES, Logistic
from tests.models.stacking.worlds import blurred, lessons_of, table, truth, world


def test_one_blend_a_penalty_each_adding_up_to_one():
    for lesson in lessons_of(*world(n=900)).values():
        blends = Logistic().fit(lesson)
        assert len(blends) == len(PENALTIES)
        for blend in blends:
            np.testing.assert_allclose(sum(blend.weights), 1.0, rtol=1e-12)
            assert min(blend.weights) >= 0.0


def test_a_weaker_penalty_goes_further_from_the_best_member():
    for lesson in lessons_of(*world(n=1500)).values():
        best = [blend.weights[0] for blend in Logistic().fit(lesson)]
        assert best == sorted(best, reverse=True)
        assert best[0] > 0.7 > best[-1]


def test_weights_follow_the_precision_of_the_members():
    """Of two that see the truth behind independent noise, weights go as one over its variance."""
    z, t, y = truth(40_000)
    rng = np.random.default_rng(1)
    members = [blurred(z, t, size, rng, f"m{size}") for size in (1, 2)]
    for lesson in lessons_of(table(members), y).values():
        np.testing.assert_allclose(Logistic().fit(lesson)[-1].weights, [0.8, 0.2], atol=0.04)


def test_a_member_that_points_the_wrong_way_has_no_weight():
    z, t, y = truth(3000)
    rng = np.random.default_rng(1)
    good, other = blurred(z, t, 0.7, rng, "good"), blurred(z, t, 0.7, rng)
    wrong = Member("wrong", -other.z, -other.t)
    for lesson in lessons_of(table([wrong, good]), y).values():
        assert {blend.weights for blend in Logistic().fit(lesson)} == {(0.0, 1.0)}
