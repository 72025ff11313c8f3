"""Ensemble selection: what it comes upon, and that it repeats itself."""

from dataclasses import replace

import numpy as np

from models.stacking.blends import Best, Mean, row_losses
from models.stacking.greedy import BAGS, Greedy, Losses, bags_of, select
from models.stacking.logistic import fit_weights
from models.stacking.members import Member
from tests.models.stacking.worlds import blurred, lessons_of, table, truth, world


def loss(lesson, blend):
    """What remains of the log loss at the best scale."""
    scores = blend(lesson.material)
    (scale,), shift = fit_weights(
        scores[:, None], lesson.won, penalty=1e-9, centre=np.ones(1), intercept=lesson.free
    )
    return row_losses(scale * scores + shift, lesson.won).mean()


def test_better_than_the_best_member_and_than_the_mean():
    for lesson in lessons_of(*world(n=6000, sizes=(0.5, 1.0, 2.5)), calibrate=True).values():
        (found,) = Greedy().fit(lesson)
        (best,), (mean,) = Best().fit(lesson), Mean().fit(lesson)
        assert loss(lesson, found) < min(loss(lesson, best), loss(lesson, mean))


def test_weights_add_up_to_one_and_go_with_worth():
    for lesson in lessons_of(*world(n=6000, sizes=(0.5, 1.0, 2.5)), calibrate=True).values():
        weights = Greedy().fit(lesson)[0].weights
        np.testing.assert_allclose(sum(weights), 1.0, rtol=1e-12)
        assert weights[0] > weights[1] > weights[2] >= 0.0


def test_the_same_seed_gives_the_same_weights_and_another_one_others():
    X, y = world(n=600)
    weights = [Greedy().fit(lessons_of(X, y, seed=s)["tie"])[0].weights for s in (0, 0, 1)]
    assert weights[0] == weights[1] != weights[2]


def test_who_knows_nothing_is_not_added():
    z, t, y = truth(2000)
    rng = np.random.default_rng(5)
    lost = Member("lost", np.zeros(2000), np.full(2000, -1.0))
    members = [lost, blurred(z, t, 0.7, rng, "one"), blurred(z, t, 0.7, rng, "two")]
    for lesson in lessons_of(table(members), y).values():
        weights = Greedy().fit(lesson)[0].weights
        assert weights[0] == 0.0
        assert weights[1] > 0.2 < weights[2]


def test_one_member_is_all_there_is_to_select():
    for lesson in lessons_of(*world(n=300, sizes=(0.7,))).values():
        assert Greedy().fit(lesson)[0].weights == (1.0,)


def test_a_bag_draws_prompts_whole():
    group = np.array([5, 5, 9, 7, 9, 9])
    bags = bags_of(group, np.random.default_rng(0))
    assert bags.shape == (BAGS, 6)
    assert (bags[:, 0] == bags[:, 1]).all()
    assert (bags[:, [2, 2]] == bags[:, [4, 5]]).all()
    assert (bags[:, [0, 2, 3]].sum(axis=1) == 3).all()
    assert len(np.unique(bags, axis=0)) > 3


def test_selection_finds_the_best_weights():
    """Of two that see the truth behind independent noise, weights go as one over its variance."""
    rng = np.random.default_rng(5)
    z, t, y = truth(30_000)
    members = [blurred(z, t, size, rng, f"m{place}") for place, size in enumerate((1.0, 2.0))]
    for lesson in lessons_of(table(members), y).values():
        losses = Losses(lesson, np.ones((1, len(lesson.won))))
        found = np.array(select(losses, 0, [0, 1], 2))
        np.testing.assert_allclose(found / found.sum(), [0.8, 0.2], atol=0.08)


def test_the_mean_of_members_that_err_apart_is_not_too_faint_to_be_found():
    """At the members' own scale the second of two would get half the weight that is its due."""
    rng = np.random.default_rng(5)
    z, t, y = truth(30_000)
    members = [blurred(z, t, size, rng, f"m{place}") for place, size in enumerate((0.9, 1.6))]
    lesson = lessons_of(table(members), y, calibrate=True)["direction"]
    shares = np.arange(0.0, 0.6, 0.1)
    means = [
        row_losses((1 - share) * lesson.logits[:, 0] + share * lesson.logits[:, 1], lesson.won)
        for share in shares
    ]
    assert shares[np.argmin([loss.mean() for loss in means])] <= 0.2
    # Noise of variance s adds 1 / s of precision to a truth of variance 1. A calibrated member is
    # x / (1 + s), and the best estimate goes as the sum of x / s: weights as 1 + 1 / s.
    np.testing.assert_allclose(Greedy().fit(lesson)[0].weights[1], 0.38, atol=0.06)


def test_the_scale_of_all_logits_makes_no_difference():
    X, y = world(n=2000)
    for name, lesson in lessons_of(X, y).items():
        material = lesson.material
        faint = replace(lesson, material=material._replace(z=material.z / 9, t=material.t / 9))
        (one,), (other,) = Greedy().fit(lesson), Greedy().fit(faint)
        np.testing.assert_allclose(one.weights, other.weights, atol=0.03, err_msg=name)


def test_a_member_of_no_use_is_added_once_where_there_is_no_other():
    z, t, y = truth(900)
    for lesson in lessons_of(table([Member("wrong", -z, -t)]), y).values():
        assert select(Losses(lesson, np.ones((1, len(lesson.won)))), 0, [0], 1) == (1,)
