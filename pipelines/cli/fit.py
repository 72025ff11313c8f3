"""``python -m pipelines.fit``: from battles to a calibrated model, its report, and a submission."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from data.layouts.flags import add_skip_flags, reading_from
from models.device import Choice
from pipelines.command.flags import (
    STATES,
    add_cache_flags,
    add_config_flags,
    add_file_flags,
    cache_from,
    config_from,
    config_source,
    extra_from,
    files_from,
)
from pipelines.presets import PRESETS, STACKS

if TYPE_CHECKING:
    from rich.console import Console

    from pipelines.run.inputs import Inputs

GO_ON = "The same command, without --force, goes on from here."


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    add_config_flags(parser, (PRESETS, STACKS))
    add_cache_flags(parser)
    add_file_flags(parser, several=True)
    parser.add_argument("--output", type=Path, metavar="DIR", help="the run folder")
    parser.add_argument(
        "--device",
        choices=get_args(Choice),
        default="auto",
        help="where members that can use a GPU train (default: a CUDA device where there is one)",
    )
    parser.add_argument("--force", action="store_true", help="replace what lies in the run folder")
    add_skip_flags(parser)
    parser.add_argument(
        "--importance",
        choices=("none", "gain", "families", "full"),
        default="gain",
        help="what is told of the columns: shares of the gain; also what they add, and what is "
        "lost without each family; in full what is lost without each column and group, which "
        "takes longer (default: gain)",
    )
    parser.add_argument(
        "--sample-submission",
        type=Path,
        metavar="CSV",
        help="check ids and columns by this file beforehand, and put the submission in its order",
    )


def run(arguments: argparse.Namespace, console: Console) -> None:
    """Fit, and say where the results are."""
    from pipelines.command.progress import tell
    from pipelines.stacking.config import is_stack

    inputs = _inputs(arguments)
    fit = _fit_stack if is_stack(arguments.preset, arguments.config) else _fit_run
    finished = fit(
        arguments,
        inputs=inputs,
        output=arguments.output,
        name=arguments.config.stem if arguments.config else arguments.preset or "classical",
        force=arguments.force,
        skip_bad_rows=arguments.skip_bad_rows,
        sample_submission=arguments.sample_submission,
        device=arguments.device,
        cache=cache_from(arguments, console),
        console=console,
        importance=arguments.importance,
    )
    tell(console, f"run folder: {finished}")
    if inputs.test is not None:
        tell(console, f"submission: {finished / 'submission.csv'}")


def _fit_run(arguments: argparse.Namespace, **options: Any) -> Path:
    from pipelines.fit import fit

    named = [setting.partition("=")[0].strip() for setting in arguments.set]
    return fit(config_from(arguments), keep_form="model.form" in named, **options)


def _fit_stack(arguments: argparse.Namespace, **options: Any) -> Path:
    from pipelines.stacking.config import load_stack_config
    from pipelines.stacking.fit import fit_stack

    config = load_stack_config(**config_source(arguments))
    cache = options["cache"]
    states = None if cache is None else cache.folder / STATES
    return fit_stack(config, states=states, **options)


def _inputs(arguments: argparse.Namespace) -> Inputs:
    from pipelines.config import ConfigError
    from pipelines.fit import SAMPLE, Inputs

    if not arguments.train and (arguments.test or arguments.extra):
        raise ConfigError("--test and --extra go with --train: the bundled sample is generated.")
    if arguments.sample_submission and not arguments.test:
        raise ConfigError("--sample-submission goes with --test: it is held against its ids.")
    reading = reading_from(arguments)
    train = files_from(arguments.train, reading)
    if train is None:
        return Inputs(SAMPLE / "train.csv", SAMPLE / "test.csv")
    return Inputs(train, files_from(arguments.test, reading), extra_from(arguments, reading))
