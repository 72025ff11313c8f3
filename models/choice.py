"""What is chosen on out-of-fold predictions: each part's complexity, and the calibration."""

from collections.abc import Mapping, Sequence
from statistics import fmean, median_high
from typing import Any, NamedTuple, Self

import numpy as np

from models.calibration import Calibration
from models.learners.contract import Model


class Chosen(NamedTuple):
    """What the folds of a preference model chose.

    Attributes
    ----------
    complexity : mapping of str to int
        ``member_head`` -> rounds, or a place on the path of penalties.
    inner_loss : mapping of str to float
        ``member_head`` -> mean loss of the inner folds' rows at that complexity.
    calibration : Calibration
    """

    complexity: Mapping[str, int]
    inner_loss: Mapping[str, float]
    calibration: Calibration

    @classmethod
    def of_folds(cls, folds: Sequence[Self], calibration: Calibration) -> Self:
        """Return what models without a fold each say of the model of all rows.

        Parameters
        ----------
        folds : sequence of Chosen
            Of one model each; the complexity is their median.
        calibration : Calibration
            Fitted on what they predicted of their folds.

        Examples
        --------
        >>> folds = [Chosen({"trees_tie": n}, {"trees_tie": 0.6}, Calibration()) for n in (9, 2, 5)]
        >>> Chosen.of_folds(folds, Calibration()).complexity
        {'trees_tie': 5}
        """
        parts = list(folds[0].complexity)
        return cls(
            {part: median_high(fold.complexity[part] for fold in folds) for part in parts},
            {part: fmean(fold.inner_loss[part] for fold in folds) for part in parts},
            calibration,
        )

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Self:
        """Take over what `told` gave."""
        calibration = {name: tuple(values) for name, values in told["calibration"].items()}
        return cls(told["complexity"], told["inner_loss"], Calibration(**calibration))

    def told(self) -> dict[str, Any]:
        """Return it as dictionaries, ready for JSON."""
        return self._asdict() | {"calibration": self.calibration._asdict()}


def chosen_complexity(models: Mapping[int, Model]) -> int:
    """Return the median over the inner folds of the complexity with the least loss."""
    return median_high(int(np.argmin(model.losses)) + 1 for model in models.values())


def mean_loss(models: Mapping[int, Model], complexity: int) -> float:
    """Return the mean loss at a complexity; a path that stopped earlier counts by its end."""
    return fmean(m.losses[min(complexity, len(m.losses)) - 1] for m in models.values())
