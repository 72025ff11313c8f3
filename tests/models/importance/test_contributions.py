"""What columns add to the logits: they add up, and follow the answers in a swap."""

import numpy as np
import pytest

from features.sides import Swap
from models.calibration import Calibration
from models.importance.contributions import calibrated, contributions
from models.parts import part_logits
from tests.models.importance.conftest import BINNED, NAMES, fit_model

SWAP = Swap(NAMES)


def whole(found, name):
    return found.columns[name].sum(axis=1) + found.average[name]


def test_contributions_add_up_to_the_calibrated_logits(models, held_out):
    X, _ = held_out
    model = models["heads"]
    found = contributions(model, X)
    z, t = model.logits(X)
    assert set(found.columns) == {"z", "t"}
    np.testing.assert_allclose(whole(found, "z"), z, atol=1e-5)
    np.testing.assert_allclose(whole(found, "t"), t, atol=1e-5)
    np.testing.assert_array_equal(found.average["z"], np.zeros(len(X)))  # even
    short = (X["characters"] <= 500).to_numpy()
    assert len(np.unique(found.average["t"][short])) == 1
    assert len(np.unique(found.average["t"])) == 2  # of the bins of length


def test_a_swap_changes_the_signs_of_the_direction_and_leaves_the_tie(models, held_out, swapped):
    X, _ = held_out
    found, other = (contributions(models["heads"], of) for of in (X, swapped(X)))
    np.testing.assert_array_equal(other.columns["z"], -found.columns["z"][:, SWAP.order])
    np.testing.assert_allclose(other.columns["t"], found.columns["t"][:, SWAP.order], atol=1e-15)
    np.testing.assert_array_equal(other.average["t"], found.average["t"])
    sides = found.columns["z"][:, [1, 2]]
    assert (np.abs(sides[:, 0] - sides[:, 1]) > 1e-3).any()  # the sides differ


def test_a_column_that_never_changes_adds_nothing(models, held_out):
    found = contributions(models["heads"], held_out[0])
    assert not found.columns["z"][:, -1].any()
    assert not found.columns["t"][:, -1].any()


def test_three_classes_are_explained_by_their_margins(models, held_out, swapped):
    X, _ = held_out
    model = models["multiclass"]
    found, other = (contributions(model, of) for of in (X, swapped(X)))
    z, _ = model.logits(X, calibrated=False)
    assert set(found.columns) == {"a", "b", "tie"}
    np.testing.assert_allclose(whole(found, "a") - whole(found, "b"), z, atol=1e-5)
    for here, there in {"a": "b", "b": "a", "tie": "tie"}.items():
        np.testing.assert_array_equal(other.columns[there], found.columns[here][:, SWAP.order])
    matrix = X[NAMES].to_numpy(np.float32)
    margins = [
        [fitted.raw(rows) for _, fitted in model.fitted_parts()] for rows in (matrix, SWAP(matrix))
    ]
    tie = np.mean(margins, axis=(0, 1))[:, 2]
    np.testing.assert_allclose(whole(found, "tie"), tie, atol=1e-5)


def test_members_count_alike_however_many_seeds_they_have(models, held_out):
    X, _ = held_out
    matrix = X[NAMES].to_numpy(np.float32)
    model = models["heads"]
    z = {}
    for part, fitted in model.fitted_parts():
        if part.head.name == "direction":
            z.setdefault(part.member, []).append(part_logits(part, fitted, matrix, SWAP)["z"])
    assert list(map(len, z.values())) == [2, 2, 1]
    mean = np.mean([np.mean(copies, axis=0) for copies in z.values()], axis=0)
    slope = np.where(X["characters"] <= 500, 0.8, 1.3)
    np.testing.assert_allclose(whole(contributions(model, X), "z"), slope * mean, atol=1e-5)


def test_the_margins_share_of_a_tie_goes_to_the_columns_of_the_direction(models, held_out):
    X, _ = held_out
    plain = fit_model(calibration=Calibration(), bag=2)
    found, raw = contributions(models["heads"], X), contributions(plain, X)
    long = (X["characters"] > 500).to_numpy()
    sign = np.sign(raw.columns["z"].sum(axis=1))[:, None]
    expected = 1.1 * raw.columns["t"] - 0.1 * sign * 1.3 * raw.columns["z"]
    np.testing.assert_allclose(found.columns["t"][long], expected[long], atol=1e-12)
    assert BINNED.tie_margin[1] == -0.1


@pytest.mark.parametrize("z", [[40.0, 20.0], [-100.0, 10.0]])
def test_beyond_the_clip_the_margin_adds_nothing(z):
    shares = {"z": np.array([[*z, 0.0]]), "t": np.array([[0.1, 0.2, 0.3]])}
    by, length = Calibration(tie_margin=(-0.5,)), np.array([1.0])
    found = calibrated(shares, by, length)
    _, t = by(np.array([sum(z)]), np.array([0.6]), length)
    assert t[0] == pytest.approx(0.6 - 15.0)
    assert found["t"].sum() == pytest.approx(t[0])
    assert found["z"].sum() == sum(z)
