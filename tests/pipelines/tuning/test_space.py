"""The search space: what it takes, what it refuses, and the configurations that it stands for."""

import pytest

from pipelines.config import ConfigError, load_config, read_source
from pipelines.config import without_ties as settled_without_ties
from pipelines.settings import apply_setting
from pipelines.tuning.space import Space, without_ties

MEMBERS = "model.direction=[['linear'], ['lightgbm', 'xgboost', 'linear']]"


def space(*search, settings=()):
    """Return a space over the preset `classical`, which has another one."""
    data, where = read_source(settings=settings)
    del data["search"]
    for one in search:
        apply_setting(data, f"search.{one}")
    return Space(data, where)


def test_a_quoted_key_and_a_nested_one_are_the_same(tmp_path):
    quoted, nested = tmp_path / "a.toml", tmp_path / "b.toml"
    head = 'families = ["length"]\n[search]\n'
    quoted.write_text(f'{head}"learners.lightgbm.num_leaves" = {{low = 4, high = 64}}\n')
    nested.write_text(f"{head}learners.lightgbm.num_leaves = {{low = 4, high = 64}}\n")
    spaces = [Space(*read_source(file=file)) for file in (quoted, nested)]
    assert spaces[0].digest() == spaces[1].digest()
    assert list(spaces[0].dimensions) == ["learners.lightgbm.num_leaves"]


def test_the_section_is_no_part_of_a_configuration(tmp_path):
    file = tmp_path / "a.toml"
    file.write_text('families = ["length"]\n[search]\nmodel.calibrate = [true, false]\n')
    alone = tmp_path / "b.toml"
    alone.write_text('families = ["length"]\n')
    assert load_config(file=file) == load_config(file=alone)


def test_numbers_are_whole_where_the_parameter_is():
    found = space(
        "learners.lightgbm.num_leaves={low = 4, high = 64, log = true}",
        "learners.lightgbm.lambda_l2={low = 1, high = 10}",
    ).distributions
    leaves, penalty = found["learners.lightgbm.num_leaves"], found["learners.lightgbm.lambda_l2"]
    assert (type(leaves).__name__, leaves.log) == ("IntDistribution", True)
    assert (type(penalty).__name__, penalty.log) == ("FloatDistribution", False)


def test_the_presets_own_values_are_trial_0():
    found = space(
        "learners.lightgbm.num_leaves={low = 4, high = 64}",
        "families.overlap=[true, false]",
        "features.lexical.words=[[1, 2], [1, 3]]",
    )
    assert found.preset == {
        "families.overlap": True,
        "features.lexical.words": "[1, 3]",
        "learners.lightgbm.num_leaves": 15,
    }
    assert found.settle(found.preset).config == load_config()


def test_a_proposal_is_the_configuration_of_the_same_settings():
    found = space("families.overlap=[true, false]", "families.embedding=[false, true]", MEMBERS)
    labels = {
        "families.overlap": False,
        "families.embedding": True,
        "model.direction": '["linear"]',
    }
    families = [name for name in load_config().families if name != "overlap"]
    expected = load_config(
        settings=[f"families={[*families, 'embedding']}", "model.direction=['linear']"]
    )
    assert found.settle(labels).config == expected


def test_keys_that_a_proposal_does_not_read_are_no_parameters_of_it():
    found = space(
        MEMBERS,
        "learners.xgboost.max_bin={low = 31, high = 127}",
        "families.length=[true, false]",
        "features.lexical.min_df={low = 2, high = 9}",
        "families.lexical=[true, false]",
    )
    labels = {
        "model.direction": '["linear"]',
        "learners.xgboost.max_bin": 40,
        "families.length": True,
        "features.lexical.min_df": 5,
        "families.lexical": False,
    }
    assert found.settle(labels).active == ["families.length", "families.lexical", "model.direction"]
    assert (
        "learners.xgboost.max_bin"
        in found.settle(labels | {"model.direction": '["lightgbm", "xgboost", "linear"]'}).active
    )


def test_three_classes_have_no_members_of_a_head():
    found = space("model.form=['heads', 'multiclass']", MEMBERS)
    both = {"model.form": "multiclass", "model.direction": '["linear"]'}
    settled = found.settle(both)
    assert settled.active == ["model.form"]
    assert settled.config.model.form == "multiclass"
    assert found.settle(both | {"model.form": "heads"}).config.model.direction == ["linear"]


def test_members_of_both_heads_are_searched_together():
    found = space(
        "model.members=[['linear'], ['lightgbm', 'linear']]", settings=['model.members=["linear"]']
    )
    assert found.preset == {"model.members": '["linear"]'}
    settled = found.settle({"model.members": '["lightgbm", "linear"]'})
    assert settled.active == ["model.members"]
    assert settled.config.model.direction == settled.config.model.tie == ["lightgbm", "linear"]


def test_votes_without_ties_leave_the_space_of_the_direction():
    """Of the default preset: what sets ties alone is told, the rest is as it was."""
    data, where = read_source(settings=["search.model.form=['heads', 'multiclass']"])
    found, whole = Space(without_ties(data, where), where), Space(*read_source())
    assert found.unread == ["model.tie"]
    assert [*found.dimensions, "model.tie"] == list(whole.dimensions)
    assert found.base == settled_without_ties(load_config())
    assert data["search"]["model"] == {"form": ["heads", "multiclass"]}  # unchanged


