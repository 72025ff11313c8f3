"""The stack of runs and towers, out of fold: ``python -m benchmarks.quality stack``.

Members are logits by id of the real plain battles, in the folds of one seed, that were made by
`pipelines.fit` and `pipelines.finetune` and are committed to ``benchmarks/quality/oof/``. Whatever
the stack chooses is chosen without the fold that it is scored on. Beside it stand its members, each
calibrated on the other folds where that holds, and stacks that have one way of putting members
together and no choice. Intervals are 95 % bootstraps over prompts.

    python -m benchmarks.quality stack
    python -m benchmarks.quality stack --members classical minilm_tower --seeds 0
    python -m benchmarks.quality stack --commit classical=RUN neural=RUN

``--commit`` keeps the logits of folders that `pipelines.fit` left, under the seed that their
configuration names; those of towers are kept by ``python -m benchmarks.quality tower --commit``.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from benchmarks import real
from benchmarks.quality.oof import OutOfFold
from benchmarks.quality.runs import RunError, Scored
from benchmarks.quality.tower import Array, figures
from benchmarks.tables import difference, each, write, write_header, write_row
from data.battles import ReadBattles, read_training
from models.measures.evaluation import paired_difference
from models.measures.metrics import METRICS
from models.stacking.candidates import CANDIDATES
from models.stacking.members import Member, columns_of
from models.stacking.model import StackingModel
from models.stacking.report import member_probabilities
from pipelines.stacking.predictor import sizes

MEMBERS = ("classical", "neural", "minilm_tower")
COLUMNS = ("what", "rows", "log loss", "95 % interval", "A/B AUC", "tie AUC", "log loss by seed")
STANDARD_ERRORS = 2 * 1.96  # in a 95 % interval
STACK = "stack"


class Seed(NamedTuple):
    """The members of a seed, and what came of them: name -> probabilities of each battle."""

    members: dict[str, OutOfFold]
    proba: dict[str, Array]
    weights: dict[str, dict[str, float]]  # head -> member -> weight in the stack of all rows
    chosen: list[str]  # in each fold: for the direction, and for ties


def main(argv: Sequence[str] | None = None) -> int:
    """Print members, stacks, and the gain of the stack over each of them."""
    options = _parser().parse_args(argv)
    if not real.at_hand():
        return 0
    read = read_training(real.train_file())
    scored = Scored.of(read)
    try:
        if options.commit:
            _commit(options.commit, scored)
            return 0
        seeds = [_stacked(options.members, seed, read, scored) for seed in options.seeds]
    except RunError as error:
        sys.exit(f"python -m benchmarks.quality stack: {error}")
    write_stacks(options.seeds, seeds, read)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality stack",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--members", nargs="+", default=list(MEMBERS), metavar="NAME")
    add("--seeds", nargs="+", type=int, default=[0, 1, 2], metavar="N", help="of folds and members")
    add("--commit", nargs="+", type=_named, metavar="NAME=RUN", help="keep a run's logits")
    return parser


def _named(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise argparse.ArgumentTypeError(f"expected NAME=RUN, found {text!r}")
    return name, Path(path)


def _commit(runs: Sequence[tuple[str, Path]], scored: Scored) -> None:
    for name, folder in runs:
        found = OutOfFold.of_run(folder, scored)
        sys.stderr.write(f"wrote {found.commit(name, found.record['settings']['seed'], scored)}\n")


def _stacked(names: Sequence[str], seed: int, read: ReadBattles, scored: Scored) -> Seed:
    """Stack the members of a seed, by choice and in each single way.

    Raises
    ------
    RunError
        A member is not committed, or its folds are others.
    """
    members = {name: OutOfFold.committed(name, seed, scored) for name in names}
    first, *others = members.items()
    for name, member in others:
        if (member.fold != first[1].fold).any():
            raise RunError(f"{name}, seed {seed}: its folds are not those of {first[0]}.")
    X = table_of(members, read)
    by_torch = any({"backbone", "encoder"} & set(one.record) for one in members.values())
    stack = StackingModel(inexact=by_torch, seed=seed).fit(X, read.y)
    proba = {**member_probabilities(stack, X, read.y), STACK: stack.out_of_fold_}
    for way in (name for name, candidate in CANDIDATES.items() if not candidate.flexible):
        alone = StackingModel(candidates=(way,), seed=seed).fit(X, read.y)
        proba[f"{way}, no choice"] = alone.out_of_fold_
    chosen = [" and ".join(fold.candidates.values()) for fold in stack.fold_stacks_.values()]
    return Seed(members, proba, stack.weights(), chosen)


def table_of(members: dict[str, OutOfFold], read: ReadBattles) -> pd.DataFrame:
    """Return what a stack is fitted on."""
    frame = read.battles
    return columns_of(
        [Member(name, member.z, member.t) for name, member in members.items()],
        group=frame["group"].to_numpy(dtype=object),
        fold=next(iter(members.values())).fold,
        **sizes(frame),
    )


def write_stacks(numbers: Sequence[int], seeds: Sequence[Seed], read: ReadBattles) -> None:
    """Print figures over all seeds, the stack's gains, and what it chose and weighs."""
    y, group = read.y, read.battles["group"].to_numpy(dtype=object)
    write_header(COLUMNS)
    loss = {}
    for name in seeds[0].proba:
        runs = [seed.proba[name] for seed in seeds]
        by_seed = [METRICS["log_loss"].function(y, proba) for proba in runs]
        loss[name] = np.mean(by_seed)
        write_row([name, *figures(y, runs, group), each(by_seed)])
    best = min(seeds[0].members, key=loss.__getitem__)
    write(f"\nThe best member is {best}. Log loss of the stack against")
    write_header(("what", "difference", "in standard errors"))
    for name in seeds[0].members:
        ours, theirs = ([seed.proba[of] for seed in seeds] for of in (STACK, name))
        gap = paired_difference(y, ours, theirs, group)
        error = (gap["high"] - gap["low"]) / STANDARD_ERRORS
        write_row([name, difference(gap), f"{gap['value'] / error:+.1f}"])
    for number, seed in zip(numbers, seeds, strict=True):
        write(f"\nseed {number}: weights {_weights(seed)}; folds chose {'; '.join(seed.chosen)}")


def _weights(seed: Seed) -> str:
    return ", ".join(
        f"{head} {' '.join(f'{name} {weight:.2f}' for name, weight in of.items())}"
        for head, of in seed.weights.items()
    )
