"""``python -m pipelines.finetune [RUN]``: a transformer learns the battles, with a run's folds."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from data.layouts.flags import add_skip_flags, reading_from
from models.device import Choice
from pipelines.command.flags import (
    STATES,
    STATES_LIMIT,
    add_config_flags,
    add_file_flags,
    config_source,
    extra_from,
    files_from,
    gigabytes,
    kept_in,
)
from pipelines.presets import TOWERS

if TYPE_CHECKING:
    from rich.console import Console

    from models.tower.states import StateStore
    from pipelines.tower.origin import Given

GO_ON = "The same command, without --force, goes on from here."


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    parser.add_argument(
        "run", nargs="?", type=Path, metavar="RUN", help="a finished run, whose folds are taken"
    )
    add_config_flags(parser, (TOWERS,), "epochs=2")
    add_file_flags(parser, "the run's, or the bundled sample", "the run's")
    parser.add_argument("--output", type=Path, metavar="DIR", help="the folder that is left")
    parser.add_argument(
        "--folds", type=_numbers, metavar="N,N", help="train only these now (default: all)"
    )
    parser.add_argument(
        "--device",
        choices=get_args(Choice),
        default="auto",
        help="where to train (default: a CUDA device where there is one)",
    )
    parser.add_argument("--force", action="store_true", help="replace what lies in the folder")
    add_skip_flags(parser)
    parser.add_argument(
        "--soft-labels",
        type=Path,
        metavar="CSV",
        help="another model's probabilities by id, which the share distill of the loss learns "
        "from: oof.csv of a run over the same rows is out of fold; labels of a model that had "
        "learned from the rows would teach overconfidence",
    )
    _add_states(parser)


def _add_states(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--states",
        type=Path,
        metavar="DIR",
        help=f"states of frozen layers are kept here (by default ~/.cache/arenaboost/{STATES})",
    )
    parser.add_argument(
        "--states-limit",
        type=gigabytes,
        default=STATES_LIMIT,
        metavar="GB",
        help=f"what they may take on disk (default: {STATES_LIMIT:g})",
    )


def _numbers(text: str) -> list[int]:
    try:
        return [int(number) for number in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected folds such as 0,2, found {text!r}") from None


def run(arguments: argparse.Namespace, console: Console) -> None:
    """Fine-tune, and say where the results are."""
    from pipelines.command.progress import tell
    from pipelines.finetune import Origin, finetune, load_settings
    from pipelines.tower.settings import DEFAULT

    settings = load_settings(**config_source(arguments))
    given = _given(arguments)
    finished = finetune(
        settings,
        Origin.of(given, arguments.run),
        arguments.output,
        name=arguments.config.stem if arguments.config else arguments.preset or DEFAULT,
        folds=arguments.folds,
        device=arguments.device,
        force=arguments.force,
        states=_states(arguments, console),
        console=console,
    )
    if finished:
        tell(console, f"folder: {finished}")


def _states(arguments: argparse.Namespace, console: Console) -> StateStore | None:
    from features.encoding.files import need_libraries

    need_libraries()
    from models.tower.states import StateStore

    folder = kept_in(arguments.states, "--states", console, STATES)
    return None if folder is None else StateStore(folder, int(arguments.states_limit * 1e9))


def _given(arguments: argparse.Namespace) -> Given:
    from pipelines.tower.origin import Given

    reading = reading_from(arguments)
    return Given(
        files_from(arguments.train, reading),
        files_from(arguments.test, reading),
        extra_from(arguments, reading),
        arguments.skip_bad_rows,
        arguments.soft_labels,
        reading,
    )
