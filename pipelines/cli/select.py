"""``python -m pipelines.select``: which columns earn their place, as a configuration to fit."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from data.layouts.flags import add_reading_flags, add_skip_flags, reading_from
from models.device import Choice
from pipelines.command.flags import (
    add_cache_flags,
    add_config_flags,
    add_files,
    cache_from,
    config_from,
    extra_from,
    files_from,
    seconds,
)

if TYPE_CHECKING:
    from rich.console import Console

    from pipelines.run.inputs import Inputs

GO_ON = "The same command, without --force, goes on from here."
RANKINGS = ("gain", "permutation", "shap")  # those of models.ranking, which takes long to import


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    add_config_flags(parser)
    add_cache_flags(parser)
    train = "labelled battles, a file or a folder; may be repeated (default: the bundled sample)"
    extra = "more labelled battles, drawn by another rule: never scored; may be repeated"
    add_files(parser, "--train", train, several=True)
    add_files(parser, "--extra", extra, several=True)
    add_reading_flags(parser, test=False)
    parser.add_argument("--output", type=Path, metavar="DIR", help="the folder of the outcome")
    parser.add_argument(
        "--ranking",
        choices=RANKINGS,
        default=RANKINGS[0],
        help=f"in what order columns are tried (default: {RANKINGS[0]})",
    )
    parser.add_argument(
        "--timeout",
        type=seconds,
        metavar="S",
        help="stop after so many seconds, when the step at hand is done; the same command goes on",
    )
    parser.add_argument(
        "--device",
        choices=get_args(Choice),
        default="auto",
        help="where members that can use a GPU train (default: a CUDA device where there is one)",
    )
    parser.add_argument("--force", action="store_true", help="replace what lies in the folder")
    add_skip_flags(parser)


def run(arguments: argparse.Namespace, console: Console) -> None:
    """Select, and say where the outcome is."""
    from pipelines.command.progress import tell
    from pipelines.select import SELECTED, select

    own = arguments.config.stem if arguments.config else arguments.preset or "classical"
    named = [setting.partition("=")[0].strip() for setting in arguments.set]
    finished = select(
        config_from(arguments),
        _inputs(arguments),
        arguments.output,
        ranking=arguments.ranking,
        timeout=arguments.timeout,
        name=f"select-{own}",
        force=arguments.force,
        skip_bad_rows=arguments.skip_bad_rows,
        device=arguments.device,
        cache=cache_from(arguments, console),
        console=console,
        keep_form="model.form" in named,
    )
    if finished is None:
        return
    tell(console, f"folder: {finished}")
    if (finished / SELECTED).is_file():
        tell(console, f"configuration: {finished / SELECTED}")


def _inputs(arguments: argparse.Namespace) -> Inputs:
    from pipelines.config import ConfigError
    from pipelines.run.inputs import SAMPLE, Inputs

    reading = reading_from(arguments)
    train = files_from(arguments.train, reading)
    if train is None:
        if arguments.extra:
            raise ConfigError("--extra goes with --train: the bundled sample is generated.")
        return Inputs(SAMPLE / "train.csv")
    return Inputs(train, None, extra_from(arguments, reading))
