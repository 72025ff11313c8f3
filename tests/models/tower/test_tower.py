"""Towers predict, lie in folders, and come back the same."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoTokenizer

from data.battles import make_battles, swap_battles
from models.tower import tower as module
from models.tower.device import Place
from models.tower.errors import TowerError
from models.tower.folder import digest_of
from models.tower.head import Head
from models.tower.network import Network
from models.tower.numeric import Scale
from models.tower.settings import TowerSettings
from models.tower.tower import Tower, _fused, _pooled
from tests.models.tower.backbones import (
    ARCHITECTURES,
    material_of,
    same_weights,
    settings_of,
    trained_on,
)

FORMS = {
    "concat": {},
    "compare": {"fusion": "compare", "loss": "direction_tie"},
    "antisymmetric": {"fusion": "antisymmetric", "loss": "direction_tie"},
    "joint": {"arrangement": "joint", "smoothing": 0.02},
    "ranking": {"task": "ranking", "features": ("words_sum", "characters_max")},
    "squared": {"task": "ranking", "loss": "squared_error"},
    "numbers": {"features": ("words_sum", "characters_max"), "arrangement": "joint"},
    "frozen": {"train_layers": 1, "fusion": "antisymmetric", "features": ("words_sum",)},
    "head": {"train_layers": 0},
    "attention": {"pooling": "attention", "head_norm": True, "dense": 6, "temperature": 0.85},
    "lstm": {"lstm": 5, "fusion": "antisymmetric", "head_norm": True, "ties": "davidson"},
    "davidson": {"task": "ranking", "ties": "davidson", "pooling": "attention", "lstm": 5},
    "rao_kupper": {"ties": "rao_kupper", "fusion": "compare", "loss": "direction_tie"},
}


@pytest.fixture(scope="module")
def towers(rows64, backbone_folder):
    """Make a small tower that has been trained a little, once each."""
    made = {}

    def tower(name, form):
        if (name, form) not in made:
            material = material_of(
                backbone_folder(name), rows64[0], features_width=8, length=32, **FORMS[form]
            )
            made[name, form] = trained_on(material, rows64[1], epochs=0.5).tower
        return made[name, form]

    return tower


CASES = [("bert", form) for form in FORMS] + [(name, "frozen") for name in ARCHITECTURES[1:]]
CASES += [
    ("deberta-v2", "lstm"),
    ("deberta-v2", "ranking"),
    ("modernbert", "concat"),
    ("llama", "compare"),
]
CASES += [("albert", "concat")]


def same(one, other):
    return all(np.array_equal(*columns) for columns in zip(one, other, strict=True))


@pytest.mark.parametrize(("name", "form"), CASES)
def test_swapped_battles_have_swapped_logits(name, form, towers, rows64):
    battles = rows64[0].iloc[:20]
    tower = towers(name, form)
    one, other = tower.logits(battles), tower.logits(swap_battles(battles))
    assert np.array_equal(one.z, -other.z)
    assert np.array_equal(one.t, other.t)
    half = one.raw.shape[1] // 2
    assert half == (2 if tower.settings.fits_width else 3)
    assert (half == 2) is (form in ("ranking", "squared"))
    assert np.array_equal(one.raw[:, :half], other.raw[:, half:])
    assert np.array_equal(one.raw[:, half:], other.raw[:, :half])
    p, q = tower.predict_proba(battles), tower.predict_proba(swap_battles(battles))
    assert np.array_equal(p, q[:, [1, 0, 2]])
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    assert len(np.unique(one.raw)) > 10


@pytest.mark.parametrize(("name", "form"), CASES)
def test_a_row_does_not_depend_on_the_others(name, form, towers, rows64):
    battles, tower = rows64[0], towers(name, form)
    many = tower.logits(battles.iloc[:50])
    for rows in ([7], [40, 7, 3], [*range(49, -1, -1)]):
        few = tower.logits(battles.iloc[rows])
        for found, expected in zip(few, many, strict=True):
            assert np.array_equal(found, expected[rows])


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"fusion": "compare"},
        {"fusion": "antisymmetric"},
        {"task": "ranking"},
        {"dense": 256, "head_norm": True, "ties": "davidson"},
        {"fusion": "antisymmetric", "head_norm": True, "ties": "rao_kupper"},
    ],
)
@pytest.mark.parametrize("n_threads", [1, 2])
def test_a_head_gives_a_battle_the_same_bits_whatever_others_there_are(form, n_threads):
    head = Head(TowerSettings(**form), 384).double().eval()
    first, second = np.random.default_rng(0).normal(size=(2, 600, 384))
    numbers = np.empty((600, 2, 0))
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        many = _fused(head, first, second, numbers)
        for rows in ([599], [3, 2, 1], range(100), range(599, -1, -1), []):
            at = np.array(rows, dtype=np.intp)
            few = _fused(head, first[at], second[at], numbers[at])
            assert all(np.array_equal(own, all_[at]) for own, all_ in zip(few, many, strict=True))
            swapped = _fused(head, second[at], first[at], numbers[at])
            assert all(map(np.array_equal, swapped, few[::-1]))
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("pieces", [{"pooling": "attention"}, {"lstm": 96}])
def test_a_sequence_has_the_same_bits_whatever_others_its_head_is_given(pieces):
    torch.manual_seed(0)
    head, states = Head(TowerSettings(**pieces), 384).eval(), list(torch.randn(9, 3, 384))
    many = _pooled(head, states, Place.of("cpu", "fp32"))
    for rows in ([4], [8, 0]):
        few = _pooled(head, [states[row] for row in rows], Place.of("cpu", "fp32"))
        assert torch.equal(few, many[rows])


@pytest.mark.parametrize("pieces", [{}, {"pooling": "attention", "lstm": 96, "head_norm": True}])
def test_a_row_of_a_wide_network_does_not_depend_on_the_others(pieces, rows64):
    """Products as wide as real ones, of one row and of many."""
    battles = rows64[0].iloc[:8]
    material = material_of("minilm", battles, length=80, fusion="antisymmetric", **pieces)
    network = Network(material.loaded.settings, material.loaded.parts.upper)
    tower = Tower(material.loaded, network, Scale.of(material.numbers), None, material.place)
    many = tower.predict(material, np.arange(8))
    for rows in ([0], [5], [6, 2, 3]):
        few = tower.logits(battles.iloc[rows])
        for found, expected in zip(few, many, strict=True):
            np.testing.assert_allclose(found, expected[rows], atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize(("name", "form"), CASES)
def test_saved_and_read_it_gives_the_same_bits(name, form, towers, rows64, tmp_path):
    tower = towers(name, form)
    tower.save(tmp_path)
    found, battles = Tower.from_folder(tmp_path), rows64[0].iloc[:30]
    assert same(found.logits(battles), tower.logits(battles))
    assert found.settings == tower.settings
    assert found.scale == tower.scale
    assert found.width == tower.width
    assert same_weights(found.network.state_dict(), tower.network.state_dict())
    found.save(tmp_path / "again")
    assert (tmp_path / "again" / "model.safetensors").read_bytes() == (
        tmp_path / "model.safetensors"
    ).read_bytes()


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_transformers_reads_the_folder(name, towers, tmp_path):
    """Backbone and tokenizer; the head is arenaboost's."""
    tower = towers(name, "frozen")
    tower.save(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    network = AutoModel.from_pretrained(tmp_path, attn_implementation="eager").eval()
    ids = torch.tensor([tokenizer("Why is the sky blue?")["input_ids"]])
    packs = module.Packs.of([ids.shape[1]], ids.device)
    with torch.no_grad():
        found = network(ids).last_hidden_state[0]
        lower = tower.loaded.parts.lower(ids[0], packs)
        expected = tower.network.upper(lower, packs)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_the_trained_layers_are_those_that_are_written(towers, tmp_path):
    tower = towers("bert", "frozen")
    tower.save(tmp_path)
    written = load_file(tmp_path / "model.safetensors")
    first = tower.loaded.whole.network.state_dict()
    moved = {
        key for key, own in written.items() if key in first and not torch.equal(own, first[key])
    }
    assert moved
    assert all(key.startswith("encoder.layer.1.") for key in moved)
    assert {key for key in written if key not in first} == {
        f"head.{key}" for key in tower.network.head.state_dict()
    }


def test_what_was_read_before_is_predicted_as_what_is_read_now(towers, rows64, tmp_path):
    from models.tower.states import StateStore

    tower = towers("bert", "frozen")
    store = StateStore(tmp_path, 10**9)
    material = material_of(
        tower.settings.backbone,
        rows64[0],
        states=store,
        length=32,
        features_width=8,
        **FORMS["frozen"],
    )
    rows = np.array([40, 3, 3, 17])
    assert same(tower.predict(material, rows), tower.logits(rows64[0].iloc[rows]))


def test_battles_are_read_a_block_at_a_time(towers, rows64, monkeypatch):
    tower = towers("bert", "concat")
    expected = tower.logits(rows64[0])
    monkeypatch.setattr(module, "BLOCK", 10)
    done = []
    found = tower.logits(rows64[0], done.append)
    assert done == [10] * 6 + [4]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12, rtol=1e-12)


