"""The configuration of a stack: presets, files, single keys."""

import re
import tomllib

import pytest

from pipelines.config import load_config
from pipelines.presets import PRESETS, STACKS, TOWERS, presets
from pipelines.settings import ConfigError
from pipelines.stacking.config import (
    RunPart,
    TowerPart,
    is_stack,
    load_stack_config,
    write_stack_config,
)
from pipelines.tower.settings import load_settings

SMALL = """
seed = 3
[folds]
n_folds = 4
[members.plain]
preset = "classical"
families = ["length"]
model.members = ["linear"]
learners.linear.penalties = [0.5]
[members.read]
preset = "minilm_tower"
length = 32
"""


@pytest.fixture
def small(tmp_path):
    """Read a file, with more lines if asked for."""

    def read(*settings, more=""):
        path = tmp_path / "small.toml"
        path.write_text(SMALL + more)
        return load_stack_config(file=path, settings=settings)

    return read


def test_a_preset_name_stands_for_one_thing():
    names = [name for folder in (PRESETS, TOWERS, STACKS) for name in presets(folder)]
    assert len(set(names)) == len(names)
    assert presets(STACKS) == ["stack"]


def test_the_preset_joins_three_presets_as_they_are():
    members = load_stack_config().members
    assert list(members) == ["classical", "neural", "tower"]
    assert members["classical"] == RunPart("classical", load_config(preset="classical"))
    assert members["neural"] == RunPart("neural", load_config(preset="neural"))
    assert members["tower"] == TowerPart("minilm_tower", load_settings(preset="minilm_tower"))


def test_one_seed_and_one_number_of_folds_are_everybodys():
    config = load_stack_config(settings=["folds.n_folds=4", "seed=7"])
    assert (config.seed, config.n_folds, config.stack.seed) == (7, 4, 7)
    for name in ("classical", "neural"):
        made = config.members[name].config
        assert (made.seed, made.folds.n_folds) == (7, 4)
    tower = config.members["tower"].settings
    assert (tower.seed, tower.n_folds) == (7, 4)


def test_a_section_changes_its_preset(small):
    config = small()
    plain, read = config.members["plain"].config, config.members["read"].settings
    assert plain.families == ["length"]
    assert (plain.model.members, plain.model.direction) == (None, ["linear"])
    assert plain.learners["linear"]["penalties"] == [0.5]
    assert plain.model.inner_folds == load_config().model.inner_folds
    assert read.length == 32
    assert read.head_learning_rate == load_settings().head_learning_rate


def test_a_setting_changes_a_section(small):
    config = small("members.plain.model.members=['xgboost']", "members.read.epochs=2", "seed=5")
    assert config.members["plain"].config.model.direction == ["xgboost"]
    assert config.members["read"].settings.epochs == 2
    assert config.seed == 5
    assert small("stack.calibrate=false").stack.calibrate is False
    assert small().stack.calibrate is True


def test_a_setting_may_add_a_member(small):
    assert list(small("members.again.preset=neural").members) == ["plain", "read", "again"]


@pytest.mark.parametrize(
    "more", ["", "[members.three]\npreset='classical'\nmodel.form='multiclass'"]
)
def test_what_is_written_is_read_back(small, more, tmp_path):
    config = small("stack.calibrate=false", more=more)
    path = tmp_path / "config.toml"
    path.write_text(write_stack_config(config), encoding="utf-8")
    assert load_stack_config(file=path) == config
    assert write_stack_config(load_stack_config(file=path)) == write_stack_config(config)


def test_what_is_written_is_whole():
    """A default, or a preset, that changes later must not change what an old run is."""
    written = tomllib.loads(write_stack_config(load_stack_config()))
    assert set(written) == {"seed", "folds", "stack", "members"}
    known = load_config().model_dump(mode="json", exclude_none=True)
    assert written["members"]["classical"] == {
        "preset": "classical",
        **{key: value for key, value in known.items() if key not in ("seed", "folds")},
    }
    assert written["members"]["tower"]["head_learning_rate"] == 2e-3


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("bogus=1", r"bogus: unknown key\. Allowed: seed, folds, stack, members\."),
        ("seed=-1", r"seed: should be greater than or equal to 0\. Got -1"),
        ("folds.n_folds=2", r"folds\.n_folds: should be greater than or equal to 3\. Got 2"),
        ("stack.bogus=1", r"stack\.bogus: unknown key\. Allowed: .*calibrate"),
        ("stack.seed=1", r"stack\.seed: unknown key\. Set seed: one serves the whole"),
        ("members.x=1", r"members\.x: should be a valid dictionary\. Got 1"),
        ("members={}", r"members: expected a section \[members\.NAME\] for each, found none"),
        ("members.Big.preset=neural", r"members\.'Big': a member's name has lower-case letters"),
        ("members.stack.preset=neural", r"members\.'stack': .*is not stack, the name of the whole"),
        ('members={"../x" = {}}', r"members\.'\.\./x': a member's name"),
        ("members.x.epochs=1", r"members\.x\.preset: expected the name of a preset, .*found none"),
        ("members.x.preset=1", r"members\.x\.preset: expected the name .*found 1"),
        ("members.x.preset=no", r"members\.x\.preset: no: no such preset\. Allowed: .*keras_small"),
        ("members.x.preset=stack", r"members\.x\.preset: stack: no such preset"),
        ("members.tower.seed=1", r"members\.tower\.seed: unknown key\. .*set seed and folds\.n"),
        ("members.tower.n_folds=3", r"members\.tower\.n_folds: unknown key\. .*one set of folds"),
        ("members.neural.folds.n_folds=3", r"members\.neural\.folds: unknown key"),
        ("members.tower.bogus=1", r"members\.tower: bogus: unknown key\. Allowed: backbone"),
        (
            "members.neural.model.bogus=1",
            r"members\.neural: model\.bogus: unknown key\. Allowed: d",
        ),
        ("members.neural.model=3", r"members\.neural: model: should be a valid dictionary"),
    ],
)
def test_what_is_wrong_is_told_with_what_is_allowed(setting, words):
    with pytest.raises(ConfigError, match=f"^preset stack: {words}"):
        load_stack_config(settings=[setting])


def test_members_are_required(tmp_path):
    path = tmp_path / "none.toml"
    path.write_text("seed = 1\n")
    with pytest.raises(ConfigError, match=r"none\.toml: members: expected a section"):
        load_stack_config(file=path)


def test_what_has_members_is_a_stack(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(SMALL)
    assert is_stack(None, path)
    path.write_text('families = ["length"]\n')
    assert not is_stack(None, path)
    assert is_stack("stack", None)
    assert not is_stack("neural", None)
    assert not is_stack(None, None)
    with pytest.raises(
        ConfigError, match=re.escape("--preset nope: no such preset. Allowed: ")
    ) as no:
        is_stack("nope", None)
    assert "neural" in str(no.value)
    assert "stack" in str(no.value)


def test_a_stack_is_no_configuration_of_a_run(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(SMALL)
    with pytest.raises(ConfigError, match=r"mine\.toml: members: .*a stack"):
        load_config(file=path)
