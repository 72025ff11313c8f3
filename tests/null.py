"""Votes that say nothing: what finds something in them has seen the votes that it is judged by."""

from typing import NamedTuple

import numpy as np
from sklearn.metrics import roc_auc_score

from data.battles import read_training
from data.labels import TIE, A
from data.synthetic.generate import write_battles

ROWS, FEW_ROWS, FLIPS = 4_000, 600, 5  # few where an encoder reads
LEAST_AUC, MOST_LOSS = 0.01, 0.003  # what chance is given where it has little of its own


def null_votes(folder, rows):
    """Generated battles, and their votes for A and B exchanged by coins; ties stay."""
    write_battles(folder, rows, seed=11)
    read = read_training(folder / "train.csv")
    coins = np.random.default_rng(11).random((FLIPS, len(read.y))) < 0.5
    return read.battles, [
        np.where(coin & (read.y != TIE), 1 - read.y, read.y).astype(np.int8) for coin in coins
    ]


class Finding(NamedTuple):
    """What log-odds of A say of such votes, in the mean of the flips, and standard errors."""

    auc: float
    auc_error: float
    loss: float  # beyond that of even odds
    loss_error: float

    @classmethod
    def of(cls, found):
        """Judge log-odds of A and labels, a pair for each flip, by the decided battles."""
        decided = [(z[y != TIE], y[y != TIE] == A) for z, y in found]
        aucs = [roc_auc_score(won, z) for z, won in decided]
        # Mann-Whitney, where nothing is there to be found; the flips are independent.
        errors = [(len(won) + 1) / (12 * won.sum() * (~won).sum()) for _, won in decided]
        gaps = np.concatenate([np.logaddexp(0.0, np.where(won, -z, z)) for z, won in decided])
        gaps -= np.log(2)
        return cls(
            float(np.mean(aucs)),
            float(np.sqrt(np.sum(errors)) / len(aucs)),
            float(gaps.mean()),
            float(gaps.std() / np.sqrt(len(gaps))),
        )

    def is_nothing(self, *, few=False):
        """Whether chance explains it.

        A head learns from columns that were made, out of fold, with the votes that judge the head,
        as stacking has it. So what chance says of these votes is learned along, and adds to the
        AUC up to a standard error of one flip; that is what `few` allows besides.
        """
        allowed = max(3 * self.auc_error, LEAST_AUC) + few * self.auc_error * np.sqrt(FLIPS)
        return abs(self.auc - 0.5) <= allowed and -3 * self.loss_error <= self.loss <= MOST_LOSS
