"""Virtual adversarial training: the step of the embeddings, and what it does to a training."""

import numpy as np
import pytest
import torch
from torch.nn.functional import log_softmax

from models.tower.attention import Packs
from models.tower.backbone import Backbone
from models.tower.losses import Raw
from models.tower.network import Batch, Network
from models.tower.training import Training
from models.tower.virtual import NEAR, Virtual, _away, unit
from models.tower.world import World
from tests.models.tower.backbones import (
    ARCHITECTURES,
    Kept,
    Notes,
    ids_of,
    material_of,
    network_of,
    settings_of,
    trained_on,
)

NONE = np.array([], dtype=np.intp)
ROWS = np.arange(16)
CPU = torch.device("cpu")


def test_a_divergence_worked_out_by_hand():
    """1/2, 1/4, 1/4 and thirds: log(3) - 1.5 log(2); the other way round it would be 0.0566."""
    clean = torch.tensor([[0.5, 0.25, 0.25]]).log()
    flat = torch.zeros(1, 3)
    found = _away(Raw(clean, clean), Raw(flat, flat))
    np.testing.assert_allclose(found, [0.0588915], rtol=1e-4)
    half = _away(Raw(clean, clean), Raw(flat, clean))  # the mean of both orders
    np.testing.assert_allclose(half, found / 2, rtol=1e-5)


def test_each_sequence_has_a_step_of_its_own_norm():
    packs = Packs.of([2, 1, 1, 1], CPU)
    steps = torch.tensor([[3.0, 0.0], [0.0, -4.0], [0.0, 0.1], [0.0, 0.0], [float("inf"), 1.0]])
    found = unit(steps, packs)
    expected = torch.tensor([[0.6, 0.0], [0.0, -0.8], [0.0, 1.0], [0.0, 0.0], [0.0, 0.0]])
    torch.testing.assert_close(found, expected)


def test_the_unit_of_a_step_is_the_spread_of_the_tokens_that_are_read():
    """Token 1 three times, token 3 once: 0 and 4 have a variance of 3."""
    weight = torch.tensor([[99.0, 0.0], [0.0, 1.0], [99.0, 7.0], [4.0, 1.0]])
    virtual = Virtual(5.0, 0, 8, torch.tensor([1, 3]), torch.tensor([0.75, 0.25]))
    torch.testing.assert_close(virtual._spread(weight), torch.tensor([3.0**0.5, 1e-6]))


def test_tokens_are_counted_on_the_rows_that_are_trained_on(rows64, backbone_folder):
    material = material_of(backbone_folder("bert"), rows64[0], vat=1.0)
    rows = np.array([3, 5])
    found, sequences = Virtual.of(material, rows), material.sequences
    read = [
        sequences.pieces[side[row]] for row in rows for side in (sequences.first, sequences.second)
    ]
    tokens = np.concatenate(read).tolist()
    assert found.seen.tolist() == sorted(set(tokens))
    expected = [tokens.count(token) / len(tokens) for token in found.seen.tolist()]
    np.testing.assert_allclose(found.share, expected, rtol=1e-6)


