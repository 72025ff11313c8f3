"""Both sides of a battle as scores, by hand and under a swap."""

import pytest
import torch

from models.heads import MulticlassHead
from models.tower.finish import Finish
from models.tower.fusion import Antisymmetric, Compare, Concat, Ranking

A, B = torch.randn(2, 7, 5, generator=torch.Generator().manual_seed(0))


def made(kind, **finish):
    torch.manual_seed(1)
    finish = Finish(**finish)
    fusion = {
        "concat": lambda: Concat(5, finish, dual=True),
        "joint": lambda: Concat(5, finish, dual=False),
        "compare": lambda: Compare(5, finish),
        "antisymmetric": lambda: Antisymmetric(5, finish),
        "ranking": lambda: Ranking(5, finish),
    }[kind]()
    for weight in fusion.parameters():
        torch.nn.init.normal_(weight)  # biases too
    return fusion.eval()


KINDS = ("concat", "joint", "compare", "antisymmetric", "ranking")
FINISHES = (
    {},
    {"norm": True, "temperature": 0.7},
    {"ties": "davidson"},
    {"ties": "rao_kupper", "norm": True},
)


@pytest.mark.parametrize("finish", FINISHES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_swap_swaps_the_orders_bit_for_bit(kind, finish):
    fusion = made(kind, **finish)
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


@pytest.mark.parametrize("finish", FINISHES)
@pytest.mark.parametrize("size", [1, 2, 7])
def test_antisymmetry_holds_within_the_network_while_it_drops(size, finish):
    fusion = made("antisymmetric", dropout=0.5, **finish).train()
    raw = fusion(A[:size], B[:size])
    z = raw.first[:, 0] - raw.first[:, 1]
    assert torch.equal(z, -(raw.second[:, 0] - raw.second[:, 1]))
    assert torch.equal(raw.first[:, 2], raw.second[:, 2])


@pytest.mark.parametrize("ties", ["free", "davidson"])
def test_an_antisymmetric_direction_is_that_of_the_finished_difference(ties):
    fusion = made("antisymmetric", norm=True, temperature=0.7, ties=ties).double()
    a, b = A.double(), B.double()
    centred = (a - b) - (a - b).mean(dim=1, keepdim=True)
    normed = centred / (centred.square().mean(dim=1, keepdim=True) + 1e-5).sqrt()
    z = normed * fusion.before.norm.weight / 0.7 @ fusion.direction.weight[0]
    first = fusion(a, b).first
    torch.testing.assert_close(first[:, 0] - first[:, 1], z)
    if ties == "davidson":
        torch.testing.assert_close(first[:, 2], fusion.ties.log_nu.double().expand(7))


@pytest.mark.parametrize("kind", ["concat", "joint", "compare", "ranking"])
def test_ties_follow_from_the_scores_of_both_answers(kind):
    fusion = made(kind, ties="davidson")
    assert "classifier.weight" not in fusion.state_dict() or len(fusion.classifier.weight) == 2
    for scores in fusion(A, B):
        expected = fusion.ties.log_nu + scores[:, :2].mean(dim=1)
        torch.testing.assert_close(scores[:, 2], expected)


def test_what_a_vector_goes_through_lies_before_the_classifier():
    fusion = made("concat", dense=3, temperature=0.5)
    dense, classifier = fusion.before.dense, fusion.classifier
    assert (tuple(dense.weight.shape), tuple(classifier.weight.shape)) == ((3, 10), (3, 3))
    fused = torch.cat([A, B], dim=1) @ dense.weight.T + dense.bias
    # The vector is divided, and not the logits: the bias stays as it is.
    expected = 2.0 * fused @ classifier.weight.T + classifier.bias
    torch.testing.assert_close(fusion(A, B).first, expected)


def test_equal_answers_have_no_direction():
    raw = made("antisymmetric")(A, A)
    assert torch.equal(raw.first[:, 0], raw.first[:, 1])


def test_a_score_does_not_know_the_other_answer():
    fusion = made("ranking")
    assert torch.equal(fusion(A, B).first[:, 0], fusion(A, A).first[:, 0])
