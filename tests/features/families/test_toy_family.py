"""Someone who has never seen the code adds a family of features, through the public way."""

from pathlib import Path
from typing import ClassVar

import numpy as np

from data.battles import read_training
from features import FAMILIES, Statistic, StatisticsFamily
from features.text.formulas import literal
from pipelines.config import check_config, load_config
from pipelines.estimator.build import build_pipeline, describe_columns

SAMPLE = Path(__file__).parents[3] / "data" / "sample" / "train.csv"
FAST = ['model.members=["linear"]', "model.inner_folds=2"]


class Loudness(StatisticsFamily):
    name = "loudness"
    STATISTICS: ClassVar = {"shouts": Statistic("runs of exclamation marks", literal("!"))}


def test_a_new_family_in_a_pipeline(monkeypatch):
    monkeypatch.setitem(FAMILIES, "loudness", Loudness)
    config = load_config(settings=['families=["length", "loudness"]', *FAST])
    read = read_training(SAMPLE)
    battles, y = read.battles.iloc[:300], read.y[:300]
    pipeline = build_pipeline(config).fit(battles, y)
    proba = pipeline.predict_proba(battles)
    assert proba.shape == (300, 3)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    names = list(pipeline.named_steps["model"].feature_names_in_)
    assert names[-3:] == [f"loudness__shouts_{side}" for side in ("a", "b", "ratio")]
    assert describe_columns(pipeline)["loudness__shouts_a"].startswith("runs of exclamation marks")


def test_its_parameters_are_keys_of_the_configuration(monkeypatch):
    monkeypatch.setitem(FAMILIES, "loudness", Loudness)
    config = check_config(
        {"families": ["loudness"], "features": {"loudness": {"statistics": ["shouts"]}}}, "here"
    )
    family = build_pipeline(config).named_steps["features"].transformer_list[0][1]
    assert isinstance(family, Loudness)
    assert family.statistics == ["shouts"]
