"""Flags that commands share, and what they ask for.

What takes long to import is imported where it is used: flags are read before any of it.
"""

from __future__ import annotations

import argparse
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from pipelines.command.process import WRONG_USE, say
from pipelines.presets import presets

if TYPE_CHECKING:
    from features.storage.cache import Cache
    from pipelines.config import Config

CACHE, CACHE_LIMIT = "by default ~/.cache/arenaboost", 5.0


class Parser(argparse.ArgumentParser):
    """Flags of a command; a wrong one is one line as any other fault."""

    def error(self, message: str) -> NoReturn:
        """Say it, and end with status 2."""
        say(f"{message}. See --help.")
        raise SystemExit(WRONG_USE)


def add_config_flags(parser: argparse.ArgumentParser) -> None:
    """Add ``--preset``, ``--config``, ``--set`` and ``--seed``."""
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--preset", metavar="NAME", help=f"one of {', '.join(presets())}")
    source.add_argument("--config", type=Path, metavar="FILE.toml", help="a configuration file")
    parser.add_argument("--seed", type=int, metavar="N", help="seeds folds and models")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change one key of the configuration, such as model.inner_folds=5; may be repeated",
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
        type=_gigabytes,
        default=CACHE_LIMIT,
        metavar="GB",
        help=f"what the cache may take on disk (default: {CACHE_LIMIT:g})",
    )


def _gigabytes(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"expected gigabytes above 0, found {text!r}")
    return number


def cache_from(arguments: argparse.Namespace) -> Cache | None:
    """Return the cache that the flags ask for, None with ``--no-cache``."""
    from features.storage.cache import Cache

    if arguments.no_cache:
        return None
    folder = arguments.cache or Path(
        os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "arenaboost"
    )
    return Cache(folder, int(arguments.cache_limit * 1e9))


def config_from(arguments: argparse.Namespace) -> Config:
    """Return the checked configuration that the flags ask for."""
    from pipelines.config import load_config
    from pipelines.run.files import check_ordinary

    if arguments.config:
        check_ordinary(arguments.config)
    seed = [] if arguments.seed is None else [f"seed={arguments.seed}"]
    return load_config(
        preset=arguments.preset, file=arguments.config, settings=[*arguments.set, *seed]
    )
