"""Rows in both orders."""

import numpy as np
import pytest

from features.sides import Swap
from models import parts
from models.parts import both_orders

SWAP = Swap(["f__size_a", "f__size_b", "f__gap_diff"])


@pytest.mark.parametrize("block_rows", [1, 7, 1000])
def test_both_orders_are_the_masked_rows_and_their_mirrors(block_rows, monkeypatch):
    monkeypatch.setattr(parts, "BLOCK_ROWS", block_rows)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3)).astype(np.float32)
    mask = rng.uniform(size=60) < 0.5
    both = both_orders(X, mask, SWAP)
    np.testing.assert_array_equal(both, np.vstack([X[mask], SWAP(X[mask])]))
    assert both.dtype == np.float32


def test_no_rows_have_no_mirrors():
    X = np.ones((5, 3), dtype=np.float32)
    assert both_orders(X, np.zeros(5, dtype=bool), SWAP).shape == (0, 3)
