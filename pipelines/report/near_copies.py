"""Rows that the folds may not have kept apart: a prompt's near-copy stands where it was learned.

Folds are cut by prompts that are the same but for case, width and white space. One that differs in
a word is another prompt, and may be trained on while its near-copy is predicted. What that is worth
is told, not mended: the log loss with such rows and without them.
"""

from typing import TypedDict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.cells import normal_prompt
from features.sides import Array
from features.text.near_copies import NEAR, near_copies
from models.calibration import of_rows
from models.measures.evaluation import number_of
from pipelines.report.figure import Figure, log_loss_figure

NO_FOLD = -1  # of a prompt that only extra rows have


class NearCopies(TypedDict):
    """Plain rows with a near-copy of their prompt in the training part that predicted them.

    Attributes
    ----------
    likeness : float
        Jaccard similarity of 5-character shingles from which on prompts are near-copies.
    pairs : int
        Pairs of prompts that are, and of which one is trained on while the other is predicted.
    rows : int
        Plain rows that are predicted so.
    log_loss, log_loss_rest, log_loss_all : Figure
        Of these rows, of the other plain ones, and of all.
    """

    likeness: float
    pairs: int
    rows: int
    log_loss: Figure
    log_loss_rest: Figure
    log_loss_all: Figure


def near_copies_told(
    battles: pd.DataFrame,
    y: NDArray[np.int8],
    folds: NDArray[np.int8],
    proba: Array,
    share: Array | None = None,
) -> NearCopies:
    """Return what near-copies across the folds are worth.

    Parameters
    ----------
    battles : DataFrame
        The plain rows, then the extra ones.
    y : ndarray of int8, shape (n_plain,)
    folds : ndarray of int8, shape (n_plain,)
    proba : ndarray of float64, shape (n_plain, n_classes)
        Out-of-fold probabilities.
    share : ndarray of float64, shape (n_plain,), optional
        What each row counts, 1 by default.
    """
    rows, pairs = rows_with_near_copies(battles, folds)
    group = battles["group"].to_numpy(dtype=object)[: len(folds)]

    def figure(mask: NDArray[np.bool_]) -> Figure:
        return log_loss_figure(y[mask], proba[mask], group[mask], of_rows(share, mask))

    return {
        "likeness": NEAR,
        "pairs": pairs,
        "rows": number_of(y[rows], of_rows(share, rows)),
        "log_loss": figure(rows),
        "log_loss_rest": figure(~rows),
        "log_loss_all": figure(np.ones_like(rows)),
    }


def rows_with_near_copies(
    battles: pd.DataFrame, folds: NDArray[np.int8]
) -> tuple[NDArray[np.bool_], int]:
    """Return which plain rows are predicted by models that learned from a near-copy's row.

    The row's prompt has a near-copy in another group, one of whose rows is in the training part of
    the row's fold (see `data.folds.training_rows`): a plain row of another fold, or an extra row
    that is not left out because a plain row of the same fold has its very prompt.

    Returns
    -------
    rows : ndarray of bool, shape (n_plain,)
    pairs : int
        Of prompts that are such near-copies, one way or both.
    """
    codes, groups = pd.factorize(battles["group"].to_numpy(dtype=object))
    # Extra rows of a prompt that plain rows have are trained on when its plain rows are: the fold
    # of a prompt, or that it has none, says of all its rows when they are left out.
    fold = np.full(len(groups), NO_FOLD, np.int8)
    fold[codes[: len(folds)]] = folds
    first = np.flatnonzero(~pd.Series(codes).duplicated())
    prompts = list(map(normal_prompt, battles["prompt"].iloc[first]))
    pairs = near_copies(prompts)
    across = pairs[fold[pairs[:, 0]] != fold[pairs[:, 1]]]
    leaks = np.zeros(len(groups), dtype=np.bool_)
    leaks[across] = True
    return leaks[codes[: len(folds)]], len(across)
