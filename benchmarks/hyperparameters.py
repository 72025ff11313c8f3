"""Which settings of a member suit the direction: ``python -m benchmarks.hyperparameters [NAME …]``.

Judged by out-of-fold direction log loss on the decided rows of ``arena/extra.csv`` (of the folder
that ``ARENABOOST_DATA`` names) whose prompts do not occur in ``arena/train.csv``: the rows that
figures are scored on take no part. Each candidate differs from its learner's defaults by what is
named. Three folds, cut by a hash of the prompt; the complexity is the median over the folds.
"""

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.extra_rows import extra_rows
from data.folds import hash_folds
from data.labels import TIE
from features.sides import Swap
from features.storage.cache import Cache
from models.heads import DirectionHead, direction_loss
from models.learners.registry import LEARNERS
from models.parts import Fit, Part, Rows, chosen_complexity, fit_part, part_logits
from models.preference import PASSED_THROUGH
from pipelines.config import Config, load_config
from pipelines.estimator.build import build_pipeline, precompute
from pipelines.estimator.encoding import encode

N_FOLDS = 3

CANDIDATES: dict[str, tuple[str, dict[str, Any]]] = {
    "LightGBM": ("lightgbm", {}),
    "LightGBM, rate 0.03": ("lightgbm", {"learning_rate": 0.03}),
    "LightGBM, rate 0.08": ("lightgbm", {"learning_rate": 0.08}),
    "LightGBM, 7 leaves": ("lightgbm", {"num_leaves": 7}),
    "LightGBM, 31 leaves": ("lightgbm", {"num_leaves": 31}),
    "LightGBM, 0.3 of the columns": ("lightgbm", {"feature_fraction": 0.3}),
    "LightGBM, 63 bins": ("lightgbm", {"max_bin": 63}),
    "LightGBM, 200 rows a leaf": ("lightgbm", {"min_data_in_leaf": 200}),
    "LightGBM, lambda 50": ("lightgbm", {"lambda_l2": 50.0}),
    "XGBoost": ("xgboost", {}),
    "XGBoost, 0.3 of the columns": ("xgboost", {"colsample_bytree": 0.3}),
    "XGBoost, depth 4": ("xgboost", {"max_depth": 4}),
    "XGBoost, weight 40 a leaf": ("xgboost", {"min_child_weight": 40.0}),
    "linear": ("linear", {}),
}
BLENDS = (
    ("LightGBM", "linear"),
    ("XGBoost", "linear"),
    ("LightGBM", "XGBoost"),
    ("LightGBM", "XGBoost", "linear"),
)


def main() -> int:
    """Print a Markdown table of the chosen candidates."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.hyperparameters", description=__doc__
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CANDIDATES)}")
    names = parser.parse_args().names or list(CANDIDATES)
    if unknown := set(names) - set(CANDIDATES):
        parser.error(f"no such candidate: {', '.join(sorted(unknown))}")
    if "ARENABOOST_DATA" not in os.environ:
        sys.stdout.write("skipped: ARENABOOST_DATA does not name the folder of real battles\n")
        return 0
    rows, columns = rows_of(Path(os.environ["ARENABOOST_DATA"]) / "arena", load_config())
    swap = Swap(columns)
    sys.stdout.write(f"{len(rows.y):,} decided extra battles, {rows.X.shape[1]} columns\n\n")
    sys.stdout.write("| what | A/B log loss | complexity | seconds |\n|---|---|---|---|\n")
    logits: dict[str, NDArray[np.float64]] = {}
    for name in names:
        line, logits[name] = _candidate(name, rows, swap)
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    for blend in BLENDS:
        if set(blend) <= set(logits):
            loss = direction_loss(np.mean([logits[name] for name in blend], axis=0), rows.y)
            sys.stdout.write(f"| mean of {', '.join(blend)} | {loss:.4f} | | |\n")
    return 0


def _candidate(name: str, rows: Rows, swap: Swap) -> tuple[str, NDArray[np.float64]]:
    """Return a line of the table, and the out-of-fold direction logits."""
    start = time.perf_counter()
    z, complexity = out_of_fold(*CANDIDATES[name], rows, swap)
    seconds = time.perf_counter() - start
    return f"| {name} | {direction_loss(z, rows.y):.4f} | {complexity} | {seconds:.0f} |", z


def out_of_fold(
    learner: str, settings: dict[str, Any], rows: Rows, swap: Swap
) -> tuple[NDArray[np.float64], int]:
    """Return each row's direction logit by the folds that it is not in, and the complexity."""
    part = Part(learner, LEARNERS[learner](**settings), DirectionHead(), seed=0)
    with threadpool_limits(limits=1, user_api="blas"):
        models = Parallel(n_jobs=-1, prefer="threads")(
            delayed(fit_part)(Fit(part, fold), rows, swap, threads=1, device="cpu")
            for fold in range(N_FOLDS)
        )
    complexity = chosen_complexity(dict(enumerate(models)))
    z = np.empty(len(rows.y))
    for fold, model in enumerate(models):
        held = rows.fold == fold
        z[held] = part_logits(part, model, rows.X[held], swap, complexity)["z"]
    return z, complexity


def rows_of(arena: Path, config: Config, cache: Cache | None = None) -> tuple[Rows, list[str]]:
    """Return the decided extra rows as if they were plain, without the scored rows' prompts."""
    battles, y = extra_rows(arena)
    battles, y = battles[y != TIE], y[y != TIE]
    pipeline = build_pipeline(config, cache=cache)
    encode(pipeline, battles)
    union = precompute(pipeline, battles, cache=cache).named_steps["features"]
    columns: pd.DataFrame = union.fit_transform(battles, y).drop(columns=list(PASSED_THROUGH))
    ones = np.ones(len(battles))
    rows = Rows(
        X=np.ascontiguousarray(columns.to_numpy(dtype=np.float32)),
        y=y,
        plain=ones.astype(np.bool_),
        weight=ones,
        length=ones,
        fold=hash_folds(battles["group"].to_numpy(dtype=object), n_folds=N_FOLDS),
    )
    return rows, list(columns.columns)


if __name__ == "__main__":
    sys.exit(main())
