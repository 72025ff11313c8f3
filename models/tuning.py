"""What judges a trial: blocks of prompts, each compared with the best trial so far.

Two trials over the same folds are compared block by block, for a battle's difficulty is the same
for both: the paired test tells a hopeless trial after few blocks, where the means, which spread far
more, tell nothing.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wilcoxon

from data.folds import hash_folds
from features.sides import Array
from models.calibration import of_rows

BLOCKS = 10  # in each fold
SALT = 104_729  # inner folds are cut by the seed itself: blocks are others
HOPELESS = 0.1  # level of the test, as in Optuna's WilcoxonPruner

Losses = Mapping[int, float]  # of blocks: mean log loss of its battles
Block = NDArray[np.int64]


def cut_blocks(group: NDArray[np.object_], fold: NDArray[np.int8], seed: int) -> Block:
    """Cut each fold into `BLOCKS` blocks by a hash of the prompt.

    Parameters
    ----------
    group : ndarray of str, shape (n_rows,)
    fold : ndarray of int8, shape (n_rows,)
    seed : int

    Returns
    -------
    ndarray of int64, shape (n_rows,)
        ``10 * fold + block``; with few prompts a block may be empty.
    """
    within = hash_folds(group, n_folds=BLOCKS, salt=seed + SALT)
    return BLOCKS * fold.astype(np.int64) + within


def block_losses(loss: Array, block: Block, share: Array | None = None) -> dict[int, float]:
    """Return the mean loss of each block that has rows; they count by their share of a battle.

    >>> block_losses(np.array([1.0, 3.0, 5.0]), np.array([0, 0, 7]))
    {0: 2.0, 7: 5.0}
    >>> block_losses(np.array([1.0, 3.0]), np.array([0, 0]), np.array([0.25, 0.75]))
    {0: 2.5}
    """
    return {
        number: float(np.average(loss[block == number], weights=of_rows(share, block == number)))
        for number in np.unique(block).tolist()
    }


def block_battles(block: Block, share: Array | None = None) -> dict[int, float]:
    """Return how many battles each block has; rows are such, or shares of them.

    >>> block_battles(np.array([0, 0, 7])), block_battles(np.array([7, 7]), np.array([0.5, 0.5]))
    ({0: 2.0, 7: 1.0}, {7: 1.0})
    """
    numbers, place = np.unique(block, return_inverse=True)
    return dict(
        zip(numbers.tolist(), np.bincount(place, share).astype(float).tolist(), strict=True)
    )


def mean_of(losses: Losses, battles: Mapping[int, float]) -> float:
    """Return the mean loss of the battles of some blocks.

    >>> mean_of({0: 2.0, 7: 5.0}, {0: 2, 7: 1, 8: 4})
    3.0
    """
    total = sum(losses[number] * battles[number] for number in sorted(losses))
    return total / sum(battles[number] for number in losses)


def estimate(losses: Losses, best: Losses, battles: Mapping[int, float]) -> float:
    """Return what a trial that ended early is worth: the best one's mean, and its own distance.

    The mean of its own blocks would tell how hard they are. `best` has all blocks.

    >>> best, battles = {0: 1.0, 1: 3.0}, {0: 1, 1: 1}
    >>> round(estimate({0: 1.1}, best, battles), 3)
    2.1
    """
    apart = {number: loss - best[number] for number, loss in losses.items()}
    return mean_of(best, battles) + mean_of(apart, battles)


def hopeless(losses: Losses, best: Losses, battles: Mapping[int, float]) -> bool:
    """Whether a trial is worse than the best one, by Wilcoxon's signed-rank test over its blocks.

    Source: Wilcoxon, 1945, "Individual comparisons by ranking methods"; one-sided. Ranks of
    differences of 0 count one half for either side.

    >>> best = {block: 1.0 for block in range(10)}
    >>> battles = dict.fromkeys(best, 5)
    >>> hopeless({block: 1.0 + 0.01 * block for block in best}, best, battles)
    True
    >>> hopeless({block: 1.0 + 0.01 * (-1) ** block for block in best}, best, battles)
    False
    """
    shared = sorted(losses)
    apart = {number: losses[number] - best[number] for number in shared}
    if mean_of(apart, battles) <= 0:
        return False
    differences = np.array([apart[number] for number in shared])
    exact = "exact" if _distinct(differences) else "asymptotic"
    test = wilcoxon(differences, alternative="greater", zero_method="zsplit", method=exact)
    return bool(test.pvalue < HOPELESS)


def _distinct(differences: Array) -> bool:
    """Whether no two ranks are equal and none is of a difference of 0: the exact test's case."""
    sizes = np.abs(differences)
    return bool(sizes.all()) and len(np.unique(sizes)) == len(sizes)
