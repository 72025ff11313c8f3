"""Trees correct a blend, keep the symmetry exactly, and find what no blend can."""

import numpy as np
import pytest

from models.heads import probabilities
from models.stacking.blends import Mean, row_losses
from models.stacking.members import Member
from models.stacking.nested import HEADS
from models.stacking.trees import TREES, TreeBlend, Trees, orders
from tests.models.stacking.worlds import (
    blurred,
    draw,
    known_of,
    lessons_of,
    swapped,
    table,
    truth,
    world,
)


@pytest.fixture(scope="module")
def fitted():
    X, y = world(n=2000)
    return X, y, {name: Trees().fit(lesson) for name, lesson in lessons_of(X, y).items()}


def test_one_blend_a_number_of_trees(fitted):
    for blends in fitted[2].values():
        assert [blend.text.count("\nTree=") for blend in blends] == list(TREES)
        assert all(blend.weights == (1 / 3, 1 / 3, 1 / 3) for blend in blends)


def test_swapped_answers_change_the_sign_of_the_direction_and_nothing_of_the_tie(fitted):
    X, y, blends = fitted
    material, other = (known_of(*pair).material for pair in ((X, y), swapped(X, y)))
    direction, tie = blends["direction"][-1], blends["tie"][-1]
    np.testing.assert_array_equal(direction(other), -direction(material))
    np.testing.assert_array_equal(tie(other), tie(material))
    assert np.ptp(direction(material)) > 1.0


def test_a_row_is_scored_as_if_alone(fitted):
    X, y, blends = fitted
    material = known_of(X, y).material
    for path in blends.values():
        whole = path[-1](material)
        for row in range(0, 2000, 199):
            alone = path[-1](material.take(np.arange(2000) == row))
            np.testing.assert_array_equal(alone, whole[row])


def test_no_rows_have_no_scores(fitted):
    X, y, blends = fitted
    nobody = known_of(X, y).material.take(np.zeros(2000, dtype=bool))
    for path in blends.values():
        assert path[0](nobody).shape == (0,)


def test_told_and_files_give_the_same_scores(fitted):
    X, y, blends = fitted
    material = known_of(X, y).material
    for head in HEADS:
        blend = blends[head.name][1]
        again = TreeBlend.read(head, blend.told(), blend.files())
        np.testing.assert_array_equal(again(material), blend(material))


def test_it_begins_from_the_scaled_mean():
    """Where the trees cannot split, the start is all there is."""
    X, y = world(n=130, sizes=(0.1, 0.2, 0.3))
    for lesson in lessons_of(X, y).values():
        blend, mean = Trees().fit(lesson)[0], Mean().fit(lesson)[0]
        expected = blend.scale * mean(lesson.material) + blend.shift
        np.testing.assert_allclose(blend(lesson.material), expected, rtol=1e-12)
        assert (blend.shift != 0.0) == (lesson.head.name == "tie")
        losses = [
            row_losses(blend.scale * grown * mean(lesson.material) + blend.shift, lesson.won).mean()
            for grown in (0.9, 1.0, 1.1)
        ]
        assert losses[1] == min(losses)


def test_finds_that_long_battles_tie_more_often():
    z, t, _ = truth(8000)
    rng = np.random.default_rng(3)
    X = table([blurred(z, t, 0.5, rng, "one"), blurred(z, t, 0.5, rng, "two")])
    longer = (X["characters"] > 2500).to_numpy()
    y = draw(probabilities(z, t + 2.0 * longer), rng)
    lesson = lessons_of(X, y)["tie"]
    mean, grown = Mean().fit(lesson)[0], Trees().fit(lesson)[-1]
    lift = [score(lesson.material)[longer].mean() for score in (mean, grown)]
    drop = [score(lesson.material)[~longer].mean() for score in (mean, grown)]
    assert abs(lift[0] - drop[0]) < 0.1
    assert lift[1] - drop[1] > 1.2


def test_columns_of_each_order():
    X, y = world(n=5, sizes=(0.5, 0.5))
    material = known_of(X, y).material
    first, second = orders(HEADS[0], [0.5, 0.5], material)
    np.testing.assert_array_equal(first[:, :2], material.z)
    np.testing.assert_array_equal(second[:, :2], -material.z)
    np.testing.assert_array_equal(first[:, 2:], second[:, 2:])
    np.testing.assert_allclose(first[:, 2], np.log1p(X["characters"]))
    np.testing.assert_allclose(first[:, 3], np.log1p(X["turns"]))
    np.testing.assert_allclose(first[:, 4], material.z.std(axis=1))
    (tie,) = orders(HEADS[1], [0.0, 1.0], material)
    np.testing.assert_array_equal(tie[:, 0], material.t[:, 1])
    np.testing.assert_array_equal(tie[:, 1], np.abs(material.z[:, 1]))
    assert tie.shape == (5, 5)


def test_copies_of_a_member_leave_nothing_to_blend():
    z, t, y = truth(500)
    for members in ([Member("one", z, t)], [Member("one", z, t), Member("two", z, t)]):
        for lesson in lessons_of(table(members), y).values():
            assert Trees().fit(lesson) == []
