"""Battles by named columns, of which some tell of the votes and the others tell nothing."""

import numpy as np
import pandas as pd

SIDES = ("diff", "sum")  # of the direction, of ties


def world(seed, n=700, informative=6, noise=24, strength=0.7):
    """Columns, labels, prompts of two battles each, and the names of the informative columns."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, informative + noise)).astype(np.float32)
    names = [f"f{j % 3}__x{j}_{SIDES[j % 2]}" for j in range(X.shape[1])]
    z = strength * X[:, 0:informative:2].sum(axis=1)
    t = strength * X[:, 1:informative:2].sum(axis=1) - 0.5
    tie = rng.uniform(size=n) < 1 / (1 + np.exp(-t))
    first = rng.uniform(size=n) < 1 / (1 + np.exp(-z))
    y = np.where(tie, 2, np.where(first, 0, 1)).astype(np.int8)
    group = [f"g{row // 2}" for row in range(n)]
    return pd.DataFrame(X, columns=names), y, group, names[:informative]
