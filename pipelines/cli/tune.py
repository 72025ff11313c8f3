"""``python -m pipelines.tune``: a study of settings, which goes on, into a configuration file."""

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
    config_source,
    extra_from,
    files_from,
    seconds,
)

if TYPE_CHECKING:
    from rich.console import Console

    from pipelines.run.inputs import Inputs

GO_ON = "The same command goes on from here."


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    add_config_flags(parser, example="search.learners.lightgbm.num_leaves='{low = 4, high = 64}'")
    add_cache_flags(parser)
    for name, told in {
        "train": "labelled battles, a file or a folder; may be repeated (default: the sample)",
        "extra": "more labelled battles, drawn by another rule: never scored; may be repeated",
    }.items():
        add_files(parser, f"--{name}", told, several=True)
    add_reading_flags(parser, test=False)
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="the study's folder (default: runs/tune-NAME)"
    )
    parser.add_argument(
        "--trials",
        type=_count,
        default=50,
        metavar="N",
        help="of the study, those of earlier calls included (default: 50)",
    )
    parser.add_argument(
        "--timeout",
        type=seconds,
        metavar="S",
        help="seconds of this call, after which no trial is begun",
    )
    parser.add_argument(
        "--jobs", type=_count, default=1, metavar="K", help="processes (default: 1)"
    )
    parser.add_argument(
        "--storage",
        metavar="URL",
        help="journal:PATH, or a database's URL (default: SQLite in the study's folder)",
    )
    parser.add_argument(
        "--study", metavar="NAME", help="its name (default: the preset's or the file's)"
    )
    parser.add_argument(
        "--nested",
        type=_splits,
        metavar="K",
        help="outer splits, each with a study of its own, that tell what tuning gains on rows "
        "that it never saw",
    )
    parser.add_argument(
        "--device",
        choices=get_args(Choice),
        default="auto",
        help="where members that can use a GPU train (default: a CUDA device where there is one)",
    )
    add_skip_flags(parser)


def run(arguments: argparse.Namespace, console: Console) -> None:
    """Tune, and say where the configuration is."""
    from pipelines.command.progress import tell
    from pipelines.tune import read_source, tune

    own = arguments.config.stem if arguments.config else arguments.preset or "classical"
    named = [setting.partition("=")[0].strip() for setting in arguments.set]
    folder = tune(
        read_source(**config_source(arguments)),
        _inputs(arguments),
        arguments.output,
        name=arguments.study or own,
        trials=arguments.trials,
        timeout=arguments.timeout,
        jobs=arguments.jobs,
        storage=arguments.storage,
        nested=arguments.nested,
        skip_bad_rows=arguments.skip_bad_rows,
        device=arguments.device,
        cache=cache_from(arguments, console),
        console=console,
        keep_form="model.form" in named,
    )
    tuned = folder / "tuned.toml"
    if tuned.is_file():
        tell(console, f"fit with it: --config {tuned}")


def _inputs(arguments: argparse.Namespace) -> Inputs:
    from pipelines.config import ConfigError
    from pipelines.fit import SAMPLE
    from pipelines.tune import Inputs

    if not arguments.train and arguments.extra:
        raise ConfigError("--extra goes with --train: the bundled sample is generated.")
    reading = reading_from(arguments)
    train = files_from(arguments.train, reading)
    if train is None:
        return Inputs(SAMPLE / "train.csv")
    return Inputs(train, None, extra_from(arguments, reading))


def _count(text: str) -> int:
    return _whole(text, 1)


def _splits(text: str) -> int:
    return _whole(text, 2)


def _whole(text: str, least: int) -> int:
    """Return a flag's whole number."""
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least:
        raise argparse.ArgumentTypeError(f"expected a whole number from {least} on, found {text!r}")
    return number
