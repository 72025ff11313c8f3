"""What columns add to raw scores: trees against a brute-force Shapley sum, linear terms by hand."""

from functools import cache
from itertools import combinations
from math import factorial

import numpy as np
import pytest

from models.learners.contract import Sample
from models.learners.lightgbm import LightGBMLearner
from models.learners.linear import LinearLearner
from models.learners.xgboost import XGBoostLearner

NAMES = ["f__a_diff", "f__b_sum", "f__c_pair", "f__d_a", "f__d_b", "f__e_prompt"]
LEARNERS = {
    "lightgbm": LightGBMLearner(num_leaves=6, min_data_in_leaf=10, feature_fraction=0.6),
    "xgboost": XGBoostLearner(max_depth=3, min_child_weight=1.0, colsample_bytree=0.6),
    "linear": LinearLearner(),
}
ROUNDS = {"lightgbm": 6, "xgboost": 6, "linear": 3}


def rows(n=400, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, len(NAMES))).astype(np.float32)
    score = 2 * X[:, 0] * (X[:, 1] > 0) + X[:, 2] * X[:, 3] + rng.normal(size=n)
    return X, score


def fitted(name, setting, head="tie"):
    X, score = rows()
    target = np.digitize(score, [-0.5, 0.8]) if head == "multiclass" else score > 0
    # Weights, so that a path weighed by rows and one by second derivatives are told apart.
    sample = Sample(X, target.astype(np.int8), np.linspace(0.5, 2.0, len(X)))
    return LEARNERS[name].fit(sample, setting(NAMES, head=head), complexity=ROUNDS[name])


class Tree:
    """A tree as a dictionary of nodes: what a library's table says of it."""

    def __init__(self, nodes, root):
        self.nodes, self.root = nodes, root

    def expected(self, x, known, node=None):
        """The mean of the leaves, where only `known` columns of x decide the way."""
        node = self.root if node is None else node
        of = self.nodes[node]
        if "value" in of:
            return of["value"]
        if of["column"] in known:
            return self.expected(x, known, of["left"] if of["goes_left"](x) else of["right"])
        left, right = of["left"], of["right"]
        weights = self.nodes[left]["weight"], self.nodes[right]["weight"]
        both = self.expected(x, known, left), self.expected(x, known, right)
        return np.dot(weights, both) / sum(weights)


def xgboost_trees(model):
    table = model.booster.trees_to_dataframe()
    for _, tree in table.groupby("Tree"):
        nodes = {}
        for row in tree.itertuples():
            nodes[row.ID] = {"weight": row.Cover}
            if row.Feature == "Leaf":
                nodes[row.ID]["value"] = row.Gain
                continue
            column, split = int(row.Feature[1:]), np.float32(row.Split)
            way = {"left": row.Yes, "right": row.No, "column": column}
            goes = lambda x, column=column, split=split: x[column] < split  # noqa: E731
            nodes[row.ID] |= way | {"goes_left": goes}
        yield Tree(nodes, tree["ID"].iloc[0])


def lightgbm_trees(model):
    table = model.booster.trees_to_dataframe()
    for _, tree in table.groupby("tree_index"):
        nodes = {}
        for row in tree.itertuples():
            nodes[row.node_index] = {"weight": tree["count"][row.Index]}  # row.count is a method
            if row.left_child is None or row.left_child != row.left_child:
                nodes[row.node_index]["value"] = row.value
                continue
            column, split = int(row.split_feature.removeprefix("Column_")), row.threshold
            way = {"left": row.left_child, "right": row.right_child, "column": column}
            goes = lambda x, column=column, split=split: x[column] <= split  # noqa: E731
            nodes[row.node_index] |= way | {"goes_left": goes}
        yield Tree(nodes, tree["node_index"].iloc[0])


TREES = {"xgboost": xgboost_trees, "lightgbm": lightgbm_trees}


def shapley(trees, x):
    """The Shapley values of a row by their definition: a sum over all subsets of columns."""
    n = len(x)

    @cache
    def worth(known):
        return sum(tree.expected(x, known) for tree in trees)

    values = np.zeros(n)
    for column in range(n):
        others = [other for other in range(n) if other != column]
        for size in range(n):
            share = factorial(size) * factorial(n - size - 1) / factorial(n)
            for known in combinations(others, size):
                gained = worth(frozenset({*known, column})) - worth(frozenset(known))
                values[column] += share * gained
    return values, worth(frozenset())


@pytest.mark.parametrize("name", TREES)
def test_trees_give_the_shapley_values_of_their_paths(name, setting):
    model = fitted(name, setting)
    trees = list(TREES[name](model))
    X = rows(12, seed=1)[0]
    found = model.contributions(X)
    assert found.shape == (12, len(NAMES) + 1)
    for x, row in zip(X, found, strict=True):
        values, expected = shapley(trees, x)
        np.testing.assert_allclose(row[:-1], values, atol=2e-6)
        start = model.raw(x[None])[0] - values.sum()
        assert row[-1] == pytest.approx(start, abs=2e-6)
        # XGBoost's score starts from a constant that no tree holds.
        assert row[-1] - expected == pytest.approx(found[0, -1] - shapley(trees, X[0])[1], abs=2e-6)
    assert (np.abs(found[:, :4]).max(axis=0) > 0.01).all()


@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize("head", ["direction", "tie", "multiclass"])
def test_contributions_add_up_to_the_raw_score(name, head, setting):
    model = fitted(name, setting, head)
    X = rows(50, seed=2)[0]
    X[3, 2] = np.nan
    found, raw = model.contributions(X), model.raw(X)
    assert found.shape == (*raw.shape, len(NAMES) + 1)
    np.testing.assert_allclose(found.sum(axis=-1), raw, atol=1e-5)


@pytest.mark.parametrize("name", LEARNERS)
def test_a_model_that_was_kept_gives_the_same(name, setting):
    model, X = fitted(name, setting), rows(20, seed=2)[0]
    again = type(model).load(model.dump())
    np.testing.assert_array_equal(again.contributions(X), model.contributions(X))


def test_a_linear_column_adds_its_coefficient_times_what_it_enters_by(setting):
    model = fitted("linear", setting, "multiclass")
    X = rows(5, seed=3)[0]
    scaling, columns = model.scaling, list(model.scaling.columns)
    assert columns.count(0) == 2  # as it is, and by its absolute value
    found = model.contributions(X)
    for score in range(3):
        terms = [
            model.coefficients[-1][score, place]
            * np.tanh(
                ((abs(X[1, 0]) if scaling.folded[place] else X[1, 0]) - scaling.centre[place])
                / scaling.scale[place]
            )
            for place in np.flatnonzero(scaling.columns == 0)
        ]
        assert found[1, score, 0] == pytest.approx(sum(terms), rel=1e-9)
        assert found[1, score, 3] == 0.0  # a side alone is not used
    np.testing.assert_array_equal(found[:, :, -1], np.tile(model.intercepts[-1], (5, 1)))
