"""Votes drawn at random cannot be foretold: no family may seem to."""

import numpy as np
import pytest

from data.battles import read_training
from features import FAMILIES
from models.measures.evaluation import paired_difference
from pipelines.config import load_config
from pipelines.estimator.build import build_pipeline, precompute
from pipelines.estimator.out_of_fold import baseline_predictions, predict_out_of_fold
from pipelines.fit import SAMPLE
from pipelines.run.folder import UnfinishedRun

ROWS, FOLDS = 900, 3
LINEAR = ('model.members=["linear"]', "learners.linear.penalties=[1.0, 0.1, 0.01]")


@pytest.fixture(scope="module")
def random_votes():
    read = read_training(SAMPLE / "train.csv")
    votes = np.random.default_rng(0).permutation(read.y[:ROWS])
    return read.battles.iloc[:ROWS], votes, np.resize(np.arange(FOLDS), ROWS).astype(np.int8)


def against_the_prior(family, random_votes, folder, settings=()):
    battles, y, folds = random_votes
    config = load_config(settings=[f'families=["{family}"]', *LINEAR, *settings])
    pipeline = precompute(build_pipeline(config), battles)
    with UnfinishedRun(folder / "run", {}) as run:
        found = predict_out_of_fold(pipeline, battles, y, folds, run, lambda fold: None).proba
    prior = baseline_predictions(battles, y, folds)["class prior"]
    return paired_difference(y, found, prior, battles["group"].to_numpy(dtype=object))


@pytest.mark.parametrize("family", FAMILIES)
def test_no_family_beats_the_prior_on_random_votes(
    family, random_votes, tmp_path, small_encoder_settings
):
    gap = against_the_prior(family, random_votes, tmp_path, small_encoder_settings)
    assert gap["high"] >= 0


def test_a_family_that_has_seen_the_votes_seems_to(random_votes, tmp_path, monkeypatch):
    """The same check finds a family whose columns of a fold were made with the fold's votes."""
    cls = FAMILIES["lexical"]
    battles, y, _ = random_votes
    whole = cls(components=0).fit(battles, y)

    class Leaky(cls):
        def _learn(self, training):
            columns = whole.transform(training.frame)
            return whole.learned_, {
                name.partition("__")[2]: values.to_numpy() for name, values in columns.items()
            }

    monkeypatch.setitem(FAMILIES, "lexical", Leaky)
    assert against_the_prior("lexical", random_votes, tmp_path)["high"] < 0
