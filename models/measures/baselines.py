"""What every model is put beside: the class prior, and a regression on length alone."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_is_fitted

from features.sides import Array
from models.heads import swapped_labels


class LengthRegression(ClassifierMixin, BaseEstimator):
    """Logistic regression of the classes on the difference of the answers' log lengths.

    Columns are the difference and its absolute value, fitted on both orders of each battle.
    `X` has shape (n_battles, 1): ``log(1 + characters of A) - log(1 + characters of B)``.
    """

    def fit(self, X: Array, y: NDArray[np.int8], sample_weight: Array | None = None) -> Self:
        """Fit with hardly a penalty: there are two columns."""
        both = np.vstack([X, -np.asarray(X)])
        self.regression_ = LogisticRegression(C=1e4, tol=1e-10, max_iter=1000)
        weight = None if sample_weight is None else np.tile(sample_weight, 2)
        self.regression_.fit(_columns(both), np.concatenate([y, swapped_labels(y)]), weight)
        self.classes_ = self.regression_.classes_
        return self

    def predict_proba(self, X: Array) -> Array:
        """Return the probability of each class that `fit` saw, shape (n_battles, n_classes)."""
        check_is_fitted(self)
        return np.asarray(self.regression_.predict_proba(_columns(np.asarray(X))))


def _columns(X: Array) -> Array:
    return np.column_stack([X[:, 0], np.abs(X[:, 0])])


BASELINES: dict[str, Any] = {
    "class prior": DummyClassifier(strategy="prior"),
    "length alone": LengthRegression(),
}
