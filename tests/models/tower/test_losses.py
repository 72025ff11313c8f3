"""Losses against slow arithmetic in NumPy, number by number."""

import math

import numpy as np
import pytest
import torch

from models.heads import MulticlassHead, direction_loss, probabilities, tie_loss
from models.tower.losses import LOSSES, Raw, Targets, loss_of
from models.tower.settings import LOSSES_OF, TowerSettings

Y = torch.tensor([0, 1, 2, 0, 1, 2])
PLAIN = torch.tensor([True, True, True, False, False, False])
CLASSIFYING = {name: LOSSES[name] for name in LOSSES_OF["classify"]}


def raw_of(name, n=6, seed=0, spread=2.0, dtype=torch.float64):
    """Random scores, whose orders have nothing to do with each other."""
    size = (2, n, 3 if name in CLASSIFYING else 2)
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(size, generator=generator, dtype=torch.float64) * spread
    return Raw(*scores.to(dtype))


def orders(raw, y=Y):
    """Each battle as its two orders: the scores, and the label that they speak of."""
    for one, other, label in zip(*(scores.tolist() for scores in raw), y.tolist(), strict=True):
        yield [(one, label), (other, {0: 1, 1: 0, 2: 2}[label])]


def log_softmax(scores):
    total = math.log(sum(math.exp(score) for score in scores))
    return [score - total for score in scores]


def smoothed(scores, label, smoothing):
    share = [smoothing / len(scores)] * len(scores)
    share[label] += 1.0 - smoothing
    return -sum(part * log for part, log in zip(share, log_softmax(scores), strict=True))


def slow_cross_entropy(raw, smoothing=0.0):
    for (one, other), plain in zip(orders(raw), PLAIN.tolist(), strict=True):
        if not plain and one[1] == 2:
            yield 0.0
            continue
        width = 3 if plain else 2
        yield sum(smoothed(scores[:width], y, smoothing) for scores, y in (one, other)) / 2


def slow_direction_tie(raw):
    for ((one, label), (other, _)), plain in zip(orders(raw), PLAIN.tolist(), strict=True):
        z = ((one[0] - one[1]) + (other[1] - other[0])) / 2
        t = sum(x[2] - math.log(math.exp(x[0]) + math.exp(x[1])) for x in (one, other)) / 2
        of_tie = math.log(1 + math.exp(-t if label == 2 else t)) if plain else 0.0
        of_direction = math.log(1 + math.exp(-z if label == 0 else z)) if label != 2 else 0.0
        yield of_tie + of_direction


def slow_squared_error(raw):
    target = {0: (1.0, 0.0), 1: (0.0, 1.0), 2: (0.5, 0.5)}
    for pair, plain in zip(orders(raw), PLAIN.tolist(), strict=True):
        errors = [
            (score - wanted) ** 2
            for scores, label in pair
            for score, wanted in zip(scores, target[label], strict=True)
        ]
        yield sum(errors) / 2 if plain or pair[0][1] != 2 else 0.0


def slow_bradley_terry(raw):
    def lost(better, other):
        return -math.log(1 / (1 + math.exp(other - better)))

    for pair, plain in zip(orders(raw), PLAIN.tolist(), strict=True):
        found = [
            {0: lost(a, b), 1: lost(b, a), 2: (lost(a, b) + lost(b, a)) / 2}[label]
            for (a, b), label in pair
        ]
        yield sum(found) / 2 if plain or pair[0][1] != 2 else 0.0


def slow_dpo(raw, beta=1.0):
    def lost(scores, label, plain):
        p = [math.exp(log) for log in log_softmax(scores)]
        if label == 2:
            return -math.log(p[2])
        better = 1 / (1 + math.exp(beta * (scores[1 - label] - scores[label])))
        return -math.log(better) - (math.log(1 - p[2]) if plain else 0.0)

    for pair, plain in zip(orders(raw), PLAIN.tolist(), strict=True):
        found = [lost(scores, label, plain) for scores, label in pair]
        yield sum(found) / 2 if plain or pair[0][1] != 2 else 0.0


SLOW = {
    "cross_entropy": slow_cross_entropy,
    "direction_tie": slow_direction_tie,
    "dpo": slow_dpo,
    "squared_error": slow_squared_error,
    "bradley_terry": slow_bradley_terry,
}


@pytest.mark.parametrize("name", list(LOSSES))
def test_each_loss_is_its_formula(name):
    for seed in range(5):
        raw = raw_of(name, seed=seed)
        loss, weight = LOSSES[name](extra_weight=0.25)(raw, Targets(Y, PLAIN))
        np.testing.assert_allclose(loss.numpy(), list(SLOW[name](raw)), rtol=1e-12)
        assert weight.tolist() == [1.0, 1.0, 1.0, 0.25, 0.25, 0.0]
        assert loss.dtype == weight.dtype == torch.float64


