"""What a row weighs: in the fits of both heads, and nowhere where rows judge."""

import numpy as np
import pandas as pd
import pytest

from features.sides import Swap
from models.calibration import Calibration
from models.choice import Chosen
from models.heads import FORMS
from models.learners.lightgbm import LightGBMLearner
from models.learners.linear import LinearLearner
from models.parts import Material, Rows
from models.preference import PreferenceModel

TREES = LightGBMLearner(
    learning_rate=0.3,
    num_leaves=4,
    min_data_in_leaf=1,
    feature_fraction=1.0,
    bagging_fraction=1.0,
    lambda_l2=1.0,
)


def table(n=120, seed=0):
    """Columns of a few different values each, so that copies of rows move no bin and no scale."""
    rng = np.random.default_rng(seed)
    sign = rng.choice([-1.0, 1.0], size=n)
    pair = rng.choice([0.0, 2.0], size=n)
    y = np.where(rng.uniform(size=n) < 0.3, 2, np.where(rng.uniform(size=n) < 0.6, 0, 1))
    y = np.where((sign < 0) & (y < 2) & (rng.uniform(size=n) < 0.6), 1 - y, y).astype(np.int8)
    X = pd.DataFrame({"f__lead_diff": sign, "f__size_pair": pair}, dtype=np.float32)
    group = [f"g{row}" for row in range(n)]
    return X.assign(group=group, source="plain", characters=rng.uniform(1, 100, size=n)), y


def fitted(learner, X, y, complexity=5):
    parts = [f"m_{head}" for head in ("direction", "tie")]
    chosen = Chosen(dict.fromkeys(parts, complexity), dict.fromkeys(parts, 0.6), Calibration())
    return PreferenceModel([("m", learner)], chosen=chosen, n_jobs=1).fit(X, y)


@pytest.mark.parametrize(
    ("learner", "tolerance"), [(TREES, 1e-6), (LinearLearner(), 1e-6)], ids=["trees", "linear"]
)
def test_a_weight_of_three_is_the_row_three_times(learner, tolerance):
    X, y = table()
    # Weighed by column values alone, so that the scales of a linear member stay where they are.
    heavy = (y == 1) | ((y == 2) & (np.arange(len(y)) % 2 == 0))
    weighed = fitted(learner, X.assign(weight=np.where(heavy, 3.0, 1.0)), y)
    times = np.where(heavy, 3, 1)
    copied = fitted(learner, X.loc[X.index.repeat(times)], y.repeat(times))
    unweighed = fitted(learner, X, y)
    direction, tie = weighed.logits(X)
    same_direction, same_tie = copied.logits(X)
    np.testing.assert_allclose(direction, same_direction, rtol=0, atol=tolerance)
    if isinstance(learner, LightGBMLearner):  # a linear tie centres its columns by rows
        np.testing.assert_allclose(tie, same_tie, rtol=0, atol=tolerance)
    for found, other in zip((direction, tie), unweighed.logits(X), strict=True):
        assert np.abs(found - other).max() > 0.05


@pytest.mark.parametrize("form", ["heads", "multiclass"])
def test_a_weight_of_one_changes_no_bit(form):
    X, y = table()
    members = [("trees", LightGBMLearner(max_rounds=10)), ("linear", LinearLearner())]
    plain, ones = (
        PreferenceModel(members, form=form, n_jobs=1).fit(given, y)
        for given in (X, X.assign(weight=1.0, share=1.0))
    )
    np.testing.assert_array_equal(plain.predict_proba(X), ones.predict_proba(X))
    assert plain.dump() == ones.dump()


def test_a_share_counts_where_rows_judge_and_a_weight_does_not():
    X, y = table()
    rows = PreferenceModel([("m", LinearLearner())], extra_weight=0.5)
    source = np.where(np.arange(len(y)) % 4 == 0, "extra", "plain")
    found = rows._rows(X.assign(weight=3.0, share=0.25, source=source), y)
    drawn = np.where(source == "extra", 0.5, 1.0)
    np.testing.assert_allclose(found.weight, 3.0 * 0.25 * drawn)
    np.testing.assert_allclose(found.judging, 0.25 * drawn)


@pytest.mark.parametrize("judging", [None, "shares"])
def test_a_watched_loss_weighs_by_what_judges(judging):
    X, y = table(n=8)
    share = np.array([0.9, 0.1, 1.0, 1.0, 0.5, 0.5, 1.0, 1.0])
    weight, fold, y = np.arange(1.0, 9.0), (np.arange(8) // 4).astype(np.int8), y.copy()
    y[4:] = [0, 1, 1, 0]
    features = X.iloc[:, :2].to_numpy()
    plain, by = np.ones(8, dtype=bool), None if judging is None else share
    rows = Rows(features, y, plain, weight, np.ones(8), fold, by)
    head = FORMS["heads"][0]
    lesson = Material(rows, Swap(["f__lead_diff", "f__size_pair"])).lesson(head, 1)
    z = np.array([1.0, 2.0, 3.0, 4.0])
    expected = head.loss({"z": z}, y[4:], (weight if judging is None else share)[4:])
    assert lesson.watch.loss(np.concatenate([z, -z])) == pytest.approx(expected)
    np.testing.assert_array_equal(lesson.sample.weight, np.tile(weight[:4][y[:4] < 2], 2))


def test_a_weight_that_is_none_is_told():
    X, y = table()
    with pytest.raises(ValueError, match="row 1, column weight: expected a finite number above 0"):
        fitted(TREES, X.assign(weight=0.0), y)


def logits(n, seed=0):
    rng = np.random.default_rng(seed)
    z, t = rng.normal(size=(2, n))
    y = np.where(rng.uniform(size=n) < 0.3, 2, rng.integers(0, 2, size=n)).astype(np.int8)
    return (
        z,
        t,
        y,
        rng.integers(1, 9, size=n).astype(np.float64),
        (np.arange(n) % 4).astype(np.int8),
    )


@pytest.mark.parametrize("n", [200, 900])
def test_calibration_counts_a_row_by_its_share(n):
    values = logits(n)
    # Two halves of a vote are the vote; what differs in the order of sums is rounding.
    halves = [np.repeat(value, 2) for value in values]
    whole, found = Calibration.fit(*values), Calibration.fit(*halves, share=np.full(2 * n, 0.5))
    assert found.edges == whole.edges
    for mine, theirs in zip(found[:4], whole[:4], strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-5)
    z, t, y, length, fold = values
    lopsided = Calibration.fit(z, t, y, length, fold, share=np.where(y == 2, 1.0, 0.2))
    assert lopsided.tie_intercept[0] > whole.tie_intercept[0] + 1
