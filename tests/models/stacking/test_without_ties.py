"""Stacks of members that know no ties: the direction alone."""

import numpy as np
import pytest
from scipy.special import expit

from models.stacking.choice import calibrated
from models.stacking.members import Member, StackError, columns_of, logits_of, member_names
from models.stacking.model import StackingModel, known_of
from models.stacking.report import leaderboard
from tests.models.stacking.worlds import swapped, table


@pytest.fixture(scope="module")
def seen():
    """A table of three members that see the truth behind noise, and votes for A or B."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=900)
    y = np.where(rng.uniform(size=900) < expit(z), 0, 1).astype(np.int8)
    members = [
        Member(f"m{place}", z + size * rng.normal(size=900), None)
        for place, size in enumerate((0.6, 0.9, 1.2))
    ]
    return table(members), y


@pytest.fixture(scope="module")
def fitted(seen):
    return StackingModel().fit(*seen)


def test_two_probabilities_that_a_swap_changes_bit_for_bit(seen, fitted):
    X, y = seen
    turned, labels = swapped(X, y)
    p = fitted.predict_proba(X)
    assert p.shape == fitted.out_of_fold_.shape == (900, 2)
    assert fitted.classes_.tolist() == [0, 1]
    assert 0.0 < p.min() < p.max() < 1.0
    np.testing.assert_array_equal(fitted.predict_proba(turned), p[:, ::-1])
    again = StackingModel().fit(turned, labels)
    np.testing.assert_array_equal(again.out_of_fold_, fitted.out_of_fold_[:, ::-1])


def test_it_is_better_than_each_member(seen, fitted):
    X, y = seen
    board = leaderboard(fitted, X, y, X["group"])
    own = -np.log(fitted.out_of_fold_[np.arange(900), y]).mean()
    assert board["stack"]["log_loss"]["value"] == pytest.approx(own, rel=1e-12)
    assert board["best"]["member"] == "m0"
    assert board["best"]["gain"]["low"] > 0.0
    assert set(board["members"]["m0"]["weight"]) == {"direction"}
    assert fitted.weights()["direction"]["m0"] > 0.3
    of_members = calibrated(known_of(X, fitted.members_, y))
    assert [p.shape for p in of_members] == [(900, 2)] * 3


def test_dump_and_load_give_the_same(seen, fitted):
    loaded = StackingModel().load(fitted.dump())
    np.testing.assert_array_equal(loaded.predict_proba(seen[0]), fitted.predict_proba(seen[0]))
    assert loaded.classes_.tolist() == [0, 1]
    assert loaded.weights() == fitted.weights()


def test_ties_that_members_do_not_know_are_refused(seen):
    X, y = seen
    with pytest.raises(StackError, match=r"votes hold ties, .* A and B alone\. Fit members in"):
        StackingModel().fit(X, np.where(np.arange(900) < 30, 2, y))
    one = np.where(X["fold"] == 1, 0, y)
    with pytest.raises(StackError, match=r"fold 1: expected battles of both classes.*of class B"):
        StackingModel().fit(X, one)


def test_members_of_two_forms_are_refused():
    members = [Member("heads", np.zeros(2), np.zeros(2)), Member("alone", np.zeros(2), None)]
    words = r"member alone: .* as heads has them, found those of A and B alone\. Stack members of"
    with pytest.raises(StackError, match=words):
        columns_of(members, characters=[1, 1], turns=[1, 1])


def test_a_table_without_tie_logits_has_members():
    members = [Member("one", np.zeros(1), None), Member("two", np.zeros(1), None)]
    X = columns_of(members, characters=[1], turns=[1])
    assert X.columns.tolist() == ["characters", "turns", "one__z_diff", "two__z_diff"]
    assert member_names(X) == ("one", "two")


def test_logits_of_two_probabilities():
    z, t = logits_of(np.array([[0.75, 0.25], [0.0, 1.0]]))
    np.testing.assert_allclose(z, [np.log(3.0), -30.0])
    assert t is None
