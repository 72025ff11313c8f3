"""Soft labels against arithmetic by hand: shares, temperatures, rows that have none."""

import math

import numpy as np
import pytest
import torch

from models.tower.losses import LOSSES, Distilled, Raw, Targets, loss_of
from models.tower.settings import TowerSettings

Y = torch.tensor([0, 1, 2])
PLAIN = torch.ones(3, dtype=torch.bool)
SOFT = torch.tensor([[0.5, 0.25, 0.25]] * 3, dtype=torch.float64)


def raw_of(*scores):
    """Three battles of these logits, whose orders agree."""
    first = torch.tensor([scores] * 3, dtype=torch.float64)
    return Raw(first, first[:, [1, 0, 2]])


def away(raw, soft=SOFT, temperature=1.0, share=1.0, name="cross_entropy", plain=PLAIN):
    loss = Distilled(1.0, LOSSES[name](), share, temperature)
    return loss(raw, Targets(Y, plain, soft))[0]


def test_a_divergence_worked_out_by_hand():
    """Soft labels 1/2, 1/4, 1/4 against thirds; log(3) - 1.5 log(2) = 0.0589."""
    np.testing.assert_allclose(away(raw_of(0.0, 0.0, 0.0)), [0.0588915] * 3, rtol=1e-6)
    # The other way round it would be log(4 / 3) - log(2) / 3 = 0.0566.


def test_both_sides_are_flattened_by_the_temperature():
    """At 2 the soft labels are as 1.414 to 1 to 1, and no more as 2 to 1 to 1."""
    p = [math.sqrt(2) / (math.sqrt(2) + 2)] + [1 / (math.sqrt(2) + 2)] * 2
    expected = 4 * sum(own * math.log(3 * own) for own in p)  # times the square of 2
    assert expected == pytest.approx(0.0568824, rel=1e-5)
    found = away(raw_of(0.0, 0.0, 0.0), temperature=2.0)
    np.testing.assert_allclose(found, [expected] * 3, rtol=1e-12)
    for temperature in (0.5, 1.0, 4.0):  # the network that gave them has the smallest loss
        found = away(raw_of(math.log(2), 0.0, 0.0), temperature=temperature)
        np.testing.assert_allclose(found, 0.0, atol=1e-14)


@pytest.mark.parametrize("name", ["cross_entropy", "direction_tie", "dpo"])
def test_a_share_of_either_and_rows_without_soft_labels(name):
    raw = raw_of(1.0, -0.5, 0.2)
    own = LOSSES[name]()(raw, Targets(Y, PLAIN))[0]
    soft = SOFT.clone()
    soft[1] = torch.nan
    found = away(raw, soft, share=0.25, name=name)
    expected = 0.75 * own + 0.25 * away(raw, name=name)
    np.testing.assert_allclose(found[[0, 2]], expected[[0, 2]], rtol=1e-12)
    assert found[1] == own[1]
    assert torch.equal(away(raw, None, share=0.25, name=name), own)


def test_an_extra_row_keeps_its_loss():
    raw, plain = raw_of(1.0, -0.5, 0.2), torch.tensor([True, False, True])
    found = away(raw, plain=plain, share=0.5)
    own = LOSSES["cross_entropy"]()(raw, Targets(Y, plain))[0]
    assert found[1] == own[1]
    assert found[0] != own[0]


def test_each_order_has_soft_labels_of_its_own():
    """Those of B, A where the network reads B, A."""
    soft = torch.tensor([[0.7, 0.1, 0.2]] * 3, dtype=torch.float64)
    first = soft.log()
    assert away(Raw(first, first[:, [1, 0, 2]]), soft).abs().max() < 1e-15
    one_way = away(Raw(first, first), soft)
    np.testing.assert_allclose(one_way, 0.6 * math.log(7) / 2, rtol=1e-12)
    targets = Targets(Y, PLAIN, soft).swapped()
    assert targets.soft.tolist() == [[0.1, 0.7, 0.2]] * 3
    assert targets.y.tolist() == [1, 0, 2]
    assert torch.equal(targets.swapped().soft, soft)


def test_certain_soft_labels_and_rows_without_any_have_finite_gradients():
    soft = torch.tensor([[1.0, 0.0, 0.0], [torch.nan] * 3, [0.0, 0.0, 1.0]], dtype=torch.float64)
    scores = torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    scores.requires_grad_()

    def total(scores):
        loss = away(Raw(scores, scores[:, [1, 0, 2]]), soft, temperature=2.0, share=0.5)
        return loss.sum()

    assert torch.autograd.gradcheck(total, (scores,))
    total(scores).backward()
    assert torch.isfinite(scores.grad).all()


def test_settings_ask_for_it():
    assert loss_of(TowerSettings(loss="dpo", beta=2.0, distill=0.3, distill_temperature=3.0)) == (
        Distilled(1.0, LOSSES["dpo"](1.0, 2.0), 0.3, 3.0)
    )
    assert loss_of(TowerSettings(distill=0.3, extra_weight=0.5)).extra_weight == 0.5
    assert type(loss_of(TowerSettings())) is LOSSES["cross_entropy"]
