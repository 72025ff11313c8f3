"""The first candidate is taken, unless another one is clearly better on folds left out."""

import numpy as np
import pytest

from models.calibration import Calibration
from models.heads import direction_loss, probabilities
from models.stacking.blends import Blend, Candidate
from models.stacking.choice import calibrated, choose
from models.stacking.members import Member
from models.stacking.nested import HEADS, Known, Level, Lines
from tests.models.stacking.worlds import known_of, table, truth, world

DIRECTION = HEADS[0]


class Stiff(Candidate):
    """Only its name and what is said of it matters."""


class Flexible(Candidate):
    flexible = True


def chosen(scores, flexible=(), calibrate=False, n=900, seed=0):
    """Choose among candidates whose scores of each row are given, one or several strengths."""
    z, t, y = truth(n, seed)
    known = known_of(table([Member("m", z, t)]), y)
    paths = {name: [np.asarray(s(z)) for s in path] for name, path in scores.items()}
    blends = {name: [Blend(DIRECTION, [1.0]) for _ in path] for name, path in paths.items()}
    inner = {
        number: {name: [s[known.fold == number] for s in path] for name, path in paths.items()}
        for number in range(3)
    }
    level = Level(Lines((Calibration(),)), {"direction": blends}, {})
    candidates = {name: Flexible() if name in flexible else Stiff() for name in scores}
    return choose(DIRECTION, known, level, inner, candidates, calibrate=calibrate), blends, known


def true(z):
    return z


def dim(z):
    return z + np.random.default_rng(5).normal(size=len(z))


def test_the_least_loss_wins_and_all_losses_are_told():
    choice, blends, known = chosen({"dim": [dim], "true": [true]})
    assert choice.candidate == "true"
    assert choice.blend is blends["true"][0]
    decided = known.y != 2
    z = known.material.z[:, 0]
    np.testing.assert_array_equal(choice.scores, z)
    np.testing.assert_allclose(
        choice.losses["true"], direction_loss(z[decided], known.y[decided]), rtol=1e-12
    )
    assert choice.told() == {"candidate": "true", "losses": choice.losses}


def test_the_first_of_equals_is_taken():
    assert chosen({"one": [true], "two": [true]})[0].candidate == "one"
    assert chosen({"two": [true], "one": [true]})[0].candidate == "two"


def test_a_candidate_is_judged_at_its_best_strength():
    choice, blends, _ = chosen({"dim": [dim], "path": [dim, true, dim]})
    assert choice.candidate == "path"
    assert choice.blend is blends["path"][1]


def test_a_candidate_without_an_offer_is_left_out():
    choice, _, _ = chosen({"dim": [dim], "none": []})
    assert choice.candidate == "dim"
    assert list(choice.losses) == ["dim"]


@pytest.mark.parametrize(("calibrate", "winner"), [(True, "true"), (False, "dim")])
def test_the_scale_counts_only_where_nothing_will_correct_it(calibrate, winner):
    paths = {"dim": [dim], "true": [lambda z: 9.0 * z]}
    assert chosen(paths, calibrate=calibrate)[0].candidate == winner


def nudged(z):
    return z + 0.05 * np.random.default_rng(11).normal(size=len(z))


def test_a_gain_of_half_a_standard_error_is_not_enough():
    paths = {"true": [true], "nudged": [nudged]}
    for seed in range(40):
        found, _, _ = chosen(paths, seed=seed)
        gain = found.losses["true"] - found.losses["nudged"]
        if 0 < gain < 0.0005:  # of a standard error of 0.0009
            break
    assert 0 < gain < 0.0005
    assert found.candidate == "true"


def test_of_several_that_are_clearly_better_the_best_is_taken():
    paths = {"dim": [dim], "nudged": [lambda z: z + dim(z) / 3], "true": [true]}
    assert chosen(paths)[0].candidate == "true"


def test_a_flexible_candidate_must_beat_what_is_chosen_without_it():
    paths = {"dim": [dim], "true": [true], "nudged": [nudged]}
    for seed in range(40):
        found, _, _ = chosen(paths, flexible=["nudged"], seed=seed)
        gain = found.losses["true"] - found.losses["nudged"]
        if 0 < gain < 0.0005:
            break
    assert 0 < gain < 0.0005
    assert found.candidate == "true"
    assert chosen({"dim": [dim], "true": [true]}, flexible=["true"])[0].candidate == "true"
    assert chosen({"true": [true], "dim": [dim]}, flexible=["true"])[0].candidate == "true"


def test_a_member_is_calibrated_on_the_other_folds():
    X, y = world(n=600, sizes=(2.0, 3.0))
    known: Known = known_of(X, y)
    z, t = known.material.z[:, 1], known.material.t[:, 1]
    _, found = calibrated(known)
    for number in range(3):
        held = known.fold == number
        line = Calibration.without_bins(z[~held], t[~held], y[~held])
        expected = probabilities(*line(z[held], t[held], known.material.characters[held]))
        np.testing.assert_array_equal(found[held], expected)


def test_a_member_may_stay_as_it_is():
    known = known_of(*world(n=60, sizes=(2.0, 3.0)))
    for place, found in enumerate(calibrated(known, calibrate=False)):
        z, t = known.material.z[:, place], known.material.t[:, place]
        np.testing.assert_array_equal(found, probabilities(z, t))
