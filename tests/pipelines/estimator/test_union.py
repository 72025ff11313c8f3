"""The selected columns of a pipeline: alike in fit, prediction and files; and nothing else."""

import numpy as np
import pytest
from sklearn.base import clone

from data.battles import DataError
from models.preference import PASSED_THROUGH
from pipelines.config import ConfigError, check_config, load_config, write_config
from pipelines.estimator.build import build_pipeline, precompute
from pipelines.predict import load_pipeline

SELECT = ["length__words_sum_b", "style__bold_ratio"]


def selecting(names, *more):
    return load_config(
        settings=[
            'families=["length", "turns", "style"]',
            'model.members=["linear"]',
            "model.inner_folds=2",
            "folds.n_folds=3",
            f"model.select={names}",
            *more,
        ]
    )


def test_families_none_of_whose_columns_stay_are_not_computed():
    config = selecting(SELECT)
    assert config.families == ["length", "style"]
    assert "turns" not in config.features
    assert [
        name for name, _ in build_pipeline(config).named_steps["features"].transformer_list
    ] == [
        "length",
        "style",
        "passed",
    ]


def test_an_encoder_that_nobody_reads_with_any_more_is_not_in_the_configuration():
    config = load_config(preset="neural", settings=["model.select=['length__words_sum_diff']"])
    assert config.encoder is None


def test_what_is_written_is_read_back():
    import tomllib

    config = selecting(SELECT)
    assert check_config(tomllib.loads(write_config(config)), "config.toml") == config


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["style__bald_ratio"], r"select: 'style__bald_ratio' is no .*mean 'style__bold_ratio'\?"),
        ([], r"model\.select: .*at least 1 item"),
        (["style__*", "style__*"], r"model\.select: each name may stand once"),
        (["lexical__direction_diff"], r"is no column of length, turns, style\. Did you mean"),
    ],
)
def test_a_wrong_selection_is_refused(names, words):
    with pytest.raises(ConfigError, match=words):
        selecting(names)


def test_the_model_sees_the_selected_columns_with_their_partners(battles):
    frame, y = battles
    expected = ["length__words_sum_a", "length__words_sum_b", "style__bold_ratio"]
    pipeline = build_pipeline(selecting(SELECT)).fit(frame, y)
    assert pipeline.named_steps["model"].feature_names_in_.tolist() == expected
    made = pipeline.named_steps["features"].transform(frame.iloc[:3])
    assert list(made.columns) == [*expected, *PASSED_THROUGH]


def test_computed_beforehand_and_cloned_it_predicts_the_same(battles):
    frame, y = battles
    plain = build_pipeline(selecting(SELECT))
    ready = clone(precompute(plain, frame)).fit(frame, y)
    np.testing.assert_array_equal(
        ready.predict_proba(frame), plain.fit(frame, y).predict_proba(frame)
    )


def test_a_run_takes_a_selection_and_is_read_back(refit, tmp_path, battles):
    run = refit(tmp_path / "run", config=selecting(SELECT))
    model = load_pipeline(run).named_steps["model"]
    assert len(model.feature_names_in_) == 3
    assert "select" in (run / "config.toml").read_text()


def test_a_stack_s_member_takes_a_selection():
    from pipelines.stacking.config import load_stack_config

    select = "members.classical.model.select=['style__bold_ratio']"
    member = load_stack_config(settings=[select]).members["classical"]
    assert member.config.families == ["style"]
    assert member.written()["model"]["select"] == ["style__bold_ratio"]


def test_columns_that_these_battles_do_not_give_are_told(battles):
    frame, y = battles
    names = ["fingerprint__strength_diff"]
    config = load_config(settings=[f"model.select={names}", "model.members=['linear']"])
    unnamed = frame.assign(model_a=None, model_b=None)
    with pytest.raises(DataError, match=r"these battles give none of its columns, fingerprint__st"):
        build_pipeline(config).fit(unnamed, y)
