"""What the stack's tests share: battles whose true logits are known, and members that see them."""

import numpy as np

from models.heads import probabilities, swapped_labels
from models.stacking.members import DIRECTION, TIED, Material, Member, columns_of
from models.stacking.nested import HEADS, Known, LineFits, _lesson


def draw(p, rng):
    """Labels of the given probabilities."""
    return (
        (rng.uniform(size=(len(p), 1)) > p.cumsum(axis=1)).sum(axis=1).clip(max=2).astype(np.int8)
    )


def truth(n, seed=0):
    """True logits, and labels drawn from them; members need another generator."""
    rng = np.random.default_rng(seed)
    z, t = rng.normal(size=n), rng.normal(size=n) * 0.7 - 0.8
    return z, t, draw(probabilities(z, t), rng)


def table(members, n_folds=3, seed=0):
    """The table of some members; two battles a prompt, lengths and turns at random."""
    n, rng = len(members[0].z), np.random.default_rng(seed + 77)
    group = np.arange(n) // 2
    return columns_of(
        members,
        group=[f"g{number}" for number in group],
        fold=rng.permutation(group % n_folds)[group],
        characters=rng.integers(10, 5000, size=n),
        turns=rng.integers(1, 4, size=n),
    )


def blurred(z, t, size, rng, name="m"):
    """A member that sees the truth behind noise."""
    n = len(z)
    return Member(name, z + size * rng.normal(size=n), t + size * rng.normal(size=n))


def world(n=600, sizes=(0.6, 0.9, 1.2), n_folds=3, seed=0):
    """A table of members of different worth, and labels."""
    z, t, y = truth(n, seed)
    rng = np.random.default_rng(seed + 1000)
    members = [blurred(z, t, size, rng, f"m{place}") for place, size in enumerate(sizes)]
    return table(members, n_folds, seed), y


def swapped(X, y):
    """The same battles with A and B in each other's place."""
    directions = [column for column in X.columns if column.endswith(DIRECTION)]
    return X.assign(**{column: -X[column] for column in directions}), swapped_labels(y)


def known_of(X, y):
    """What a stack makes of a table, in the order in which it came."""
    names = [column.removesuffix(TIED) for column in X.columns if column.endswith(TIED)]
    group = np.unique(X["group"], return_inverse=True)[1]
    return Known(Material.of(X, names), y, X["fold"].to_numpy(dtype=np.int8), group)


def lessons_of(X, y, calibrate=False, seed=0):
    """Head's name -> the rows that it learns from."""
    known = known_of(X, y)
    lines = LineFits(known, calibrate=calibrate).without(())
    return {head.name: _lesson(head, known, lines, seed) for head in HEADS}
