"""Configurations: what is refused and how, and that what is written is read back."""

import tomllib

import pytest

from features import FAMILIES
from models.learners.lightgbm import LightGBMLearner
from models.learners.linear import LinearLearner
from models.learners.registry import LEARNERS
from pipelines.config import (
    MOVED,
    Config,
    ConfigError,
    build,
    check_config,
    load_config,
    options_of,
    write_config,
)
from pipelines.estimator.build import build_pipeline
from pipelines.presets import presets
from pipelines.sections import ModelConfig


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        (
            "bogus=1",
            r"preset classical: bogus: unknown key\. Allowed: families, seed, folds, model",
        ),
        ("model.bogus=1", r"model\.bogus: unknown key\. Allowed: direction, tie, members, form"),
        ("folds.k=1", r"folds\.k: unknown key\. Allowed: n_folds\."),
        ("features.length.bogus=1", r"features\.length\.bogus: unknown key\. Allowed: statistics"),
        ("features.nope.x=1", r"features\.nope: unknown key\. Allowed: length, turns, style"),
        ("learners.nope.x=1", r"learners\.nope: unknown key\. Allowed: lightgbm"),
        ("learners.lightgbm.rounds=1", r"lightgbm\.rounds: unknown key\. Allowed: .*max_rounds"),
        ('families=["length", "nope"]', r"families: 'nope' is none of length, turns, style"),
        ('families=["length", "length"]', r"families: each name may stand once"),
        ("families=[]", r"families: .*at least 1 item"),
        ("families=length", r"families: should be a valid list\. Got 'length'"),
        ('model.members=["forest"]', r"model\.members: 'forest' is none of lightgbm"),
        ('model.tie=["forest"]', r"model\.tie: 'forest' is none of lightgbm, xgboost, linear"),
        ('model.direction=["linear", "linear"]', r"model\.direction: each name may stand once"),
        ("model.tie=[]", r"model\.tie: .*at least 1 item"),
        ("learners.second.kind=forest", r"second\.kind: should be one of lightgbm.*Got 'forest'"),
        ("learners.second.num_leaves=3", r"learners\.second: unknown key.*with the key kind"),
        ("learners.linear.kind=xgboost", r"learners\.linear\.kind: should be 'linear'"),
        ("learners.No-1.kind=linear", r"learners\.No-1: a section's name has lower-case letters"),
        (
            "model.form=threeway",
            r"model\.form: should be 'heads', 'multiclass' or 'direction'\. Got 'threeway'",
        ),
        ("model.inner_folds=1", r"model\.inner_folds: .*greater than or equal to 2\. Got 1"),
        ("model.inner_folds=2.5", r"model\.inner_folds: .*integer.*Got 2\.5"),
        ("model.extra_weight=-1", r"model\.extra_weight: .*greater than or equal to 0\. Got -1"),
        ("model.extra_weight=nan", r"model\.extra_weight: .*finite number\. Got nan"),
        ("model.calibrate=maybe", r"model\.calibrate: .*boolean.*Got 'maybe'"),
        ("seed=true", r"seed: should not be true or false\. Got True"),
        (
            "learners.lightgbm.max_rounds=true",
            r"max_rounds: should not be true or false\. Got True",
        ),
        (
            "learners.linear.penalties=[true]",
            r"penalties: should not be true or false\. Got \[True",
        ),
        ("seed=-1", r"seed: .*greater than or equal to 0\. Got -1"),
        ("folds.n_folds=1000", r"folds\.n_folds: .*less than or equal to 100\. Got 1000"),
        ("encoder=3", r"encoder: should be a valid dictionary.*Got 3"),
        ("encoder.layers=3", r"encoder\.layers: unknown key\. Allowed: name, pooling, length"),
        ("encoder.batch_tokens=true", r"encoder\.batch_tokens: should not be true or false"),
        ("model=3", r"model: should be a valid dictionary.*Got 3"),
        ("features.length=3", r"features\.length: should be a valid dictionary\. Got 3"),
        ("learners.lightgbm.max_rounds=many", r"learners\.lightgbm\.max_rounds: .*Got 'many'"),
        ("learners.lightgbm.max_rounds=0", r"learners\.lightgbm\.max_rounds: .*Got 0"),
        ("learners.lightgbm.learning_rate=-0.1", r"lightgbm\.learning_rate: .*greater than 0"),
        ("learners.linear.penalties=[]", r"learners\.linear\.penalties: .*at least 1 item"),
        ("learners.linear.penalties=[-1.0]", r"learners\.linear\.penalties.*greater than"),
        ('features.length.statistics=["no"]', r"features\.length: The statistics .*'no'"),
        ('features.length.sides=["no"]', r"features\.length: The sides .*'no'"),
    ],
)
def test_refuses_and_says_what_is_allowed(setting, words):
    with pytest.raises(ConfigError, match=words):
        load_config(settings=[setting])