def test_a_rows_own_weight_multiplies():
    own = torch.tensor([2.0, 1, 1, 3, 1, 5], dtype=torch.float64)
    raw, loss = raw_of("cross_entropy"), LOSSES["cross_entropy"](extra_weight=0.25)
    plain, weighed = (loss(raw, Targets(Y, PLAIN, weight=weight)) for weight in (None, own))
    assert torch.equal(plain[0], weighed[0])
    assert weighed[1].tolist() == [2.0, 1.0, 1.0, 0.75, 0.25, 0.0]


def test_figures_worked_out_by_hand():
    log2 = math.log(2)
    flat = Raw(torch.zeros(6, 3), torch.zeros(6, 3))
    loss, _ = LOSSES["cross_entropy"]()(flat, Targets(Y, PLAIN))
    np.testing.assert_allclose(loss, [math.log(3)] * 3 + [log2, log2, 0], rtol=1e-6)
    loss, _ = LOSSES["direction_tie"]()(flat, Targets(Y, PLAIN))
    # t = -log 2 where all logits are 0: a tie has 1/3, a side the half of 2/3
    np.testing.assert_allclose(loss, [math.log(3)] * 3 + [log2, log2, 0], rtol=1e-6)
    scores = Raw(torch.tensor([[2.0, 0.5]] * 6), torch.tensor([[0.5, 2.0]] * 6))
    loss, _ = LOSSES["squared_error"]()(scores, Targets(Y, PLAIN))
    assert loss.tolist() == [1.25, 4.25, 2.25, 1.25, 4.25, 0.0]
    loss, _ = LOSSES["bradley_terry"]()(scores, Targets(Y, PLAIN))
    won, lost = math.log(1 + math.exp(-1.5)), math.log(1 + math.exp(1.5))
    np.testing.assert_allclose(loss, [won, lost, (won + lost) / 2, won, lost, 0], rtol=1e-6)


@pytest.mark.parametrize("beta", [0.1, 1.0, 3.0])
def test_dpo_is_its_formula_at_any_beta(beta):
    raw = raw_of("dpo")
    loss, _ = LOSSES["dpo"](beta=beta)(raw, Targets(Y, PLAIN))
    np.testing.assert_allclose(loss, list(slow_dpo(raw, beta)), rtol=1e-12)


def test_dpo_worked_out_by_hand():
    """Logits log 2, 0, 0: A has a half, B and a tie a quarter each."""
    first = torch.tensor([[math.log(2), 0.0, 0.0]] * 6)
    raw = Raw(first, first[:, [1, 0, 2]])
    for beta, won, lost in ((1.0, 2 / 3, 1 / 3), (2.0, 4 / 5, 1 / 5), (0.5, 0.585786, 0.414214)):
        loss, _ = LOSSES["dpo"](beta=beta)(raw, Targets(Y, PLAIN))
        # a decision has three quarters: without their logarithm the tie's logit would never fall
        expected = [won * 3 / 4, lost * 3 / 4, 1 / 4, won, lost, 1.0]
        np.testing.assert_allclose(torch.exp(-loss), expected, rtol=1e-5)


def test_a_decision_lowers_the_ties_logit():
    scores = torch.zeros(6, 3, requires_grad=True)
    loss, _ = LOSSES["dpo"]()(Raw(scores, scores.detach()), Targets(Y, PLAIN))
    (slope,) = torch.autograd.grad(loss.sum(), scores)
    np.testing.assert_allclose(slope[:, 2], np.array([1, 1, -2, 0, 0, 0]) / 6, atol=1e-7)


@pytest.mark.parametrize("spread", [1.0, 50.0])
def test_dpo_of_beta_1_is_the_cross_entropy(spread):
    first = raw_of("dpo", n=60, spread=spread).first
    y = torch.arange(60) % 3
    plain = torch.arange(60) % 2 == 0
    raw = Raw(first, first[:, [1, 0, 2]])  # both orders agree
    found = [LOSSES[name]()(raw, Targets(y, plain))[0] for name in ("dpo", "cross_entropy")]
    np.testing.assert_allclose(*found, rtol=1e-12, atol=1e-12)
    other = LOSSES["dpo"](beta=0.5)(raw, Targets(y, plain))[0]
    assert ((other - found[1])[y != 2].abs() > 1e-3).any()


@pytest.mark.parametrize("smoothing", [0.02, 0.3])
def test_labels_are_smoothed_over_the_classes_that_are_asked_for(smoothing):
    raw = raw_of("cross_entropy")
    loss, _ = LOSSES["cross_entropy"](smoothing=smoothing)(raw, Targets(Y, PLAIN))
    np.testing.assert_allclose(loss, list(slow_cross_entropy(raw, smoothing)), rtol=1e-12)
    by_hand = smoothed([1.0, 0.0, 0.0], 0, smoothing)
    assert by_hand == pytest.approx(
        math.log(math.e + 2) - (1 - smoothing) - smoothing / 3, rel=1e-12
    )  # and not smoothing / 2, over the other classes