def batch_of(lengths=(9, 12, 5, 7)):
    ids, packs = ids_of(lengths)
    first, second = torch.arange(len(lengths)).split(len(lengths) // 2)
    return Batch(ids, packs, first, second, torch.zeros(len(first), 2, 0))


def steep(network):
    """A head whose predictions are moved by little."""
    with torch.no_grad():
        network.head.fusion.classifier.weight.mul_(50.0)
    return network


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_embeddings_in_the_place_of_tokens_give_the_same(name):
    """With what is dropped, too: the divergence is that of the step alone."""
    network = Network(settings_of("x", dropout=0.2), Backbone.of(network_of(name), name)).train()
    batch = batch_of()
    embeddings = network.upper.network.get_input_embeddings()
    found = []
    for given in (batch.given, embeddings(batch.given)):
        torch.manual_seed(3)
        found.append(network(batch._replace(given=given)).first)
    torch.testing.assert_close(*found, atol=1e-6, rtol=1e-5)


def searched(name, radius=2.0, seed=0):
    """The divergence of the step that is found, and of others of its norm."""
    made = Network(settings_of("x"), Backbone.of(network_of(name), name)).eval()
    network, batch = steep(made), batch_of()
    seen, share = torch.arange(400), torch.full((400,), 1 / 400)
    virtual = Virtual(radius, seed, 12, seen, share)
    embeddings = network.upper.network.get_input_embeddings()
    raw = network(batch)
    found = virtual.divergence(network, embeddings, batch, raw, 0, lambda loss: loss * 4.0)
    clean = Raw(*(log_softmax(scores.detach(), dim=1) for scores in raw))
    embedded, spread = embeddings(batch.given), virtual._spread(embeddings.weight)
    random = []
    for step in range(20):
        r = radius * unit(virtual._start(embedded, batch.packs, step), batch.packs)
        with torch.no_grad():
            moved = network(batch._replace(given=embedded + spread * r))
        random.append(_away(clean, moved))
    return found, torch.stack(random), network


@pytest.mark.parametrize("name", ["bert", "llama", "deberta-v2"])
def test_the_step_is_worse_than_random_ones_of_its_norm(name):
    found, random, _ = searched(name)
    assert (found > random.mean(dim=0)).all()
    assert found.sum() > 2 * random.sum(dim=1).mean()


def test_the_gradient_reaches_layers_head_and_embeddings():
    found, _, network = searched("bert")
    found.sum().backward()
    moved = {name for name, own in network.named_parameters() if own.grad.abs().max() > 0}
    assert "head.fusion.classifier.weight" in moved
    assert any("word_embeddings" in name for name in moved)
    assert any("layer.0.attention" in name for name in moved)


def test_the_search_leaves_no_gradient_in_the_weights():
    _, _, network = searched("bert")
    assert all(own.grad is None for own in network.parameters())


def test_embeddings_that_are_ten_times_as_large_have_the_same_divergence():
    """Else a network would become robust by larger embeddings alone."""
    found = []
    for factor in (1.0, 10.0):
        network = Network(settings_of("x"), Backbone.of(network_of("llama"), "llama")).eval()
        embeddings = network.upper.network.get_input_embeddings()
        with torch.no_grad():
            embeddings.weight.mul_(factor)
        known = embeddings.weight.detach() / factor
        batch = batch_of()
        virtual = Virtual(2.0, 0, 12, torch.arange(400), torch.full((400,), 1 / 400))

        def run(given, network=network, factor=factor, known=known):
            states = given.given if given.given.is_floating_point() else known[given.given] * factor
            return Raw(*(own / factor for own in linear(network, given, states)))

        raw = run(batch)
        found.append(virtual.divergence(run, embeddings, batch, raw, 0, lambda loss: loss))
    torch.testing.assert_close(*found, rtol=1e-3, atol=1e-7)


def linear(network, batch, states):
    """Scores that are linear in the embeddings."""
    means = torch.stack([own.mean(dim=0) for own in states.split(batch.packs.lengths)])
    classifier = network.head.fusion.classifier.weight
    one, other = means[batch.first], means[batch.second]
    return [20.0 * torch.cat(pair, dim=1) @ classifier.T for pair in ((one, other), (other, one))]


@pytest.fixture
def make(rows64, backbone_folder):
    def made(name="bert", **given):
        material = material_of(backbone_folder(name), rows64[0], **given)
        training = Training(material, rows64[1], ROWS, NONE, Kept(), Notes(), World())
        training.network.train()
        return training

    return made


def gradient_of(training):
    return torch.cat([weight.grad.reshape(-1) for weight in training._trained()])


def test_its_weight_multiplies_it(make):
    losses, gradients = [], []
    for vat in (0.0, 1.0, 3.0):
        made = make(vat=vat) if vat else make()
        losses.append(made.gradient(ROWS, 0)[0])
        gradients.append(gradient_of(made))
    assert losses[1] > losses[0] + 1e-6
    assert losses[2] - losses[0] == pytest.approx(3 * (losses[1] - losses[0]), rel=1e-4)
    torch.testing.assert_close(
        gradients[2] - gradients[0], 3 * (gradients[1] - gradients[0]), atol=1e-5, rtol=1e-2
    )


@pytest.mark.parametrize("name", ["bert", "deberta-v2"])
def test_any_cut_gives_one_steps_gradient(name, make):
    found = []
    for tokens in (10**6, 300, 1):
        made = make(name, tokens=tokens, vat=1.0)
        found.append((made.gradient(ROWS, 0)[0], gradient_of(made)))
    for loss, own in found[1:]:
        assert loss == pytest.approx(found[0][0], abs=1e-5)
        torch.testing.assert_close(own, found[0][1], atol=1e-5, rtol=1e-3)


def test_each_step_searches_from_another_direction():
    virtual = Virtual(2.0, 0, 12, torch.arange(3), torch.full((3,), 1 / 3))
    packs, states = Packs.of([3, 2], CPU), torch.zeros(5, 4)
    one, same, other = (virtual._start(states, packs, step) for step in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(one[:2], one[3:])  # by the place in a sequence, whichever micro-batch
    assert NEAR == 0.1


def test_it_makes_predictions_smoother(rows64, backbone_folder):
    """After the same steps the worst step of the embeddings moves them less."""
    away = []
    for given in ({}, {"vat": 5.0, "vat_radius": 10.0}):
        material = material_of(
            backbone_folder("bert"), rows64[0], epochs=4, learning_rate=1e-3, **given
        )
        made = Training(material, rows64[1], ROWS, NONE, Kept(), Notes(), World())
        virtual = Virtual.of(material, ROWS)._replace(radius=10.0)
        network = trained_on(material, rows64[1], epochs=4.0).tower.network
        batch = made.gradient.taught.batch(ROWS)
        embeddings = network.upper.network.get_input_embeddings()
        found = virtual.divergence(network, embeddings, batch, network(batch), 0, lambda loss: loss)
        away.append(float(found.detach().mean()))
    assert away[1] < 0.7 * away[0]
