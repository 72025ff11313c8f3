"""States of frozen layers: stored or computed, they are the same."""

import os

import numpy as np
import pytest
import torch

from models.tower import states
from models.tower.backbone import Backbone
from models.tower.device import Place
from models.tower.errors import TowerError
from models.tower.states import Inputs, StateStore, frozen_states
from models.tower.watch import Silent
from models.tower.world import World
from tests.models.tower.backbones import (
    Notes,
    ids_of,
    material_of,
    network_of,
    same_weights,
    state_of,
    trained_on,
)

CPU = Place.of("cpu", "fp32")
LENGTHS = (9, 30, 9, 3, 17, 9, 30, 11)
ALL = 10**9


@pytest.fixture
def pieces():
    ids, packs = ids_of(LENGTHS)
    return [own.numpy().astype(np.int32) for own in ids.split(packs.lengths)]


@pytest.fixture(autouse=True)
def _short_shards(monkeypatch):
    monkeypatch.setattr(states, "SHARD", 64)


def lower_of(name="bert", train_layers=1):
    return Backbone.of(network_of(name), name).parted(train_layers, name).lower


def inputs_of(pieces, store, **given):
    made = Inputs(pieces, given.get("lower") or lower_of(), CPU, "weights", store)
    made.prepare(given.get("watch") or Silent(), World())
    return made


@pytest.mark.parametrize("name", ["bert", "modernbert", "llama", "deberta-v2"])
def test_states_are_those_of_the_lower_layers_in_half_precision(name, pieces):
    lower = lower_of(name)
    found = frozen_states(lower, pieces, CPU)
    for piece, own in zip(pieces, found, strict=True):
        with torch.no_grad():
            ids = torch.from_numpy(piece.astype(np.int64))
            alone = lower.side_by_side([ids], [len(piece)])[0]
        assert own.dtype == np.float16
        np.testing.assert_allclose(own, alone, atol=4e-3, rtol=2e-3)
        assert np.abs(own).max() > 0.1


@pytest.mark.parametrize("limit", [0, 5000, ALL])
def test_what_is_stored_and_what_is_computed_are_the_same_bits(limit, pieces, tmp_path):
    expected = Inputs(pieces, lower_of(), CPU, "weights").given(range(8))
    made = inputs_of(pieces, StateStore(tmp_path, limit))
    stored = (made._shard >= 0).sum()
    assert {0: stored == 0, 5000: 0 < stored < 8, ALL: stored == 8}[limit]
    for order in (range(8), [5, 0, 7], [3]):
        for place, own in zip(order, made.given(order), strict=True):
            assert own.dtype == torch.float32
            assert torch.equal(own, expected[place])
    taken = sum(path.stat().st_size for path in tmp_path.rglob("*.npy"))
    assert taken <= limit + 128 * 8  # a header a shard


def test_states_are_computed_once(pieces, tmp_path, monkeypatch):
    notes = Notes()
    expected = inputs_of(pieces, StateStore(tmp_path, ALL), watch=notes).given(range(8))
    assert notes.tokens == sum(LENGTHS)

    def no_more(*_):
        raise AssertionError("computed again")

    monkeypatch.setattr(states, "frozen_states", no_more)
    again = inputs_of(pieces, StateStore(tmp_path, ALL), watch=notes).given(range(8))
    assert notes.tokens == sum(LENGTHS)
    assert all(map(torch.equal, expected, again))


def test_an_unfinished_shard_is_written_again(pieces, tmp_path):
    store = StateStore(tmp_path, ALL)
    inputs_of(pieces, store)
    folder = next(tmp_path.iterdir())
    (folder / "0.npy").rename(folder / "0.writing.npy")
    notes = Notes()
    made = inputs_of(pieces, store, watch=notes)
    assert 0 < notes.tokens < sum(LENGTHS)
    assert not list(tmp_path.rglob("*.writing.npy"))
    expected = Inputs(pieces, lower_of(), CPU, "weights").given(range(8))
    assert all(map(torch.equal, expected, made.given(range(8))))


def test_a_lower_limit_removes_what_is_above_it(pieces, tmp_path):
    inputs_of(pieces, StateStore(tmp_path, ALL))
    before = len(list(tmp_path.rglob("*.npy")))
    inputs_of(pieces, StateStore(tmp_path, 5000))
    assert 0 < len(list(tmp_path.rglob("*.npy"))) < before
    inputs_of(pieces, StateStore(tmp_path, 0))
    assert not list(tmp_path.rglob("*.npy"))


def test_other_weights_layers_and_texts_have_other_states(pieces, tmp_path):
    store = StateStore(tmp_path, ALL)
    inputs_of(pieces, store)
    inputs_of(pieces[1:], store)
    inputs_of(pieces, store, lower=lower_of(train_layers=2))
    changed = Inputs(pieces, lower_of(), CPU, "other weights", store)
    changed.prepare(Silent(), World())
    half = Inputs(pieces, lower_of(), Place.of("cpu", "bf16"), "weights", store)
    half.prepare(Silent(), World())
    assert len(list(tmp_path.iterdir())) == 5


