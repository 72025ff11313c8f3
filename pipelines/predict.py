"""``python -m pipelines.predict RUN --test CSV --output submission.csv``: predict with a run."""

import argparse
import json
import sys
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from sklearn.pipeline import Pipeline

from data.battles import WINNER_COLUMNS, iter_test, make_battles
from models.device import find_device
from pipelines.cli import run_command
from pipelines.config import load_config
from pipelines.pipeline import build_pipeline
from pipelines.progress import Steps
from pipelines.runs import RunError, check_run, digest, whole_file

MODELS = "models"


def load_pipeline(run: Path) -> Pipeline:
    """Return the fitted estimator that lies in a run folder.

    It predicts on the kind of device that the run was fitted on, or on the CPU where that is not
    there, with a warning: probabilities may then differ in the last digits.

    Raises
    ------
    RunError
        If the folder is no finished run, or a model file is not the one that the run wrote.
    """
    check_run(run)
    report = json.loads((run / "report.json").read_text())
    wanted, found = report["device"]["name"], find_device("auto")
    if wanted == "cuda" != found.name:
        warnings.warn(f"{run} was fitted on a GPU; {found.reason}.", stacklevel=2)
    return read_pipeline(run, report["files"], wanted if wanted == found.name else "cpu")


def read_pipeline(folder: Path, hashes: Mapping[str, str], device: str) -> Pipeline:
    """Return the fitted estimator of a configuration and model files, checked by their SHA-256."""
    pipeline = build_pipeline(load_config(file=folder / "config.toml"), device)
    pipeline.named_steps["features"].fit(make_battles([], [], []))
    files = {name: _checked(folder / MODELS / name, known) for name, known in hashes.items()}
    pipeline.named_steps["model"].load(files)
    return pipeline


def _checked(path: Path, known: str) -> bytes:
    content = path.read_bytes() if path.is_file() else None
    if content is None or digest(content) != known:
        found = "no such file" if content is None else "a file that was changed since"
        raise RunError(
            f"{path}: expected the file that the run wrote, found {found}. Fit the run again."
        )
    return content


def write_predictions(pipeline: Pipeline, test: Path, output: Path, steps: Steps) -> dict[str, int]:
    """Predict a test file in chunks; memory does not grow with its rows.

    Returns
    -------
    dict of str to int
        What was counted while reading, see `data.battles.COUNTS`.
    """
    counts: Counter[str] = Counter()
    with steps.step("predict") as advance, whole_file(output) as file:
        for number, chunk in enumerate(iter_test(test)):
            table = predictions(chunk.battles["id"], pipeline.predict_proba(chunk.battles))
            table.to_csv(file, index=False, header=number == 0, lineterminator="\n")
            counts.update(chunk.counts)
            advance(len(table))
    return dict(counts)


def predictions(ids: Sequence[str] | pd.Series, proba: NDArray) -> pd.DataFrame:
    """Return Kaggle's table: ``id`` and the three probabilities, in float64."""
    return pd.DataFrame({"id": ids, **dict(zip(WINNER_COLUMNS, proba.T, strict=True))})


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.predict", description=__doc__)
    parser.add_argument("run", type=Path, metavar="RUN", help="a finished run folder")
    parser.add_argument("--test", type=Path, required=True, metavar="CSV")
    parser.add_argument("--output", type=Path, required=True, metavar="CSV")
    return run_command(parser, _predict, argv)


def _predict(arguments: argparse.Namespace, console: Console) -> None:
    if arguments.output.resolve() == arguments.test.resolve():
        raise RunError(f"--output {arguments.output} is the test file itself. Name another one.")
    if arguments.output.is_dir():
        raise RunError(f"--output {arguments.output} is a folder. Name a file in it.")
    pipeline = load_pipeline(arguments.run)
    counts = write_predictions(pipeline, arguments.test, arguments.output, Steps(console))
    if counts.get("raw_cells"):
        console.print(f"{counts['raw_cells']:,} cells were no list of turns: read as plain text.")
    console.print(f"predictions: {arguments.output}", highlight=False)


if __name__ == "__main__":
    sys.exit(main())
