"""Rates by layer and by step, and what decays."""

import math

import pytest
import torch

from models.tower.backbone import Backbone
from models.tower.network import Network
from models.tower.optimiser import clip_gradient, depth, make_optimiser, schedule, set_rates
from models.tower.settings import TowerSettings
from tests.models.tower.backbones import ARCHITECTURES, network_of, settings_of


def made(name="bert", train_layers="all", **given):
    settings = settings_of("x", **given)
    network = Network(
        settings, Backbone.of(network_of(name), name).parted(train_layers, name).upper
    )
    return network, make_optimiser(network, settings)


def groups(network, optimiser):
    """Rate and decay of each weight, by its name."""
    names = {id(weight): name for name, weight in network.named_parameters()}
    return {
        names[id(weight)]: (group["lr"], group["weight_decay"])
        for group in optimiser.param_groups
        for weight in group["params"]
    }


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_rate_falls_layer_for_layer(name):
    found = groups(*made(name, learning_rate=1.0, layer_decay=0.5))
    for key, (rate, _) in found.items():
        if key.startswith("head."):
            assert rate == 1.0, key
        elif ".0." in key.replace("Norm.0", "") and "embed" not in key:
            assert rate == 0.5, key
        elif ".1." in key:
            assert rate == 1.0, key
        elif "embed" in key:
            assert rate == 0.25, key
    assert {rate for rate, _ in found.values()} == {1.0, 0.5, 0.25}


def test_in_a_part_the_rate_is_counted_from_the_same_top():
    whole = groups(*made(learning_rate=1.0, layer_decay=0.5))
    part = groups(*made(train_layers=1, learning_rate=1.0, layer_decay=0.5))
    assert {rate for rate, _ in part.values()} == {1.0}
    assert len(part) < len(whole)
    both = groups(*made(train_layers=2, learning_rate=1.0, layer_decay=0.5))
    assert {rate for rate, _ in both.values()} == {1.0, 0.5}


def test_biases_and_norms_do_not_decay():
    for key, (_, decay) in groups(*made("deberta-v2", weight_decay=0.1)).items():
        plain = key.endswith("bias") or "norm" in key.lower()
        assert decay == (0.0 if plain else 0.1), key


def test_a_head_has_its_own_rate_where_it_is_given_one():
    given = {"pooling": "attention", "lstm": 4, "head_norm": True, "ties": "davidson"}
    found = groups(*made(learning_rate=1.0, head_learning_rate=7.0, **given))
    heads = {key.split(".")[1] for key in found if key.startswith("head.")}
    assert heads == {"pooling", "recurrent", "fusion"}
    assert {rate for key, (rate, _) in found.items() if key.startswith("head.")} == {7.0}
    assert found["head.fusion.ties.log_nu"] == (7.0, 0.0)
    assert {rate for key, (rate, _) in found.items() if not key.startswith("head.")} == {1.0}


@pytest.mark.parametrize(
    ("optimiser", "kind", "epsilon"),
    [("adamw", torch.optim.AdamW, 1e-8), ("adam", torch.optim.Adam, 1e-7)],
)
def test_kinds(optimiser, kind, epsilon):
    _, found = made(optimiser=optimiser)
    assert type(found) is kind
    assert found.defaults["eps"] == epsilon


@pytest.mark.parametrize("steps", [1, 7, 40])
def test_schedules_by_hand(steps):
    for warm_up in (0.0, 0.3, 1.0):
        rising = round(warm_up * steps)
        for name in ("linear", "cosine", "constant"):
            rate = schedule(TowerSettings(schedule=name, warm_up=warm_up), steps)
            for step in range(steps):
                if step < rising:
                    expected = (step + 1) / rising
                else:
                    share = (step - rising) / (steps - rising)
                    expected = {
                        "linear": 1 - share,
                        "cosine": 0.5 * (1 + math.cos(math.pi * share)),
                        "constant": 1.0,
                    }[name]
                assert rate(step) == pytest.approx(expected)
                assert 0.0 < rate(step) <= 1.0


def test_each_group_keeps_its_share():
    network, optimiser = made(learning_rate=1.0, layer_decay=0.5)
    set_rates(optimiser, 0.1)
    set_rates(optimiser, 0.2)  # of the peak, and not of what was set before
    assert {rate for rate, _ in groups(network, optimiser).values()} == {0.2, 0.1, 0.05}


def test_depths_of_names():
    assert depth("upper.network.layers.0.attn.weight", 3) == 2
    assert depth("upper.network.final_norm.weight", 3) == 0
    assert depth("upper.network.encoder.rel_embeddings.weight", 3) == 3
    assert depth("head.dense.0.weight", 3) == 0


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("all", [[3.0 / 13, 4.0 / 13], [12.0 / 13], [0.0]]),  # all together are 13 long
        ("tensor", [[0.6, 0.8], [1.0], [0.0]]),
    ],
)
def test_gradients_are_clipped_together_or_each_for_itself(by, expected):
    weights = [torch.nn.Parameter(torch.zeros(size)) for size in (2, 1, 1)]
    for weight, gradient in zip(weights, ([3.0, 4.0], [12.0], [0.0]), strict=True):
        weight.grad = torch.tensor(gradient)
    clip_gradient(weights, 1.0, by)
    for weight, gradient in zip(weights, expected, strict=True):
        torch.testing.assert_close(weight.grad, torch.tensor(gradient), atol=1e-6, rtol=1e-5)


def test_a_gradient_that_is_short_enough_stays():
    long, short = (torch.nn.Parameter(torch.zeros(1)) for _ in range(2))
    long.grad, short.grad = torch.tensor([5.0]), torch.tensor([0.5])
    clip_gradient([long, short], 1.0, "tensor")
    assert short.grad.item() == 0.5
    assert long.grad.item() == pytest.approx(1.0, rel=1e-5)
