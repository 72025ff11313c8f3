"""Packed attention against transformers' own, which is given a mask, a sequence at a time."""

import pytest
import torch

from models.tower import attention
from models.tower.attention import Packs, attend
from models.tower.backbone import Backbone
from tests.models.tower.backbones import ARCHITECTURES, ids_of, network_of

LENGTHS = (23, 7, 40, 1, 12)  # more and fewer than the windows of 4 and 5 tokens to each side
PACKED = ("bert", "roberta", "distilbert", "modernbert", "llama", "mistral")


def alone(name, ids, packs):
    """States of each sequence by itself, by the plainest attention that there is."""
    network = network_of(name)
    network.set_attn_implementation("eager")
    with torch.no_grad():
        return [network(own[None]).last_hidden_state[0] for own in ids.split(packs.lengths)]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_sequences_one_after_the_other_get_the_states_that_each_has_alone(name):
    ids, packs = ids_of(LENGTHS)
    backbone = Backbone.of(network_of(name), name)
    assert backbone.packed == (name in PACKED)
    with torch.no_grad():
        found = backbone(ids, packs)
    torch.testing.assert_close(found, torch.cat(alone(name, ids, packs)), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_neighbours_change_nothing(name):
    ids, packs = ids_of(LENGTHS)
    others, _ = ids_of(LENGTHS, seed=1)
    rows = [*others.split(packs.lengths)]
    rows[2] = ids.split(packs.lengths)[2]
    backbone = Backbone.of(network_of(name), name)
    with torch.no_grad():
        one, other = (
            backbone(given, packs).split(packs.lengths) for given in (ids, torch.cat(rows))
        )
    torch.testing.assert_close(one[2], other[2], atol=1e-5, rtol=1e-5)
    assert not torch.allclose(one[0], other[0], atol=1e-2)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_gradient_is_that_of_single_sequences(name):
    ids, packs = ids_of((9, 3, 17))
    gradients = []
    for packed in (True, False):
        backbone = Backbone.of(network_of(name), name)
        if packed:
            states = backbone(ids, packs)
        else:
            rows = ids.split(packs.lengths)
            states = torch.cat([backbone(own, Packs.of([len(own)], ids.device)) for own in rows])
        states.square().mean().backward()
        gradients.append(torch.cat([w.grad.reshape(-1) for w in backbone.parameters()]))
    torch.testing.assert_close(*gradients, atol=1e-5, rtol=1e-4)


def test_a_window_reaches_as_far_as_it_says():
    """Of one-hot values each output tells which places a token saw."""
    n = 9
    query = torch.zeros(1, 1, n, n)
    value = torch.eye(n)[None, None]
    places = torch.arange(n)
    away = places[:, None] - places[None, :]
    for causal in (False, True):
        module = torch.nn.Module()
        module.is_causal = causal
        for width in (None, 1, 3, n - 1, n, 50):
            found, _ = attend(
                module, query, query, value, packs=Packs.of([n], query.device), sliding_window=width
            )
            near = torch.ones(n, n, dtype=torch.bool) if width is None else away.abs() < width
            expected = near & (away >= 0) if causal else near
            assert torch.equal(found[0, :, 0] > 0, expected), (causal, width)


def test_dropout_and_scale_are_passed_on():
    packs = Packs.of([6, 5], torch.device("cpu"))
    generator = torch.Generator().manual_seed(0)
    q, k, v = torch.randn(3, 1, 2, 11, 4, generator=generator)
    module = torch.nn.Module()
    plain = attend(module, q, k, v, packs=packs)[0]
    assert not torch.allclose(plain, attend(module, q, k, v, packs=packs, scaling=3.0)[0])
    torch.manual_seed(0)
    dropped = attend(module, q, k, v, packs=packs, dropout=0.5)[0]
    assert not torch.allclose(plain, dropped)
    weights = (q[:, :, :6] @ k[:, :, :6].transpose(2, 3) / 2.0).softmax(-1)
    expected = (weights @ v[:, :, :6]).transpose(1, 2)
    torch.testing.assert_close(plain[:, :6], expected)


def test_packs_tell_where_sequences_lie():
    packs = Packs.of([3, 1, 4], torch.device("cpu"))
    assert packs.lengths == (3, 1, 4)
    assert packs.bounds.tolist() == [0, 3, 4, 8]
    assert packs.bounds.dtype == torch.int32


def without_groups(q, k, v, bounds, _bounds, _longest, _longest_key, *, scale, window_size):
    """torch's kernel as it was before it knew grouped heads."""
    assert q.shape[1] == k.shape[1]
    assert window_size[1] in (0, window_size[0])
    parts = (tensor.split(bounds.diff().tolist()) for tensor in (q, k, v))
    rows = [[own.transpose(0, 1) for own in part] for part in zip(*parts, strict=True)]
    found = [
        torch.nn.functional.scaled_dot_product_attention(
            *row, scale=scale, is_causal=window_size[1] == 0
        )
        for row in rows
    ]
    return torch.cat([own.transpose(0, 1) for own in found])


def with_groups(q, k, v, *places, scale, window_size, enable_gqa=False):
    """The same as it is since."""
    if enable_gqa:
        k, v = (own.repeat_interleave(q.shape[1] // own.shape[1], dim=1) for own in (k, v))
    return without_groups(q, k, v, *places, scale=scale, window_size=window_size)


@pytest.mark.parametrize("known", [without_groups, with_groups])
@pytest.mark.parametrize("heads", [4, 2])
@pytest.mark.parametrize("causal", [False, True])
def test_a_kernel_with_and_without_grouped_heads_gives_the_same(monkeypatch, known, heads, causal):
    generator = torch.Generator().manual_seed(0)
    packs = Packs.of([5, 1, 9], torch.device("cpu"))
    q, k, v = (torch.randn(1, n, 15, 8, generator=generator) for n in (4, heads, heads))
    module = torch.nn.Module()
    module.is_causal = causal
    wanted, _ = attend(module, q, k, v, packs=packs)
    monkeypatch.setattr(attention, "kernel", lambda: known)
    found = attention._on_card(q, k, v, packs, None, causal, None)
    torch.testing.assert_close(found, wanted, atol=1e-6, rtol=1e-5)
