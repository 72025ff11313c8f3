"""Fits in lanes against scikit-learn's, and scores that know nothing of their own fold."""

import re

import numpy as np
import pytest
from scipy.sparse import csr_matrix, random_array
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from features.votes.sparse_logistic import cross_fit, fit_many, scores

PENALTIES = (0.01, 0.001, 0.0003)
FINE = tuple(np.geomspace(0.05, 0.0005, 20).tolist())  # neighbours have nearly the same loss


def rows_like_texts(n_rows=3000, n_cols=2000, seed=0):
    """Rows of length 1, few columns in many of them, as in TF-IDF."""
    random = np.random.default_rng(seed)
    common = 1.0 / np.arange(1, n_cols + 1) ** 0.7
    columns = random.choice(n_cols, size=(n_rows, 80), p=common / common.sum())
    values = random.normal(size=columns.shape)
    X = csr_matrix((values.ravel(), columns.ravel(), np.arange(n_rows + 1) * 80), (n_rows, n_cols))
    X.sum_duplicates()
    lengths = np.sqrt(X.multiply(X).sum(axis=1)).A1
    X.data /= np.repeat(lengths, np.diff(X.indptr))
    return X.astype(np.float32)


@pytest.fixture(scope="module")
def battles():
    """Matrix, targets that follow it, and folds."""
    X, random = rows_like_texts(), np.random.default_rng(1)
    log_odds = X @ random.normal(scale=2.5, size=X.shape[1])
    target = (random.random(len(log_odds)) < expit(log_odds)).astype(int)
    return X, target, np.arange(len(target)) % 5


def loss(log_odds, target):
    return np.logaddexp(0.0, np.where(target == 1, -1, 1) * log_odds).mean()


def exact(X, target, weight, penalty, *, intercept=False):
    """The optimum of what `fit_many` minimises."""
    logistic = LogisticRegression(
        C=1.0 / (penalty * weight.sum()), fit_intercept=intercept, tol=1e-9, max_iter=5000
    )
    logistic.fit(X.astype(np.float64), target, sample_weight=weight)
    return logistic.coef_[0], float(logistic.intercept_[0]) if intercept else 0.0


def check_against_exact(X, target, weight, fitted, penalty, *, intercept=False):
    """The rows of weight 0 are those that the fit is judged on."""
    unseen = weight == 0
    best = scores(X[unseen], *exact(X, target, weight, penalty, intercept=intercept))
    found = scores(X[unseen], *fitted)
    assert abs(loss(found, target[unseen]) - loss(best, target[unseen])) < 1e-4
    assert np.corrcoef(found, best)[0, 1] > 0.9999


@pytest.mark.parametrize("intercept", [False, True])
def test_each_lane_reaches_scikit_learns_optimum(battles, intercept):
    X, target, fold = battles
    if intercept:
        target = target | (np.arange(len(target)) % 2)  # three of four are 1
    weight = np.repeat(np.where(fold == 0, 0.0, 1.0)[:, None], 3, axis=1)
    weight[fold == 1, 1] = 0.0
    weight[fold == 2, 2] = 0.3
    coef, free = fit_many(X, target, weight, PENALTIES, intercept=intercept)
    for lane, penalty in enumerate(PENALTIES):
        fitted = coef[lane], free[lane]
        check_against_exact(X, target, weight[:, lane], fitted, penalty, intercept=intercept)
    assert (free != 0).all() == intercept


def test_weights_count_as_repeated_rows(battles):
    X, target, _ = battles
    weight = np.ones((len(target), 1))
    weight[:500] = 3.0
    coef, _ = fit_many(X, target, weight, [0.001], intercept=False, passes=30)
    rows = np.r_[np.arange(len(target)), np.repeat(np.arange(500), 2)]
    repeated, _ = fit_many(
        X[rows], target[rows], np.ones((len(rows), 1)), [0.001], intercept=False, passes=30
    )
    np.testing.assert_allclose(coef, repeated, atol=1e-4)
    plain, _ = fit_many(X, target, np.ones_like(weight), [0.001], intercept=False)
    assert abs(plain - coef).max() > 0.1