def test_the_tie_logit_of_an_extra_row_is_left_out():
    for name in CLASSIFYING:
        raw = raw_of(name)
        moved = Raw(*(scores + torch.tensor([0.0, 0.0, 5.0]) for scores in raw))
        one, other = (LOSSES[name]()(scores, Targets(Y, PLAIN))[0] for scores in (raw, moved))
        assert (one[:3] != other[:3]).all()
        assert torch.equal(one[3:], other[3:])


def test_direction_and_tie_are_the_losses_of_the_heads():
    raw, y = raw_of("direction_tie", n=60), torch.arange(60) % 3
    loss, _ = LOSSES["direction_tie"]()(raw, Targets(y, torch.ones(60, dtype=torch.bool)))
    logits = MulticlassHead().logits(raw.first.numpy(), raw.second.numpy())
    decided = y.numpy() != 2
    direction = direction_loss(logits["z"][decided], y.numpy()[decided]) * decided.mean()
    tie = tie_loss(logits["t"], y.numpy())
    assert loss.mean().item() == pytest.approx(direction + tie, rel=1e-12)
    p = probabilities(logits["z"], logits["t"])[np.arange(60), y.numpy()]
    np.testing.assert_allclose(loss, -np.log(p), rtol=1e-9)  # of one network: the log loss


@pytest.mark.parametrize("name", list(LOSSES))
def test_a_swap_of_the_battles_leaves_the_loss(name):
    raw, targets = raw_of(name, n=6, seed=3, dtype=torch.float32), Targets(Y, PLAIN)
    loss, weight = LOSSES[name](extra_weight=0.5)(raw, targets)
    swapped, same = LOSSES[name](extra_weight=0.5)(Raw(raw.second, raw.first), targets.swapped())
    assert torch.equal(loss, swapped)
    assert torch.equal(weight, same)
    wrong, _ = LOSSES[name]()(Raw(raw.second, raw.first), targets)
    assert (wrong[[0, 1, 3, 4]] != loss[[0, 1, 3, 4]]).all()


@pytest.mark.parametrize("name", list(LOSSES))
@pytest.mark.parametrize("spread", [1.0, 200.0, 3e4])
def test_gradients_are_finite_and_an_extra_tie_has_none(name, spread):
    raw = Raw(*(scores.requires_grad_() for scores in raw_of(name, spread=spread)))
    loss, weight = LOSSES[name](extra_weight=0.5)(raw, Targets(Y, PLAIN))
    (loss * weight).sum().backward()
    for scores in raw:
        assert torch.isfinite(scores.grad).all()
        assert (scores.grad[5] == 0).all()
        if spread == 1.0:
            assert (scores.grad[:5, :2] != 0).all()
            assert (scores.grad[3:, 2:] == 0).all()  # extra rows and ties


@pytest.mark.parametrize("name", list(LOSSES))
def test_gradients_are_those_of_the_losses(name):
    loss = LOSSES[name](extra_weight=0.5)

    def total(first, second):
        found, weight = loss(Raw(first, second), Targets(Y, PLAIN))
        return (found * weight).sum()

    scores = [part.requires_grad_() for part in raw_of(name)]
    assert torch.autograd.gradcheck(total, scores)


@pytest.mark.parametrize("name", list(LOSSES))
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_widened_before_anything_is_computed(name, dtype):
    raw = raw_of(name, dtype=dtype)
    loss, weight = LOSSES[name]()(raw, Targets(Y, PLAIN))
    wide, _ = LOSSES[name]()(Raw(*(part.float() for part in raw)), Targets(Y, PLAIN))
    assert loss.dtype == weight.dtype == torch.float32
    assert torch.equal(loss, wide)


def test_settings_name_each_loss_and_hand_their_values_on():
    assert {name for names in LOSSES_OF.values() for name in names} == set(LOSSES)
    for task, names in LOSSES_OF.items():
        for name in names:
            loss = loss_of(TowerSettings(task=task, loss=name, extra_weight=0.125))
            assert type(loss) is LOSSES[name]
            assert loss.extra_weight == 0.125
        assert type(loss_of(TowerSettings(task=task))) is LOSSES[names[0]]
    assert loss_of(TowerSettings(smoothing=0.1)).smoothing == 0.1
    assert loss_of(TowerSettings(loss="dpo", beta=0.1)).beta == 0.1


@pytest.mark.parametrize("name", list(LOSSES))
def test_no_battle(name):
    raw = raw_of(name)
    empty = Targets(Y[:0], PLAIN[:0])
    loss, weight = LOSSES[name]()(Raw(raw.first[:0], raw.second[:0]), empty)
    assert loss.shape == weight.shape == (0,)
