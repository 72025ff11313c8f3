"""Out-of-fold predictions: what scikit-learn would give, and nothing learned from held-out rows."""

from collections import Counter
from threading import Barrier, BrokenBarrierError
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.pipeline import FeatureUnion, Pipeline

from data.battles import concat_battles, read_training
from data.folds import make_folds, training_rows
from features import FAMILIES, BattleFamily, memory
from models.calibration import Calibration
from models.choice import Chosen
from models.measures.baselines import LengthRegression
from pipelines.estimator import out_of_fold
from pipelines.estimator.build import build_pipeline, precompute
from pipelines.estimator.out_of_fold import (
    baseline_predictions,
    predict_out_of_fold,
    true_probabilities,
)
from pipelines.run.folder import UnfinishedRun


def read_oof(path):
    table = pd.read_csv(path, dtype=str)
    return table["id"].tolist(), table.iloc[:, 1:].to_numpy(dtype=object).astype(np.float64)


@pytest.fixture
def folds(battles, light):
    return make_folds(battles[1], battles[0]["group"], n_folds=light.folds.n_folds)


@pytest.fixture
def crossfit(tmp_path):
    """Cross-fit into a new unfinished run each time."""
    numbers = iter(range(100))

    def run(pipeline, battles, y, folds):
        with UnfinishedRun(tmp_path / str(next(numbers)), {}) as unfinished:
            return predict_out_of_fold(pipeline, battles, y, folds, unfinished, lambda done: None)

    return run


def test_oof_of_a_run_is_what_cross_val_predict_gives(run, battles, config):
    folds = pd.read_csv(run / "folds.csv", dtype={"id": str})
    expected = cross_val_predict(
        build_pipeline(config),
        *battles,
        cv=PredefinedSplit(folds["fold"]),
        method="predict_proba",
    )
    ids, proba = read_oof(run / "oof.csv")
    assert ids == battles[0]["id"].tolist() == folds["id"].tolist()
    np.testing.assert_array_equal(proba, expected)


class Witness(TransformerMixin, BaseEstimator):
    """Writes down the rows that a pipeline is fitted on and those that it is asked for."""

    seen: ClassVar[list] = []

    def fit(self, battles, y=None):
        self.seen.append(("fit", battles["id"].tolist(), np.asarray(y).tolist()))
        return self

    def transform(self, battles):
        self.seen.append(("transform", battles["id"].tolist(), None))
        return battles[["id", "group"]].assign(characters=1.0)

    def get_feature_names_out(self, input_features=None):
        return np.array(["id", "group", "characters"], dtype=object)


class Parrot(ClassifierMixin, BaseEstimator):
    """A preference model that says the same of all battles."""

    extra_weight = 1.0
    seconds_: ClassVar[dict] = {}

    def fit(self, X, y):
        self.chosen_ = Chosen({}, {}, Calibration())
        return self

    def logits(self, X, *, calibrated=True):
        return np.zeros(len(X)), np.zeros(len(X))

    def predict_proba(self, X):
        return np.full((len(X), 3), 1 / 3)


def test_extra_rows_train_unless_their_prompt_is_held_out(
    files, battles, folds, crossfit, monkeypatch
):
    monkeypatch.setattr(out_of_fold, "effective_n_jobs", lambda n_jobs: 1)  # one after the other
    extra = read_training(files / "extra.csv", source="extra")
    frame, y = concat_battles([battles[0], extra.battles]), np.concatenate([battles[1], extra.y])
    Witness.seen.clear()
    union = FeatureUnion([("witness", Witness())], verbose_feature_names_out=False)
    features = union.set_output(transform="pandas")
    pipeline = Pipeline([("features", features), ("model", Parrot())])
    out = crossfit(pipeline, frame, y, folds)
    assert out.proba.shape == (300, 3)
    fits = [rows for rows in Witness.seen if rows[0] == "fit"]
    predicted = [Witness.seen[place + 2][1] for place in (0, 3, 6)]
    group, ids = frame["group"].to_numpy(), frame["id"].to_numpy()
    shared = set(battles[0]["group"]) & set(extra.battles["group"])
    assert len(shared) >= 20
    for fold, (_, trained, labels) in enumerate(fits):
        held_out = set(battles[0]["group"][folds == fold])
        rows = [
            row
            for row in range(len(frame))
            if (row >= 300 or folds[row] != fold) and group[row] not in held_out
        ]
        assert trained == ids[rows].tolist()
        assert labels == y[rows].tolist()
        assert predicted[fold] == battles[0]["id"][folds == fold].tolist()


class Meeting(Witness):
    """Fits that are the first or the second wait for each other."""

    together: ClassVar[Barrier] = Barrier(2, timeout=20.0)
    fits: ClassVar[list] = []

    def fit(self, battles, y=None):
        self.fits.append(len(battles))
        if len(self.fits) < 3:
            self.together.wait()
        return self


@pytest.mark.parametrize(("left", "met"), [(10**12, True), (1, False)])
def test_folds_go_on_side_by_side_where_there_is_memory(
    left, met, battles, folds, crossfit, monkeypatch
):
    """One after the other they would wait in vain."""
    monkeypatch.setattr(out_of_fold, "effective_n_jobs", lambda n_jobs: 2)
    monkeypatch.setattr(memory, "find_memory", lambda: memory.Memory(None, left))
    monkeypatch.setattr(out_of_fold, "held", lambda: 1000)
    Meeting.fits.clear()
    Meeting.together = Barrier(2, timeout=20.0 if met else 0.2)
    union = FeatureUnion([("meeting", Meeting())], verbose_feature_names_out=False)
    pipeline = Pipeline([("features", union.set_output(transform="pandas")), ("model", Parrot())])
    if met:
        crossfit(pipeline, *battles, folds)
        assert len(Meeting.fits) == folds.max() + 1 == 3
    else:
        with pytest.raises(BrokenBarrierError):
            crossfit(pipeline, *battles, folds)


