"""Flags that commands share, and what they ask for.

What takes long to import is imported where it is used: flags are read before any of it. So is
`data`, which a file of the user's may hide: the launcher, which needs the parser, says so first.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from pipelines.command.process import WRONG_USE, say
from pipelines.presets import PRESETS, presets

if TYPE_CHECKING:
    from rich.console import Console

    from data.battles import Files, Reading
    from features.storage.cache import Cache
    from pipelines.config import Config

CACHE, CACHE_LIMIT = "by default ~/.cache/arenaboost, beside states/ of towers", 5.0
STATES, STATES_LIMIT = "states", 8.0  # of frozen layers: a folder in that of the cache


class Parser(argparse.ArgumentParser):
    """Flags of a command; a wrong one is one line as any other fault."""

    def error(self, message: str) -> NoReturn:
        """Say it, and end with status 2."""
        say(f"{message}. See --help.")
        raise SystemExit(WRONG_USE)


def add_config_flags(
    parser: argparse.ArgumentParser,
    folders: Sequence[Path] = (PRESETS,),
    example: str = "model.inner_folds=5",
) -> None:
    """Add ``--preset``, ``--config``, ``--set`` and ``--seed``, for the presets of some folders."""
    names = [name for folder in folders for name in presets(folder)]
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--preset", metavar="NAME", help=f"one of {', '.join(names)}")
    source.add_argument("--config", type=Path, metavar="FILE.toml", help="a configuration file")
    parser.add_argument("--seed", type=int, metavar="N", help="seeds folds and models")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help=f"change one key of the configuration, such as {example}; may be repeated",
    )


def add_cache_flags(parser: argparse.ArgumentParser) -> None:
    """Add ``--cache``, ``--cache-limit`` and ``--no-cache``."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        help=f"counts of n-grams, vectors of texts and matches are kept here ({CACHE})",
    )
    where.add_argument("--no-cache", action="store_true", help="keep nothing for the next run")
    parser.add_argument(
        "--cache-limit",
        type=gigabytes,
        default=CACHE_LIMIT,
        metavar="GB",
        help=f"what the cache may take on disk (default: {CACHE_LIMIT:g})",
    )


def add_file_flags(
    parser: argparse.ArgumentParser,
    train: str = "the bundled sample",
    test: str = "none",
    *,
    several: bool = False,
) -> None:
    """Add ``--train``, ``--test`` and ``--extra``, and the flags that say how they are read.

    What they are by default is told in words. A flag takes `several` files where no other argument
    could follow; it may be repeated in any case.
    """
    from data.layouts.flags import add_reading_flags

    helps = {
        "train": f"labelled battles, a file or a folder; may be repeated (default: {train})",
        "test": f"battles to predict, a file or a folder; may be repeated (default: {test})",
        "extra": "more labelled battles, drawn by another rule: never scored; may be repeated",
    }
    for name, told in helps.items():
        add_files(parser, f"--{name}", told, several=several)
    add_reading_flags(parser)


def add_files(
    parser: argparse.ArgumentParser,
    flag: str,
    told: str,
    *,
    several: bool = False,
    required: bool = False,
) -> None:
    """Add a flag that takes files, and folders of them."""
    how: dict[str, Any] = {"action": "append"}
    if several:
        how = {"action": "extend", "nargs": "+"}
    parser.add_argument(
        flag, type=Path, default=[], required=required, metavar="FILE", help=told, **how
    )


def files_from(paths: Sequence[Path], reading: Reading) -> Files | None:
    """Return the files of a flag as one table, None where there are none."""
    from data.battles import Files

    return Files.of(paths, reading) if paths else None


def extra_from(arguments: argparse.Namespace, reading: Reading) -> tuple[Files, ...]:
    """Return the files of ``--extra``, each a table of its own."""
    from data.battles import Files

    return tuple(Files.of(path, reading) for path in arguments.extra)


def add_member_flag(parser: argparse.ArgumentParser) -> None:
    """Add ``--member``."""
    parser.add_argument(
        "--member",
        action="append",
        default=[],
        metavar="NAME=CSV",
        help="what a stack's member that is a CSV says of the test file, by id; may be repeated",
    )


def gigabytes(text: str) -> float:
    """Return a flag's gigabytes."""
    return _above_zero(text, "gigabytes")


def seconds(text: str) -> float:
    """Return a flag's seconds."""
    return _above_zero(text, "seconds")


def _above_zero(text: str, unit: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"expected {unit} above 0, found {text!r}")
    return number


def cache_from(arguments: argparse.Namespace, console: Console) -> Cache | None:
    """Return the cache that the flags ask for, None with ``--no-cache``."""
    from features.storage.cache import Cache

    if arguments.no_cache:
        return None
    folder = kept_in(arguments.cache, "--cache", console)
    return None if folder is None else Cache(folder, int(arguments.cache_limit * 1e9))


def kept_in(named: Path | None, flag: str, console: Console, room: str = "") -> Path | None:
    """Return the folder in which is kept what a later run can do without.

    Parameters
    ----------
    named : Path or None
        By the flag; by default a folder in that of the user's caches.
    flag : str
    console : rich.console.Console
        Where it is said that there is no such folder, and none can be made.
    room : str
        Within the default folder.

    Returns
    -------
    Path or None
        None where nothing can be kept: that costs time and nothing else.
    """
    from data.home import may_be_made, user_cache
    from pipelines.command.progress import tell

    user = user_cache()
    folder = named or (user and user / "arenaboost" / room)
    if folder is not None and may_be_made(folder):
        return folder
    found = f"{folder} cannot be made" if folder else "no home folder is known"
    tell(console, f"nothing is kept for the next run: {found}. Name a folder with {flag} DIR.")
    return None


def config_from(arguments: argparse.Namespace) -> Config:
    """Return the checked configuration that the flags ask for."""
    from pipelines.config import load_config

    return load_config(**config_source(arguments))


def config_source(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what the flags say of a configuration: preset or file, and settings."""
    from pipelines.run.files import check_ordinary

    if arguments.config:
        check_ordinary(arguments.config)
    seed = [] if arguments.seed is None else [f"seed={arguments.seed}"]
    settings = [*arguments.set, *seed]
    return {"preset": arguments.preset, "file": arguments.config, "settings": settings}
