"""The same battles with votes of every kind, from a table of cells as Kaggle has them."""

import numpy as np

from data.battles import WINNER_COLUMNS

VOTES = list(WINNER_COLUMNS)


def plain(table):
    return table


def weighted(table):
    """Rows weigh 1 to 5 in training."""
    return table.assign(weight=1 + np.arange(len(table)) % 5)


def soft(table):
    """Two of three rows hold probabilities, some of two classes alone; the rest are votes."""
    votes = table[VOTES].to_numpy(dtype=float)
    drawn = np.random.default_rng(0).integers(1, 9, size=votes.shape).astype(float)
    drawn[::2, 2] = 0.0
    mixed = (votes + drawn / drawn.sum(axis=1, keepdims=True)) / 2
    mixed[::3] = votes[::3]
    return table.assign(**dict(zip(VOTES, mixed.T, strict=True)))


def soft_and_weighted(table):
    return weighted(soft(table))


def without_ties(table):
    """As the WSDM Cup has them."""
    decided = table[table["winner_tie"] == "0"]
    winner = np.where(decided["winner_model_a"] == "1", "model_a", "model_b")
    return decided.drop(columns=VOTES).assign(winner=winner, language="English")


KINDS = [plain, weighted, soft, soft_and_weighted, without_ties]
