"""The linear layers that a tower's head is made of."""

from torch import nn

SPREAD = 0.02  # standard deviation of the first weights


def linear(inputs: int, outputs: int) -> nn.Linear:
    """Return a linear layer with weights from N(0, 0.02) and a bias of 0."""
    layer = nn.Linear(inputs, outputs)
    nn.init.normal_(layer.weight, std=SPREAD)
    nn.init.zeros_(layer.bias)
    return layer
