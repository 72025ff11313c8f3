"""Boosted trees as members: rounds, early stopping, where they start, names."""

from dataclasses import replace

import lightgbm
import numpy as np
import pytest

from models.learners.contract import Sample, Watch
from models.learners.lightgbm import LightGBMLearner, LightGBMModel, most_gain
from models.learners.xgboost import XGBoostLearner

NAMES = ["f__size_a", "f__size_b", 'f__odd[<">]{}:, name_diff', "f__x_pair"]
every_booster = pytest.mark.parametrize("booster", [LightGBMLearner, XGBoostLearner])


@pytest.fixture
def sample():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 4)).astype(np.float32)
    score = X[:, 2] + rng.normal(size=600)
    target = (score > np.median(score)).astype(np.int8)  # as in both orders of a battle
    return Sample(X, target, np.ones(600))


def rising(raw):
    """A loss that is best after the first round, whatever is learnt: the spread of the scores."""
    return float(np.abs(raw).mean())


@every_booster
def test_stops_after_patience_rounds_without_a_better_loss(booster, sample, setting):
    model = booster(max_rounds=200, patience=7).fit(
        sample, setting(NAMES), watch=Watch(sample.X, rising)
    )
    assert int(np.argmin(model.losses)) == 0
    assert len(model.losses) == 1 + 7


@every_booster
def test_goes_to_max_rounds_while_the_loss_falls(booster, sample, setting):
    model = booster(max_rounds=20, patience=3).fit(
        sample, setting(NAMES), watch=Watch(sample.X, lambda raw: -rising(raw))
    )
    assert len(model.losses) == 20
    assert int(np.argmin(model.losses)) == 19


@every_booster
def test_all_rounds_count_after_an_early_stop(booster, sample, setting):
    """LightGBM would throw away what comes after its best round; the caller chooses the rounds."""
    model = booster(max_rounds=200, patience=7).fit(
        sample, setting(NAMES), watch=Watch(sample.X, rising)
    )
    np.testing.assert_array_equal(model.raw(sample.X), model.raw(sample.X, 8))
    losses = [rising(model.raw(sample.X, rounds)) for rounds in range(1, 9)]
    np.testing.assert_allclose(losses, model.losses, rtol=1e-4)


@every_booster
def test_a_given_complexity_is_the_number_of_rounds(booster, sample, setting):
    model = booster(max_rounds=50).fit(sample, setting(NAMES), complexity=6)
    assert model.losses == []
    np.testing.assert_array_equal(model.raw(sample.X), model.raw(sample.X, 6))
    np.testing.assert_array_equal(model.raw(sample.X), model.raw(sample.X, 60))
    assert not np.allclose(model.raw(sample.X), model.raw(sample.X, 5))


@every_booster
def test_the_direction_starts_at_even_odds_and_the_tie_at_its_share(booster, sample, setting):
    """A start elsewhere costs rounds, which trees spend on a constant."""
    fifth = replace(sample, target=(np.arange(600) % 5 == 0).astype(np.int8))
    slow = booster(learning_rate=1e-9)
    direction = slow.fit(sample, setting(NAMES, "direction"), complexity=1).raw(sample.X)
    tie = slow.fit(fifth, setting(NAMES, "tie"), complexity=1).raw(sample.X)
    np.testing.assert_allclose(direction, 0.0, atol=1e-6)
    np.testing.assert_allclose(tie, np.log(0.2 / 0.8), rtol=1e-4)


@every_booster
def test_the_seed_matters_and_the_threads_do_not(booster, sample, setting):
    one, other, threads = (
        booster(max_rounds=5).fit(replace(sample), made, complexity=5).raw(sample.X)
        for made in (
            setting(NAMES, seed=0),
            setting(NAMES, seed=1),
            setting(NAMES, seed=0)._replace(threads=2),
        )
    )
    assert not np.array_equal(one, other)
    np.testing.assert_array_equal(one, threads)


def test_importance_is_gain_and_not_the_number_of_splits(sample, setting):
    model = LightGBMLearner(feature_fraction=1.0, min_data_in_leaf=2, num_leaves=31).fit(
        sample, setting(NAMES), complexity=30
    )
    gain = model.importance(4)
    splits = model.booster.feature_importance("split")
    assert gain[2] / gain.sum() > splits[2] / splits.sum() + 0.05


