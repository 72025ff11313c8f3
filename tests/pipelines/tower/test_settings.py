"""Settings of a tower: presets, files, single keys."""

import pytest
from pydantic import ValidationError

from features.families.length import KERAS_BASELINE
from models.tower.settings import TowerSettings
from pipelines.presets import TOWERS, presets
from pipelines.settings import ConfigError
from pipelines.tower.settings import load_settings, write_settings


def test_the_presets_are_those_that_the_readme_names():
    assert presets(TOWERS) == [
        "dpo",
        "dual_base",
        "keras_extra_small",
        "keras_small",
        "layernorm_clip",
        "llama_lora",
        "minilm_tower",
        "nltk_small",
    ]
    assert not set(presets(TOWERS)) & set(presets())


@pytest.mark.parametrize("preset", presets(TOWERS))
def test_presets_are_sound_and_read_back_as_they_were(preset, tmp_path):
    settings = load_settings(preset=preset)
    path = tmp_path / "config.toml"
    path.write_text(write_settings(settings), encoding="utf-8")
    assert load_settings(file=path).model_dump() == settings.model_dump()


def test_published_settings_stand_in_the_presets():
    base, keras, nltk = (
        load_settings(preset=name) for name in ("dual_base", "keras_small", "nltk_small")
    )
    assert (base.length, base.learning_rate, base.epochs, base.batch) == (1024, 5e-5, 5, 2)
    assert (base.evaluate_every, base.precision, base.fusion) == (2000, "fp16", "concat")
    assert (keras.optimiser, keras.learning_rate, keras.smoothing) == ("adam", 5e-6, 0.02)
    assert (keras.turns, keras.undecodable, keras.inner_folds) == ("first", "empty", 5)
    assert (nltk.text, nltk.learning_rate, nltk.schedule, nltk.epochs) == (
        "nltk",
        2e-5,
        "linear",
        1,
    )
    assert nltk.warm_up == 0.0
    assert {keras.backbone, nltk.backbone} == {"microsoft/deberta-v3-small"}


def test_published_settings_of_the_extra_small_network():
    found = load_settings(preset="keras_extra_small")
    assert found.backbone == "microsoft/deberta-v3-xsmall"
    assert (found.turns, found.text, found.fusion, found.pooling) == (
        "all",
        "as_is",
        "concat",
        "mean",
    )
    assert (found.features, found.features_width) == (KERAS_BASELINE, 512)
    assert (found.dense, found.head_dropout, found.temperature) == (256, 0.5, 0.85)
    assert (found.optimiser, found.learning_rate, found.weight_decay) == ("adam", 1e-6, 0.0)
    assert (found.clip, found.clip_by, found.smoothing) == (1.0, "tensor", 0.1)
    assert (found.awp, found.awp_from) == (1e-4, 0.0)
    assert (found.length, found.batch, found.epochs, found.schedule) == (512, 16, 3, "cosine")


def test_a_norm_is_all_that_layernorm_clip_has_more_than_nltk_small():
    found, nltk = (load_settings(preset=name) for name in ("layernorm_clip", "nltk_small"))
    assert found.model_dump() == nltk.model_dump() | {"head_norm": True}
    assert (found.clip, found.clip_by) == (1.0, "all")


def test_dpo_is_nltk_small_with_another_loss():
    dpo, nltk = (load_settings(preset=name) for name in ("dpo", "nltk_small"))
    assert (dpo.loss, dpo.beta, nltk.loss) == ("dpo", 1.0, "cross_entropy")
    assert dpo.model_copy(update={"loss": "cross_entropy"}) == nltk


def test_the_ranking_variant_is_one_setting():
    ranking = load_settings(preset="dual_base", settings=["task=ranking"])
    assert (ranking.task, ranking.loss) == ("ranking", "bradley_terry")


@pytest.mark.parametrize(
    ("given", "loss"),
    [
        ({}, "cross_entropy"),
        ({"ties": "davidson"}, "cross_entropy"),
        ({"task": "ranking"}, "bradley_terry"),
        ({"task": "ranking", "ties": "rao_kupper"}, "cross_entropy"),
        ({"task": "ranking", "ties": "davidson", "loss": "direction_tie"}, "direction_tie"),
    ],
)
def test_the_loss_that_goes_with_a_model_of_ties(given, loss):
    found = TowerSettings(**given)
    assert found.resolved().loss == loss
    assert found.fits_width is (loss == "bradley_terry")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"task": "ranking", "ties": "davidson", "loss": "bradley_terry"},
            r"task 'ranking' with ties 'davidson' goes with loss cross_entropy or direction_tie",
        ),
        ({"ties": "davidson", "loss": "squared_error"}, r"task 'classify' with ties 'davidson' go"),
        ({"task": "ranking", "loss": "cross_entropy"}, r"task 'ranking' goes with loss bradley_te"),
        ({"task": "ranking", "dense": 8}, r"dense goes with task 'classify' and fusion 'concat' o"),
        ({"clip": 0.0, "clip_by": "tensor"}, r"clip_by 'tensor' goes with clip, the largest norm"),
    ],
)
def test_what_does_not_go_together(given, words):
    with pytest.raises(ValidationError, match=words):
        TowerSettings(**given)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("x=1", r"preset minilm_tower: x: unknown key\. Allowed: backbone, seed"),
        ("a.b=1", r"preset minilm_tower: a: unknown key"),
        ("seed=true", r"seed: should not be true or false\. Got True"),
        ("shares=[20, 40]", r"shares\.2: this key is required"),
        ("length=8", r"length: should be greater than or equal to 16\. Got 8"),
        ("pooling=max", r"pooling: should be 'mean', 'cls', 'last' or 'attention'\. Got 'max'"),
        ("lstm=-1", r"lstm: should be greater than or equal to 0\. Got -1"),
        ("temperature=0", r"temperature: should be greater than 0\. Got 0"),
        ("head_dropout=1", r"head_dropout: should be less than 1\. Got 1"),
        ("dense=8", r"minilm_tower: dense goes with task 'classify' and fusion 'concat' or 'com"),
        ('features=["x"]', r"preset minilm_tower: features: 'x' is no statistic of the length"),
        ("epochs", r"--set epochs: expected KEY=VALUE"),
        ("members.a.b=1", r"members: .* of a stack, found where a tower's .* pipelines\.fit takes"),
    ],
)
def test_a_wrong_setting_is_told_by_key(setting, words):
    with pytest.raises(ConfigError, match=words):
        load_settings(settings=[setting])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["beta=0.1"], r"beta goes with loss 'dpo'"),
        (["distill_temperature=2.0"], r"distill_temperature goes with distill: set distill above"),
        (["awp_from=0.5"], r"awp_from goes with awp: set awp above 0, or leave it out"),
        (["vat_radius=1.0"], r"vat_radius goes with vat"),
        (["awp=0.01", "awp_from=3", "epochs=3"], r"awp_from should be less than epochs, .* 3"),
        (["vat=1.0", "train_layers=2"], r"vat goes with train_layers 'all': it moves the embedd"),
        (["task=ranking", "distill=0.5"], r"distill goes with three logits: soft labels have"),
        (
            ["task=ranking", "loss=squared_error", "vat=1.0"],
            r"vat goes with another loss than 'squared_error'",
        ),
    ],
)
def test_settings_that_do_not_go_together_are_told(settings, words):
    with pytest.raises(ConfigError, match=words):
        load_settings(preset="dual_base", settings=settings)
