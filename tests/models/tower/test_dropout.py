"""What is dropped: as often as asked for, told by torch's seed, with its gradient."""

import pytest
import torch
from torch import nn

from models.tower import attention
from models.tower.attention import Packs, attend
from models.tower.dropout import Dropout, dropped, take_over

ODD = 100_003  # no multiple of what is drawn at once


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_share_and_mean(share):
    torch.manual_seed(0)
    found = dropped(torch.ones(ODD), share)
    assert float((found == 0).float().mean()) == pytest.approx(share, abs=0.006)
    assert float(found.max()) == pytest.approx(1 / (1 - share), rel=1e-3)
    assert float(found.double().mean()) == pytest.approx(1.0, abs=0.03)


def test_neighbours_are_dropped_independently():
    torch.manual_seed(0)
    gone = (dropped(torch.ones(ODD), 0.5) == 0).float()
    for away in (1, 2, 3, 4, 8):
        both = float((gone[:-away] * gone[away:]).mean())
        assert both == pytest.approx(0.25, abs=0.01)


def test_torchs_seed_says_what_is_dropped():
    states = torch.randn(64, 33)
    torch.manual_seed(1)
    first, second = dropped(states, 0.3), dropped(states, 0.3)
    torch.manual_seed(1)
    assert torch.equal(dropped(states, 0.3), first)
    assert not torch.equal(first, second)


def test_the_gradient_is_that_of_what_was_kept():
    states = torch.randn(64, 33, requires_grad=True)
    found = dropped(states, 0.25)
    found.sum().backward()
    assert torch.equal(states.grad == 0, found == 0)
    torch.testing.assert_close(states.grad[found != 0], torch.full_like(found, 4 / 3)[found != 0])


def test_nothing_is_dropped_where_nothing_is_trained():
    states = torch.randn(8, 4)
    layer = Dropout(0.5)
    assert not torch.equal(layer(states), states)
    assert torch.equal(layer.eval()(states), states)
    assert torch.equal(dropped(states, 0.0), states)


def test_it_takes_the_place_of_torchs():
    network = nn.Sequential(nn.Dropout(0.2), nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.3)))
    take_over(network)
    found = [own for own in network.modules() if isinstance(own, nn.Dropout)]
    assert [type(own) for own in found] == [Dropout, Dropout]
    assert [own.p for own in found] == [0.2, 0.3]


@pytest.mark.parametrize("window", [None, 3])
@pytest.mark.parametrize("scaling", [None, 0.3])
def test_attention_with_dropout_is_attention(monkeypatch, window, scaling):
    torch.manual_seed(0)
    given = [torch.randn(1, 2, 16, 8) for _ in range(3)]
    packs = Packs.of([5, 11], torch.device("cpu"))
    called = {"packs": packs, "scaling": scaling, "sliding_window": window}
    wanted, _ = attend(nn.Identity(), *given, **called)
    some, _ = attend(nn.Identity(), *given, **called, dropout=0.5)
    assert not torch.allclose(some, wanted, atol=1e-2)
    monkeypatch.setattr(attention, "dropped", lambda states, share: states)
    found, _ = attend(nn.Identity(), *given, **called, dropout=0.5)
    torch.testing.assert_close(found, wanted, atol=1e-6, rtol=1e-5)


def test_attention_drops_weights_and_not_states():
    torch.manual_seed(0)
    query, key = (torch.randn(1, 2, 40, 8) for _ in range(2))
    value = torch.ones(1, 2, 40, 8)
    packs = Packs.of([40], torch.device("cpu"))
    found, _ = attend(nn.Identity(), query, key, value, packs=packs, dropout=0.3)
    assert found.shape == (1, 40, 2, 8)
    assert (found > 0.2).all()  # a mean of what is kept, none of it gone as a whole
    assert float(found.mean()) == pytest.approx(1.0, abs=0.1)
    assert float(found.std()) > 0.05