@pytest.mark.parametrize(
    ("search", "words"),
    [
        (["model.form=['heads', 'direction']"], r"form: 'direction' knows no ties and 'heads' has"),
        (
            [],
            r"classical: no section \[search\]: there is nothing to tune\. Add one, such as --set",
        ),
        (["model.bagg=[1, 2]"], r"search\.model\.bagg: model\.bagg: unknown key\. Allowed: direct"),
        (
            ["learners.lightgbm.num_leaves={low = 1, high = 64}"],
            r"search\.learners\.lightgbm\.num_leaves: .*greater than or equal to 2\. Got 1\.",
        ),
        (
            ["learners.lightgbm.num_leaves={low = 4.5, high = 64}"],
            r"num_leaves: should be from one whole number to another\. Got \(4\.5, 64\)",
        ),
        (["learners.lightgbm.num_leaves={low = 9, high = 4}"], r"low should be less than high"),
        (["learners.lightgbm.num_leaves={low = 4}"], r"high should be a number\. Got None"),
        (["learners.lightgbm.num_leaves={low = 4, high = 9, lg = 1}"], r"unknown key 'lg'\. Allow"),
        (["learners.lightgbm.lambda_l2={low = 0, high = 9, log = true}"], r"lambda_l2: .*log"),
        (
            ["learners.lightgbm.num_leaves={low = 20, high = 64}"],
            r"should hold the preset's own value 15, for trial 0 is the preset as it is\. Got \[20",
        ),
        (["learners.lightgbm.num_leaves=7"], r"should be a list of values, or a range such as"),
        (["learners.lightgbm.num_leaves=[]"], r"should list values, each once\. Got \[\]"),
        (["model.form={low = 1, high = 2}"], r"no number, of which there could be a range"),
        (["seed=[0, 1]"], r"search\.seed: trials are compared over the same folds"),
        (["folds.n_folds=[4, 5]"], r"search\.folds\.n_folds: trials are compared over the same"),
        (["families.lenght=[true, false]"], r"search\.families\.lenght: no such family\. Allowed"),
        (["families.length=[1, 2]"], r"families\.length: should be \[true, false\]"),
        (
            ["features.embedding.components=[4, 8]"],
            r"\[search\]: nothing reads features\.embedding",
        ),
        (["model.direction=[['linear'], ['forest']]"], r"direction: 'forest' is none of"),
    ],
)
def test_a_wrong_space_is_told_in_a_line_with_the_key(search, words):
    with pytest.raises(ConfigError, match=words) as told:
        space(*search)
    assert "\n" not in str(told.value)
    assert str(told.value).startswith("preset classical: ")


SELECTED = "model.select=['length__words_sum_diff', 'style__bold_ratio', 'lexical__*']"


def test_what_a_selection_leaves_out_is_not_searched_and_told():
    found = space(
        "families.turns=[true, false]",
        "families.style=[true, false]",
        "features.lexical.min_df={low = 2, high = 9}",
        settings=["model.select=['length__words_sum_diff', 'style__bold_ratio']"],
    )
    assert found.unread == ["families.turns", "features.lexical.min_df"]
    assert list(found.dimensions) == ["families.style"]
    assert found.base.families == ["length", "style"]


def test_a_family_that_is_off_takes_its_names_out_of_a_selection():
    found = space("families.style=[true, false]", settings=[SELECTED])
    assert found.settle(found.preset).config == found.base
    settled = found.settle({"families.style": False})
    assert settled.config.families == ["length", "lexical"]
    assert settled.config.model.select == ["length__words_sum_diff", "lexical__*"]
    assert settled.active == ["families.style"]  # else the best trial would be another one
    assert found.base.model.select[1] == "style__bold_ratio"


def test_a_section_that_is_none_is_refused():
    with pytest.raises(ConfigError, match=r"search: should be a section\. Got 3"):
        Space(*read_source(settings=["search=3"]))


def test_a_key_and_a_part_of_it_are_not_searched_together(tmp_path):
    file = tmp_path / "a.toml"
    file.write_text(
        'families = ["length"]\n[search]\n"learners.linear" = [{}]\n'
        '"learners.linear.penalties" = [[1.0]]\n'
    )
    words = r"search\.learners\.linear\.penalties is a part of search\.learners\.linear: name one"
    with pytest.raises(ConfigError, match=words):
        Space(*read_source(file=file))


def test_what_no_trial_would_read_is_left_out_and_told():
    found = space(
        "learners.xgboost.max_bin={low = 31, high = 127}",
        "model.calibrate=[true, false]",
        settings=['model.members=["linear"]'],
    )
    assert (list(found.dimensions), found.unread) == (
        ["model.calibrate"],
        ["learners.xgboost.max_bin"],
    )


def test_the_default_preset_has_a_space_that_it_lies_in():
    found = Space(*read_source())
    assert found.unread == []
    assert found.settle(found.preset).config == load_config()