class Commonness(BattleFamily):
    """A vectoriser: how common an answer's words are in the rows that `fit` has seen."""

    name = "common"
    learns = True

    def fit(self, battles, y=None):
        super().fit(battles, y)
        answers = [*battles["response_a"], *battles["response_b"]]
        self.counts_ = Counter(word for turns in answers for word in words_of(turns))
        return self

    def _columns(self, battles):
        counts = getattr(self, "counts_", Counter())
        a, b = (
            np.array([commonness(counts, words_of(turns)) for turns in battles[name].to_list()])
            for name in ("response_a", "response_b")
        )
        return {"words_a": a, "words_b": b, "words_diff": a - b}


class FittedOnAll(Commonness):
    """The peers' mistake: the vectoriser is fitted on all rows before the folds are cut."""

    every_row = None

    def fit(self, battles, y=None):
        return super().fit(self.every_row, y)


def words_of(turns):
    return " ".join(turn or "" for turn in turns).split()


def commonness(counts, words):
    return np.mean([np.log1p(counts[word]) for word in words]) if words else 0.0


@pytest.mark.parametrize(("family", "leaks"), [(Commonness, False), (FittedOnAll, True)])
def test_texts_of_held_out_rows_reach_no_model(
    family, leaks, battles, light, folds, crossfit, monkeypatch
):
    """Half of fold 0 gets other answers: what is said of the other half stays the same."""
    monkeypatch.setitem(FAMILIES, "common", family)
    pipeline = build_pipeline(light.model_copy(update={"families": ["common", "length"]}))
    frame, y = battles
    changed = np.flatnonzero(folds == 0)[::2]
    answers = [["other words here"] if row in changed else frame["response_a"][row]
               for row in range(len(frame))]  # fmt: skip
    other = frame.assign(response_a=pd.Series(answers, index=frame.index))
    other["response_a"] = other["response_a"].astype(frame["response_a"].dtype)
    probabilities = []
    for rows in (frame, other):
        monkeypatch.setattr(FittedOnAll, "every_row", rows)
        probabilities.append(crossfit(precompute(pipeline, rows), rows, y, folds).proba)
    before, after = probabilities
    rest = np.setdiff1d(np.flatnonzero(folds == 0), changed)
    assert np.array_equal(before[rest], after[rest]) != leaks
    assert not np.array_equal(before[changed], after[changed])


def test_labels_of_held_out_rows_reach_no_model(battles, light, folds, crossfit):
    frame, y = battles
    turned = np.where(folds == 0, (y + 1) % 3, y).astype(np.int8)
    pipeline = precompute(build_pipeline(light), frame)
    before, after = (crossfit(pipeline, frame, labels, folds) for labels in (y, turned))
    np.testing.assert_array_equal(before.proba[folds == 0], after.proba[folds == 0])
    assert before.folds[0] == after.folds[0]
    assert not np.array_equal(before.proba[folds == 1], after.proba[folds == 1])


def test_finished_folds_are_not_fitted_again(battles, light, folds, tmp_path):
    pipeline = precompute(build_pipeline(light), battles[0])
    told = []
    with UnfinishedRun(tmp_path / "run", {}) as run:
        first = predict_out_of_fold(pipeline, *battles, folds, run, told.append)
        broken = Pipeline([("features", None), ("model", None)])
        again = predict_out_of_fold(broken, *battles, folds, run, told.append)
    np.testing.assert_array_equal(first.proba, again.proba)
    assert first.folds == again.folds
    assert told == [1, 1, 1, 3]


def test_baselines_are_fitted_without_the_fold(battles, folds):
    frame, y = battles
    predicted = baseline_predictions(frame, y, folds)
    for fold in range(3):
        out = folds == fold
        share = np.bincount(y[~out], minlength=3) / (~out).sum()
        np.testing.assert_allclose(predicted["class prior"][out], np.tile(share, (out.sum(), 1)))
    characters = [
        np.array([sum(len(turn or "") for turn in turns) for turns in frame[name]])
        for name in ("response_a", "response_b")
    ]
    x = (np.log1p(characters[0]) - np.log1p(characters[1]))[:, None]
    out = folds == 1
    expected = LengthRegression().fit(x[~out], y[~out]).predict_proba(x[out])
    np.testing.assert_allclose(predicted["length alone"][out], expected, atol=1e-5)


def test_true_probabilities_are_found_by_id(tmp_path):
    (tmp_path / "train_probabilities.csv").write_text(
        "id,winner_model_a,winner_model_b,winner_tie\n007,0.5,0.25,0.25\n8,0.1,0.2,0.7\n"
    )
    truth = true_probabilities(tmp_path / "train.csv", pd.Series(["8", "007"]))
    np.testing.assert_array_equal(truth, [[0.1, 0.2, 0.7], [0.5, 0.25, 0.25]])
    assert true_probabilities(tmp_path / "other.csv", pd.Series(["8"])) is None


def test_training_rows_agree_with_a_plain_split_where_there_are_no_extra_rows(battles, folds):
    mask = training_rows(folds == 1, battles[0]["group"], battles[0]["source"])
    np.testing.assert_array_equal(mask, folds != 1)
