"""Ways to blend members, on battles whose probabilities are known: ``… quality blends``.

The real battles are too few to tell one way of stacking from another: their differences are of the
size of chance. So the ways are compared on drawn battles, whose true probabilities say what a
prediction really costs. Members see the true logits behind noise, and say what is best to say of
them; noises go together as said. The figures are log loss above that of the truth itself, out of
fold, with the standard error over draws.

    python -m benchmarks.quality blends --battles 1000 --draws 6
"""

import argparse
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.tables import write, write_header, write_row
from models.heads import probabilities
from models.stacking.candidates import CANDIDATES
from models.stacking.members import DIRECTION, TIED, Member, columns_of, member_names
from models.stacking.model import StackingModel

Array = NDArray[np.float64]
TIE = -1.0  # mean of the ties' logits
SPREAD_Z, SPREAD_T = 1.2, 0.6  # of the true logits
FOLDS = 5
STACK = "chosen among all"


class World(NamedTuple):
    """What members are like.

    Attributes
    ----------
    noise : tuple of float
        Of each member.
    together : dict of (int, int) to float
        Correlation of two members' noises, where it is not 0.
    loud : float
        What each member's logits are multiplied by: 1 where they are calibrated.
    """

    noise: tuple[float, ...]
    together: dict[tuple[int, int], float]
    loud: float = 1.0


WORLDS = {
    "two alike, one weaker": World((1.0, 0.95, 1.3), {(0, 1): 0.8, (0, 2): 0.4, (1, 2): 0.45}),
    "the same, too loud": World((1.0, 0.95, 1.3), {(0, 1): 0.8, (0, 2): 0.4, (1, 2): 0.45}, 1.5),
    "one strong": World((0.4, 1.5, 1.5), {(1, 2): 0.5}),
    "three that err apart": World((1.2, 1.2, 1.2), {}),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Print a table for each world."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality blends",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--battles", type=int, default=1000, metavar="N")
    parser.add_argument("--draws", type=int, default=6, metavar="N")
    options = parser.parse_args(argv)
    for name, world in WORLDS.items():
        draws = [excess(world, options.battles, draw) for draw in range(options.draws)]
        write(f"\n{name}, {options.battles:,} battles, {options.draws} draws\n")
        write_header(("what", "log loss above the truth's"))
        for what in draws[0]:
            values = np.array([draw[what] for draw in draws])
            error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
            write_row([what, f"{values.mean():.4f} ± {error:.4f}"])
    return 0


def excess(world: World, battles: int, draw: int) -> dict[str, float]:
    """Return what members and stacks cost in one draw of battles."""
    X, y, truth = drawn(world, battles, np.random.default_rng([battles, draw]))
    members = member_names(X)
    found = {
        name: probabilities(X[name + DIRECTION].to_numpy(), X[name + TIED].to_numpy())
        for name in members
    }
    found[STACK] = StackingModel(seed=draw).fit(X, y).out_of_fold_
    for way in (name for name, candidate in CANDIDATES.items() if not candidate.flexible):
        found[way] = StackingModel(candidates=(way,), seed=draw).fit(X, y).out_of_fold_
    least = cost(truth, truth)
    return {name: cost(truth, proba) - least for name, proba in found.items()}


def drawn(world: World, n: int, rng: np.random.Generator) -> tuple[pd.DataFrame, Array, Array]:
    """Return a stack's table, labels, and the true probabilities."""
    z, t = SPREAD_Z * rng.normal(size=n), SPREAD_T * rng.normal(size=n)
    truth = probabilities(z, TIE + t)
    y = (rng.uniform(size=(n, 1)) > truth.cumsum(axis=1)).sum(axis=1).clip(max=2).astype(np.int8)
    seen_z, seen_t = seen(world, z, SPREAD_Z, rng), TIE + seen(world, t, SPREAD_T, rng)
    X = columns_of(
        [Member(f"member_{i}", *both) for i, both in enumerate(zip(seen_z, seen_t, strict=True))],
        group=np.arange(n).astype(str),
        fold=rng.permutation(n) % FOLDS,
        characters=rng.integers(100, 5000, size=n),
        turns=np.ones(n),
    )
    return X, y, truth


def seen(world: World, truth: Array, spread: float, rng: np.random.Generator) -> Array:
    """Return each member's logits, shape (n_members, n): its best guess of what it sees blurred.

    The guess of a logistic outcome's logit is drawn towards 0 as well by what is not known
    (MacKay, 1992, "The evidence framework applied to classification networks").
    """
    noise = np.array(world.noise)
    going = np.eye(len(noise))
    for (one, other), share in world.together.items():
        going[one, other] = going[other, one] = share
    blur = (np.linalg.cholesky(going) @ rng.normal(size=(len(noise), len(truth)))).T * noise
    share = spread**2 / (spread**2 + noise**2)
    left = spread**2 * (1.0 - share)
    guess = share * (truth[:, None] + blur) / np.sqrt(1.0 + np.pi * left / 8.0)
    return world.loud * guess.T


def cost(truth: Array, proba: Array) -> float:
    """Return the mean log loss over outcomes that are drawn from the truth."""
    return float(-(truth * np.log(proba)).sum(axis=1).mean())
