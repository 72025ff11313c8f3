"""Settings of a tower: presets, files, single keys."""

import pytest

from pipelines.presets import TOWERS, presets
from pipelines.settings import ConfigError
from pipelines.tower.settings import load_settings, write_settings


def test_the_presets_are_those_that_the_readme_names():
    assert presets(TOWERS) == ["dpo", "dual_base", "keras_small", "minilm_tower", "nltk_small"]
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


def test_dpo_is_nltk_small_with_another_loss():
    dpo, nltk = (load_settings(preset=name) for name in ("dpo", "nltk_small"))
    assert (dpo.loss, dpo.beta, nltk.loss) == ("dpo", 1.0, "cross_entropy")
    assert dpo.model_copy(update={"loss": "cross_entropy"}) == nltk


def test_the_ranking_variant_is_one_setting():
    ranking = load_settings(preset="dual_base", settings=["task=ranking"])
    assert (ranking.task, ranking.loss) == ("ranking", "bradley_terry")


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("x=1", r"preset minilm_tower: x: unknown key\. Allowed: backbone, seed"),
        ("a.b=1", r"preset minilm_tower: a: unknown key"),
        ("seed=true", r"seed: should not be true or false\. Got True"),
        ("shares=[20, 40]", r"shares\.2: this key is required"),
        ("length=8", r"length: should be greater than or equal to 16\. Got 8"),
        ("pooling=max", r"pooling: should be 'mean', 'cls' or 'last'\. Got 'max'"),
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
        (["task=ranking", "distill=0.5"], r"distill goes with task 'classify': soft labels have"),
        (
            ["task=ranking", "loss=squared_error", "vat=1.0"],
            r"vat goes with another loss than 'squared_error'",
        ),
    ],
)
def test_settings_that_do_not_go_together_are_told(settings, words):
    with pytest.raises(ConfigError, match=words):
        load_settings(preset="dual_base", settings=settings)
