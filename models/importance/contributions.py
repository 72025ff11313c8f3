"""What each column adds to the logits of a battle, measured from the average battle.

Each member's raw scores fall into shares of the columns: Shapley values of trees, terms of a linear
score. With phi for them and S for the swap, a column's share of the direction is
``(phi(x) - S phi(S x)) / 2`` and of the tie ``(phi(x) + S phi(S x)) / 2``, where S puts the share
of a swapped row back to the column whose value it had. So a swap of the answers changes the signs
of the direction's shares, which follow their answer, and leaves those of the tie.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from features.sides import Array, Swap
from models.calibration import Calibration
from models.heads import CLIP
from models.learners.contract import Matrix, Model
from models.parts import Part, averages
from models.preference import PreferenceModel

Shares = Mapping[str, Array]  # logit -> shape (n_rows, n_columns + 1), the average battle last


class Contributions(NamedTuple):
    """What moves the logits of battles from those of the average battle.

    Attributes
    ----------
    columns : dict of str to ndarray, shape (n_battles, n_columns)
        By logit: ``z`` and ``t`` as they are calibrated, or of the form ``multiclass`` the three
        margins ``a``, ``b`` and ``tie`` as its members' mean, before calibration.
    average : dict of str to ndarray, shape (n_battles,)
        The logits of the average battle: with the columns' they add up to those of the battle.
    """

    columns: dict[str, Array]
    average: dict[str, Array]


def contributions(model: PreferenceModel, X: pd.DataFrame) -> Contributions:
    """Return what each column adds to the logits of battles.

    Parameters
    ----------
    model : PreferenceModel
        Fitted, or loaded.
    X : DataFrame, shape (n_battles, ...)
        The model's columns, and ``characters``.
    """
    swap, matrix = Swap(list(model.feature_names_in_)), matrix_of(model, X)
    shares: Shares = averages(
        (part, part_shares(part, fitted, matrix, swap)) for part, fitted in model.fitted_parts()
    )
    if "z" in shares:
        length = X["characters"].to_numpy(dtype=np.float64)
        shares = calibrated(shares, model.chosen_.calibration, length)
    return Contributions(
        {name: values[:, :-1] for name, values in shares.items()},
        {name: values[:, -1] for name, values in shares.items()},
    )


def matrix_of(model: PreferenceModel, X: pd.DataFrame) -> Matrix:
    """Return the columns of a model as its members take them."""
    return np.ascontiguousarray(X[model.feature_names_in_].to_numpy(dtype=np.float32))


def part_shares(part: Part, model: Model, X: Matrix, swap: Swap) -> Shares:
    """Return the shares of the logits of a part, from both orders of the rows."""
    places = np.append(swap.order, len(swap.order))  # the average row has no side
    return part.head.shares(model.contributions(X), model.contributions(swap(X))[..., places])


def calibrated(shares: Shares, calibration: Calibration, length: Array) -> Shares:
    """Return the shares of the calibrated logits.

    The margin ``|z|`` of which a tie has its part is ``sign(z)`` times the sum of z's shares.

    >>> z, t = np.array([[-1.0, -2.0, 0.0]]), np.array([[0.5, 0.0, 1.0]])
    >>> by = Calibration(tie_margin=(-0.1,), tie_intercept=(2.0,))
    >>> calibrated({"z": z, "t": t}, by, np.array([100.0]))["t"]
    array([[ 0.4, -0.2,  3. ]])
    """
    place = np.searchsorted(calibration.edges, length, side="left")
    by_row = (np.array(values)[place][:, None] for values in calibration[:4])
    slope, tie_slope, margin, intercept = by_row
    z = slope * shares["z"]
    found = {"z": z}
    if "t" in shares:
        whole = z.sum(axis=1, keepdims=True)
        most = np.minimum(CLIP / np.maximum(np.abs(whole), CLIP), 1.0)  # beyond it nothing is added
        t = tie_slope * shares["t"] + margin * np.sign(whole) * most * z
        t[:, -1:] += intercept
        found["t"] = t
    return found
