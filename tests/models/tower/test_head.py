"""What stands on the backbone, numeric features included."""

import pytest
import torch

from models.tower.attention import Packs
from models.tower.head import Head
from tests.models.tower.backbones import settings_of

A, B = torch.randn(2, 6, 8, generator=torch.Generator().manual_seed(0))
NUMBERS = torch.randn(6, 2, 2, generator=torch.Generator().manual_seed(1))
FEATURES = {"features": ("characters_sum", "words_sum"), "features_width": 4}
WIDTHS = [  # of the layers on top
    ({}, {"fusion.classifier": (3, 24)}),
    ({"fusion": "compare"}, {"fusion.classifier": (3, 48)}),
    ({"fusion": "antisymmetric"}, {"fusion.direction": (1, 12), "fusion.tie": (1, 24)}),
    ({"task": "ranking"}, {"fusion.score": (1, 12)}),
    ({"arrangement": "joint"}, {"fusion.classifier": (3, 16)}),
    ({"dense": 5}, {"fusion.before.dense": (5, 24), "fusion.classifier": (3, 5)}),
    ({"head_norm": True}, {"fusion.before.norm": (24,), "fusion.classifier": (3, 24)}),
    ({"ties": "davidson"}, {"fusion.classifier": (2, 24)}),
    ({"task": "ranking", "ties": "rao_kupper"}, {"fusion.score": (1, 12)}),
    ({"fusion": "antisymmetric", "ties": "davidson"}, {"fusion.direction": (1, 12)}),
]
KINDS = [given for given, _ in WIDTHS]


def head_of(**given):
    torch.manual_seed(0)
    return Head(settings_of("x", **given), 8).eval()


@pytest.mark.parametrize(("given", "widths"), WIDTHS)
def test_layers_have_the_widths_of_what_joins(given, widths):
    modules = dict(head_of(**given, **FEATURES).named_modules())
    assert {key: tuple(modules[key].weight.shape) for key in widths} == widths


@pytest.mark.parametrize("given", KINDS)
def test_a_swap_of_texts_and_numbers_swaps_the_orders(given):
    head = head_of(**given, **FEATURES)
    one, other = head(A, B, NUMBERS), head(B, A, NUMBERS.flip(1))
    assert torch.equal(one.first, other.second)
    assert torch.equal(one.second, other.first)


@pytest.mark.parametrize("given", KINDS)
def test_numbers_of_both_answers_count(given):
    head = head_of(**given, **FEATURES)
    usual = head(A, B, NUMBERS).first
    for side in (0, 1):
        changed = NUMBERS.clone()
        changed[:, side] += 1.0
        assert not torch.equal(head(A, B, changed).first, usual)


def test_both_sides_share_one_layer():
    head = head_of(**FEATURES)
    assert [tuple(weight.shape) for weight in head.dense.parameters()] == [(4, 2), (4,)]
    same = NUMBERS[:, :1].expand(-1, 2, -1)
    raw = head(A, A, same)
    assert torch.equal(raw.first, raw.second)


def test_no_numbers_no_layer():
    head = head_of()
    assert head.dense is None
    assert torch.isfinite(head(A, B, NUMBERS[:, :, :0]).first).all()


@pytest.mark.parametrize(("given", "width"), [({}, 8), ({"lstm": 5}, 10)])
@pytest.mark.parametrize("pooling", ["mean", "attention"])
def test_states_become_vectors_that_the_fusion_takes(given, width, pooling):
    head, packs = head_of(pooling=pooling, **given), Packs.of([4, 2], A.device)
    vectors = head.vectors(A, packs)
    assert vectors.shape == (2, width)
    assert head.width == width
    assert head.fusion.classifier.weight.shape == (3, 2 * width)
    assert torch.isfinite(head(vectors, vectors, NUMBERS[:2, :, :0]).first).all()
    if not given:
        expected = torch.stack([A[:4].mean(0), A[4:].mean(0)])
        assert torch.allclose(vectors, expected, atol=1e-7) is (pooling == "mean")


def test_attention_reads_what_the_lstm_gives():
    head, packs = head_of(pooling="attention", lstm=5), Packs.of([4, 2], A.device)
    expected = head.pooling(head.recurrent(A, packs), packs)
    assert torch.equal(head.vectors(A, packs), expected)


def test_dropout_lies_before_the_classifier():
    head = head_of(dropout=0.5).train()
    torch.manual_seed(0)
    raw = head(A, B, NUMBERS)
    assert not torch.equal(raw.first, head.eval()(A, B, NUMBERS).first)
    assert head_of(dropout="own").train().fusion.before.dropout.p == 0.0
