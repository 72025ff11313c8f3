"""Micro-batches: however a step is cut, its gradient is the same."""

import numpy as np
import pytest
import torch

from data.battles import make_battles
from models.tower.micro import batch_of, cut, share_of
from models.tower.training import Training
from models.tower.watch import Silent
from models.tower.world import World
from tests.models.tower.backbones import Kept, material_of

NONE = np.array([], dtype=np.intp)


@pytest.mark.parametrize("most", [1, 50, 200, 10**6])
def test_each_battle_stands_in_one_part_of_at_most_so_many_tokens(most):
    tokens = np.random.default_rng(0).integers(10, 120, 40)
    parts = cut(tokens, most)
    assert sorted(np.concatenate(parts).tolist()) == list(range(40))
    assert all(tokens[part].sum() <= most or len(part) == 1 for part in parts)
    if most == 10**6:
        assert len(parts) == 1
    firsts = [tokens[part].max() for part in parts]
    assert firsts == sorted(firsts, reverse=True)  # those of like length together


def test_nothing_is_cut_into_nothing():
    assert cut(np.array([], dtype=np.int64), 9) == []


@pytest.mark.parametrize("size", [1, 2, 3, 9])
def test_shares_of_processes_are_all_rows_once(size):
    rows = np.arange(7) * 3
    shares = [share_of(rows, rank, size) for rank in range(size)]
    assert sorted(np.concatenate(shares).tolist()) == rows.tolist()
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_a_batch_holds_each_sequence_once(backbone_folder):
    battles = make_battles(["p", "p", "q"], ["a", "b", "a"], ["b", "a", "a"])
    material = material_of(backbone_folder("bert"), battles, features=("words_sum",))
    batch = batch_of(material, np.array([1, 0]), material.numbers[[1, 0]])
    assert len(batch.packs.lengths) == 2  # p a, p b
    assert batch.first.tolist() == batch.second.tolist()[::-1]
    assert len(batch.given) == sum(batch.packs.lengths)
    assert batch.numbers.shape == (2, 2, 1)
    rows = batch.given.split(batch.packs.lengths)
    for side, numbers in (("first", 0), ("second", 1)):
        for at, row in zip(getattr(batch, side).tolist(), (1, 0), strict=True):
            piece = material.sequences.pieces[getattr(material.sequences, side)[row]]
            assert rows[at].tolist() == piece.tolist(), numbers


def gradient(material, y, rows, world=None):
    """Loss, tokens and gradient of one step."""
    training = Training(material, y, rows, NONE, Kept(), Silent(), world or World())
    training.network.train()
    loss, tokens = training.gradient(rows, 0)
    return loss, tokens, torch.cat([w.grad.reshape(-1) for w in training._trained()])


CASES = [
    ("bert", {}),
    ("bert", {"loss": "direction_tie", "fusion": "antisymmetric"}),
    ("modernbert", {"task": "ranking"}),
    ("llama", {"pooling": "last", "fusion": "compare"}),
    ("deberta-v2", {"smoothing": 0.1}),
    ("bert", {"train_layers": 1, "arrangement": "joint"}),
    ("bert", {"task": "ranking", "loss": "squared_error", "features": ("words_sum",)}),
]


@pytest.mark.parametrize(("name", "given"), CASES)
def test_any_cut_gives_one_steps_gradient(name, given, rows64, backbone_folder):
    battles, y = rows64
    battles = battles.iloc[:16].assign(source=["plain", "extra"] * 8)
    found = []
    for tokens in (10**6, 300, 1):
        material = material_of(
            backbone_folder(name), battles, tokens=tokens, extra_weight=0.7, **given
        )
        found.append(gradient(material, y[:16], np.arange(16)))
    for loss, tokens, own in found[1:]:
        assert loss == pytest.approx(found[0][0], abs=1e-5)
        assert tokens >= found[0][1]  # what battles share is read once a micro-batch
        torch.testing.assert_close(own, found[0][2], atol=1e-5, rtol=1e-4)
    assert float(found[0][2].abs().max()) > 1e-3


def test_a_step_is_divided_by_its_weights_and_extra_ties_are_nothing(rows64, backbone_folder):
    battles, _ = rows64
    y = np.array([0, 1, 2, 2, 0, 1], dtype=np.int8)
    battles = battles.iloc[:6].assign(source=["plain"] * 3 + ["extra"] * 3)
    material = material_of(backbone_folder("bert"), battles, extra_weight=0.5)
    alone = [gradient(material, y, np.array([row])) for row in range(6) if row != 3]
    weights = np.array([1, 1, 1, 0.5, 0.5])
    expected = sum(w * own for w, (_, _, own) in zip(weights, alone, strict=True)) / 4.0
    for rows in (np.array([0, 1, 2, 4, 5]), np.arange(6)):
        loss, _, found = gradient(material, y, rows)
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-4)
        assert loss == pytest.approx(
            np.average([loss for loss, _, _ in alone], weights=weights), abs=1e-6
        )
