"""Columns that say much the same: rank correlation, and groups of what goes together.

Rows count in both orders of the answers, so that a battle's order makes no difference, and the two
sides of a statistic, which change places under a swap, are always one.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

from features.sides import Array, Swap

ALIKE = 0.7  # mean |rank correlation| between the halves of a group, at least


def rank_correlation(X: NDArray[np.floating], swap: Swap) -> Array:
    """Return |Spearman's rho| of the columns over both orders, 0 where one of them never changes.

    >>> swap = Swap(["f__words_a", "f__words_b", "f__words_diff"])
    >>> rank_correlation(np.array([[3.0, 1.0, 2.0], [5.0, 5.0, 0.0]]), swap)[2].round(2)
    array([0.33, 0.33, 1.  ])
    """
    both = np.nan_to_num(np.concatenate([X, swap(X)]), nan=0.0)
    ranks = rankdata(both, axis=0)
    ranks -= ranks.mean(axis=0)
    size = np.sqrt((ranks**2).sum(axis=0))
    ranks /= np.where(size > 0, size, 1.0)
    found: Array = np.minimum(np.abs(ranks.T @ ranks), 1.0)
    return found


def pairs(swap: Swap) -> NDArray[np.intp]:
    """Return for each column the first of those that a swap makes one of it.

    >>> pairs(Swap(["f__words_diff", "f__words_b", "f__words_a"]))
    array([0, 1, 1])
    """
    return np.minimum(swap.order, np.arange(len(swap.order)))


def groups(correlation: Array, swap: Swap) -> NDArray[np.intp]:
    """Return a number for each column, the same for columns that go together.

    Average linkage of the distances ``1 - |rho|``, where two sides of a statistic are one, as near
    to others as the nearer of them; cut where halves are less alike than `ALIKE` in the mean.

    Source: Sokal and Michener, 1958, "A statistical method for evaluating systematic
    relationships".

    Parameters
    ----------
    correlation : ndarray of float64, shape (n_columns, n_columns)
        Of `rank_correlation`.
    swap : Swap

    Examples
    --------
    >>> swap = Swap(["f__a_diff", "f__b_diff", "f__c_diff"])
    >>> groups(np.array([[1.0, 0.9, 0.1], [0.9, 1.0, 0.2], [0.1, 0.2, 1.0]]), swap)
    array([0, 0, 1])
    """
    first, member = np.unique(pairs(swap), return_inverse=True)
    nearest = np.maximum.reduce(
        [correlation[np.ix_(i, j)] for i in (first, swap.order[first])
         for j in (first, swap.order[first])]
    )  # fmt: skip
    distance = 1.0 - np.maximum(nearest, nearest.T)
    np.fill_diagonal(distance, 0.0)
    if len(first) == 1:
        return np.zeros(len(member), dtype=np.intp)
    tree = linkage(squareform(distance, checks=False), method="average")
    label = fcluster(tree, t=1.0 - ALIKE, criterion="distance")[member]
    _, start = np.unique(label, return_index=True)
    number = np.empty(label.max() + 1, dtype=np.intp)
    number[label[np.sort(start)]] = np.arange(len(start))  # in the order of the columns
    return number[label]
