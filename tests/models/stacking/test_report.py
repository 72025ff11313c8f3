"""The leaderboard's figures are those of the predictions that it speaks of."""

import json

import numpy as np
import pytest
from sklearn.base import clone

from models.measures.evaluation import evaluate
from models.measures.metrics import log_loss
from models.stacking.members import DIRECTION, TIED, Member
from models.stacking.model import StackingModel
from models.stacking.report import leaderboard, member_probabilities
from tests.models.stacking.worlds import blurred, table, truth

CHEAP = ("mean", "best", "logistic")


@pytest.fixture(scope="module")
def told():
    """Two members that see the truth, and one that repeats the first with other noise."""
    z, t, y = truth(600)
    rng = np.random.default_rng(50)
    first, second = (blurred(z, t, size, rng, name) for name, size in (("one", 0.6), ("two", 0.8)))
    echo = blurred(first.z, first.t, 0.3, rng, "echo")
    X = table([first, second, echo])
    model = StackingModel(candidates=CHEAP).fit(X, y)
    return X, y, model, leaderboard(model, X, y, X["group"])


def test_is_ready_for_json_and_names_all_members(told):
    _, _, model, board = told
    assert json.loads(json.dumps(board)) == board
    assert list(board["members"]) == list(model.members_) == ["one", "two", "echo"]


def test_log_losses_and_their_intervals_are_those_of_evaluate(told):
    X, y, model, board = told
    alone = member_probabilities(model, X, y)
    group = X["group"].to_numpy()
    expected = evaluate(y, model.out_of_fold_, group, baselines=alone)
    for field in ("value", "low", "high"):
        assert board["stack"]["log_loss"][field] == pytest.approx(
            expected["metrics"]["log_loss"][field], rel=1e-9
        )
        for name, figures in board["members"].items():
            assert figures["log_loss"][field] == pytest.approx(
                expected["baselines"][name]["metrics"]["log_loss"][field], rel=1e-9
            )
    best = board["best"]
    difference = expected["baselines"][best["member"]]["difference"]["log_loss"]
    assert best["gain"]["value"] == pytest.approx(-difference["value"], rel=1e-9)
    assert best["gain"]["low"] == pytest.approx(-difference["high"], rel=1e-9)


def test_the_best_member_is_that_of_least_log_loss(told):
    *_, board = told
    losses = {name: figures["log_loss"]["value"] for name, figures in board["members"].items()}
    assert board["best"]["member"] == min(losses, key=losses.get)
    gain = losses[board["best"]["member"]] - board["stack"]["log_loss"]["value"]
    assert board["best"]["gain"]["value"] == pytest.approx(gain)
    assert gain > 0


def test_a_members_gain_is_what_is_lost_without_it(told):
    X, y, model, board = told
    rest = clone(model).fit(X.drop(columns=["two" + DIRECTION, "two" + TIED]), y)
    lost = log_loss(y, rest.out_of_fold_) - log_loss(y, model.out_of_fold_)
    figure = board["members"]["two"]["gain"]
    assert figure["value"] == pytest.approx(lost)
    assert figure["low"] < lost < figure["high"]
    assert lost > 0


def test_weights_are_the_models(told):
    _, _, model, board = told
    for head, shares in model.weights().items():
        for name, share in shares.items():
            assert board["members"][name]["weight"][head] == share


def test_errors_go_together_most_where_a_member_repeats_another(told):
    X, y, model, board = told
    table = board["correlation"]
    for name in table:
        assert table[name][name] == pytest.approx(1.0)
    assert table["one"]["two"] == pytest.approx(table["two"]["one"])
    assert table["one"]["echo"] > table["one"]["two"]
    errors = [
        (np.eye(3)[y] - p).ravel() for p in list(member_probabilities(model, X, y).values())[:2]
    ]
    assert table["one"]["two"] == pytest.approx(np.corrcoef(errors)[0, 1])


def test_one_member_alone_has_no_gain():
    z, t, y = truth(200)
    X = table([Member("only", z, t)])
    model = StackingModel(candidates=("best",)).fit(X, y)
    board = leaderboard(model, X, y, X["group"])
    assert board["members"]["only"]["gain"] is None
    assert board["correlation"]["only"]["only"] == pytest.approx(1.0)
