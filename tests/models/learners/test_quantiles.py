"""XGBoost's matrix of both orders: the same on the host as of one array, and made once."""

import gc
import weakref
from types import SimpleNamespace

import numpy as np
import pytest
import xgboost

from features.sides import Swap
from models.learners import contract, quantiles
from models.learners.contract import Orders, Sample, Watch
from models.learners.quantiles import CardFeed, quantile_matrix
from models.learners.xgboost import XGBoostLearner

NAMES = ["f__size_a", "f__size_b", "f__gap_diff", "f__count_pair"]
SWAP = Swap(NAMES)
ROWS = 500


def rows(seed=0):
    """Wide and coarse columns, some values missing."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(ROWS, 4)).astype(np.float32)
    X[:, 3] = np.round(3 * X[:, 3])
    X[rng.random(X.shape) < 0.05] = np.nan
    return X


def info(seed=0):
    rng = np.random.default_rng(seed)
    label = (rows()[:, 2] + rng.normal(size=ROWS) > 0).astype(np.int8)
    return {
        "label": np.concatenate([label, 1 - label]),
        "weight": np.tile(rng.uniform(0.5, 2.0, size=ROWS), 2),
    }


def whole(X, **given):
    return xgboost.QuantileDMatrix(np.vstack([X, SWAP(X)]), max_bin=31, nthread=1, **given)


def trees(matrix):
    params = {"objective": "binary:logistic", "max_bin": 31, "nthread": 1, "subsample": 0.7}
    return bytes(xgboost.train(params, matrix, 12).save_raw("ubj"))


def cuts(matrix):
    return [part.tobytes() for part in matrix.get_quantile_cut()]


@pytest.mark.parametrize("block_rows", [64, 499, 10_000])
def test_blocks_give_the_trees_of_one_whole_array(block_rows, monkeypatch):
    monkeypatch.setattr(contract, "BLOCK_ROWS", block_rows)
    orders = Orders(rows(), swap=SWAP)
    made = quantile_matrix(orders, info(), device="cpu", max_bin=31, nthread=1)
    expected = whole(rows(), **info())
    assert made.num_row() == 2 * ROWS
    assert cuts(made) == cuts(expected)
    assert trees(made) == trees(expected)
    assert trees(made) != trees(whole(rows(), **info(seed=1)))


def test_watched_rows_are_cut_as_the_others_are():
    ref = whole(rows(), **info())
    made = quantile_matrix(
        Orders(rows(1), swap=SWAP), {}, device="cpu", max_bin=31, nthread=1, ref=ref
    )
    booster = xgboost.Booster(model_file=bytearray(trees(ref)))
    expected = booster.predict(whole(rows(1), ref=ref))
    np.testing.assert_array_equal(booster.predict(made), expected)


@pytest.fixture
def card(monkeypatch):
    """A card that is the CPU; says what travelled there."""
    torch, travelled = pytest.importorskip("torch"), []
    waits = SimpleNamespace(synchronize=lambda: None, empty_cache=lambda: None)

    def from_numpy(values):
        travelled.append(values.shape)
        return torch.from_numpy(values)

    fake = SimpleNamespace(from_numpy=from_numpy, cuda=waits)
    monkeypatch.setattr(
        xgboost.core._ProxyDMatrix,
        "_ref_data_from_cuda_interface",
        lambda self, block: self._ref_data_from_array(block.numpy()),
    )
    return fake, travelled


@pytest.mark.parametrize("card_rows", [64, 10_000])
def test_on_a_card_one_order_travels_and_the_other_is_made_there(card, card_rows, monkeypatch):
    monkeypatch.setattr(quantiles, "CARD_ROWS", card_rows)
    torch, travelled = card
    feed = CardFeed(Orders(rows(), swap=SWAP), info(), torch, device="cpu")
    made = xgboost.QuantileDMatrix(feed, max_bin=31, nthread=1)
    assert trees(made) == trees(whole(rows(), **info()))
    assert travelled == [(ROWS, 4), (4,), (4,)]  # the rows, the columns' order, their signs


@pytest.mark.parametrize("swap", [SWAP, None])
def test_nothing_stays_on_the_card_but_the_matrix(card, swap):
    """Without a wait for the garbage collector: XGBoost needs the memory."""
    feed = CardFeed(Orders(rows(), swap=swap), {}, card[0], device="cpu")
    made = xgboost.QuantileDMatrix(feed, max_bin=31, nthread=1)
    assert made.num_row() == ROWS * (1 if swap is None else 2)
    alive = weakref.ref(feed)
    gc.disable()
    try:
        del feed
        assert alive() is None
    finally:
        gc.enable()


def test_without_torch_a_card_gets_its_rows_from_the_host(monkeypatch):
    monkeypatch.setattr(quantiles, "find_spec", lambda name: None)
    orders = Orders(rows(), swap=SWAP)
    made = quantile_matrix(orders, info(), device="cuda", max_bin=31, nthread=1)
    assert cuts(made) == cuts(whole(rows(), **info()))


def test_fits_on_the_same_rows_share_the_matrices(setting, monkeypatch):
    made = []

    def counted(rows, info, *, device, **options):
        made.append((len(info), options["max_bin"]))
        return quantile_matrix(rows, info, device=device, **options)

    monkeypatch.setattr("models.learners.xgboost.quantile_matrix", counted)
    sample = Sample(rows(), info()["label"], info()["weight"], swap=SWAP)
    watch = Watch(rows(1), lambda raw: float(np.abs(raw).mean()), swap=SWAP)
    for learner, seed in ((XGBoostLearner(max_rounds=3), 0), (XGBoostLearner(max_depth=2), 1)):
        learner.fit(sample, setting(NAMES, seed=seed), watch=watch)
    assert made == [(2, 127), (0, 127)]
    XGBoostLearner(max_bin=15, max_rounds=3).fit(sample, setting(NAMES), watch=watch)
    assert made[2:] == [(2, 15), (0, 15)]
