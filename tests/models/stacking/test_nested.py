"""What is fitted without folds has not seen them, and is told of by the right rows."""

import numpy as np
import pytest

from models.calibration import Calibration
from models.stacking.blends import Best, Mean
from models.stacking.greedy import Greedy
from models.stacking.members import Member
from models.stacking.nested import HEADS, Levels, LineFits, fit_level
from tests.models.stacking.worlds import known_of, table, truth, world

CANDIDATES = {"best": Best(), "mean": Mean(), "greedy": Greedy()}


@pytest.fixture(scope="module")
def known():
    return known_of(*world(n=600, n_folds=4))


@pytest.fixture(scope="module")
def levels(known):
    return Levels(known, CANDIDATES, calibrate=True, seed=0)


def test_lines_calibrate_each_member_by_itself():
    known = known_of(*world(n=9000))
    lines = LineFits(known, calibrate=True).without(())
    found = lines(known.material)
    for place, line in enumerate(lines.members):
        z, t = line(known.material.z[:, place], known.material.t[:, place], np.zeros(9000))
        np.testing.assert_array_equal(found.z[:, place], z)
        np.testing.assert_array_equal(found.t[:, place], t)
    slopes = [line.direction_slope[0] for line in lines.members]
    np.testing.assert_allclose(slopes, [1 / (1 + s**2) for s in (0.6, 0.9, 1.2)], atol=0.1)


def test_a_member_that_is_calibrated_stays_as_it_is():
    """Numbers fitted anew would be chance: in most draws they are no gain on folds left out."""
    kept = []
    for seed in range(10):
        z, t, y = truth(600, seed)
        known = known_of(table([Member("true", z, t), Member("loud", 4.0 * z, t)], seed=seed), y)
        true, loud = LineFits(known, calibrate=True).without([0]).members
        kept.append(true == Calibration())
        assert loud != Calibration()
    assert sum(kept) >= 7


def test_lines_without_folds_are_those_of_the_other_rows():
    known = known_of(*world(n=600, sizes=(3.0, 4.0), n_folds=4))
    fits = LineFits(known, calibrate=True)
    rest = known.take(known.fold != 2)
    assert fits.without([2]) == LineFits(rest, calibrate=True).without(())
    assert fits.without([2]) != fits.without(())


def test_without_calibration_logits_stay_as_they_are(known):
    found = LineFits(known, calibrate=False).without(())(known.material)
    np.testing.assert_array_equal(found.z, known.material.z)
    np.testing.assert_array_equal(found.t, known.material.t)


def test_scores_are_those_of_the_same_blends(known, levels):
    """Also where a level serves two stacks: of each fold it tells that fold's rows."""
    for fold in levels.folds:
        for head in HEADS:
            for number, scores in levels.inner(fold, head).items():
                lines = LineFits(known, calibrate=True).without([fold, number])
                level = fit_level(known, {fold, number}, CANDIDATES, lines, seed=0)
                rows = levels.at(fold).lines(known.material.take(known.fold == number))
                for name, (found,) in scores.items():
                    np.testing.assert_array_equal(found, level.blends[head.name][name][0](rows))


def test_inner_folds_are_the_others(levels):
    assert levels.folds == [0, 1, 2, 3]
    assert list(levels.inner(2, HEADS[0])) == [0, 1, 3]
    assert list(levels.inner(None, HEADS[0])) == [0, 1, 2, 3]


def test_nothing_is_learned_from_a_fold_that_is_left_out(known, levels):
    absurd = known._replace(
        material=known.material._replace(
            z=np.where((known.fold == 1)[:, None], -9.0, known.material.z),
            t=np.where((known.fold == 1)[:, None], 9.0, known.material.t),
        ),
        y=np.where(known.fold == 1, 0, known.y).astype(np.int8),
    )
    other = Levels(absurd, CANDIDATES, calibrate=True, seed=0)
    assert other.at(1).lines == levels.at(1).lines
    assert other.at(1).spreads == levels.at(1).spreads
    assert other.at(2).lines != levels.at(2).lines
    for head in HEADS:
        for number, scores in levels.inner(1, head).items():
            for name, (found,) in scores.items():
                np.testing.assert_array_equal(other.inner(1, head)[number][name][0], found)
