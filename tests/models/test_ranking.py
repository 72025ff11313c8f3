"""Three ways to rank units of columns: each puts what tells before what tells nothing."""

import numpy as np
import pandas as pd
import pytest

from data.folds import hash_folds
from features.columns import units_of
from models.parts import Rows
from models.ranking import RANKINGS, rank
from tests.models.columns_world import world


def rows_of(X, y, group, **more):
    n = len(y)
    rows = Rows(
        X.to_numpy(), y, np.ones(n, np.bool_), np.ones(n), np.zeros(n), hash_folds(group, n_folds=3)
    )
    return rows._replace(**more)


@pytest.mark.parametrize("way", RANKINGS)
def test_informative_columns_come_first(way):
    X, y, group, good = world(0, n=900, informative=4, noise=12, strength=1.2)
    units = units_of(list(X))
    importance = rank(rows_of(X, y, group), list(X), units, way=way, n_jobs=1)
    best = [list(units)[place] for place in np.argsort(-importance)[: len(good)]]
    assert sorted(best) == sorted(good)
    assert importance.sum() == pytest.approx(1)


@pytest.mark.parametrize("way", RANKINGS)
def test_a_pair_is_ranked_as_one_and_alike_from_both_sides(way):
    """The answers' own columns, of which only the difference tells."""
    rng = np.random.default_rng(1)
    X, y, group, _ = world(1, n=900, informative=2, noise=4, strength=1.5)
    base = rng.normal(size=len(y)).astype(np.float32)
    X = X.assign(f0__own_a=base + X["f0__x0_diff"], f0__own_b=base).drop(columns="f0__x0_diff")
    units = units_of(list(X))
    importance = dict(
        zip(units, rank(rows_of(X, y, group), list(X), units, way=way, n_jobs=1), strict=True)
    )
    assert max(importance, key=importance.get) in ("f0__own_a", "f1__x1_sum")
    assert importance["f0__own_a"] > 0.3


def test_rows_that_are_left_out_say_nothing_of_the_ranking():
    X, y, group, _ = world(2)
    rows, units = rows_of(X, y, group), units_of(list(X))
    changed = rows._replace(y=np.where(rows.fold == 0, 1, rows.y).astype(np.int8))
    one, other = (
        rank(of.take(of.fold != 0), list(X), units, way="permutation", n_jobs=1)
        for of in (rows, changed)
    )
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("way", ["permutation", "shap"])
def test_rows_count_as_they_judge(way):
    """Each of two columns tells of one half of the rows, of which one half hardly counts."""
    rng = np.random.default_rng(0)
    first = np.arange(800) % 4 < 2
    x = rng.normal(size=800).astype(np.float32)
    X = pd.DataFrame({"f__x_diff": np.where(first, x, 0), "f__y_diff": np.where(first, 0, x)})
    y, group = (x + rng.normal(size=800) < 0).astype(np.int8), [f"g{row}" for row in range(800)]
    rows, units = rows_of(X, y, group, judging=np.where(first, 0.01, 1.0)), units_of(list(X))
    alike = rank(rows._replace(judging=None), list(X), units, way=way, n_jobs=1)
    assert 0.4 < alike[1] < 0.6
    assert rank(rows, list(X), units, way=way, n_jobs=1)[1] > alike[1] + 0.1
