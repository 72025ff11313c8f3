"""How time and memory grow with the rows: ``python -m benchmarks.speed.scale [fit] [predict]``.

``fit`` reads a training file of generated battles, computes its features, cuts folds, fits one fold
and predicts it: seconds and peak memory after each step, with the families that learn nothing, the
quicker members and at most 100 rounds (their time grows with the rounds). ``predict`` runs
`pipelines.predict` on test files of two sizes in processes of their own, whose peaks must not
differ. The files are generated first, which is not timed, into a temporary folder (3 GB with the
default sizes).
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from benchmarks.tables import write
from data.battles import read_training
from data.folds import make_folds, training_rows
from data.synthetic.generate import main as generate
from models.measures.metrics import log_loss
from pipelines.command.progress import Steps
from pipelines.config import load_config
from pipelines.estimator.build import build_pipeline, precompute
from pipelines.fit import SAMPLE, Inputs, fit
from pipelines.report.content import peak_memory_mb

PARTS = ("predict", "fit")
SEED = "7"
QUICK = [
    'families=["length", "turns", "style", "wording", "overlap", "prompt"]',
    'model.members=["lightgbm", "linear"]',
    "learners.lightgbm.max_rounds=100",
]


def main(argv: Sequence[str] | None = None) -> int:
    """Print a line for each step."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.scale")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--rows", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--test-rows", type=int, nargs=2, default=[200_000, 400_000], metavar="N")
    parser.add_argument("--preset", default="classical", metavar="NAME")
    parser.add_argument("--set", action="append", default=QUICK, metavar="KEY=VALUE")
    options = parser.parse_args(argv)
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"{', '.join(unknown)}: expected {' or '.join(PARTS)}")
    with tempfile.TemporaryDirectory() as folder:
        if "predict" in (options.parts or PARTS):
            predict_sizes(Path(folder), options.test_rows, options.preset)
        if "fit" in (options.parts or PARTS):
            fit_one_fold(Path(folder), options.rows, options.preset, options.set)
    return 0


def fit_one_fold(folder: Path, rows: int, preset: str, settings: Sequence[str]) -> None:
    """Read, featurise, cut folds, fit the first and predict it."""
    _generate(folder, rows, 1)
    config = load_config(preset=preset, settings=settings)
    steps = Steps(Console())
    with steps.step("read", rows) as advance:
        read = read_training(folder / "train.csv", progress=advance)
    _peak()
    battles, y = read.battles, read.y
    with steps.step("features", rows * len(config.families), "battles × families") as advance:
        pipeline = precompute(build_pipeline(config), battles, advance)
    _peak()
    with steps.step("folds"):
        folds = make_folds(y, battles["group"], n_folds=config.folds.n_folds, seed=config.seed)
    held = folds == 0
    train = training_rows(held, battles["group"], battles["source"])
    with steps.step("fit"):
        pipeline.fit(battles[train], y[train])
    _peak()
    with steps.step("predict the fold", int(held.sum())) as advance:
        proba = pipeline.predict_proba(battles[held])
        advance(len(proba))
    _peak()
    write(f"log loss of the fold: {log_loss(np.asarray(y)[held], proba):.4f}")


def _peak() -> None:
    write(f"    peak so far: {peak_memory_mb():,.0f} MB")


def predict_sizes(folder: Path, sizes: Sequence[int], preset: str) -> None:
    """Predict test files of several sizes with a run fitted on the bundled sample."""
    run = fit(load_config(preset=preset), Inputs(SAMPLE / "train.csv"), folder / "run")
    for size in sizes:
        _generate(folder, 1, size)
        files = ("--test", str(folder / "test.csv"), "--output", str(folder / "submission.csv"))
        start = time.perf_counter()
        megabytes = _peak_of_child("pipelines.predict", str(run), *files)
        seconds = time.perf_counter() - start
        write(
            f"predict {size:,} rows: {seconds:.1f} s with the start, {size / seconds:,.0f} "
            f"battles/s, peak {megabytes:,.0f} MB"
        )


def _generate(folder: Path, rows: int, test_rows: int) -> None:
    sizes = ["--rows", str(rows), "--test-rows", str(test_rows)]
    generate([*sizes, "--seed", SEED, "--output", str(folder)])


def _peak_of_child(module: str, *arguments: str) -> float:
    """Run a module in a process of its own and return the most memory that it held, in MB."""
    child = os.posix_spawn(
        sys.executable, [sys.executable, "-m", module, *arguments], dict(os.environ)
    )
    _, status, usage = os.wait4(child, 0)
    if status:
        raise RuntimeError(f"{module} ended with status {os.waitstatus_to_exitcode(status)}")
    unit = 1 if sys.platform == "darwin" else 1024
    return usage.ru_maxrss * unit / 1e6


if __name__ == "__main__":
    sys.exit(main())
