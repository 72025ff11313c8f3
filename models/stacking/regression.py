"""Weights that make the observed votes likeliest, drawn towards the best member alone."""

import numpy as np

from models.stacking.blends import Blend, Candidate, Lesson, best_of
from models.stacking.logistic import fit_weights

PENALTIES = (0.3, 0.1, 0.03, 0.01, 0.003, 0.001)  # of mean loss and squared weights


class Logistic(Candidate):
    """A logistic regression on the logits whose weights are not negative.

    The penalty of their distance from 1 for the best member and 0 for the others has some strengths
    to choose from. The weights are divided by their sum: their size is for the calibration to find.
    """

    def fit(self, lesson: Lesson) -> list[Blend]:
        """Fit at each strength, the strongest penalty first."""
        knowing, best = lesson.knowing(), best_of(lesson)
        centre = np.array([float(place == best) for place in knowing])
        blends = []
        for penalty in PENALTIES:
            found, _ = fit_weights(
                lesson.logits[:, knowing],
                lesson.won,
                penalty=penalty,
                centre=centre,
                intercept=lesson.free,
            )
            weights = np.zeros(lesson.logits.shape[1])
            weights[knowing] = found if found.any() else centre
            blends.append(Blend(lesson.head, weights / weights.sum()))
        return blends
