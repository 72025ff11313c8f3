"""What battles say of models, against what is counted by hand."""

import numpy as np
import pytest

from features.votes.bradley_terry import Ratings
from features.votes.standings import SHRINKAGE, Standings, Votes

FIRST, SECOND = np.array([0, 0, 1, 2, 0]), np.array([1, 1, 0, -1, 1])
POINTS = np.array([1.0, 0.5, 0.5, 1.0, 0.5])


def votes(plain=None, weight=None):
    n = len(FIRST)
    plain = np.ones(n, bool) if plain is None else np.array(plain, dtype=bool)
    weight = np.ones(n) if weight is None else np.array(weight, dtype=float)
    return Votes(FIRST, SECOND, POINTS, plain, weight, np.zeros((n, 1)))


def test_games_and_ties_are_counted_on_either_side():
    found = Standings.of(votes(), 3)
    assert found.games.tolist() == [4, 4, 0]
    assert found.ties == 0.75
    expected = (3 + SHRINKAGE * 0.75) / (4 + SHRINKAGE)
    np.testing.assert_allclose(found.tie_rate, [expected, expected, 0.75])


def test_extra_rows_teach_strengths_and_never_ties():
    found = Standings.of(votes(plain=[1, 1, 1, 1, 0]), 3)
    assert found.ties == pytest.approx(2 / 3)
    assert found.games.tolist() == [4, 4, 0]
    known = FIRST[[0, 1, 2, 4]], SECOND[[0, 1, 2, 4]], POINTS[[0, 1, 2, 4]]
    np.testing.assert_array_equal(found.ratings.strength, Ratings.of(*known, 3).strength)


def test_a_row_counts_by_its_weight():
    found = Standings.of(votes(weight=[1, 1, 0, 1, 2]), 3)
    assert found.games.tolist() == [4, 4, 0]
    assert found.ties == 0.75
    twice = Votes(*(np.concatenate([of[[0, 1, 4]], of[[4]]]) for of in votes()))
    other = Standings.of(twice, 3)
    np.testing.assert_allclose(found.ratings.strength, other.ratings.strength, atol=1e-12)
    np.testing.assert_allclose(found.adjusted, other.adjusted, atol=1e-12)
    np.testing.assert_allclose(found.tie_rate, other.tie_rate)


def test_games_are_told_as_of_all_battles():
    assert Standings.of(votes(), 3, part=0.5).games.tolist() == [8, 8, 0]


def test_unknown_models_are_average_ones():
    found = Standings.of(votes(), 3)
    models = np.array([0, 2, -1])  # one battle of 2 was seen, with an unknown one: it says nothing
    assert found.known(models).tolist() == [True, False, False]
    of = found.statistics(models)
    assert of["known"].tolist() == [1, 0, 0]
    assert of["strength"][0] > 0
    assert of["strength"][1:].tolist() == of["adjusted"][1:].tolist() == [0, 0]
    assert of["tie_rate"][1:].tolist() == [0.75, 0.75]
    np.testing.assert_allclose(of["games"], [np.log(5), 0, 0])


def test_head_to_head_changes_sign_and_needs_both():
    found = Standings.of(votes(), 3)
    a, b = np.array([0, 0, -1, 2]), np.array([1, -1, 1, 0])
    points = found.head_to_head(a, b)
    np.testing.assert_array_equal(points, -found.head_to_head(b, a))
    assert points[0] > 0
    assert np.isnan(points[1:]).all()


def test_of_no_battles_nothing_is_known():
    found = Standings.of(votes().take(np.zeros(len(FIRST), bool)), 3, part=0.0)
    of = found.statistics(np.array([0, 1, -1]))
    assert all((values == 0).all() for values in of.values())
