"""What a vector goes through before the classifier: order, widths, defaults."""

import pytest
import torch

from models.tower.finish import Before, Finish
from models.tower.settings import TowerSettings

X = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))


def test_by_default_nothing_happens():
    before = Before(4, Finish())
    assert torch.equal(before.train()(X), X)
    assert not before.state_dict()
    assert before.width == 4


def test_the_order_is_dense_norm_dropout_temperature():
    torch.manual_seed(0)
    before = Before(4, Finish(dense=3, norm=True, dropout=0.5, temperature=0.25))
    with torch.no_grad():
        before.norm.weight.normal_()
        before.norm.bias.normal_()
    dense = X @ before.dense.weight.T + before.dense.bias  # no activation: half of it is negative
    centred = dense - dense.mean(dim=1, keepdim=True)
    normed = centred / (centred.square().mean(dim=1, keepdim=True) + 1e-5).sqrt()
    normed = normed * before.norm.weight + before.norm.bias
    torch.testing.assert_close(before.eval()(X), normed * 4.0)
    torch.manual_seed(3)
    found = before.train()(X)
    kept = found != 0.0  # a norm after the dropout would leave none of them 0
    assert 0 < int(kept.sum()) < found.numel()
    torch.testing.assert_close(found[kept], (normed * 4.0 * 2.0)[kept])


def test_an_odd_one_changes_its_sign_with_the_vector():
    torch.manual_seed(0)
    before = Before(4, Finish(norm=True, temperature=0.7), odd=True)
    torch.nn.init.normal_(before.norm.weight)
    assert torch.equal(before(-X), -before(X))
    assert before.norm.bias is None


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, 0.0),
        ({"dropout": 0.1}, 0.1),
        ({"dropout": 0.1, "head_dropout": 0.0}, 0.0),
        ({"dropout": "own", "head_dropout": 0.5}, 0.5),
    ],
)
def test_dropout_of_the_head_is_that_of_the_backbone_unless_one_is_given(given, expected):
    assert Finish.of(TowerSettings(**given)).dropout == expected


def test_settings_are_read():
    given = {"dense": 8, "head_norm": True, "temperature": 0.85, "ties": "davidson"}
    assert Finish.of(TowerSettings(**given)) == Finish(8, True, 0.0, 0.85, "davidson")


def test_a_classifier_has_no_logit_of_a_tie_that_follows_from_scores():
    found = {ties: Finish(ties=ties).n_logits for ties in ("free", "davidson", "rao_kupper")}
    assert found == {"free": 3, "davidson": 2, "rao_kupper": 2}
