"""The LSTM reads each sequence alone, in both directions."""

import torch

from models.tower.attention import Packs
from models.tower.recurrent import Recurrent

LENGTHS = [3, 1, 6]
STATES = torch.randn(10, 4, generator=torch.Generator().manual_seed(0))
PACKS = Packs.of(LENGTHS, torch.device("cpu"))


def made():
    torch.manual_seed(0)
    return Recurrent(4, 5).requires_grad_(False)


def direction(lstm, states, end=""):
    """One direction by the formulas, gates i, f, g, o; PyTorch's documentation of LSTM."""
    h, c, found = torch.zeros(5), torch.zeros(5), []
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    w, u, b, d = (getattr(lstm, name + end) for name in names)
    for state in states:
        i, f, g, o = (w @ state + b + u @ h + d).split(5)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        found.append(h)
    return torch.stack(found)


def test_states_are_those_of_the_formulas_sequence_by_sequence():
    recurrent = made()
    found = recurrent(STATES, PACKS)
    assert found.shape == (10, recurrent.width) == (10, 10)
    expected = []
    for own in STATES.split(LENGTHS):
        there = direction(recurrent.lstm, own)
        back = direction(recurrent.lstm, own.flip(0), "_reverse").flip(0)
        expected.append(torch.cat([there, back], dim=1))
    torch.testing.assert_close(found, torch.cat(expected))


def test_no_sequence_sees_another_one():
    changed = STATES.clone()
    changed[4:] += 1.0  # the last and longest, which the others would be filled up to
    one, other = (made()(states, PACKS) for states in (STATES, changed))
    assert torch.equal(one[:4], other[:4])
    assert not torch.equal(one[4], other[4])


def test_every_token_of_a_sequence_counts_in_each_of_its_states():
    states = STATES.clone().requires_grad_()
    made()(states, PACKS)[4].sum().backward()  # the first of six
    assert (states.grad[4:] != 0).all()
    assert not states.grad[:4].any()