def test_what_other_towers_left_goes_oldest_first(pieces, tmp_path):
    size = sum(LENGTHS) * 32 * 2
    for age, name in ((3, "a"), (1, "b"), (2, "c")):
        (tmp_path / name).mkdir()
        (tmp_path / name / ".shards").touch()
        (tmp_path / name / "0.npy").write_bytes(bytes(1000))
        os.utime(tmp_path / name / ".shards", (10**9 - age, 10**9 - age))
    (tmp_path / "not ours").mkdir()
    (tmp_path / "not ours" / "0.npy").write_bytes(bytes(1000))
    inputs_of(pieces, StateStore(tmp_path, size + 1500))
    left = {path.name for path in tmp_path.iterdir()}
    assert {"b", "not ours"} < left
    assert not {"a", "c"} & left
    assert len(left) == 3


def test_states_that_another_process_uses_stay(pieces, tmp_path):
    """Of other texts, or of the same under a lower limit: what is in use is not taken away."""
    expected = Inputs(pieces, lower_of(), CPU, "weights").given(range(8))
    size = sum(LENGTHS) * 32 * 2
    made = inputs_of(pieces, StateStore(tmp_path, ALL))
    less = inputs_of(pieces, StateStore(tmp_path, 5000))
    assert 0 < (less._shard >= 0).sum() < 8
    other = inputs_of(pieces[::-1], StateStore(tmp_path, size + 5000))
    assert 0 < (other._shard >= 0).sum() < 8
    assert all(map(torch.equal, expected, made.given(range(8))))
    assert all(map(torch.equal, expected, less.given(range(8))))
    assert all(map(torch.equal, expected[::-1], other.given(range(8))))
    del made, less, other
    inputs_of(pieces[1:], StateStore(tmp_path, size))
    assert len(list(tmp_path.iterdir())) == 1


def test_two_processes_may_write_the_same_states(pieces, tmp_path, monkeypatch):
    save, store, others = np.save, StateStore(tmp_path, ALL), []

    def saved(path, states):
        save(path, states)
        monkeypatch.setattr(np, "save", save)
        monkeypatch.setattr(os, "getpid", lambda: -1)
        others.append(inputs_of(pieces, store))

    monkeypatch.setattr(np, "save", saved)
    made = inputs_of(pieces, store)
    expected = Inputs(pieces, lower_of(), CPU, "weights").given(range(8))
    for found in (made, *others):
        assert (found._shard >= 0).all()
        assert all(map(torch.equal, expected, found.given(range(8))))


def test_states_in_use_are_the_youngest(pieces, tmp_path):
    store = StateStore(tmp_path, ALL)
    inputs_of(pieces, store)
    own = next(tmp_path.iterdir())
    os.utime(own / ".shards", (10**9, 10**9))
    inputs_of(pieces, store)
    assert (own / ".shards").stat().st_mtime > 10**9 + 1


def test_states_that_half_precision_does_not_hold(pieces):
    lower = lower_of()
    with torch.no_grad():
        for weight in lower.network.encoder.layer[0].output.LayerNorm.parameters():
            weight += 1e6
    with pytest.raises(TowerError, match=r"train_layers: states below the trained layers are as l"):
        frozen_states(lower, pieces, CPU)


def test_without_frozen_layers_tokens_are_given(pieces, tmp_path):
    made = Inputs(pieces, None, CPU, "weights", StateStore(tmp_path, ALL))
    made.prepare(Silent(), World())
    assert [own.tolist() for own in made.given([2, 0])] == [pieces[2].tolist(), pieces[0].tolist()]
    assert not list(tmp_path.iterdir())


def test_memory_that_runs_out_halves_a_batch(pieces, monkeypatch):
    lower = lower_of()
    expected = frozen_states(lower, pieces, CPU)
    read = Backbone.side_by_side

    def scarce(self, rows, lengths):
        if len(rows) > 1:
            raise torch.OutOfMemoryError("memory")
        return read(self, rows, lengths)

    monkeypatch.setattr(Backbone, "side_by_side", scarce)
    assert all(map(np.array_equal, frozen_states(lower, pieces, CPU), expected))


@pytest.mark.parametrize("name", ["bert", "deberta-v2"])
def test_training_does_not_know_how_many_states_were_stored(
    name, rows64, backbone_folder, tmp_path
):
    """Losses and weights are the same bits."""
    found = []
    for limit in (None, 40_000, ALL):
        store = None if limit is None else StateStore(tmp_path / str(limit), limit)
        notes = Notes()
        material = material_of(
            backbone_folder(name), rows64[0], states=store, train_layers=1, dropout=0.1
        )
        stored = (material.inputs._shard >= 0).mean()
        assert {None: stored == 0, 40_000: 0 < stored < 1, ALL: stored == 1}[limit]
        found.append((notes, state_of(trained_on(material, rows64[1], watch=notes))))
    for notes, weights in found[1:]:
        assert notes.losses == found[0][0].losses
        assert same_weights(weights, found[0][1])


def test_the_loss_on_states_is_that_of_the_whole_network(rows64, backbone_folder):
    """But for the rounding to half precision."""
    losses = []
    for train_layers in ("all", 1):
        notes = Notes()
        material = material_of(backbone_folder("bert"), rows64[0], train_layers=train_layers)
        trained_on(material, rows64[1], watch=notes)
        losses.append(notes.losses[0][2])
    assert losses[0] == pytest.approx(losses[1], abs=2e-3)
