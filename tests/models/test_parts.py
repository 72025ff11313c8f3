"""What the fits of a head and a fold are given, and for how long it is there."""

import gc
import weakref
from threading import Barrier, Thread

import numpy as np
import pytest

from features.sides import Swap
from models.heads import DirectionHead
from models.learners.lightgbm import LightGBMLearner
from models.learners.linear import LinearLearner
from models.learners.xgboost import XGBoostLearner
from models.parts import NO_FOLD, Fit, Lessons, Material, Part, Rows, fit_part

SWAP = Swap(["f__size_a", "f__size_b"])
PATIENCE = 20.0  # seconds until a test gives up


def rows(n=40):
    ones = np.ones(n)
    y = (np.arange(n) % 3).astype(np.int8)
    X = np.random.default_rng(0).normal(size=(n, 2)).astype(np.float32)
    return Rows(X, y, ones.astype(bool), ones, ones, (np.arange(n) % 4).astype(np.int8))


def fits_of(n, fold=NO_FOLD):
    return [Fit(Part("one", LinearLearner(), DirectionHead(), seed), fold) for seed in range(n)]


def test_a_lesson_is_the_rows_of_the_head_without_the_fold_which_watches():
    (fit,), given = fits_of(1, fold=2), rows()
    with Lessons([fit], Material(given, SWAP)).lesson(fit) as (sample, watch):
        learned = (given.y != 2) & (given.fold != 2)
        np.testing.assert_array_equal(sample.one(), given.X[learned])
        half = (given.y[learned] == 0).astype(int)
        assert sample.target.tolist() == [*half, *(1 - half)]
        held = (given.y != 2) & (given.fold == 2)
        np.testing.assert_array_equal(watch.both(), np.vstack([given.X[held], SWAP(given.X[held])]))


def test_rows_of_a_fold_are_found_among_those_of_the_head():
    (fit,), material = fits_of(1, fold=2), Material(rows(), SWAP)
    with Lessons([fit], material).lesson(fit) as (sample, watch):
        for some in (sample, watch):
            np.testing.assert_array_equal(some.whole.sample.both()[some.whole.both()], some.both())
        both = sample.whole.both()
        np.testing.assert_array_equal(sample.whole.sample.target[both], sample.target)
        np.testing.assert_array_equal(sample.whole.sample.weight[both], sample.weight)
        (whole,) = fits_of(1)
        with Lessons([whole], material).lesson(whole) as (given, nothing):
            assert given is sample.whole.sample is watch.whole.sample
            assert nothing is None


def test_rows_are_gone_with_the_last_fit_that_needs_them():
    fits = fits_of(2, fold=1)
    lessons = Lessons(fits, Material(rows(), SWAP))
    with lessons.lesson(fits[0]) as (sample, _):
        alive = weakref.ref(sample)
    del sample
    gc.collect()
    assert alive() is not None
    with pytest.raises(ValueError, match="no such luck"), lessons.lesson(fits[1]):
        raise ValueError("no such luck")
    gc.collect()
    assert alive() is None


def test_threads_that_ask_at_the_same_time_get_the_same_rows():
    fits = fits_of(4)
    lessons, given, together = Lessons(fits, Material(rows(), SWAP)), [], Barrier(4)

    def ask(fit):
        together.wait(PATIENCE)
        with lessons.lesson(fit) as (sample, _):
            given.append(sample)
            together.wait(PATIENCE)

    threads = [Thread(target=ask, args=[fit]) for fit in fits]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(given) == 4
    assert len(set(map(id, given))) == 1


@pytest.mark.parametrize(
    "learner", [LightGBMLearner(max_rounds=6), XGBoostLearner(max_rounds=6)], ids=["light", "xgb"]
)
def test_labels_of_rows_that_judge_do_not_reach_a_boosted_model_through_the_shared_bins(learner):
    given = rows(400)
    turned = given._replace(y=np.where(given.fold == 1, 1 - given.y, given.y).astype(np.int8))
    turned.y[given.y == 2] = 2
    assert (turned.y != given.y).any()
    fit = Fit(Part("trees", learner, DirectionHead(), 0), 1)
    models = [
        fit_part(fit, Lessons([fit], Material(some, SWAP)), swap=SWAP, threads=1, device="cpu")
        for some in (given, turned)
    ]
    one, other = (model.raw(given.X, 3) for model in models)
    assert one.std() > 0
    np.testing.assert_array_equal(one, other)
