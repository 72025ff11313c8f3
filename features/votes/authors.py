"""Which of many authors wrote an answer: linear discriminants of its traits.

With the authors' means mu_c, the covariance C of all answers and the shares pi_c of the authors,

    log P(c | x) = log pi_c + T * (x' (C + penalty I)^-1 mu_c - mu_c' (C + penalty I)^-1 mu_c / 2)

up to a constant, x standardised (Hastie, Tibshirani and Friedman, "The Elements of Statistical
Learning", section 4.3, regularised as in 4.3.1; T calibrates). Everything is a function of sums
over answers, so a model without a fold is made of the sums of the others.
"""

from collections.abc import Iterable, Sequence
from functools import reduce
from itertools import permutations
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.linalg.blas import ssyrk
from scipy.sparse import csr_matrix
from scipy.special import log_softmax, softmax
from threadpoolctl import threadpool_limits

from features.sides import Array

Floats = NDArray[np.float32]
Authors = NDArray[np.intp]

LEAST = 10  # answers by which an author can be known; rarer ones are never guessed
PULL = 50.0  # answers of the average author that each author's are averaged with
TEMPERATURES = (0.25, 0.5, 0.7, 1.0, 1.4, 2.0, 4.0, 8.0, 16.0)
BLOCK = 4096  # answers that are made dense at a time
MOST_JUDGED = 2000  # answers of a fold that a choice is judged on
LEAST_LOG = -15.0  # of an author that is never guessed


class Scale(NamedTuple):
    """Mean and standard deviation of each trait, shape (n_traits,), whoever wrote the answers."""

    centre: Array
    width: Array

    @classmethod
    def of(cls, X: csr_matrix) -> Self:
        """Measure all rows."""
        rows, size = max(X.shape[0], 1), X.shape[1]
        values = X.data.astype(np.float64)
        centre = np.bincount(X.indices, weights=values, minlength=size) / rows
        squares = np.bincount(X.indices, weights=values**2, minlength=size) / rows
        variance = squares - centre**2
        varies = variance > 1e-8 * squares  # beyond rounding
        return cls(centre, np.where(varies, np.sqrt(np.where(varies, variance, 1.0)), 1.0))

    def dense(self, X: csr_matrix) -> Floats:
        """Return standardised rows."""
        centre, width = self.centre.astype(np.float32), self.width.astype(np.float32)
        values: Floats = X.toarray()
        values -= centre
        values /= width
        return values


class Sums(NamedTuple):
    """Sums over answers whose authors are known: all that a discriminant is made of."""

    answers: Array  # shape (n_authors,)
    traits: Floats  # shape (n_traits, n_authors)
    products: Floats  # shape (n_traits, n_traits), on and above the diagonal

    @classmethod
    def of(cls, X: csr_matrix, author: Authors, n_authors: int, scale: Scale, rows: Iterable[int],
           weight: Array | None = None) -> Self:  # fmt: skip
        """Add up some rows, each times its weight, a block at a time."""
        places = np.fromiter(rows, np.intp)
        size = X.shape[1]
        traits = np.zeros((size, n_authors), np.float32)
        products = np.zeros((size, size), np.float32, order="F")
        for start in range(0, len(places), BLOCK):
            block = places[start : start + BLOCK]
            values = scale.dense(X[block])
            one = np.eye(n_authors, dtype=np.float32)[author[block]]
            if weight is not None:
                root = np.sqrt(weight[block, None]).astype(np.float32)
                values, one = values * root, one * root
            products = ssyrk(1.0, values.T, beta=1.0, c=products, overwrite_c=True)
            traits += values.T @ one
        of = None if weight is None else weight[places]
        answers = np.bincount(author[places], of, minlength=n_authors).astype(np.float64)
        return cls(answers, traits, products)

    def plus(self, other: "Sums") -> "Sums":
        """Add the sums of other answers."""
        return Sums(
            self.answers + other.answers, self.traits + other.traits, self.products + other.products
        )


class Discriminant(NamedTuple):
    """Scores of authors: ``x' weights + offset``, to be calibrated, and logs of their shares."""

    weights: Floats  # for standardised traits, shape (n_traits, n_authors)
    offset: Array  # shape (n_authors,)
    log_share: Array  # -inf for an author that is never guessed

    @classmethod
    def of(cls, sums: Sums, penalty: float) -> Self:
        """Make it of the sums of some answers; of too few, it has only shares."""
        answers = sums.answers
        known = answers >= LEAST
        weights: Floats = np.zeros_like(sums.traits)
        offset: Array = np.zeros(len(answers))
        if known.any():
            matrix = sums.products / np.float32(answers.sum())
            matrix[np.diag_indices_from(matrix)] += np.float32(penalty)
            mean: Floats = np.where(known, sums.traits / (answers + PULL), 0.0).astype(np.float32)
            factor = cho_factor(matrix, lower=False, overwrite_a=True, check_finite=False)
            weights = np.asarray(cho_solve(factor, mean, check_finite=False), dtype=np.float32)
            offset = -(weights.astype(np.float64) * mean).sum(axis=0) / 2
        share = np.where(known, answers, 0.0) if known.any() else answers + 1.0
        with np.errstate(divide="ignore"):
            return cls(weights, offset, np.log(share / share.sum()))

    def losses(self, values: Floats, author: Authors) -> Array:
        """Return the log loss of standardised answers, summed, at each of `TEMPERATURES`."""
        scores = (values @ self.weights).astype(np.float64) + self.offset
        rows = np.arange(len(author))
        losses = []
        for temperature in TEMPERATURES:
            logs = log_softmax(temperature * scores + self.log_share, axis=1)[rows, author]
            losses.append(-np.maximum(logs, LEAST_LOG).sum())
        return np.array(losses)