@pytest.mark.parametrize("setting", ["seed", "=3", "model.=3"])
def test_a_setting_is_key_and_value(setting):
    with pytest.raises(ConfigError, match=r"--set .*expected KEY=VALUE, such as model\.inner"):
        load_config(settings=[setting])


def test_a_setting_does_not_go_through_a_value():
    with pytest.raises(ConfigError, match=r"--set seed\.x=3: seed is no section"):
        load_config(settings=["seed.x=3"])


def test_settings_are_toml_or_else_strings():
    config = load_config(
        settings=[
            "seed=7",
            'model.members=["linear"]',
            "model.form=multiclass",
            "model.calibrate = false",
            "model.extra_weight=0.25",
            "learners.lightgbm.max_rounds=12",
            "learners.linear.penalties=[0.1, 0.01]",
        ]
    )
    assert config.seed == 7
    assert config.model.members == ["linear"]
    assert config.model.direction is config.model.tie is None
    assert config.model.form == "multiclass"
    assert config.model.calibrate is False
    assert config.model.extra_weight == 0.25
    assert config.learners == {"linear": {"penalties": [0.1, 0.01]}}  # LightGBM is not in use


SECOND = ['learners.second.kind="lightgbm"', "learners.second.num_leaves=31"]


def test_members_are_named_by_head_or_for_both():
    both = load_config(settings=['model.members=["linear"]']).model
    assert (both.direction, both.tie, both.members) == (["linear"], ["linear"], None)
    one = load_config(settings=['model.tie=["linear"]']).model
    assert (one.direction, one.tie) == (load_config().model.direction, ["linear"])


@pytest.mark.parametrize("content", ['members = ["linear"]', 'tie = ["linear"]'])
def test_a_setting_replaces_what_a_file_says_the_other_way(content, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(f'families = ["length"]\n[model]\n{content}\n')
    model = load_config(file=path, settings=['model.direction=["xgboost"]']).model
    assert (model.direction, model.tie) == (["xgboost"], ["linear"])
    model = load_config(file=path, settings=['model.members=["lightgbm"]']).model
    assert (model.direction, model.tie) == (["lightgbm"], ["lightgbm"])


def test_three_classes_have_no_heads():
    model = load_config(settings=["model.form=multiclass"]).model
    assert (model.direction, model.tie) == (None, None)
    assert model.members == load_config().model.direction


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (['model.members=["linear"]', 'model.tie=["linear"]'], "members stands for direction and"),
        (['model.tie=["linear"]', "model.form=multiclass"], "three classes have one list"),
    ],
)
def test_members_are_not_named_in_two_ways(settings, words):
    with pytest.raises(ConfigError, match=rf"model: {words}"):
        load_config(settings=settings)


def test_a_section_of_its_own_name_is_a_second_setting_of_a_learner():
    config = load_config(settings=['model.direction=["lightgbm", "second"]', *SECOND])
    assert config.learners["second"]["kind"] == "lightgbm"
    assert config.learners["second"]["num_leaves"] == 31
    assert config.learners["lightgbm"] == load_config().learners["lightgbm"]
    members = dict(build_pipeline(config).named_steps["model"].members)
    assert members["second"].get_params() == LightGBMLearner(num_leaves=31).get_params()
    assert load_config(settings=SECOND).learners.keys() == load_config().learners.keys()


def test_a_value_may_hold_an_equals_sign():
    with pytest.raises(ConfigError, match=r"model\.form: .*Got 'a=b'"):
        load_config(settings=["model.form=a=b"])


