"""What battles say of the models that are named in them: how strong, how often tied, how known."""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from features.sides import Array
from features.votes.bradley_terry import Models, Ratings
from features.votes.style_adjusted import adjusted_strengths

# Battles, tied as often as all are, that a model's own are averaged with for its share of ties.
SHRINKAGE = 50.0
TINY = np.finfo(np.float64).tiny


class Votes(NamedTuple):
    """Battles whose models are known by number, -1 where a name is not.

    Attributes
    ----------
    first, second : ndarray of intp, shape (n_battles,)
    points : ndarray of float64, shape (n_battles,)
        1 where the first won, 0 where the second did, 0.5 for a tie.
    plain : ndarray of bool, shape (n_battles,)
        The rows that tell how often battles tie.
    weight : ndarray of float64, shape (n_battles,)
    style : ndarray of float64, shape (n_battles, n_covariates)
        What the answers differ by in style.
    """

    first: Models
    second: Models
    points: Array
    plain: NDArray[np.bool_]
    weight: Array
    style: Array

    def take(self, rows: NDArray[np.bool_]) -> Self:
        """Return some of the battles."""
        return type(self)(
            self.first[rows],
            self.second[rows],
            self.points[rows],
            self.plain[rows],
            self.weight[rows],
            self.style[rows],
        )

    @property
    def named(self) -> NDArray[np.bool_]:
        """Battles of weight whose models both have a name."""
        known: NDArray[np.bool_] = (self.first >= 0) & (self.second >= 0) & (self.weight > 0)
        return known


class Standings(NamedTuple):
    """What is known of each model, shape (n_models,).

    Attributes
    ----------
    ratings : Ratings
        Strengths and head-to-head records.
    adjusted : ndarray of float64
        Strengths beside the style of the answers.
    tie_rate : ndarray of float64
        Share of its plain battles that were ties, drawn to that of all where they are few.
    games : ndarray of float64
        Weight of its battles; a model without any is not known.
    ties : float
        Share of the plain battles that were ties.
    """

    ratings: Ratings
    adjusted: Array
    tie_rate: Array
    games: Array
    ties: float

    @classmethod
    def of(cls, votes: Votes, n_models: int, part: float = 1.0) -> Self:
        """Learn from battles; those of one name, or of no weight, say nothing.

        `part` is what these have of the weight of all battles: games are told as of all.
        """
        met = votes.take(votes.named)
        battles = met.first, met.second, met.points, n_models
        plain = met.take(met.plain)
        tied = plain.weight * (plain.points == 0.5)
        ties = float(tied.sum() / max(plain.weight.sum(), TINY))
        of_model = _by_either(plain, tied, n_models) + SHRINKAGE * ties
        return cls(
            Ratings.of(*battles, met.weight),
            adjusted_strengths(*battles, met.style, met.weight).strength,
            of_model / (_by_either(plain, plain.weight, n_models) + SHRINKAGE),
            _by_either(met, met.weight, n_models) / max(part, TINY),
            ties,
        )

    def known(self, models: Models) -> NDArray[np.bool_]:
        """Return whether each is a model of which a battle was seen."""
        return np.asarray(np.append(self.games, 0.0)[models] > 0)

    def statistics(self, models: Models) -> dict[str, Array]:
        """Return what is known of models: of an unknown one what an average one would have."""
        known = self.known(models)
        of_each = {
            "strength": (self.ratings.strength, 0.0),
            "adjusted": (self.adjusted, 0.0),
            "tie_rate": (self.tie_rate, self.ties),
            "games": (np.log1p(self.games), 0.0),
            "known": (np.ones(len(self.games)), 0.0),
        }
        return {
            name: np.where(known, np.append(values, unknown)[models], unknown)
            for name, (values, unknown) in of_each.items()
        }

    def head_to_head(self, first: Models, second: Models) -> Array:
        """Return the points beyond 1/2 that the first can expect; NaN unless both are known."""
        points = np.pad(self.ratings.table, (0, 1))[first, second]
        return np.where(self.known(first) & self.known(second), points, np.nan)


def _by_either(met: Votes, values: Array, n_models: int) -> Array:
    """Add up values of battles by model, whichever side it was on."""
    sides = [np.bincount(of, values, n_models) for of in (met.first, met.second)]
    return np.asarray(sides[0] + sides[1], dtype=np.float64)