def test_the_same_bits_each_time_and_beside_other_lanes(battles):
    X, target, fold = battles
    weight = np.repeat((fold != 0)[:, None] * 1.0, 60, axis=1)
    weight[:, 1] = fold == 0
    penalty = np.geomspace(0.1, 0.0003, 60)
    coef, free = fit_many(X, target, weight, penalty, intercept=True, passes=2)
    again, free_again = fit_many(X, target, weight, penalty, intercept=True, passes=2)
    assert np.array_equal(coef, again)
    assert np.array_equal(free, free_again)
    for lanes in ([0], [59, 3], [1]):
        alone = fit_many(X, target, weight[:, lanes], penalty[lanes], intercept=True, passes=2)
        assert np.array_equal(alone[0], coef[lanes])
        assert np.array_equal(alone[1], free[lanes])
    other, _ = fit_many(X, target, weight, penalty, intercept=True, passes=2, seed=1)
    assert not np.array_equal(coef, other)


def test_mirrored_rows_have_exactly_the_same_coefficients(battles):
    X, target, fold = battles
    fitted = cross_fit(X, target, np.ones(len(fold)), fold, PENALTIES, intercept=False)
    mirrored = cross_fit(-X, 1 - target, np.ones(len(fold)), fold, PENALTIES, intercept=False)
    assert np.array_equal(fitted.coef, mirrored.coef)
    assert np.array_equal(fitted.scores, -mirrored.scores)
    assert fitted.intercept == mirrored.intercept == 0.0
    assert fitted.losses == mirrored.losses


def test_some_mirrored_rows_change_nothing_either(battles):
    X, target, fold = battles
    signs = np.where(np.arange(len(fold)) % 3, 1.0, -1.0)
    mirrored = csr_matrix(X.multiply(signs[:, None]).astype(np.float32))
    flipped = np.where(signs > 0, target, 1 - target)
    weight = np.ones((len(fold), 1))
    coef, _ = fit_many(X, target, weight, [0.001], intercept=False)
    assert np.array_equal(coef, fit_many(mirrored, flipped, weight, [0.001], intercept=False)[0])


def test_scores_are_those_of_each_row_alone():
    X = csr_matrix(random_array((20_000, 300), density=0.05, rng=0))
    coef = np.random.default_rng(0).normal(size=300)
    found = scores(X, coef, 0.5)
    np.testing.assert_allclose(found, X @ coef + 0.5, rtol=1e-5, atol=1e-6)
    for row in (0, 8_191, 8_192, 19_999):
        assert scores(X[row], coef, 0.5) == found[row]
    assert np.array_equal(scores(-X, coef), -scores(X, coef))


def test_out_of_fold_scores_are_those_of_fits_without_the_fold(battles):
    X, target, fold = battles
    fitted = cross_fit(X, target, np.ones(len(fold)), fold, [0.001], intercept=True)
    for number in range(5):
        weight = (fold != number)[:, None] * 1.0
        coef, free = fit_many(X, target, weight, [0.001], intercept=True)
        rows = fold == number
        assert np.array_equal(fitted.scores[rows], scores(X[rows], coef[0], free[0]))
    coef, free = fit_many(X, target, np.ones((len(fold), 1)), [0.001], intercept=True)
    assert np.array_equal(fitted.coef, coef[0])
    assert fitted.intercept == free[0]
    assert fitted.loss == pytest.approx(loss(fitted.scores, target), rel=1e-12)
    assert fitted.losses[0.001] == pytest.approx(fitted.loss, rel=1e-5)
    assert fitted.loss < 0.66


def test_the_penalty_of_a_fold_is_chosen_by_fits_without_that_fold_and_another(battles):
    X, target, fold = battles
    X, target, fold = X[:400], target[:400], fold[:400]
    weights, path = np.where(np.arange(400) % 4, 1.0, 0.25), FINE
    fitted = cross_fit(X, target, weights, fold, path, intercept=False)

    def judged(without):
        """Pooled loss by penalty, one plain fit after the other."""
        total = np.zeros(len(path))
        for other in set(range(5)) - set(without):
            weight = np.where(np.isin(fold, [*without, other]), 0.0, weights)
            lanes = np.repeat(weight[:, None], len(path), axis=1)
            coef, _ = fit_many(X, target, lanes, path, intercept=False)
            rows = fold == other
            signs = np.where(target[rows] == 1, 1, -1)
            for lane in range(len(path)):
                margins = signs * scores(X[rows], coef[lane])
                total[lane] += (weights[rows] * np.logaddexp(0, -margins)).sum()
        return total

    best = [path[int(np.argmin(judged([number])))] for number in range(5)]
    for number, penalty in enumerate(best):
        weight = np.where(fold == number, 0.0, weights)[:, None]
        coef, _ = fit_many(X, target, weight, [penalty], intercept=False)
        rows = fold == number
        assert np.array_equal(fitted.scores[rows], scores(X[rows], coef[0]))
    by_hand = judged([]) / weights.sum()
    assert fitted.penalty == path[int(np.argmin(by_hand))]
    assert set(best) - {fitted.penalty}  # or one choice for all folds would pass
    np.testing.assert_allclose(list(fitted.losses.values()), by_hand, rtol=1e-5)


