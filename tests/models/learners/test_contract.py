"""Rows in both orders, and what fits on them share."""

from dataclasses import replace
from threading import Barrier, Thread

import numpy as np
import pytest

from features.sides import Swap
from models.learners import contract
from models.learners.contract import Kept, Orders, Sample

SWAP = Swap(["f__size_a", "f__size_b", "f__gap_diff"])


def rows(n=60):
    return np.random.default_rng(0).normal(size=(n, 3)).astype(np.float32)


@pytest.mark.parametrize("chosen", [None, np.array([3, 5, 6, 41])])
@pytest.mark.parametrize("block_rows", [1, 7, 60, 1000])
def test_both_orders_are_the_rows_and_their_mirrors(block_rows, chosen, monkeypatch):
    monkeypatch.setattr(contract, "BLOCK_ROWS", block_rows)
    X = rows()
    orders = Orders(X, rows=chosen, swap=SWAP)
    one, both = X if chosen is None else X[chosen], orders.both()
    np.testing.assert_array_equal(orders.one(), one)
    np.testing.assert_array_equal(both, np.vstack([one, SWAP(one)]))
    assert both.dtype == np.float32
    assert len(orders) == len(both) == 2 * orders.n
    places = np.concatenate([np.arange(120)[place] for place, _ in orders.blocks()])
    assert places.tolist() == list(range(len(both)))
    assert max(len(block) for _, block in orders.blocks()) == min(block_rows, orders.n)


def test_without_a_swap_there_is_one_order():
    orders = Orders(rows())
    assert orders.both() is orders.X
    assert len(orders) == 60
    assert len(list(orders.blocks())) == 1


def test_no_rows_have_no_mirrors():
    orders = Orders(rows(0), swap=SWAP)
    assert orders.both().shape == (0, 3)
    assert list(orders.blocks()) == []


def test_one_order_of_a_sample_weighs_as_much_as_both():
    target, weight = np.arange(120, dtype=np.int8), np.tile(np.arange(60.0), 2)
    chosen = np.arange(60)[::-1]
    one = Sample(rows(), target, weight, rows=chosen, swap=SWAP).one_order()
    assert one.swap is None
    np.testing.assert_array_equal(one.both(), rows()[::-1])
    assert one.target.tolist() == list(range(60))
    assert one.weight.tolist() == [2.0 * n for n in range(60)]


def test_other_labels_share_nothing():
    """What is kept may hold the labels."""
    sample = Sample(rows(), np.zeros(60, np.int8), np.ones(60))
    sample.kept("labels", lambda: sample.target)
    other = replace(sample, target=np.ones(60, np.int8))
    assert other.kept("labels", lambda: other.target).sum() == 60


def test_a_thing_is_made_once_by_threads_that_ask_at_the_same_time():
    kept, made, together = Kept(), [], Barrier(4)

    def ask():
        together.wait()
        kept("it", lambda: made.append(1))

    threads = [Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1]
