"""``python -m pipelines.stack SOURCE [SOURCE …] --output DIR``: one prediction made of several."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from data.layouts.flags import add_skip_flags, reading_from
from models.device import Choice
from pipelines.command.flags import (
    add_cache_flags,
    add_file_flags,
    add_member_flag,
    cache_from,
    extra_from,
    files_from,
)

if TYPE_CHECKING:
    from rich.console import Console

    from pipelines.tower.origin import Given

GO_ON = "The same command, without --force, goes on from here."


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="PATH or NAME=PATH of a finished run, of a tower's folder, or of a table of "
        "out-of-fold predictions by id; the first is a run or a tower, whose folds are taken",
    )
    parser.add_argument("--seed", type=int, metavar="N", help="seeds the stack")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change one key, such as calibrate=false; may be repeated",
    )
    add_cache_flags(parser)
    add_file_flags(
        parser, "what the first source was fitted on", "the first source's, unless a member is CSV"
    )
    add_member_flag(parser)
    parser.add_argument("--output", type=Path, metavar="DIR", help="the run folder")
    parser.add_argument(
        "--device",
        choices=get_args(Choice),
        default="auto",
        help="where towers predict (default: a CUDA device where there is one)",
    )
    parser.add_argument("--force", action="store_true", help="replace what lies in the run folder")
    parser.add_argument(
        "--trust", action="store_true", help="take a table that does not tell of its folds"
    )
    add_skip_flags(parser)
    parser.add_argument(
        "--sample-submission",
        type=Path,
        metavar="CSV",
        help="check ids and columns by this file beforehand, and put the submission in its order",
    )


def run(arguments: argparse.Namespace, console: Console) -> None:
    """Stack, and say where the results are."""
    from pipelines.command.progress import tell
    from pipelines.stack import find_sources, load_stack_settings, named_tables, stack

    seed = [] if arguments.seed is None else [f"seed={arguments.seed}"]
    settings = load_stack_settings([*arguments.set, *seed])
    finished = stack(
        find_sources(arguments.sources),
        _given(arguments),
        settings,
        arguments.output,
        trust=arguments.trust,
        tables=named_tables(arguments.member),
        force=arguments.force,
        sample_submission=arguments.sample_submission,
        device=arguments.device,
        cache=cache_from(arguments, console),
        console=console,
    )
    tell(console, f"run folder: {finished}")
    if (finished / "submission.csv").is_file():
        tell(console, f"submission: {finished / 'submission.csv'}")


def _given(arguments: argparse.Namespace) -> Given:
    from pipelines.tower.origin import Given

    reading = reading_from(arguments)
    return Given(
        files_from(arguments.train, reading),
        files_from(arguments.test, reading),
        extra_from(arguments, reading),
        arguments.skip_bad_rows,
        reading=reading,
    )
