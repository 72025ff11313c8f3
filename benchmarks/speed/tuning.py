"""Trials a minute: ``python -m benchmarks.speed.tuning``.

A study of `pipelines.tune`, beside the plain way: the same configurations, each a pipeline in
scikit-learn's `cross_val_score` over the same folds. The plain way is timed on some of them, evenly
spread, for it is slow. On ``arena/train.csv`` and ``arena/extra.csv`` of the folder that
``ARENABOOST_DATA`` names, or on the bundled sample.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from os import environ
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.model_selection import cross_val_score

from benchmarks import real
from benchmarks.tables import write, write_header, write_row
from data.folds import training_rows
from pipelines.config import Config, read_source
from pipelines.estimator.build import build_pipeline
from pipelines.fit import SAMPLE
from pipelines.run.folds import cut_folds
from pipelines.run.inputs import Battles, read_inputs
from pipelines.tune import Inputs, tune
from pipelines.tuning.space import Space
from pipelines.tuning.storage import Store


class Shares(NamedTuple):
    """What of a study's work was not done, each as a share of all that there was."""

    columns: float
    parts: float
    folds: float

    @classmethod
    def of(cls, trials: pd.DataFrame, n_folds: int) -> "Shares":
        """Return the shares that ``trials.csv`` tells.

        >>> row = {"columns_asked": 4, "columns_found": 3, "parts_asked": 2, "parts_found": 1}
        >>> Shares.of(pd.DataFrame([row | {"folds": 1}]), 5)
        Shares(columns=0.75, parts=0.5, folds=0.8)
        """
        total = trials.sum(numeric_only=True)
        folds = 1 - total["folds"] / (n_folds * len(trials))
        found = [total[f"{kind}_found"] / total[f"{kind}_asked"] for kind in ("columns", "parts")]
        return cls(*map(float, found), float(folds))


def main(argv: Sequence[str] | None = None) -> int:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.tuning")
    add = parser.add_argument
    add("--preset", default="classical", metavar="NAME")
    add("--set", action="append", default=[], metavar="KEY=VALUE")
    add("--trials", type=int, default=40, metavar="N")
    add("--plain", type=int, default=4, metavar="N", help="of them that are timed the plain way")
    options = parser.parse_args(argv)
    inputs = Inputs(SAMPLE / "train.csv")
    if real.VARIABLE in environ:
        inputs = Inputs(real.train_file(), extra=(real.extra_file(),))
    source = read_source(preset=options.preset, settings=options.set)
    with tempfile.TemporaryDirectory() as place:
        folder, start = Path(place) / "study", time.perf_counter()
        tune(source, inputs, folder, name="speed", trials=options.trials)
        seconds = time.perf_counter() - start
        trials, space = pd.read_csv(folder / "trials.csv"), Space(*source)
        configs = proposed(folder, space)
    chosen = np.linspace(0, len(configs) - 1, min(options.plain, len(configs))).astype(int)
    battles = read_inputs(inputs)
    plain = [plainly(configs[number], battles) for number in chosen]
    shares = Shares.of(trials, space.base.folds.n_folds)
    write_rates(len(trials) / seconds * 60, 60 / float(np.mean(plain)), shares)
    return 0


def proposed(folder: Path, space: Space) -> list[Config]:
    """Return the configurations of a study's trials."""
    with Store(f"sqlite:///{folder.absolute()}/study.db") as store:
        return [space.settle(trial.params).config for trial in store.study("speed").trials]


def plainly(config: Config, battles: Battles) -> float:
    """Return the seconds of a trial in scikit-learn's own way."""
    folds, frame = cut_folds(battles, config.folds.n_folds, config.seed), battles.frame
    splits = []
    for fold in range(folds.number):
        held = np.zeros(len(frame), dtype=np.bool_)
        held[: battles.n_plain] = folds.fold == fold
        train = training_rows(held, frame["group"], frame["source"])
        splits.append((np.flatnonzero(train), np.flatnonzero(held)))
    start = time.perf_counter()
    cross_val_score(build_pipeline(config), frame, battles.y, cv=splits, scoring="neg_log_loss")
    return time.perf_counter() - start


def write_rates(ours: float, plain: float, shares: Shares) -> None:
    """Print the table, and what was spared."""
    write_header(("", "trials a minute"))
    write_row(["`pipelines.tune`", f"{ours:.2f}"])
    write_row(["`cross_val_score`", f"{plain:.2f}"])
    write_row(["times", f"**{ours / plain:.1f}**"])
    told: Mapping[str, Any] = shares._asdict()
    spared = ", ".join(f"{share:.0%} of the {name}" for name, share in told.items())
    write(f"\nnot computed: {spared} (found, found, ended before)")


if __name__ == "__main__":
    sys.exit(main())
