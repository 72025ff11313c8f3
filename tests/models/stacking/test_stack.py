"""A stack applies what was chosen, tells its members' shares, and comes back from its files."""

import json

import numpy as np
import pytest

from models.calibration import Calibration
from models.stacking.blends import Best, Blend
from models.stacking.choice import choose
from models.stacking.nested import HEADS, Levels, Lines
from models.stacking.stack import Stack
from models.stacking.trees import Trees
from tests.models.stacking.worlds import known_of, lessons_of, world

DIRECTION, TIE = HEADS


def stack(blends=None, spreads=(1.0, 3.0), candidate="greedy"):
    lines = (Calibration((0.5,), (2.0,), (-0.1,), (0.2,)), Calibration())
    blends = blends or {"direction": Blend(DIRECTION, [0.5, 0.5]), "tie": Blend(TIE, [0.0, 1.0])}
    return Stack(
        Lines(lines),
        dict.fromkeys(blends, candidate),
        blends,
        dict.fromkeys(blends, spreads),
        Calibration((2.0, 3.0), (1.0, 1.0), (0.0, -0.5), (0.0, 1.0), (1000.0,)),
    )


def test_members_are_calibrated_then_blended_then_calibrated():
    material = known_of(*world(n=40, sizes=(0.5, 0.5))).material
    z, t = stack()(material)
    long = material.characters > 1000
    half = (0.5 * material.z[:, 0] + material.z[:, 1]) / 2
    expected = np.where(long, 3.0, 2.0) * half
    np.testing.assert_allclose(z, expected, rtol=1e-12)
    np.testing.assert_allclose(
        t, np.where(long, material.t[:, 1] - 0.5 * np.abs(expected) + 1, material.t[:, 1])
    )


def test_a_share_is_how_far_a_member_moves_the_blend():
    assert stack().shares("direction") == [0.25, 0.75]
    assert stack().shares("tie") == [0.0, 1.0]


def test_where_nothing_moves_shares_are_the_weights():
    assert stack(spreads=(0.0, 0.0)).shares("direction") == [0.5, 0.5]


def test_comes_back_from_its_files():
    one = stack()
    files = one.dump()
    assert list(files) == ["stack.json"]
    other = Stack.load(files)
    material = known_of(*world(n=40, sizes=(0.5, 0.5))).material
    np.testing.assert_array_equal(other(material), one(material))
    assert other.shares("direction") == one.shares("direction")
    assert other.calibration == one.calibration
    assert other.candidates == one.candidates


def test_trees_are_files_of_their_own():
    X, y = world(n=600, sizes=(0.5, 0.5))
    blends = {name: Trees().fit(lesson)[0] for name, lesson in lessons_of(X, y).items()}
    one = stack(blends, candidate="trees")
    files = one.dump()
    assert sorted(files) == ["direction_trees.txt", "stack.json", "tie_trees.txt"]
    assert b"Tree=0" in files["tie_trees.txt"]
    assert "text" not in json.loads(files["stack.json"])["blends"]["tie"]
    material = known_of(X, y).material
    np.testing.assert_array_equal(Stack.load(files)(material), one(material))


def test_calibration_is_fitted_only_where_it_is_wanted():
    known, candidates = known_of(*world(n=3000)), {"best": Best()}
    levels = Levels(known, candidates, calibrate=False, seed=0)
    choices = {
        head.name: choose(
            head, known, levels.at(None), levels.inner(None, head), candidates, calibrate=False
        )
        for head in HEADS
    }
    plain, fitted = (
        Stack.of(levels.at(None), choices, known, calibrate=calibrate)
        for calibrate in (False, True)
    )
    assert plain.calibration == Calibration()
    z, t = (choices[head.name].scores for head in HEADS)
    length = known.material.characters
    found = Calibration.where_it_holds(z, t, known.y, length, known.fold)
    assert fitted.calibration == found
    assert fitted.calibration.direction_slope[0] == pytest.approx(1 / 1.36, abs=0.25)