def test_no_battles(towers, rows64):
    for form in ("concat", "ranking"):
        logits = towers("bert", form).logits(rows64[0].iloc[:0])
        assert logits.z.shape == (0,)
        assert logits.raw.shape == (0, 4 if form == "ranking" else 6)


def test_texts_that_are_none(towers):
    battles = make_battles([[], "", [None]], [[None], "", []], ["x", [], [None, "y"]])
    for form in ("concat", "joint", "ranking"):
        assert np.isfinite(towers("bert", form).predict_proba(battles)).all()


def test_equal_answers_have_no_direction(towers, rows64):
    battles = rows64[0].iloc[:9].copy()
    battles["response_b"] = battles["response_a"]
    for form in ("concat", "joint", "antisymmetric", "ranking"):
        assert not towers("bert", form).logits(battles).z.any()


def test_prediction_is_not_training(towers, rows64):
    tower = towers("bert", "concat")
    tower.network.train()
    before = tower.logits(rows64[0])
    assert tower.network.training
    tower.network.eval()
    assert same(before, tower.logits(rows64[0]))


def test_settings_come_back_as_they_were(backbone_folder, rows64, tmp_path):
    given = {"clip": 0.0, "dropout": "own", "train_layers": "all", "shares": (10, 50, 40)}
    material = material_of(backbone_folder("bert"), rows64[0], **given)
    trained_on(material, rows64[1], epochs=0.1).tower.save(tmp_path)
    assert Tower.from_folder(tmp_path).settings == settings_of(backbone_folder("bert"), **given)


