"""``python -m pipelines.predict RUN --test CSV --output submission.csv``: predict with a run."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from data.layouts.flags import add_reading_flags, reading_from
from pipelines.command.flags import add_cache_flags, add_files, add_member_flag, cache_from

if TYPE_CHECKING:
    from rich.console import Console

GO_ON = "Run the same command again."


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    parser.add_argument("run", type=Path, metavar="RUN", help="a finished run folder")
    told = "battles to predict, a file or a folder; may be repeated"
    add_files(parser, "--test", told, required=True)
    add_reading_flags(parser)
    parser.add_argument("--output", type=Path, required=True, metavar="CSV")
    parser.add_argument(
        "--sample-submission",
        type=Path,
        metavar="CSV",
        help="check ids and columns by this file beforehand, and put the predictions in its order",
    )
    parser.add_argument(
        "--encoder",
        metavar="FOLDER",
        help="where the frozen encoder lies, if not where the run's configuration says",
    )
    add_member_flag(parser)
    add_cache_flags(parser)


def run(arguments: argparse.Namespace, console: Console) -> None:
    """Predict, and say where the predictions are."""
    from data.battles import Files
    from pipelines.command.progress import tell
    from pipelines.predict import named_tables, predict

    predict(
        arguments.run,
        Files.of(arguments.test, reading_from(arguments)),
        arguments.output,
        sample_submission=arguments.sample_submission,
        encoder=arguments.encoder,
        tables=named_tables(arguments.member),
        cache=cache_from(arguments, console),
        console=console,
    )
    tell(console, f"predictions: {arguments.output}")
