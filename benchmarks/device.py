"""XGBoost on a GPU against the CPU: ``python -m benchmarks.device [--rows N]``.

One million generated battles by default, structural columns, the direction head of XGBoost alone,
a fixed number of rounds; out of sample on a fifth of the prompts. Prints seconds, peak memory of
the process and the log loss on each device, which should differ by less than 0.001. Without a GPU
only the CPU's line is printed, and what is owed is said.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.pipeline import FeatureUnion

from data.battles import read_training
from data.folds import hash_folds
from data.labels import TIE
from data.synthetic.generate import write_battles
from features.families.length import LengthFeatures
from features.families.style import StyleFeatures
from features.families.turns import TurnFeatures
from features.sides import Swap
from models.device import find_device
from models.heads import DirectionHead, direction_loss
from models.learners.boosting import XGBoostLearner
from models.parts import Fit, Part, Rows, fit_part, part_logits
from pipelines.report.content import peak_memory_mb

ROUNDS = 300
HELD = 0


def main() -> int:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.device", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="on the CPU")
    arguments = parser.parse_args()
    rows, swap = _rows(arguments.rows)
    found = find_device("auto")
    sys.stdout.write(f"{len(rows.y):,} decided battles, {rows.X.shape[1]} columns\n\n")
    sys.stdout.write("| device | seconds | A/B log loss | MB so far |\n|---|---|---|---|\n")
    for device in ("cuda", "cpu") if found.name == "cuda" else ("cpu",):
        sys.stdout.write(_line(device, rows, swap, arguments.threads) + "\n")
        sys.stdout.flush()
    owed = "" if found.name == "cuda" else "; the GPU's line is owed"
    sys.stdout.write(f"\n{found.reason}{owed}\n")
    return 0


def _line(device: str, rows: Rows, swap: Swap, threads: int) -> str:
    held = rows.fold == HELD
    part = Part("xgboost", XGBoostLearner(), DirectionHead(), seed=0)
    start = time.perf_counter()
    fit = Fit(part, complexity=ROUNDS)
    model = fit_part(fit, rows.take(~held), swap, threads=threads, device=device)
    seconds = time.perf_counter() - start
    z = part_logits(part, model, rows.X[held], swap)["z"]
    loss = direction_loss(z, rows.y[held])
    return f"| {model.device} | {seconds:.0f} | {loss:.4f} | {peak_memory_mb():.0f} |"


def _rows(n: int) -> tuple[Rows, Swap]:
    """Return generated decided battles with their structural columns."""
    with tempfile.TemporaryDirectory() as folder:
        write_battles(Path(folder), n, seed=1)
        read = read_training(Path(folder) / "train.csv")
    families = FeatureUnion(
        [(f.name, f()) for f in (LengthFeatures, TurnFeatures, StyleFeatures)],
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    decided = read.y != TIE
    columns = families.fit_transform(read.battles)
    group = read.battles["group"].to_numpy(dtype=object)
    ones = np.ones(len(read.y))
    whole = Rows(
        X=np.ascontiguousarray(columns.to_numpy(dtype=np.float32)),
        y=read.y,
        plain=ones.astype(np.bool_),
        weight=ones,
        length=ones,
        fold=hash_folds(group, n_folds=5),
    )
    return whole.take(decided), Swap(list(columns.columns))


if __name__ == "__main__":
    sys.exit(main())
