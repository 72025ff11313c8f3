"""What a lesson knows of its members, and the plainest blends."""

import numpy as np
import pytest

from models.stacking.blends import (
    Best,
    Blend,
    Candidate,
    Mean,
    losses_of,
    row_losses,
    weighted_sum,
)
from models.stacking.members import Member
from models.stacking.nested import HEADS
from tests.models.stacking.worlds import blurred, known_of, lessons_of, table, truth, world

DIRECTION, TIE = HEADS


def test_losses_are_those_of_logaddexp():
    margins = np.concatenate([np.linspace(-40, 40, 999), [-800.0, 800.0]])
    np.testing.assert_allclose(losses_of(margins), np.logaddexp(0, -margins), rtol=1e-14)
    won = margins > 3
    expected = np.logaddexp(0, np.where(won, -margins, margins))
    np.testing.assert_allclose(row_losses(margins, won), expected, rtol=1e-14)


def test_a_weighted_sum_is_no_row_else_than_alone():
    rng = np.random.default_rng(5)
    logits, weights = rng.normal(size=(999, 7)), rng.dirichlet(np.ones(7)).tolist()
    whole = weighted_sum(logits, weights)
    np.testing.assert_allclose(whole, logits @ weights, rtol=1e-12)
    alone = [weighted_sum(logits[at : at + 1], weights)[0] for at in range(999)]
    np.testing.assert_array_equal(whole, alone)
    np.testing.assert_array_equal(weighted_sum(-logits, weights), -whole)


def test_a_blend_reads_the_logits_of_its_head():
    X, y = world(n=60, sizes=(0.5, 0.5))
    material = known_of(X, y).material
    np.testing.assert_array_equal(Blend(DIRECTION, [0.0, 1.0])(material), material.z[:, 1])
    np.testing.assert_array_equal(Blend(TIE, [1.0, 0.0])(material), material.t[:, 0])


def test_the_best_member_is_that_of_least_loss():
    X, y = world(n=1500, sizes=(1.5, 0.3, 0.8))
    for lesson in lessons_of(X, y).values():
        (blend,) = Best().fit(lesson)
        assert blend.weights == (0.0, 1.0, 0.0)


def test_each_head_has_its_own_best_member():
    z, t, y = truth(2000)
    rng = np.random.default_rng(5)
    clear, dim = blurred(z, t, 0.2, rng), blurred(z, t, 2.0, rng)
    lessons = lessons_of(table([Member("a", clear.z, dim.t), Member("b", dim.z, clear.t)]), y)
    assert Best().fit(lessons["direction"])[0].weights == (1.0, 0.0)
    assert Best().fit(lessons["tie"])[0].weights == (0.0, 1.0)


def test_the_mean_leaves_out_who_knows_nothing():
    z, t, y = truth(2000)
    rng = np.random.default_rng(5)
    lost = Member("lost", np.zeros(2000), np.full(2000, -1.0))
    wrong = Member("wrong", -z, -t)
    seeing = [blurred(z, t, 0.5, rng, name) for name in ("one", "two")]
    for lesson in lessons_of(table([lost, seeing[0], wrong, seeing[1]]), y).values():
        assert lesson.knowing == [1, 3]
        assert Mean().fit(lesson)[0].weights == (0.0, 0.5, 0.0, 0.5)


def test_where_none_knows_anything_the_best_is_left():
    z, t, y = truth(800)
    members = [Member("loud", -3 * z, -3 * t), Member("quiet", -0.1 * z, -0.1 * t - 1.0)]
    for lesson in lessons_of(table(members), y).values():
        assert lesson.knowing == [1]
        for candidate in (Best(), Mean()):
            assert candidate.fit(lesson)[0].weights == (0.0, 1.0)


def test_chance_is_rarely_taken_for_knowledge():
    """By two standard errors, one side: in 2.3% of the cases."""
    _, _, y = truth(400)
    rng = np.random.default_rng(5)
    taken = []
    for _ in range(40):
        noise = [Member(f"n{k}", *rng.normal(size=(2, 400))) for k in range(20)]
        for lesson in lessons_of(table(noise), y).values():
            known = lesson.knowing
            taken.append(len(known) if len(known) > 1 else 0)
    assert np.mean(taken) / 20 < 0.035


def test_a_shift_of_all_tie_logits_tells_nothing():
    z, t, y = truth(2000)
    (shifted,) = (
        lesson
        for name, lesson in lessons_of(table([Member("m", z, t + 9)]), y).items()
        if name == "tie"
    )
    (plain,) = (
        lesson
        for name, lesson in lessons_of(table([Member("m", z, t)]), y).items()
        if name == "tie"
    )
    np.testing.assert_allclose(shifted.spread, plain.spread)
    np.testing.assert_allclose(plain.spread, t.std())


def test_told_and_read():
    blend = Blend(TIE, np.array([0.25, 0.75]))
    again = Blend.read(TIE, blend.told(), blend.files())
    assert again.weights == blend.weights == (0.25, 0.75)


def test_a_candidate_must_say_how_it_fits():
    class Lazy(Candidate):
        pass

    X, y = world(n=60)
    with pytest.raises(TypeError, match="Lazy must write fit"):
        Lazy().fit(lessons_of(X, y)["tie"])
