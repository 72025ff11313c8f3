"""The algebra of the heads against slow arithmetic, number by number."""

import math

import numpy as np
import pytest

from models.heads import (
    CLIP,
    FORMS,
    DirectionHead,
    MulticlassHead,
    TieHead,
    direction_loss,
    probabilities,
    swapped_labels,
    tie_loss,
)

Y = np.array([0, 1, 2, 0, 1, 2], dtype=np.int8)
PLAIN = np.array([True, True, True, False, False, False])


def logits(n=4000, seed=0, spread=12.0):
    return np.random.default_rng(seed).normal(scale=spread, size=(2, n))


def reference(z, t):
    """The formulas of the design, one battle at a time."""
    tie = 1.0 / (1.0 + math.exp(-t))
    decided = 1.0 / (1.0 + math.exp(t))
    a, b = decided / (1.0 + math.exp(-z)), decided / (1.0 + math.exp(z))
    total = a + b + tie
    return a / total, b / total, tie / total


def test_probabilities_are_the_formulas():
    z, t = logits(300, spread=6.0)
    expected = [reference(*pair) for pair in zip(z, t, strict=True)]
    np.testing.assert_allclose(probabilities(z, t), expected, rtol=1e-13)


def test_a_tie_logit_does_not_move_the_odds_of_a_against_b():
    p = probabilities(np.array([1.5, 1.5]), np.array([-2.0, 3.0]))
    np.testing.assert_allclose(p[:, 0] / p[:, 1], math.exp(1.5), rtol=1e-12)


def test_small_probabilities_keep_their_digits():
    """1 - expit(z) in place of expit(-z) would lose half of them."""
    p = probabilities(np.array([25.0, -25.0, 0.0]), np.array([0.0, 0.0, 25.0]))
    exact = math.exp(-25.0) / (1.0 + math.exp(-25.0))
    np.testing.assert_allclose([p[0, 1] * 2, p[1, 0] * 2], exact, rtol=1e-14)
    np.testing.assert_allclose(p[2, 0] * 2, exact, rtol=1e-14)


def test_logits_are_clipped_at_thirty_and_not_before():
    far = np.array([50.0, -50.0, np.inf, -np.inf])
    edge = np.array([30.0, -30.0, 30.0, -30.0])
    zero = np.zeros(4)
    assert CLIP == 30.0
    np.testing.assert_array_equal(probabilities(far, zero), probabilities(edge, zero))
    np.testing.assert_array_equal(probabilities(zero, far), probabilities(zero, edge))
    assert (
        (probabilities(edge * 0.99, zero)[:, :2] != probabilities(edge, zero)[:, :2]).any(1).all()
    )


def test_probabilities_swap_bit_for_bit():
    z, t = logits()
    np.testing.assert_array_equal(probabilities(-z, t), probabilities(z, t)[:, [1, 0, 2]])


@pytest.mark.parametrize("spread", [1.0, 12.0, 1e6])
def test_probabilities_lie_inside_and_add_up(spread):
    p = probabilities(*logits(spread=spread))
    assert p.dtype == np.float64
    assert p.min() > 0.0
    assert p.max() < 1.0
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=0, atol=4e-16)


def test_losses_are_minus_the_log_of_what_was_said_of_the_outcome():
    z, t = logits(40, spread=3.0)
    y = np.resize(Y, 40)
    p = np.array([reference(*pair) for pair in zip(z, t, strict=True)])
    both = -math.fsum(math.log(row[label]) for row, label in zip(p, y, strict=True)) / 40
    assert MulticlassHead().loss({"z": z, "t": t}, y) == pytest.approx(both, rel=1e-12)
    decided = y != 2
    shares = p[:, :2] / p[:, :2].sum(axis=1, keepdims=True)
    direction = -np.mean(np.log(shares[np.arange(40), np.where(decided, y, 0)])[decided])
    assert direction_loss(z[decided], y[decided]) == pytest.approx(direction, rel=1e-12)
    tie = -np.mean(np.log(np.where(y == 2, p[:, 2], 1 - p[:, 2])))
    assert tie_loss(t, y) == pytest.approx(tie, rel=1e-9)


def test_losses_are_finite_where_a_logit_is_far_wrong():
    assert direction_loss(np.array([-900.0]), np.array([0])) == 900.0
    assert tie_loss(np.array([900.0]), np.array([1])) == 900.0


def test_the_direction_learns_from_decided_rows_and_the_tie_from_plain_ones():
    assert DirectionHead().rows(Y, PLAIN).tolist() == [True, True, False, True, True, False]
    assert TieHead().rows(Y, PLAIN).tolist() == [True, True, True, False, False, False]
    assert MulticlassHead().rows(Y, PLAIN).all()


def test_targets_change_with_the_order_as_the_labels_do():
    assert DirectionHead().target(Y).tolist() == [1, 0, 0, 1, 0, 0]
    assert DirectionHead().target(swapped_labels(Y)).tolist() == [0, 1, 0, 0, 1, 0]
    assert TieHead().target(Y).tolist() == TieHead().target(swapped_labels(Y)).tolist()
    assert TieHead().target(Y).tolist() == [0, 0, 1, 0, 0, 1]
    assert MulticlassHead().target(swapped_labels(Y)).tolist() == [1, 0, 2, 1, 0, 2]


def test_two_class_logits_are_half_the_difference_and_half_the_sum():
    raw, other = np.array([3.0, 1.0]), np.array([1.0, -2.0])
    np.testing.assert_array_equal(DirectionHead().logits(raw, other)["z"], [1.0, 1.5])
    np.testing.assert_array_equal(TieHead().logits(raw, other)["t"], [2.0, -0.5])


def test_three_class_logits_give_back_the_softmax_of_symmetric_scores():
    scores = np.random.default_rng(1).normal(scale=2.0, size=(50, 3))
    given = MulticlassHead().logits(scores, scores[:, [1, 0, 2]])
    softmax = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities(given["z"], given["t"]), softmax, rtol=1e-12)


@pytest.mark.parametrize("form", list(FORMS))
def test_logits_of_the_other_order_are_exact_mirror_images(form):
    rng = np.random.default_rng(2)
    for head in FORMS[form]:
        shape = (200, 3) if head.n_classes == 3 else 200
        raw, other = rng.normal(size=(2, *np.atleast_1d(shape)))
        one, two = head.logits(raw, other), head.logits(other, raw)
        for name, sign in (("z", -1.0), ("t", 1.0)):
            if name in one:
                np.testing.assert_array_equal(two[name], sign * one[name])


def test_every_form_gives_each_logit():
    raw = {2: np.zeros(1), 3: np.zeros((1, 3))}
    for form, heads in FORMS.items():
        given = [name for head in heads for name in head.logits(*[raw[head.n_classes]] * 2)]
        assert sorted(given) == (["z"] if form == "direction" else ["t", "z"])
