"""Weights that are moved to where the loss is higher: how far, where, and back."""

import numpy as np
import pytest
import torch

from models.tower.errors import TowerError
from models.tower.network import Network
from models.tower.perturbation import Perturbation
from models.tower.training import Training
from models.tower.world import World
from tests.models.tower.backbones import Kept, Notes, material_of, state_of, trained_on

NONE = np.array([], dtype=np.intp)
ROWS = np.arange(16)


def weights_of(*values):
    found = []
    for value, gradient in values:
        weight = torch.nn.Parameter(torch.tensor(value))
        weight.grad = torch.tensor(gradient)
        found.append(weight)
    return found


def test_a_step_worked_out_by_hand():
    """A tensor of norm 5 along a gradient of norm 10: a tenth of 5, of which 0.6 and 0.8."""
    weights = weights_of(([3.0, -4.0], [6.0, 8.0]), ([[2.0]], [[-0.5]]))
    with Perturbation(weights, 0.1).moved() as moved:
        assert moved
        torch.testing.assert_close(weights[0].data, torch.tensor([3.3, -3.6]))
        torch.testing.assert_close(weights[1].data, torch.tensor([[1.8]]))  # each by its own norm
        for weight in weights:
            weight.grad.fill_(1.0)
    assert weights[0].tolist() == [3.0, -4.0]
    assert weights[0].grad.tolist() == [7.0, 9.0]  # both, added
    assert weights[1].grad.tolist() == [[0.5]]


def test_what_has_no_gradient_or_is_zero_stays():
    weights = weights_of(([3.0, -4.0], [0.0, 0.0]), ([0.0, 0.0], [1.0, 2.0]))
    with Perturbation(weights, 0.5).moved():
        assert weights[0].tolist() == [3.0, -4.0]
        assert weights[1].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("wrong", [float("inf"), float("nan")])
def test_a_gradient_that_is_not_finite_points_nowhere(wrong):
    weights = weights_of(([3.0, -4.0], [1.0, wrong]), ([1.0], [1.0]))
    with Perturbation(weights, 0.5).moved() as moved:
        assert not moved
        assert weights[1].tolist() == [1.0]
    assert weights[0].grad[0] == weights[1].grad[0] == 1.0


def test_an_error_leaves_the_weights_as_they_were():
    weights = weights_of(([0.1, -0.0], [1.0, 2.0]))
    before = weights[0].detach().clone()
    with pytest.raises(KeyError), Perturbation(weights, 0.5).moved():
        raise KeyError
    assert torch.equal(before.view(torch.int32), weights[0].data.view(torch.int32))


@pytest.fixture
def make(rows64, backbone_folder):
    def made(name="bert", notes=None, **given):
        material = material_of(backbone_folder(name), rows64[0], **given)
        training = Training(material, rows64[1], ROWS, NONE, Kept(), notes or Notes(), World())
        training.network.train()
        return training

    return made


def gradient_of(training):
    return torch.cat([weight.grad.reshape(-1) for weight in training._trained()])


@pytest.mark.parametrize("name", ["bert", "llama", "deberta-v2"])
@pytest.mark.parametrize("given", [{}, {"train_layers": 1}, {"dropout": 0.1}])
def test_the_loss_of_the_batch_is_higher_there(name, given, make, monkeypatch):
    """And the weights are what they were, each bit, after the gradient has been taken."""
    made = make(name, awp=1e-2, tokens=300, **given)
    losses, known = [], made.gradient._at_once

    def seen(rows):
        totals = known(rows)
        losses.append(float(totals[0]))
        return totals

    monkeypatch.setattr(made.gradient, "_at_once", seen)
    before = {key: own.clone() for key, own in made.network.state_dict().items()}
    loss, tokens = made.gradient(ROWS, 0)
    for key, own in made.network.state_dict().items():
        assert torch.equal(own.view(torch.int32), before[key].view(torch.int32)), key
    assert len(losses) == 2
    assert losses[1] > losses[0] + 1e-3
    assert loss == losses[0]  # what is told is the loss of the weights as they are
    assert tokens == make(name, tokens=300, **given).gradient(ROWS, 0)[1]  # each is told once


def test_the_gradient_is_that_of_both_places(make):
    made = make(awp=1e-2, dropout=0.1)
    made.gradient(ROWS, 0)
    found = gradient_of(made)
    plain = make(dropout=0.1)
    plain.gradient(ROWS, 0)
    own = gradient_of(plain)
    with torch.no_grad():
        for weight in plain._trained():
            length = weight.grad.norm()
            if length > 0:
                weight += 1e-2 * weight.norm() * weight.grad / length
    plain.gradient(ROWS, 0)
    torch.testing.assert_close(found, own + gradient_of(plain))
    assert not torch.allclose(found, 2 * own, atol=1e-4)


def test_it_begins_at_an_epoch(make, monkeypatch):
    made = make(awp=1e-2, awp_from=1, epochs=3, batch=8)
    asked, known = [], made.gradient.perturbation.moved
    monkeypatch.setattr(
        made.gradient.perturbation, "moved", lambda: asked.append(made.step) or known()
    )
    for _ in range(6):
        made._one_step(6)
    assert asked == [2, 3, 4, 5]


@pytest.mark.parametrize("call", [2, 4, 5])
def test_memory_that_runs_out_on_either_side_leaves_the_gradient(call, make, monkeypatch):
    """Of three micro-batches a pass: in the first pass, or in the second one."""
    found = []
    forward = Network.forward
    for fails in (0, call):
        calls = []

        def failing(self, batch, fails=fails, calls=calls):
            calls.append(1)
            if len(calls) == fails:
                raise torch.OutOfMemoryError("memory")
            return forward(self, batch)

        monkeypatch.setattr(Network, "forward", failing)
        notes = Notes()
        made = make(awp=1e-2, tokens=600, notes=notes)
        before = [weight.detach().clone() for weight in made._trained()]
        loss, _ = made.gradient(ROWS, 0)
        found.append((loss, gradient_of(made)))
        assert all(map(torch.equal, before, made._trained()))
        assert bool(notes.said) == bool(fails)
    assert found[0][0] == pytest.approx(found[1][0], abs=1e-5)
    torch.testing.assert_close(found[0][1], found[1][1], atol=1e-5, rtol=1e-3)


def test_a_battle_that_does_not_fit_at_the_second_pass_leaves_the_weights(make, monkeypatch):
    made = make(awp=1e-2)
    before = [weight.detach().clone() for weight in made._trained()]
    known = made.gradient._of_all
    calls = []

    def once(rows):
        calls.append(1)
        if len(calls) == 2:
            raise TowerError("does not fit")
        return known(rows)

    monkeypatch.setattr(made.gradient, "_of_all", once)
    with pytest.raises(TowerError, match="does not fit"):
        made.gradient(ROWS, 0)
    assert all(map(torch.equal, before, made._trained()))


def test_a_perturbed_training_is_another_and_learns(rows64, backbone_folder):
    found = []
    for given in ({}, {"awp": 1e-2}):
        notes = Notes()
        material = material_of(backbone_folder("bert"), rows64[0], epochs=4, **given)
        found.append(state_of(trained_on(material, rows64[1], watch=notes, epochs=4.0)))
        losses = [loss for _, _, loss in notes.losses]
        assert np.mean(losses[-8:]) < np.mean(losses[:8])
    assert any(not torch.equal(found[0][key], own) for key, own in found[1].items())
