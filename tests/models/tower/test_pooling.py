"""One vector a sequence, of its own tokens alone."""

import numpy as np
import pytest
import torch

from models.tower.attention import Packs
from models.tower.backbone import Backbone
from models.tower.network import Network
from models.tower.pooling import POOLINGS, Attention, pooling_of
from tests.models.tower.backbones import ids_of, network_of, settings_of

STATES = torch.arange(24, dtype=torch.float32).reshape(8, 3) ** 2
PACKS = Packs.of([3, 1, 4], torch.device("cpu"))
EXPECTED = {
    "mean": [STATES[:3].mean(0), STATES[3], STATES[4:].mean(0)],
    "cls": [STATES[0], STATES[3], STATES[4]],
    "last": [STATES[2], STATES[3], STATES[7]],
}


@pytest.mark.parametrize("name", POOLINGS)
def test_vectors_by_hand(name):
    torch.testing.assert_close(POOLINGS[name](STATES, PACKS), torch.stack(EXPECTED[name]))


def attention(width=3):
    """With weights far from 0, so that it is far from a mean."""
    torch.manual_seed(0)
    made = Attention(width).requires_grad_(False)
    for weight in made.parameters():
        torch.nn.init.normal_(weight)
    return made


def test_attention_by_hand():
    made, states = attention(), torch.randn(8, 3, generator=torch.Generator().manual_seed(1))
    expected = []
    for own in states.split(PACKS.lengths):
        scores = [
            float(made.score.weight[0] @ torch.tanh(made.hidden.weight @ state + made.hidden.bias))
            for state in own
        ]
        weights = np.exp(scores) / np.exp(scores).sum()  # of this sequence alone
        expected.append(weights @ own.numpy())
    found = made(states, PACKS)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert not np.allclose(found, POOLINGS["mean"](states, PACKS), atol=0.05)


def test_attention_begins_as_a_mean_and_gives_one_token_its_own_state():
    states = torch.randn(8, 3, generator=torch.Generator().manual_seed(1))
    torch.manual_seed(0)
    torch.testing.assert_close(
        Attention(3)(states, PACKS), POOLINGS["mean"](states, PACKS), atol=0.01, rtol=0.01
    )
    torch.testing.assert_close(attention()(states, PACKS)[1], states[3])


def test_large_scores_do_not_overflow():
    made = attention()
    made.score.weight.mul_(1e4)
    assert torch.isfinite(made(STATES, PACKS)).all()


def test_poolings_by_name():
    assert isinstance(pooling_of("attention", 3), Attention)
    assert pooling_of("last", 3) is POOLINGS["last"]


@pytest.mark.parametrize("lstm", [0, 6])
@pytest.mark.parametrize("pooling", [*POOLINGS, "attention"])
@pytest.mark.parametrize("name", ["bert", "deberta-v2", "llama"])
def test_padding_does_not_count(name, pooling, lstm):
    """A short sequence beside a long one has the vector that it has alone."""
    ids, packs = ids_of((2, 40, 5))
    settings = settings_of("x", pooling=pooling, lstm=lstm)
    network = Network(settings, Backbone.of(network_of(name), name)).eval()
    with torch.no_grad():
        together = network.vectors(ids, packs)
        for own, vector in zip(ids.split(packs.lengths), together, strict=True):
            alone = network.vectors(own, Packs.of([len(own)], own.device))[0]
            np.testing.assert_allclose(vector, alone, atol=1e-5)
