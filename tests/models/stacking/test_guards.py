"""What a stack refuses, and that it does not refuse what is right."""

import numpy as np
import pytest

from models.heads import probabilities
from models.stacking.choice import calibrated
from models.stacking.guards import (
    check_in_sample,
    check_probabilities,
    clustered_error,
)
from models.stacking.members import Member, StackError, columns_of
from models.stacking.model import known_of
from tests.models.stacking.worlds import blurred, truth


def columns(**changes):
    p = {"winner_model_a": [0.25, 0.5], "winner_model_b": [0.25, 0.5], "winner_tie": [0.5, 0.0]}
    return {name: np.array(values) for name, values in (p | changes).items()}


def test_probabilities_may_miss_a_sum_of_one_by_rounding():
    check_probabilities("oof.csv", columns(winner_tie=[0.4995, 0.0]))


@pytest.mark.parametrize(
    ("tie", "words"),
    [
        ([0.5, np.nan], "row 2, column winner_tie: expected a finite number, found nan"),
        ([-0.5, 0.0], r"row 1, column winner_tie: expected a probability .* found -0.5"),
        ([0.5, 1.5], r"row 2, column winner_tie: expected a probability .* found 1.5"),
        ([0.5, 2e-3], "row 2, columns winner_model_a.*add up to 1, found a sum of 1.002"),
    ],
)
def test_probabilities_must_be_such(tie, words):
    with pytest.raises(StackError, match=f"oof.csv, {words}"):
        check_probabilities("oof.csv", columns(winner_tie=tie))


def test_clustered_error_of_rows_alone_is_the_usual_one():
    values = np.random.default_rng(0).normal(size=400)
    found = clustered_error(values, np.arange(400))
    np.testing.assert_allclose(found, values.std() / np.sqrt(400))


def test_copies_in_a_group_tell_nothing_new():
    values, group = np.random.default_rng(0).normal(size=400), np.arange(400)
    once = clustered_error(values, group)
    np.testing.assert_allclose(clustered_error(np.tile(values, 4), np.tile(group, 4)), once)


def members(n=1500, leak=0.0):
    """Two members that are out of fold, and the truth, which saw a share of the labels."""
    z, t, y = truth(n)
    rng = np.random.default_rng(5)
    told = rng.uniform(size=n) < leak
    honest = [blurred(z, t, size, rng) for size in (0.5, 1.0)]
    seen = Member("leaky", np.where(told, np.where(y == 1, -1, 1), z), np.where(told, y - 1, t))
    names = ("one", "two", "leaky")
    X = columns_of(
        [one._replace(name=name) for name, one in zip(names, (*honest, seen), strict=True)],
        group=np.arange(n).astype(str),
        fold=np.arange(n) % 3,
        characters=np.full(n, 100.0),
        turns=np.ones(n),
    )
    return dict(zip(names, calibrated(known_of(X, names, y)), strict=True)), y


def test_a_member_that_saw_the_labels_is_refused():
    p, y = members(leak=0.6)
    words = "member leaky: its log loss of .* every run and tower .the best, one,"
    with pytest.raises(StackError, match=words):
        check_in_sample(p, {"one", "two"}, y, np.arange(len(y)))


def test_the_best_that_honest_predictions_can_be_is_not_refused():
    p, y = members(leak=0.0)
    check_in_sample(p, {"one", "two"}, y, np.arange(len(y)))


def test_what_was_made_here_is_not_refused_however_good():
    p, y = members(leak=0.6)
    check_in_sample(p, {"one", "leaky"}, y, np.arange(len(y)))


def test_without_a_known_member_there_is_nothing_to_compare_with():
    p, y = members(leak=0.6)
    check_in_sample(p, set(), y, np.arange(len(y)))


def test_a_difference_that_few_battles_cannot_show_is_not_refused():
    p, y = members(leak=0.6)
    few = {name: values[:40] for name, values in p.items()}
    check_in_sample(few, {"one"}, y[:40], np.arange(40))


def test_one_prompt_over_and_over_is_little_evidence():
    p, y = members(leak=0.6)
    copies = {name: np.tile(values[:40], (9, 1)) for name, values in p.items()}
    labels = np.tile(y[:40], 9)
    check_in_sample(copies, {"one"}, labels, np.tile(np.arange(40), 9))
    with pytest.raises(StackError, match="leaky"):
        check_in_sample(copies, {"one"}, labels, np.arange(360))


def test_better_than_one_known_member_is_not_enough():
    p, y = members(leak=0.6)
    p["flat"] = probabilities(np.zeros(len(y)), np.full(len(y), -1.0))
    check_in_sample(p, {"flat", "leaky"}, y, np.arange(len(y)))
