"""Families that learn, in a whole run: what they leave in it, and what predicts from it."""

import json

import numpy as np
import pandas as pd
import pytest

from data.battles import concat_battles, read_training
from features.storage.cache import Cache
from pipelines.config import load_config
from pipelines.estimator.build import build_pipeline, dump_features, fit_pipeline, precompute
from pipelines.fit import Inputs, fit
from tests.commands import predict

LEARNING = (
    'families=["length", "lexical", "fingerprint"]',
    'model.members=["linear"]',
    "model.inner_folds=2",
    "folds.n_folds=3",
    "learners.linear.penalties=[0.3, 0.03]",
    "features.lexical.components=3",
)


@pytest.fixture(scope="module")
def learning():
    return load_config(settings=LEARNING)


@pytest.fixture(scope="module")
def run(files, learning, quiet, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    inputs = Inputs(files / "train.csv", files / "test.csv")
    cache = Cache(folder / "cache", 10**9)
    console = quiet()
    run = fit(learning, inputs, folder / "run", device="cpu", cache=cache, console=console)
    return run, console.file.getvalue()


def test_what_was_learned_lies_beside_the_models(run):
    names = {path.name for path in (run[0] / "models").iterdir()}
    assert names >= {"lexical_grams.parquet", "lexical.json", "fingerprint.json"}
    hashes = json.loads((run[0] / "report.json").read_text())["files"]
    assert "models/lexical_grams.parquet" in hashes
    grams = pd.read_parquet(run[0] / "models" / "lexical_grams.parquet")
    assert {"word", "char_wb"} == set(grams["analyzer"])


def test_the_report_says_what_was_learned(run):
    families = json.loads((run[0] / "report.json").read_text())["final"]["families"]
    assert set(families) == {"lexical", "fingerprint"}
    assert 0.5 < families["lexical"]["direction"]["auc"] < 1.0
    assert 0 < families["fingerprint"]["accuracy"] <= 1
    assert "fingerprint: right author of an answer 0." in run[1]


def test_predict_writes_the_same_bytes(run, files, tmp_path):
    output = tmp_path / "submission.csv"
    arguments = [str(run[0]), "--test", str(files / "test.csv"), "--output", str(output)]
    assert predict(arguments) == 0
    assert output.read_bytes() == (run[0] / "submission.csv").read_bytes()


@pytest.mark.parametrize("state", ["filled", "none"])
def test_the_cache_changes_nothing(state, run, files, learning, quiet, tmp_path):
    cache = Cache(run[0].parent / "cache", 10**9) if state == "filled" else None
    inputs = Inputs(files / "train.csv", files / "test.csv")
    again = fit(learning, inputs, tmp_path / "run", device="cpu", cache=cache, console=quiet())
    for name in ("oof.csv", "submission.csv", "models/lexical_grams.parquet"):
        assert (again / name).read_bytes() == (run[0] / name).read_bytes(), name


def test_the_families_side_by_side_give_the_same(battles, learning):
    """Threads change no value: each family's own sums are made by one."""
    frame, y = battles
    alone = precompute(build_pipeline(learning), frame).fit(frame, y)
    beside = fit_pipeline(precompute(build_pipeline(learning), frame), frame, y)
    assert beside.named_steps["model"].dump() == alone.named_steps["model"].dump()


@pytest.fixture(scope="module")
def weighted(files, small_encoder_settings):
    """Fit plain and extra rows, with a weight of the extra ones, and return what was learned."""
    plain, extra = (
        read_training(files / f"{name}.csv", source=source)
        for name, source in (("train", "plain"), ("extra", "extra"))
    )
    quick = ("max_features=2000", "characters=[2, 3]")

    def fitted(weight, *, extra_too=True):
        config = load_config(
            settings=[
                'families=["length", "lexical", "fingerprint", "embedding"]',
                *LEARNING[1:],
                *(f"features.lexical.{option}" for option in quick),
                f"model.extra_weight={weight}",
                *small_encoder_settings,
                "encoder.length=32",
            ]
        )
        some = [plain, extra] if extra_too else [plain]
        battles = concat_battles([read.battles for read in some])
        pipeline = precompute(build_pipeline(config), battles)
        fit_pipeline(pipeline, battles, np.concatenate([read.y for read in some]))
        return dump_features(pipeline), pipeline.named_steps["model"].dump()

    return fitted


def test_extra_rows_of_weight_0_are_as_if_they_were_not_there(weighted):
    """Bit for bit: in vocabularies, IDF, scales, scores, strengths and the model."""
    assert weighted(0.0) == weighted(1.0, extra_too=False)


def test_the_weight_of_extra_rows_reaches_every_family_that_learns(weighted):
    half, whole = weighted(0.5)[0], weighted(1.0)[0]
    assert set(half) == set(whole)
    for family in ("lexical_grams.parquet", "fingerprint.safetensors", "embedding.safetensors"):
        assert half[family] != whole[family], family


def test_a_file_that_names_no_models_is_fitted_without_them(files, learning, quiet, tmp_path):
    table = pd.read_csv(files / "train.csv", dtype=str).drop(columns=["model_a", "model_b"])
    table.to_csv(tmp_path / "train.csv", index=False)
    console = quiet()
    inputs = Inputs(tmp_path / "train.csv", files / "test.csv")
    run = fit(learning, inputs, tmp_path / "run", device="cpu", console=console)
    columns = json.loads((run / "features.json").read_text())
    assert {column["family"] for column in columns} == {"length", "lexical"}
    assert "fingerprint: left out: no training row names a model" in console.file.getvalue()


def test_120_rows_fit_with_the_default_preset(files, quiet, tmp_path):
    table = pd.read_csv(files / "train.csv", dtype=str, keep_default_na=False)
    table.iloc[:120].to_csv(tmp_path / "train.csv", index=False)
    quick = ["learners.lightgbm.max_rounds=20", "learners.xgboost.max_rounds=5"]
    run = fit(
        load_config(settings=quick),
        Inputs(tmp_path / "train.csv", files / "test.csv"),
        tmp_path / "run",
        device="cpu",
        console=quiet(),
    )
    assert len(read_training(tmp_path / "train.csv").battles) == len(pd.read_csv(run / "oof.csv"))
