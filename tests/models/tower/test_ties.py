"""Ties by the formulas as they are printed, far from 0, and as what is learned."""

import math

import numpy as np
import pytest
import torch

from models.heads import MulticlassHead, probabilities
from models.tower.losses import LOSSES, Raw, Targets
from models.tower.ties import TIES, Davidson, RaoKupper

SCORES = torch.tensor([[0.0, 0.0], [1.5, -0.5], [-3.0, 2.0]], dtype=torch.float64)
MODELS = ("davidson", "rao_kupper")


def made(name, parameter=0.0, dtype=torch.float64):
    model = TIES[name]().to(dtype)
    with torch.no_grad():
        next(model.parameters()).fill_(parameter)
    return model


def printed(name, a, b, parameter):
    """Probabilities from worths of the two answers."""
    a, b = math.exp(a), math.exp(b)
    if name == "davidson":
        tie = math.exp(parameter) * math.sqrt(a * b)
        return [a / (a + b + tie), b / (a + b + tie), tie / (a + b + tie)]
    theta = 1 + math.exp(parameter)
    tie = a * b * (theta**2 - 1) / ((a + theta * b) * (b + theta * a))
    return [a / (a + theta * b), b / (b + theta * a), tie]


@pytest.mark.parametrize("parameter", [-1.0, 0.0, 0.7])
@pytest.mark.parametrize("name", MODELS)
def test_probabilities_are_the_printed_ones(name, parameter):
    found = made(name, parameter)(SCORES).softmax(dim=1).detach()
    expected = [printed(name, a, b, parameter) for a, b in SCORES.tolist()]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_figures_worked_out_by_hand():
    # Worths 4 and 1: nu = 2 gives a tie 2 * sqrt(4 * 1) = 4, of 4 + 1 + 4.
    scores = torch.tensor([[math.log(4.0), 0.0]], dtype=torch.float64)
    found = made("davidson", math.log(2.0))(scores).softmax(dim=1).detach()
    np.testing.assert_allclose(found, [[4 / 9, 1 / 9, 4 / 9]], rtol=1e-12)
    # theta = 2: 4 / (4 + 2), 1 / (1 + 8), and 3 * 4 / (6 * 9) is the rest.
    found = made("rao_kupper", 0.0)(scores).softmax(dim=1).detach()
    np.testing.assert_allclose(found, [[2 / 3, 1 / 9, 2 / 9]], rtol=1e-12)


def test_rao_kuppers_logits_are_logarithms_of_probabilities():
    logits = made("rao_kupper", 0.3)(SCORES)
    torch.testing.assert_close(logits.exp().sum(dim=1), torch.ones(3, dtype=torch.float64))


@pytest.mark.parametrize("name", MODELS)
def test_equal_answers_are_a_third_each_at_first(name):
    found = TIES[name]()(torch.tensor([[7.0, 7.0]])).softmax(dim=1)
    torch.testing.assert_close(found, torch.full((1, 3), 1 / 3))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", MODELS)
def test_a_swap_of_scores_is_a_swap_of_logits_bit_for_bit(name, dtype):
    scores = torch.randn(500, 2, generator=torch.Generator().manual_seed(0), dtype=dtype) * 4
    model = made(name, 0.37, dtype)
    one, other = model(scores).detach(), model(scores.flip(1)).detach()
    assert torch.equal(one, other[:, [1, 0, 2]])
    z, t = MulticlassHead().logits(one.double().numpy(), other.double().numpy()).values()
    mirrored, same = MulticlassHead().logits(other.double().numpy(), one.double().numpy()).values()
    np.testing.assert_array_equal(mirrored, -z)
    np.testing.assert_array_equal(same, t)


@pytest.mark.parametrize("parameter", [-80.0, 0.0, 80.0, 500.0])
@pytest.mark.parametrize("name", MODELS)
def test_far_from_0_logits_and_gradients_are_finite(name, parameter):
    scores = torch.tensor([[0.0, 0.0], [300.0, -300.0], [-1e4, 1e4]], requires_grad=True)
    model = made(name, parameter, torch.float32)
    logits = model(scores)
    logits.sum().backward()
    assert torch.isfinite(logits).all()
    assert torch.isfinite(scores.grad).all()
    assert all(torch.isfinite(weight.grad).all() for weight in model.parameters())


def test_a_theta_close_to_1_keeps_its_few_ties():
    """Written with ``1 - p_A - p_B``, or with ``theta ** 2 - 1``, none would be left."""
    logits = made("rao_kupper", -60.0)(torch.zeros(1, 2, dtype=torch.float64))
    # (theta - 1) * (theta + 1) / 4, with theta + 1 = 2
    assert float(logits[0, 2].detach()) == pytest.approx(-60.0 - math.log(2.0), rel=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_the_parameter_is_learned_from_the_share_of_ties(name):
    """Of equal answers a tie has nu / (2 + nu), or (theta - 1) / (theta + 1): here one half."""
    model = made(name)
    y = torch.tensor([0, 1, 2, 2])
    optimiser = torch.optim.Adam(model.parameters(), lr=0.1)
    for _ in range(300):
        optimiser.zero_grad()
        logits = model(torch.zeros(4, 2, dtype=torch.float64))
        targets = Targets(y, torch.ones(4, dtype=torch.bool))
        loss = LOSSES["cross_entropy"]()(Raw(logits, logits), targets)[0].mean()
        loss.backward()
        optimiser.step()
    learned = next(model.parameters()).detach().exp()  # nu, and theta - 1
    assert float(learned) == pytest.approx(2.0, rel=1e-3)


def test_logits_as_a_tower_reads_them():
    for model in (Davidson(), RaoKupper()):
        logits = model.double()(SCORES).detach()
        swapped = logits[:, [1, 0, 2]]
        told = MulticlassHead().logits(logits.numpy(), swapped.numpy())
        np.testing.assert_allclose(
            probabilities(told["z"], told["t"]), logits.softmax(dim=1), rtol=1e-12
        )