def test_a_groups_flipped_labels_do_not_move_its_own_scores(battles):
    X, target, fold = battles
    X, target, fold = X[:600], target[:600], fold[:600]
    plain = cross_fit(X, target, np.ones(600), fold, FINE, intercept=True)
    for number in range(5):
        flipped = np.where(fold == number, 1 - target, target)
        moved = cross_fit(X, flipped, np.ones(600), fold, FINE, intercept=True)
        own = fold == number
        assert np.array_equal(moved.scores[own], plain.scores[own])
        assert (moved.scores[~own] != plain.scores[~own]).all()
        assert not np.array_equal(moved.coef, plain.coef)


def test_labels_at_random_teach_nothing(battles):
    X, _, fold = battles
    for seed in range(3):
        target = np.random.default_rng(seed).integers(0, 2, len(fold))
        fitted = cross_fit(X, target, np.ones(len(fold)), fold, [1.0, *PENALTIES], intercept=False)
        losses = np.logaddexp(0.0, np.where(target == 1, -1, 1) * fitted.scores) - np.log(2)
        assert losses.mean() > -2 * losses.std() / np.sqrt(len(losses))


def test_rows_without_weight_teach_nothing_and_are_scored(battles):
    X, target, fold = battles
    weight = np.where(np.arange(len(fold)) % 3, 1.0, 0.0)
    unknown = np.where(weight > 0, target, 2)  # a tie has no direction
    fitted = cross_fit(X, unknown, weight, fold, [0.001], intercept=False)
    other = cross_fit(X, np.where(weight > 0, target, 0), weight, fold, [0.001], intercept=False)
    assert np.array_equal(fitted.scores, other.scores)
    assert (fitted.scores != 0).all()
    assert loss(fitted.scores[weight == 0], target[weight == 0]) < 0.67


@pytest.mark.parametrize("fault", ["no weight", "one class", "empty"])
def test_a_fold_that_teaches_nothing(battles, fault):
    X, target, fold = (part[:500].copy() for part in battles)
    weight = np.ones(500)
    if fault == "no weight":
        weight[fold == 1] = 0.0
    elif fault == "one class":
        target[fold == 1] = 1
    else:
        fold[fold == 1] = 7
    fitted = cross_fit(X, target, weight, fold, PENALTIES, intercept=True)
    assert np.isfinite(fitted.scores).all()
    assert (fitted.scores != 0).all()
    assert np.isfinite(list(fitted.losses.values())).all()


def test_fits_with_nothing_to_tell_apart_are_left_out_of_the_choice(battles):
    X, target, _ = battles
    X, target = X[:300], target[:300].copy()
    fold = np.arange(300) % 3
    target[fold != 0] = 1  # without fold 0 there is one class
    fitted = cross_fit(X, target, np.ones(300), fold, PENALTIES, intercept=True)
    assert (fitted.scores[fold == 0] == 0).all()
    assert (fitted.scores[fold != 0] != 0).all()
    assert np.isfinite(fitted.loss)


@pytest.mark.parametrize(
    ("target", "weight", "fold"),
    [
        ([1, 1, 1, 1], [1, 1, 1, 1], [0, 1, 2, 3]),
        ([0, 1, 0, 1], [0, 0, 0, 0], [0, 1, 2, 3]),
        ([0, 1, 0, 1], [1, 1, 1, 1], [5, 5, 5, 5]),
    ],
)
def test_where_nothing_can_be_learned_scores_are_0(target, weight, fold):
    X = csr_matrix(np.eye(4))
    fitted = cross_fit(X, target, weight, fold, [0.1, 1.0], intercept=True)
    assert fitted.scores.tolist() == [0, 0, 0, 0]
    assert fitted.penalty == 1.0
    assert np.isnan(list(fitted.losses.values())).all()
    assert np.isnan(fitted.loss) == (sum(weight) == 0)


