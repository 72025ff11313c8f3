"""First weights of the head's layers."""

import torch

from models.tower.linear import linear


def test_first_weights():
    torch.manual_seed(0)
    layer = linear(400, 300).requires_grad_(False)
    assert abs(float(layer.weight.std()) - 0.02) < 3e-4
    assert abs(float(layer.weight.mean())) < 3e-4
    assert float((layer.weight.abs() > 0.0347).float().mean()) > 0.05  # not uniform
    assert not layer.bias.any()
