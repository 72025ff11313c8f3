"""``python -m pipelines.predict RUN --test CSV --output submission.csv``: predict with a run."""

# ruff: noqa: E402
from pipelines.command.process import own_process

GO_ON = "Run the same command again."
if __name__ == "__main__":  # before the other imports, which take seconds
    own_process(GO_ON)

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from data.battles import COUNTS
from pipelines.command.flags import Parser, add_cache_flags, cache_from, run_command
from pipelines.command.progress import Steps, tell
from pipelines.estimator.predictions import write_predictions
from pipelines.estimator.reading import load_pipeline
from pipelines.run.files import check_ordinary
from pipelines.run.folder import RunError
from pipelines.run.submission import check_sample

__all__ = ["load_pipeline", "main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = Parser(prog="python -m pipelines.predict", description=__doc__)
    parser.add_argument("run", type=Path, metavar="RUN", help="a finished run folder")
    parser.add_argument("--test", type=Path, required=True, metavar="CSV")
    parser.add_argument("--output", type=Path, required=True, metavar="CSV")
    parser.add_argument(
        "--sample-submission",
        type=Path,
        metavar="CSV",
        help="check beforehand that ids, their order and columns are those of this file",
    )
    parser.add_argument(
        "--encoder",
        metavar="FOLDER",
        help="where the frozen encoder lies, if not where the run's configuration says",
    )
    add_cache_flags(parser)
    return run_command(parser, _predict, argv, go_on=GO_ON)


def _predict(arguments: argparse.Namespace, console: Console) -> None:
    _check_output(arguments)
    for path in (arguments.test, arguments.sample_submission):
        if path:
            check_ordinary(path)
    pipeline = load_pipeline(arguments.run, cache_from(arguments), arguments.encoder)
    if arguments.sample_submission:
        check_sample(arguments.test, arguments.sample_submission)
    counts = write_predictions(pipeline, arguments.test, arguments.output, Steps(console))
    for name, number in counts.items():
        if number and name not in ("rows", "kept"):
            tell(console, f"{name}: {number:,} ({COUNTS[name]})")
    tell(console, f"predictions: {arguments.output}")


def _check_output(arguments: argparse.Namespace) -> None:
    """Refuse to write over what is not to be replaced."""
    output: Path = arguments.output
    place = _real(output)
    kept = {"test file": arguments.test, "sample submission": arguments.sample_submission}
    for what, path in kept.items():
        if path and place == _real(path):
            raise RunError(f"--output {output} is the {what} itself. Name another one.")
    if place.is_dir():
        raise RunError(f"--output {output} is a folder. Name a file in it.")
    if place.exists() and not place.is_file():
        raise RunError(f"--output {output} is no ordinary file. Name another one.")
    if place.exists() and place.is_relative_to(_real(arguments.run)):
        raise RunError(f"--output {output} belongs to the run. Name a file that is not there yet.")


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))  # Path.resolve raises where links lead in a circle


if __name__ == "__main__":
    sys.exit(main())