@pytest.mark.parametrize("n_cols", [0, 3])
def test_without_a_value_the_intercept_alone_is_learned(n_cols):
    target = np.array([1, 0, 0, 0] * 5)
    fitted = cross_fit(
        csr_matrix((20, n_cols)), target, np.ones(20), np.arange(20) // 4, [0.1], intercept=True
    )
    assert fitted.intercept == pytest.approx(np.log(1 / 3), abs=1e-6)
    np.testing.assert_allclose(fitted.scores, np.log(1 / 3), atol=1e-6)
    assert fitted.coef.tolist() == [0.0] * n_cols
    none = cross_fit(
        csr_matrix((20, n_cols)), target, np.ones(20), np.arange(20) // 4, [0.1], intercept=False
    )
    assert none.scores.tolist() == [0.0] * 20


def test_no_row():
    fitted = cross_fit(csr_matrix((0, 3)), [], [], [], [0.1], intercept=True)
    assert fitted.scores.shape == (0,)
    assert fitted.coef.tolist() == [0.0] * 3
    assert np.isnan(fitted.loss)


def test_columns_out_of_order_or_twice_are_put_right_in_a_copy(battles):
    X, target, _ = battles
    shuffled = X.copy()
    for start, end in zip(X.indptr, X.indptr[1:], strict=False):
        shuffled.indices[start:end] = X.indices[start:end][::-1]
        shuffled.data[start:end] = X.data[start:end][::-1]
    shuffled = csr_matrix((shuffled.data, shuffled.indices, shuffled.indptr), X.shape)
    first, weight = shuffled.indices.copy(), np.ones((len(target), 1))
    found = fit_many(shuffled, target, weight, [0.001], intercept=False)[0]
    assert np.array_equal(found, fit_many(X, target, weight, [0.001], intercept=False)[0])
    assert np.array_equal(shuffled.indices, first)
    twice = csr_matrix(([1.0, 1.0, -2.0], [0, 0, 0], [0, 2, 3]), (2, 1))
    once = csr_matrix([[2.0], [-2.0]])
    lanes = [fit_many(x, [1, 0], np.ones((2, 1)), [1.0], intercept=False) for x in (twice, once)]
    assert lanes[0][0] == lanes[1][0]


def test_counts_in_integers_do_as_well():
    X = np.array([[3, 0], [0, 2], [1, 1], [0, 0]])
    fits = [
        fit_many(csr_matrix(x), [1, 0, 1, 0], np.ones((4, 1)), [0.1], intercept=True)
        for x in (X, X.astype(np.float64))
    ]
    assert np.array_equal(fits[0][0], fits[1][0])
    assert fits[0][0].dtype == np.float32


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"target": [0, 1]}, "target must have one entry for each of the 3 rows of X"),
        ({"weight": [[1.0]]}, "weight must have one entry for each of the 3 rows of X"),
        ({"weight": np.ones((3, 2))}, "weight must have one column for each lane"),
        ({"weight": [[1.0], [-1.0], [1.0]]}, "weight must hold finite numbers, none below 0"),
        ({"weight": [[1.0], [np.nan], [1.0]]}, "weight must hold finite numbers, none below 0"),
        ({"target": [0, 1, 2]}, "target must be 0 or 1 where a row has weight"),
        ({"penalty": [0.0]}, "penalties must be above 0 and finite. Got [0.0] instead"),
        ({"X": csr_matrix([[1.0], [np.nan], [1.0]])}, "finite float32 numbers; row 1 (from 0)"),
        ({"X": csr_matrix([[1.0], [0.0], [1e39]])}, "finite float32 numbers; row 2 (from 0)"),
        ({"passes": 0}, "passes must be 1 or more. Got 0 instead"),
    ],
)
def test_errors_say_what_was_expected(changed, words):
    given = {"X": csr_matrix([[1.0], [2.0], [3.0]]), "target": [0, 1, 1],
             "weight": np.ones((3, 1)), "penalty": [1.0], "intercept": False}  # fmt: skip
    with pytest.raises(ValueError, match=re.escape(words)):
        fit_many(**given | changed)


def test_cross_fit_names_what_does_not_agree():
    X = csr_matrix([[1.0], [2.0], [3.0]])
    with pytest.raises(ValueError, match="fold must have one entry for each of the 3 rows"):
        cross_fit(X, [0, 1, 1], np.ones(3), [0, 1], [1.0], intercept=False)
    with pytest.raises(ValueError, match="penalties must hold at least one number"):
        cross_fit(X, [0, 1, 1], np.ones(3), [0, 1, 2], [], intercept=False)
    with pytest.raises(ValueError, match="coef must have one number for each of the 1 columns"):
        scores(X, [1.0, 2.0])