def test_a_tower_that_was_written_before_there_were_these_settings(towers, rows64, tmp_path):
    tower = towers("bert", "antisymmetric")
    tower.save(tmp_path)
    later = ("lstm", "dense", "head_norm", "head_dropout", "temperature", "ties", "clip_by")
    changed(tmp_path, lambda told: [told["arenaboost"]["settings"].pop(key) for key in later])
    assert same(Tower.from_folder(tmp_path).logits(rows64[0]), tower.logits(rows64[0]))


def changed(folder, change):
    """Write another configuration."""
    told = json.loads((folder / "config.json").read_text())
    change(told)
    (folder / "config.json").write_text(json.dumps(told))


def test_a_tower_from_a_card_is_read_on_a_cpu(towers, rows64, tmp_path):
    tower = towers("bert", "concat")
    tower.save(tmp_path)
    changed(tmp_path, lambda told: told["arenaboost"]["settings"].update(precision="fp16"))
    assert same(Tower.from_folder(tmp_path).logits(rows64[0]), tower.logits(rows64[0]))


def test_the_encoder_of_a_pair_comes_back(tokenizer, rows64, tmp_path):
    import shutil

    from transformers import T5Config, T5Model

    torch.manual_seed(0)
    config = T5Config(vocab_size=400, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4)
    T5Model(config).save_pretrained(tmp_path / "t5")
    for file in tokenizer.iterdir():
        shutil.copy(file, tmp_path / "t5" / file.name)
    material = material_of(str(tmp_path / "t5"), rows64[0])
    tower = trained_on(material, rows64[1], epochs=0.25).tower
    tower.save(tmp_path / "tower")
    assert same(Tower.from_folder(tmp_path / "tower").logits(rows64[0]), tower.logits(rows64[0]))


@pytest.fixture
def saved(towers, tmp_path):
    towers("bert", "concat").save(tmp_path)
    return tmp_path


WRONG = [
    (lambda f: (f / "config.json").unlink(), r"config.json: cannot be read \(No such file"),
    (
        lambda f: (f / "config.json").write_text("[1]"),
        r"expected a tower's configuration, found no",
    ),
    (lambda f: changed(f, lambda told: told.pop("arenaboost")), r"found none.* Name the folder to"),
    (
        lambda f: changed(f, lambda told: told["arenaboost"]["settings"].update(task="?")),
        r"found none that this version can read. Name the folder tower/ that pipelines.finetune",
    ),
    (
        lambda f: changed(f, lambda told: told["arenaboost"].update(format=99)),
        r"a tower of format 99, this version reads 1. Fine-tune it again.",
    ),
    (
        lambda f: (f / "model.safetensors").unlink(),
        r"model.safetensors: cannot be read .* Copy the folder again",
    ),
    (
        lambda f: (f / "model.safetensors").write_bytes(b"short"),
        r"model.safetensors: cannot be read .* Copy the folder again",
    ),
    (
        lambda f: nudge(f / "model.safetensors"),
        r"model.safetensors: not the weights that were written here. Copy the folder again",
    ),
]


def nudge(path):
    weights = load_file(path)
    weights["head.fusion.classifier.weight"][0, 0] += 1.0
    save_file(weights, path)


@pytest.mark.parametrize(("spoil", "words"), WRONG)
def test_folders_that_are_no_towers(spoil, words, saved):
    spoil(saved)
    with pytest.raises(TowerError, match=words):
        Tower.from_folder(saved)


@pytest.mark.parametrize("key", ["head.fusion.classifier.weight", "embeddings.LayerNorm.bias"])
def test_weights_of_another_network(key, saved):
    weights = load_file(saved / "model.safetensors")
    weights[key] = weights[key][..., 1:].contiguous()
    save_file(weights, saved / "model.safetensors")
    digest = digest_of(saved / "model.safetensors")
    changed(saved, lambda told: told["arenaboost"].update(weights=digest))
    with pytest.raises(
        TowerError, match=r"model.safetensors: not the weights of its configuration"
    ):
        Tower.from_folder(saved)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(TowerError, match=r"nowhere/config.json: cannot be read"):
        Tower.from_folder(tmp_path / "nowhere")


def test_predictions_are_of_the_frame_alone(towers, rows64):
    """Labels and ids are not read, and the frame stays as it is."""
    battles = rows64[0].iloc[:5]
    before = battles.copy(deep=True)
    towers("bert", "numbers").logits(battles)
    pd.testing.assert_frame_equal(battles, before)
