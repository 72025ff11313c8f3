"""Someone who has never seen the code adds families of features, by the README alone."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from data.battles import make_battles, read_training
from features import FAMILIES, Statistic, StatisticsFamily
from features.text.formulas import literal
from pipelines.config import check_config, load_config
from pipelines.estimator.build import build_pipeline, describe_columns

ROOT = Path(__file__).parents[3]
SAMPLE = ROOT / "data" / "sample" / "train.csv"
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
NO_CACHES = shutil.ignore_patterns("__pycache__")
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


class TestLearning:
    """The family that learns of the README: 40 lines without its imports."""

    @pytest.fixture
    def family(self, monkeypatch):
        block = next(b for b in BLOCKS if "LearningFamily" in b)
        assert len(block[block.index("class ") :].splitlines()) < 40
        names = {"__name__": "readme"}
        exec(compile(block, "README.md", "exec"), names)
        monkeypatch.setitem(FAMILIES, "eager", names["EagerFeatures"])
        return names["EagerFeatures"]

    @pytest.fixture
    def training(self):
        n, eager = 240, ["Sure, here it is.", "Here it is."]
        a, b = (np.array(eager)[np.arange(n) // step % 2] for step in (1, 2))
        battles = make_battles([f"Question {row}?" for row in range(n)], a.tolist(), b.tolist())
        y = np.where(np.arange(n) % 5 == 0, 2, np.where(a < b, 1, 0))  # "Sure" wins: S after H
        return battles, y.astype(np.int8)

    def test_learns_out_of_fold_and_is_loaded_again(self, family, training):
        fitted = family()
        columns = fitted.fit_transform(*training)
        assert fitted.learned_.log_odds > 3
        assert fitted.report() == {"battles": 240}
        seen = fitted.transform(training[0])
        assert seen["eager__score_diff"].nunique() == 3  # one model for all rows
        assert columns["eager__score_diff"].nunique() > 3  # one for each inner fold
        loaded = family().load(fitted.dump())
        pd.testing.assert_frame_equal(loaded.transform(training[0]), seen, check_exact=True)

    def test_does_not_see_its_own_vote(self, family, training):
        battles, y = training
        columns = family().fit_transform(battles, y)
        flipped = y.copy()
        flipped[1] = 0  # from B, which began with Sure
        again = family().fit_transform(battles, flipped)
        assert again.iloc[1].equals(columns.iloc[1])
        assert not again.equals(columns)

    def test_works_in_a_pipeline(self, family, training):
        config = load_config(settings=['families=["length", "eager"]', *FAST])
        pipeline = build_pipeline(config).fit(*training)
        assert "eager__score_diff" in pipeline.named_steps["model"].feature_names_in_


def test_the_readmes_families_are_files_of_the_package(tmp_path):
    """As its steps say: each block a file, a line in FAMILIES, and the package is imported."""
    shutil.copytree(ROOT / "features", tmp_path / "features", ignore=NO_CACHES)
    shutil.copytree(ROOT / "data", tmp_path / "data", ignore=NO_CACHES)
    registry = tmp_path / "features" / "__init__.py"
    text = registry.read_text()
    for name, cls in (("loudness", "LoudnessFeatures"), ("eager", "EagerFeatures")):
        block = next(b for b in BLOCKS if f"class {cls}" in b)
        (tmp_path / "features" / "families" / f"{name}.py").write_text(block)
        text = text.replace(
            "from features.families.embedding", f"from features.families.{name} import {cls}\n"
            "from features.families.embedding", 1,
        ).replace('    "length": ', f'    "{name}": {cls},\n    "length": ', 1)  # fmt: skip
    registry.write_text(text)
    code = "import features; print(features.__file__, *features.FAMILIES)"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert str(tmp_path) in run.stdout
    assert {"loudness", "eager"} <= set(run.stdout.split())