@every_booster
def test_columns_that_are_never_split_have_importance_zero(booster, sample, setting):
    sample.X[:, [0, 3]] = 1.0
    gain = booster().fit(sample, setting(NAMES), complexity=30).importance(4)
    assert gain.tolist()[0] == gain.tolist()[3] == 0.0
    assert gain[2] > 0


def test_lightgbm_gets_no_column_names(sample, setting):
    """It refuses some characters in them."""
    text = LightGBMLearner().fit(sample, setting(NAMES), complexity=2).dump().decode()
    assert "\nfeature_names=Column_0 Column_1 Column_2 Column_3\n" in text


def test_xgboost_gets_no_column_names(sample, setting):
    """It refuses some characters in them."""
    model = XGBoostLearner().fit(sample, setting(NAMES), complexity=2)
    assert model.booster.feature_names is None


@every_booster
def test_says_what_it_was_trained_on(booster, sample, setting):
    assert booster().fit(sample, setting(NAMES), complexity=1).device == "cpu"


def test_only_lightgbm_has_settings_to_tell_and_they_lie_in_its_file(sample, setting):
    lightgbm = LightGBMLearner().fit(sample, setting(NAMES), complexity=2)
    told = {"lightgbm": {"deterministic": True, "num_threads": 1, "force_col_wise": True}}
    assert type(lightgbm).load(lightgbm.dump()).settings() == lightgbm.settings() == told
    assert XGBoostLearner().fit(sample, setting(NAMES), complexity=2).settings() == {}


@pytest.mark.parametrize("place", ["cuda", "gpu"])
def test_lightgbm_trains_on_what_its_settings_name_and_says_so(place, sample, setting, monkeypatch):
    """Here no GPU is needed: the library is told of one, and trains on the CPU."""
    told = []
    train = lightgbm.train

    def on_the_cpu(params, *given, **named):
        told.append(params)
        return train({**params, "device_type": "cpu"}, *given, **named)

    monkeypatch.setattr(lightgbm, "train", on_the_cpu)
    learner = LightGBMLearner(device_type=place)
    assert learner.trains_on("cpu") == place
    content = learner.fit(sample, setting(NAMES), complexity=2).dump()
    (params,) = told
    assert params["device_type"] == place
    assert not params["deterministic"]
    assert not params["force_col_wise"]
    there = content.replace(b"[device_type: cpu]", f"[device_type: {place}]".encode())
    loaded = LightGBMModel.load(there)
    assert loaded.device == place
    assert loaded.raw(sample.X).std() > 0


def test_xgboost_trains_on_the_device_of_the_run_and_lightgbm_on_the_cpu():
    assert XGBoostLearner().trains_on("cuda") == "cuda"
    assert LightGBMLearner().trains_on("cuda") == "cpu"


def test_ranked_columns_alone_are_split_and_those_of_most_gain(sample, setting):
    gain = XGBoostLearner(ranked=1).fit(sample, setting(NAMES), complexity=20).importance(4)
    assert (gain > 0).tolist() == [False, False, True, False]
    every = XGBoostLearner(ranked=4).fit(sample, setting(NAMES), complexity=20)
    plain = XGBoostLearner().fit(sample, setting(NAMES), complexity=20)
    np.testing.assert_array_equal(every.raw(sample.X), plain.raw(sample.X))


def test_a_ranked_column_brings_its_partner(sample, setting):
    names = ["f__x_pair", "f__size_b", "f__size_a", "f__y_pair"]
    mask = most_gain(sample, setting(names), 1)
    assert mask.tolist() == [False, True, True, False]


def test_columns_are_ranked_on_the_rows_of_the_fit_alone(sample, setting):
    """Whatever the watched rows are, the same columns are split."""
    watch = Watch(np.zeros_like(sample.X), lambda raw: float(np.abs(raw).mean()))
    learner = XGBoostLearner(ranked=1, max_rounds=20, patience=20)
    watched = learner.fit(sample, setting(NAMES), watch=watch)
    alone = learner.fit(sample, setting(NAMES), complexity=20)
    np.testing.assert_array_equal(watched.raw(sample.X, 20), alone.raw(sample.X))
    assert len(watched.losses) == 20
