"""A column of weights, from the frame to every step that learns."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GroupKFold, cross_val_predict

from data.battles import soft_votes
from features.families.lexical import LexicalFeatures
from pipelines.config import load_config
from pipelines.estimator.build import build_pipeline
from pipelines.fit import Inputs, fit

SETTINGS = (
    'families=["length", "lexical"]',
    'model.members=["linear"]',
    "model.inner_folds=2",
    "model.extra_weight=0.5",
    "model.calibrate=false",  # which judges, and knows no weights
    "folds.n_folds=2",
    "learners.linear.penalties=[0.3]",
    "features.lexical.components=0",
    "features.lexical.characters=[]",
)


@pytest.fixture(scope="module")
def build():
    return lambda: build_pipeline(load_config(settings=SETTINGS))


@pytest.fixture
def given(monkeypatch):
    """What the family that learns was told that rows weigh, fit by fit."""
    seen, learn = [], LexicalFeatures._learn

    def note(self, training):
        if len(training.weight):
            seen.append(training.weight)
        return learn(self, training)

    monkeypatch.setattr(LexicalFeatures, "_learn", note)
    return seen


def test_families_and_model_are_given_weights_times_those_of_extra_rows(build, battles, given):
    frame, y = battles
    extra = np.arange(300) % 5 == 0
    weight = np.where(y == 0, 3.0, 1.0)
    frame = frame.assign(weight=weight, source=np.where(extra, "extra", "plain"))
    fitted = build().fit(frame, y)
    np.testing.assert_array_equal(given[0], weight * np.where(extra, 0.5, 1.0))
    lighter = build().fit(frame.assign(weight=1.0), y)
    np.testing.assert_array_equal(given[1], np.where(extra, 0.5, 1.0))
    texts = frame.head(50)
    # Decided rows weigh more: ties are rarer.
    assert (fitted.predict_proba(texts)[:, 2] < lighter.predict_proba(texts)[:, 2]).mean() > 0.9


def test_weights_work_in_scikit_learns_cross_validation(build, battles, given):
    frame, y = battles
    weight = np.linspace(0.5, 2.0, 300)
    folds = GroupKFold(2)
    group = frame["group"].to_numpy(dtype=object)
    cross_val_predict(
        build(), frame.assign(weight=weight), y, groups=group, cv=folds, method="predict_proba"
    )
    parts = [train for train, _ in folds.split(frame, y, group)]
    for found, rows in zip(given, parts, strict=True):
        np.testing.assert_array_equal(found, weight[rows])


def test_soft_labels_from_python_are_votes_by_their_share(build, battles, given):
    frame, y = battles
    votes = np.eye(3)[y]
    whole = build().fit(frame, y)
    hard = build().fit(*soft_votes(frame, votes))
    np.testing.assert_array_equal(hard.predict_proba(frame), whole.predict_proba(frame))
    softened = soft_votes(frame, 0.8 * votes + [0.0, 0.0, 0.2])
    build().fit(*softened)
    np.testing.assert_array_equal(given[-1], softened[0]["share"])
    assert given[-1].sum() == pytest.approx(len(y))


def test_a_weight_of_one_changes_no_bit_of_a_run_and_none_weighs_a_score(
    files, light, quiet, tmp_path
):
    table = pd.read_csv(files / "train.csv", dtype=str, keep_default_na=False)
    won = table["winner_model_a"] == "1"
    runs = {}
    for name, weight in {"none": None, "ones": "1", "heavy": np.where(won, "4", "1")}.items():
        path = tmp_path / f"{name}.csv"
        (table if weight is None else table.assign(weight=weight)).to_csv(path, index=False)
        runs[name] = fit(light, Inputs(path), tmp_path / name, device="cpu", console=quiet())
    for name in ("oof.csv", "folds.csv", "importance.csv"):
        assert (runs["none"] / name).read_bytes() == (runs["ones"] / name).read_bytes(), name
    told = {name: json.loads((run / "report.json").read_text()) for name, run in runs.items()}
    scores = {name: report["scores"] for name, report in told.items()}
    prior = {name: of["baselines"]["class prior"]["metrics"] for name, of in scores.items()}
    assert prior["heavy"] == prior["none"]
    assert scores["heavy"]["metrics"]["log_loss"] != scores["none"]["metrics"]["log_loss"]
