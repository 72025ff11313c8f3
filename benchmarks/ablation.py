"""What each feature family adds: ``python -m benchmarks.ablation [--members NAME …]``.

Each family alone and each left out of the preset's, with the fold seeds 0, 1 and 2, on the plain
rows of ``arena/train.csv`` of the folder that ``ARENABOOST_DATA`` names, ``arena/extra.csv`` as
extra rows. Families that learn are fitted anew in each fold. Differences are paired: the same
folds, the same resamples of prompt groups. Below 0 a family helps. Where some families are chosen,
each is also added to those that are not.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from joblib import parallel_config
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.pipeline import FeatureUnion
from threadpoolctl import threadpool_limits

from data.battles import concat_battles, read_training
from data.folds import make_folds, training_rows
from features.storage.cache import Cache
from models.measures.evaluation import paired_difference
from models.measures.metrics import direction_auc, log_loss
from models.preference import PASSED_THROUGH
from pipelines.config import Config, load_config
from pipelines.estimator.build import build_pipeline, precompute
from pipelines.estimator.encoding import encode

Runs = list[NDArray[np.float64]]


def main() -> int:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ablation", description=__doc__)
    parser.add_argument("--preset", default="classical", metavar="NAME")
    parser.add_argument(
        "--members",
        nargs="+",
        default=["lightgbm", "linear"],
        metavar="NAME",
        help="members to measure with (default: lightgbm linear, the quick ones)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=["learners.lightgbm.learning_rate=0.1"],
        metavar="KEY=VALUE",
        help="further settings (the learning rate is 0.1 here: half the rounds)",
    )
    parser.add_argument(
        "--families",
        nargs="+",
        default=[],
        metavar="NAME",
        help="families to measure alone, left out, and added to the others (default: all of the "
        "preset)",
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], metavar="N")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="of counts and vectors")
    arguments = parser.parse_args()
    if "ARENABOOST_DATA" not in os.environ:
        sys.stdout.write("skipped: ARENABOOST_DATA does not name the folder of real battles\n")
        return 0
    arena = Path(os.environ["ARENABOOST_DATA"]) / "arena"
    config = load_config(
        preset=arguments.preset, settings=[f"model.members={arguments.members}", *arguments.set]
    )
    train = read_training(arena / "train.csv")
    extra = read_training(arena / "extra.csv", source="extra")
    battles = concat_battles([train.battles, extra.battles])
    cache = Cache(arguments.cache, 10**10) if arguments.cache else None
    y = np.concatenate([train.y, extra.y])
    measure = Measure(config, battles, y, len(train.y), arguments.seeds, cache)
    whole = measure.runs(config.families)
    write(
        "| families | log loss | A/B AUC | against all families | by seed |\n|---|---|---|---|---|"
    )
    write(measure.line("all", whole, whole))
    chosen = arguments.families or config.families
    for family in chosen:
        write(measure.line(f"{family} alone", measure.runs([family]), whole))
    for family in chosen:
        rest = [other for other in config.families if other != family]
        write(measure.line(f"without {family}", measure.runs(rest), whole))
    others = [family for family in config.families if family not in chosen]
    if others and len(chosen) > 1:
        base = measure.runs(others)
        write(measure.line("the others", base, whole))
        for family in chosen:
            found = measure.runs([*others, family])
            write(measure.line(f"the others and {family}, against the others", found, base))
    return 0


class Columns(NamedTuple):
    """The columns of one fold of one seed: those that learn have not seen the fold's labels."""

    seed: int
    train: NDArray[np.bool_]
    held: NDArray[np.bool_]
    X_train: pd.DataFrame
    X_held: pd.DataFrame


class Measure:
    """Out-of-fold predictions by families, in folds that all share."""

    def __init__(
        self,
        config: Config,
        battles: pd.DataFrame,
        y: NDArray[np.int8],
        n_plain: int,
        seeds: Sequence[int],
        cache: Cache | None = None,
    ) -> None:
        self.seeds = seeds
        self.config, self.battles, self.y, self.n_plain = config, battles, y, n_plain
        self.group = battles["group"].to_numpy(dtype=object)[:n_plain]
        pipeline = build_pipeline(config, cache=cache)
        encode(pipeline, battles)
        features = precompute(pipeline, battles, cache=cache).named_steps["features"]
        self.columns = [
            self._columns(clone(features), seed, held)
            for seed in seeds
            for held in self._held(seed)
        ]

    def _held(self, seed: int) -> Iterator[NDArray[np.bool_]]:
        plain = self.y[: self.n_plain]
        folds = make_folds(plain, self.group, n_folds=self.config.folds.n_folds, seed=seed)
        for fold in range(self.config.folds.n_folds):
            held = np.zeros(len(self.y), dtype=np.bool_)
            held[: self.n_plain] = folds == fold
            yield held

    def _columns(self, features: FeatureUnion, seed: int, held: NDArray[np.bool_]) -> Columns:
        train = training_rows(held, self.battles["group"], self.battles["source"])
        with threadpool_limits(limits=1, user_api="blas"), parallel_config("threading", n_jobs=-1):
            X = features.fit_transform(self.battles[train], self.y[train])
            return Columns(seed, train, held, X, features.transform(self.battles[held]))

    def runs(self, families: list[str]) -> Runs:
        """Return the plain rows' probabilities with each seed, from these families' columns."""
        runs = {seed: np.empty((self.n_plain, 3)) for seed in self.seeds}
        for part in self.columns:
            names = [
                name
                for name in part.X_train
                if name in PASSED_THROUGH or name.partition("__")[0] in families
            ]
            model = build_pipeline(self.config).named_steps["model"].set_params(seed=part.seed)
            model.fit(part.X_train[names], self.y[part.train])
            runs[part.seed][part.held[: self.n_plain]] = model.predict_proba(part.X_held[names])
        return list(runs.values())

    def line(self, name: str, runs: Runs, whole: Runs) -> str:
        """Return a row of the table."""
        y = self.y[: self.n_plain]
        gap = paired_difference(y, runs, whole, self.group)
        loss = np.mean([log_loss(y, proba) for proba in runs])
        auc = np.mean([direction_auc(y, proba) for proba in runs])
        difference = f"{gap['value']:+.4f} [{gap['low']:+.4f}, {gap['high']:+.4f}]"
        seeds = " ".join(f"{run:+.4f}" for run in gap["runs"])
        return f"| {name} | {loss:.4f} | {auc:.4f} | {difference} | {seeds} |"


def write(line: str) -> None:
    """Print a line at once: the next one takes minutes."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
