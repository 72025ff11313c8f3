"""One vector a sequence, of its own tokens alone."""

import numpy as np
import pytest
import torch

from models.tower.attention import Packs
from models.tower.backbone import Backbone
from models.tower.network import Network
from models.tower.pooling import POOLINGS
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


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("name", ["bert", "deberta-v2", "llama"])
def test_padding_does_not_count(name, pooling):
    """A short sequence beside a long one has the vector that it has alone."""
    ids, packs = ids_of((2, 40, 5))
    network = Network(settings_of("x", pooling=pooling), Backbone.of(network_of(name), name)).eval()
    with torch.no_grad():
        together = network.vectors(ids, packs)
        for own, vector in zip(ids.split(packs.lengths), together, strict=True):
            alone = network.vectors(own, Packs.of([len(own)], own.device))[0]
            np.testing.assert_allclose(vector, alone, atol=1e-5)
