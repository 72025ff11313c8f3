"""Both sides of a battle as scores, by hand and under a swap."""

import pytest
import torch

from models.heads import MulticlassHead
from models.tower.fusion import Antisymmetric, Compare, Concat, Ranking, linear

A, B = torch.randn(2, 7, 5, generator=torch.Generator().manual_seed(0))


def made(kind):
    torch.manual_seed(1)
    fusion = {
        "concat": lambda: Concat(5, dual=True, dropout=0.0),
        "joint": lambda: Concat(5, dual=False, dropout=0.0),
        "compare": lambda: Compare(5, dropout=0.0),
        "antisymmetric": lambda: Antisymmetric(5, dropout=0.0),
        "ranking": lambda: Ranking(5, dropout=0.0),
    }[kind]()
    for weight in fusion.parameters():
        torch.nn.init.normal_(weight)  # biases too
    return fusion.eval()


KINDS = ("concat", "joint", "compare", "antisymmetric", "ranking")


@pytest.mark.parametrize("kind", KINDS)
def test_a_swap_swaps_the_orders_bit_for_bit(kind):
    fusion = made(kind)
    one, other = fusion(A, B), fusion(B, A)
    assert torch.equal(one.first, other.second)
    assert torch.equal(one.second, other.first)
    assert not torch.equal(one.first, one.second)


def test_scores_by_hand():
    fusion = made("concat")
    vector = torch.cat([B, A], dim=1)
    torch.testing.assert_close(
        fusion(A, B).second, vector @ fusion.classifier.weight.T + fusion.classifier.bias
    )
    fusion = made("joint")
    torch.testing.assert_close(
        fusion(A, B).first, A @ fusion.classifier.weight.T + fusion.classifier.bias
    )
    fusion = made("compare")
    vector = torch.cat([B, A, B - A, A * B], dim=1)
    torch.testing.assert_close(
        fusion(A, B).second, vector @ fusion.classifier.weight.T + fusion.classifier.bias
    )
    fusion = made("ranking")
    scores = [side @ fusion.score.weight.T + fusion.score.bias for side in (A, B)]
    torch.testing.assert_close(fusion(A, B).first, torch.cat(scores, dim=1))


def test_z_changes_its_sign_exactly_and_t_stays():
    fusion = made("antisymmetric").double()
    a, b = A.double(), B.double()
    found = [MulticlassHead().logits(*(raw.detach().numpy() for raw in pair)) for pair in (
        (fusion(a, b).first, fusion(a, b).second), (fusion(b, a).first, fusion(b, a).second),
    )]  # fmt: skip
    assert (found[0]["z"] == -found[1]["z"]).all()
    assert (found[0]["t"] == found[1]["t"]).all()
    d = a - b
    z = d @ fusion.direction.weight.T[:, 0]  # the bias is gone
    t = torch.cat([d.abs(), a * b], dim=1) @ fusion.tie.weight.T[:, 0] + fusion.tie.bias
    torch.testing.assert_close(torch.from_numpy(found[0]["z"]), z.detach())
    torch.testing.assert_close(torch.from_numpy(found[0]["t"]), t.detach())


@pytest.mark.parametrize("size", [1, 2, 7])
def test_antisymmetry_holds_within_the_network_while_it_drops(size):
    fusion = made("antisymmetric").train()
    fusion.dropout.p = 0.5
    raw = fusion(A[:size], B[:size])
    z = raw.first[:, 0] - raw.first[:, 1]
    assert torch.equal(z, -(raw.second[:, 0] - raw.second[:, 1]))
    assert torch.equal(raw.first[:, 2], raw.second[:, 2])


def test_equal_answers_have_no_direction():
    raw = made("antisymmetric")(A, A)
    assert torch.equal(raw.first[:, 0], raw.first[:, 1])


def test_a_score_does_not_know_the_other_answer():
    fusion = made("ranking")
    assert torch.equal(fusion(A, B).first[:, 0], fusion(A, A).first[:, 0])


def test_first_weights():
    torch.manual_seed(0)
    layer = linear(400, 300).requires_grad_(False)
    assert abs(float(layer.weight.std()) - 0.02) < 3e-4
    assert abs(float(layer.weight.mean())) < 3e-4
    assert float((layer.weight.abs() > 0.0347).float().mean()) > 0.05  # not uniform
    assert not layer.bias.any()
