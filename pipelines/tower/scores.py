"""How good a tower's out-of-fold logits are, once calibrated on the other folds."""

from typing import cast

import numpy as np

from data.battles import Named
from features.sides import Array
from models.calibration import Calibration
from models.heads import Labels, probabilities
from models.measures.evaluation import evaluate
from pipelines.estimator.build import PassThrough
from pipelines.estimator.out_of_fold import baseline_predictions, true_probabilities
from pipelines.report.content import Compared
from pipelines.run.folds import Folds
from pipelines.run.inputs import Battles


def scores_of(train: Named, battles: Battles, folds: Folds, z: Array, t: Array) -> Compared:
    """Measure calibrated logits, beside baselines and the truth where that is known."""
    frame, y = battles.plain
    length = PassThrough().fit(frame).transform(frame)["characters"].to_numpy(dtype=np.float64)
    return compared(train, battles, folds, calibrated(z, t, y, length, folds))


def compared(train: Named, battles: Battles, folds: Folds, proba: Array) -> Compared:
    """Measure out-of-fold probabilities, beside baselines and the truth where that is known."""
    frame, y = battles.plain
    baselines = baseline_predictions(frame, y, folds.fold)
    truth = true_probabilities(train, frame["id"], proba.shape[1])
    if truth is not None:
        baselines["truth (Bayes)"] = truth
    group = frame["group"].to_numpy(dtype=object)
    return cast(Compared, evaluate(y, proba, group, baselines=baselines))


def calibrated(z: Array, t: Array, y: Labels, length: Array, folds: Folds) -> Array:
    """Return probabilities of each fold by the calibration that is fitted on the others.

    Returns
    -------
    ndarray of float64, shape (n_battles, 3)
    """
    proba = np.empty((len(y), 3))
    for out in (folds.fold == fold for fold in range(folds.number)):
        rest = [values[~out] for values in (z, t, y, length, folds.fold)]
        proba[out] = probabilities(*Calibration.fit(*rest)(z[out], t[out], length[out]))
    return proba
