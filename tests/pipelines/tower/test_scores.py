"""Calibration of out-of-fold logits by the other folds."""

import numpy as np
import pytest

from models.calibration import Calibration
from models.heads import probabilities
from pipelines.run.folds import Folds
from pipelines.tower.scores import calibrated


@pytest.fixture
def logits():
    rng = np.random.default_rng(0)
    z, t = rng.normal(size=(2, 400))
    y = rng.integers(3, size=400).astype(np.int8)
    ids = np.arange(400).astype(str).astype(object)
    folds = Folds(ids, ids, (np.arange(400) % 4).astype(np.int8))
    return z, t, y, rng.uniform(100, 5000, size=400), folds


def test_a_fold_is_calibrated_by_the_others(logits):
    z, t, y, length, folds = logits
    found = calibrated(z, t, y, length, folds)
    out = folds.fold == 2
    rest = Calibration.fit(z[~out], t[~out], y[~out], length[~out], folds.fold[~out])
    assert found[out] == pytest.approx(probabilities(*rest(z[out], t[out], length[out])))


def test_the_labels_of_a_fold_do_not_move_it(logits):
    z, t, y, length, folds = logits
    out = folds.fold == 2
    before = calibrated(z, t, y, length, folds)
    after = calibrated(z, t, np.where(out, (y + 1) % 3, y).astype(np.int8), length, folds)
    assert (before[out] == after[out]).all()
    assert (before[~out] != after[~out]).any()


def test_two_folds_are_enough(logits):
    z, t, y, length, folds = logits
    halves = folds._replace(fold=(np.arange(400) % 2).astype(np.int8))
    found = calibrated(z, t, y, length, halves)
    assert np.isfinite(found).all()
    assert found.sum(axis=1) == pytest.approx(1.0)
