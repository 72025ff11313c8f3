"""What all commands share: flags, one clear line for a fault, and exit status."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from data.battles import DataError
from models.device import DeviceError
from pipelines.config import Config, ConfigError, load_config, presets
from pipelines.runs import RunError

WRONG_USE, FAILED, INTERRUPTED = 2, 1, 130
WRONG = (  # faults that a person mends by another command or another file
    ConfigError,
    DataError,
    DeviceError,
    RunError,
    FileNotFoundError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
)


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


def config_from(arguments: argparse.Namespace) -> Config:
    """Return the checked configuration that the flags ask for."""
    seed = [] if arguments.seed is None else [f"seed={arguments.seed}"]
    return load_config(
        preset=arguments.preset, file=arguments.config, settings=[*arguments.set, *seed]
    )


def run_command(
    parser: argparse.ArgumentParser,
    command: Callable[[argparse.Namespace, Console], None],
    argv: Sequence[str] | None = None,
    *,
    interrupted: str = "interrupted.",
) -> int:
    """Parse, run, and turn a fault into one line on the error stream.

    Returns
    -------
    int
        0; 2 for a wrong use (flags, configuration, files that are not what they should be); 1
        for a failure; 130 after Ctrl-C.
    """
    parser.add_argument("--debug", action="store_true", help="show the traceback of a fault")
    arguments = parser.parse_args(argv)
    console = Console()
    try:
        command(arguments, console)
    except KeyboardInterrupt:
        _say(interrupted)
        return INTERRUPTED
    except Exception as error:
        if arguments.debug:
            raise
        wrong_use = isinstance(error, WRONG)
        _say(_line(error))
        return WRONG_USE if wrong_use else FAILED
    return 0


def _line(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{error.filename}: no such file."
    if isinstance(error, OSError):
        return f"{error.filename or 'file'}: {error.strerror}."
    return " ".join(str(error).split()) or type(error).__name__


def _say(line: str) -> None:
    sys.stderr.write(f"error: {line}\n")