def test_the_last_setting_wins():
    assert load_config(settings=["seed=1", "seed=2"]).seed == 2


@pytest.mark.parametrize("preset", presets())
def test_presets_are_sound_and_read_back_as_they_were(preset, tmp_path):
    config = load_config(preset=preset)
    path = tmp_path / "config.toml"
    path.write_text(write_config(config), encoding="utf-8")
    assert load_config(file=path) == config
    assert write_config(load_config(file=path)) == write_config(config)


def test_what_differs_from_the_defaults_is_read_back(tmp_path):
    config = load_config(
        settings=[
            "seed=3",
            "learners.linear.penalties=[0.5, 0.25]",
            'features.length.statistics=["characters_sum"]',
            "learners.lightgbm.learning_rate=0.1",
        ]
    )
    path = tmp_path / "config.toml"
    path.write_text(write_config(config), encoding="utf-8")
    assert load_config(file=path) == config
    assert tomllib.loads(path.read_text())["learners"]["linear"] == {"penalties": [0.5, 0.25]}


def test_what_is_left_out_is_the_default(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text('families = ["turns"]\n')
    config = load_config(file=path)
    assert config.model == Config(families=["turns"]).model.resolved()
    assert config.learners["linear"]["penalties"] == list(LinearLearner().penalties)


def test_every_default_in_use_is_written_out():
    """A default that changes later must not change what an old run is."""
    written = tomllib.loads(write_config(load_config(settings=['families=["length"]'])))
    assert list(written["features"]) == ["length"]
    assert set(written["learners"]["lightgbm"]) == set(LightGBMLearner().get_params())


def test_an_encoder_is_written_out_where_a_family_reads_with_one():
    neural = load_config(preset="neural", settings=["encoder.length=128"])
    assert neural.encoder == {
        "name": "minilm",
        "pooling": "own",
        "length": 128,
        "long": "head",
        "precision": "auto",
    }
    assert load_config(settings=["encoder.length=128"]).encoder is None
    assert "encoder" not in tomllib.loads(write_config(load_config()))


@pytest.mark.parametrize(
    "family", [name for name, cls in FAMILIES.items() if cls.uses == "encoder"]
)
@pytest.mark.parametrize("key", MOVED)
def test_what_families_held_of_an_encoder_is_refused_with_where_it_stands(family, key):
    with pytest.raises(ConfigError, match=rf"features\.{family}\.{key}: unknown key.*\[encoder\]"):
        load_config(preset="neural", settings=[f"features.{family}.{key}=8"])


def test_families_are_required(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text("seed = 1\n")
    with pytest.raises(ConfigError, match=r"small\.toml: families: this key is required"):
        load_config(file=path)


def test_the_default_preset_is_classical_and_names_what_there_is():
    assert "classical" in presets()
    assert load_config() == load_config(preset="classical")
    assert load_config().model == ModelConfig().resolved()
    with pytest.raises(ConfigError, match=r"--preset nope: no such preset\. Allowed: .*classical"):
        load_config(preset="nope")


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "cannot be read"), (b"seed = ", "expected TOML"), (b"\xff = 1", "expected TOML")],
)
def test_a_file_that_is_no_toml_is_named(content, words, tmp_path):
    path = tmp_path / "mine.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"mine\.toml: {words}"):
        load_config(file=path)


def test_check_config_says_where():
    with pytest.raises(ConfigError, match=r"^trial 7: seed: "):
        check_config({"families": ["turns"], "seed": -1}, "trial 7")


@pytest.mark.parametrize("cls", [*FAMILIES.values(), *LEARNERS.values()])
def test_options_are_the_constructor_and_its_defaults(cls):
    built = build(cls, {})
    options = list(options_of(cls).model_fields)
    parameters = set(built.get_params(deep=False)) - {"device", "encoder"}  # given by the run
    assert options == sorted(parameters, key=options.index)
    assert built.get_params() == cls().get_params()


def test_build_gives_what_was_asked_for():
    assert build(LEARNERS["lightgbm"], {"max_rounds": 5}).max_rounds == 5
    with pytest.raises(ConfigError, match=r"LightGBMLearner: max_rounds: .*'x'"):
        build(LEARNERS["lightgbm"], {"max_rounds": "x"})
