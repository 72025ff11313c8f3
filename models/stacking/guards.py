"""Which predictions a stack refuses: no probabilities, and those of rows that were learned from."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.sides import Array
from models.heads import Labels
from models.stacking.members import StackError, check_finite

TOLERANCE = 1e-3  # of a sum of probabilities, which may be rounded to few decimals
TOO_GOOD = 0.05  # log loss by which no honest member is better than all proven ones
STANDARD_ERRORS = 5.0


def check_probabilities(where: str, columns: Mapping[str, Array]) -> None:
    """Raise where columns are not the probabilities of A, B and, where votes know them, tie.

    Parameters
    ----------
    where : str
    columns : mapping of str to ndarray of float64, shape (n_battles,)

    Raises
    ------
    StackError
        A value is not finite or not from 0 to 1, or a row does not add up to 1 (to 1e-3).
    """
    check_finite(where, columns)
    for column, values in columns.items():
        wrong = (values < 0.0) | (values > 1.0)
        if wrong.any():
            row = int(wrong.argmax())
            raise StackError(
                f"{where}, row {row + 1}, column {column}: expected a probability from 0 to 1, "
                f"found {values[row]}. Logits go into columns named z and t."
            )
    total = np.sum(list(columns.values()), axis=0)
    wrong = np.abs(total - 1.0) > TOLERANCE
    if wrong.any():
        row = int(wrong.argmax())
        raise StackError(
            f"{where}, row {row + 1}, columns {', '.join(columns)}: expected probabilities that "
            f"add up to 1, found a sum of {total[row]:.9g}. Divide each row by its sum, if that "
            "is what it means."
        )


def clustered_error(values: Array, group: NDArray[Any]) -> float:
    """Return the standard error of a mean over rows whose groups, not rows, are independent.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
    group : ndarray, shape (n,)

    Notes
    -----
    The square root of the squared sums of each group's deviations, over n (Liang and Zeger, 1986).

    Examples
    --------
    >>> values = np.array([1.0, 1.0, -1.0, -1.0])
    >>> clustered_error(values, np.arange(4)), clustered_error(values, np.array([0, 0, 1, 1]))
    (0.5, 0.7071067811865476)
    """
    codes, _ = pd.factorize(group)
    sums = np.bincount(codes, weights=values - values.mean())
    return float(np.sqrt(np.sum(sums**2)) / len(values))


def check_in_sample(
    members: Mapping[str, Array], known: Collection[str], y: Labels, group: NDArray[Any]
) -> None:
    """Refuse members that are too good to be out of fold.

    A member whose log loss is better than that of every known one by more than 0.05 and by more
    than five paired standard errors has most likely learned from the rows that it predicts.
    Without a known member there is nothing to compare with.

    Parameters
    ----------
    members : mapping of str to ndarray of float64, shape (n_battles, n_classes)
        Name -> calibrated probabilities, see `models.stacking.choice.calibrated`.
    known : collection of str
        Names of the members that are known to be out of fold, because of how they were made.
    y : ndarray of int8, shape (n_battles,)
    group : ndarray, shape (n_battles,)

    Raises
    ------
    StackError
    """
    losses = {name: -np.log(p[np.arange(len(y)), y]) for name, p in members.items()}
    honest = {name: loss for name, loss in losses.items() if name in known}
    for name in [name for name in losses if honest and name not in honest]:
        gains = [other - losses[name] for other in honest.values()]
        errors = [clustered_error(gain, group) for gain in gains]
        if all(
            gain.mean() > max(TOO_GOOD, STANDARD_ERRORS * error)
            for gain, error in zip(gains, errors, strict=True)
        ):
            best = min(honest, key=lambda other: float(honest[other].mean()))
            raise StackError(
                f"member {name}: its log loss of {losses[name].mean():.4f} is better than that of "
                f"every run and tower (the best, {best}, has {honest[best].mean():.4f}) by more "
                f"than {TOO_GOOD:g} and {STANDARD_ERRORS:g} standard errors: it looks as if its "
                "models had learned from the very battles that it predicts. Give predictions that "
                "are out of fold, or leave out the member."
            )