class Classifier(NamedTuple):
    """A calibrated discriminant of traits as they are."""

    weights: Array  # shape (n_traits, n_authors)
    bias: Array  # shape (n_authors,)

    @classmethod
    def of(cls, discriminant: Discriminant, scale: Scale, temperature: float) -> Self:
        """Take the scale and the temperature into the weights."""
        weights = temperature * discriminant.weights.astype(np.float64) / scale.width[:, None]
        shift = (weights * scale.centre[:, None]).sum(axis=0)
        return cls(weights, temperature * discriminant.offset - shift + discriminant.log_share)

    def probabilities(self, X: csr_matrix) -> Array:
        """Return the authors' probabilities, shape (n_answers, n_authors).

        A sparse product goes row by row, so an answer's do not depend on its neighbours.
        """
        return np.asarray(softmax(X @ self.weights + self.bias, axis=1), dtype=np.float64)


class Identified(NamedTuple):
    """What cross-fitting gives."""

    probabilities: Array  # out of fold, shape (n_answers, n_authors)
    classifier: Classifier  # of all answers, as is the temperature
    temperature: float


def identify(X: csr_matrix, author: Authors, fold: NDArray[np.int8], n_authors: int, n_folds: int,
             penalty: float, weight: Array | None = None) -> Identified:  # fmt: skip
    """Fit one classifier for each fold without it, and one of all answers.

    What is said of fold k has seen nothing of its authors. The folds go in pairs, 0 and 1, 2 and 3,
    and the last, where it is left over, with 0: the temperature for fold k is the one by which a
    classifier without both folds of k's pair knows the authors of the other one, so that a pair's
    two temperatures come of one fit. For all answers it is the best in the sum of these losses.
    Scale and traits are of the texts of all folds.

    Parameters
    ----------
    X : csr_matrix, shape (n_answers, n_traits)
    author : ndarray of intp, shape (n_answers,)
        From 0; -1 where unknown: not learned from, but given probabilities.
    fold : ndarray of int8, shape (n_answers,)
    n_authors, n_folds : int
        At least three folds.
    penalty : float
        Above 0.
    weight : ndarray of float64, shape (n_answers,), optional
        Of each answer that is learned from; 1 by default.
    """
    scale = Scale.of(X)
    # One thread: the sums would depend on their number.
    with threadpool_limits(limits=1, user_api="blas"):
        inside = [np.flatnonzero((fold == k) & (author >= 0)) for k in range(n_folds)]
        sums = [Sums.of(X, author, n_authors, scale, rows, weight) for rows in inside]
        losses = np.zeros((n_folds, len(TEMPERATURES)))
        for pair in {_pair(k, n_folds) for k in range(n_folds)}:
            fitted = Discriminant.of(_without(sums, pair), penalty)
            for k, other in permutations(pair):
                if _pair(k, n_folds) == pair:
                    judged = inside[other][:: 1 + len(inside[other]) // MOST_JUDGED]
                    losses[k] = fitted.losses(scale.dense(X[judged]), author[judged])
        probabilities = np.empty((X.shape[0], n_authors))
        for k in range(n_folds):
            classifier, _ = _calibrated(_without(sums, [k]), penalty, scale, losses[k])
            probabilities[fold == k] = classifier.probabilities(X[fold == k])
        return Identified(
            probabilities, *_calibrated(_without(sums, []), penalty, scale, losses.sum(axis=0))
        )


def _pair(fold: int, n_folds: int) -> tuple[int, int]:
    """Return the pair of a fold.

    >>> [_pair(fold, 5) for fold in range(5)]
    [(0, 1), (0, 1), (2, 3), (2, 3), (0, 4)]
    """
    first = fold - fold % 2
    return (first, first + 1) if first + 1 < n_folds else (0, first)


def _without(sums: Sequence[Sums], folds: Sequence[int]) -> Sums:
    """Add up the sums of the other folds: nothing of these is in it, not even by rounding."""
    return reduce(Sums.plus, [part for k, part in enumerate(sums) if k not in folds])


def _calibrated(
    sums: Sums, penalty: float, scale: Scale, losses: Array
) -> tuple[Classifier, float]:
    temperature = TEMPERATURES[int(losses.argmin())]
    return Classifier.of(Discriminant.of(sums, penalty), scale, temperature), temperature
