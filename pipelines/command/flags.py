"""What all commands share: flags, one clear line for a fault, and exit status."""

import argparse
import errno
import math
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import NoReturn

from rich.console import Console

from data.battles import DataError
from features import EncoderError
from features.storage.cache import Cache
from models.device import DeviceError
from pipelines.command.process import own_process
from pipelines.config import Config, ConfigError, load_config, presets
from pipelines.run.files import FULL, check_ordinary, naming
from pipelines.run.folder import RunError

WRONG_USE, FAILED, INTERRUPTED = 2, 1, 130
OUTPUT = "standard output"
CACHE, CACHE_LIMIT = "by default ~/.cache/arenaboost", 5.0
WRONG = (  # faults that a person mends by another command or another file
    ConfigError,
    DataError,
    DeviceError,
    EncoderError,
    RunError,
    BlockingIOError,
    FileExistsError,
    FileNotFoundError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
)
WRONG_PLACE = {errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP}
WAYS_OUT = {
    errno.EAGAIN: "another process is writing it. Wait for it, or name another file.",
    errno.EROFS: "it lies on a read-only disk. Name another place.",
    errno.EACCES: "no permission. Change its mode, or name another place.",
    errno.EPERM: "no permission. Change its mode, or name another place.",
    errno.EEXIST: "there is a file where a folder is needed. Name another place.",
    errno.ENOTDIR: "part of its path is no folder. Name another place.",
    errno.EISDIR: "a folder where a file is expected. Name a file.",
    errno.ENOENT: "no such file.",
    errno.ENAMETOOLONG: "the name is too long. Give a shorter one.",
    errno.ELOOP: "its symbolic links lead in a circle. Name another place.",
}
NO_ROOM = {
    errno.ENOSPC: "the disk is full. Free some space.",
    errno.EDQUOT: "the disk quota is used up. Free some space.",
    errno.EFBIG: "the limit on a file's size is reached. Raise it.",
}


class Parser(argparse.ArgumentParser):
    """Flags of a command; a wrong one is one line as any other fault."""

    def error(self, message: str) -> NoReturn:
        """Say it, and end with status 2."""
        _say(f"{message}. See --help.")
        raise SystemExit(WRONG_USE)


class _Screen(Console):
    """A console that does not end the program by itself, and names itself where it fails."""

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Write what was printed."""
        with naming(OUTPUT):
            super().__exit__(exc_type, exc_value, traceback)

    def on_broken_pipe(self) -> None:
        """Raise what was caught: rich would exit without a word."""
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


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
    if arguments.no_cache:
        return None
    folder = arguments.cache or Path(
        os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "arenaboost"
    )
    return Cache(folder, int(arguments.cache_limit * 1e9))


def config_from(arguments: argparse.Namespace) -> Config:
    """Return the checked configuration that the flags ask for."""
    if arguments.config:
        check_ordinary(arguments.config)
    seed = [] if arguments.seed is None else [f"seed={arguments.seed}"]
    return load_config(
        preset=arguments.preset, file=arguments.config, settings=[*arguments.set, *seed]
    )


def run_command(
    parser: argparse.ArgumentParser,
    command: Callable[[argparse.Namespace, Console], None],
    argv: Sequence[str] | None = None,
    *,
    go_on: str = "",
) -> int:
    """Parse, run, and turn a fault into one line on the error stream.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    command : callable
        Does the work.
    argv : sequence of str, optional
        By default this process is the command: its own flags are taken, and signals end it.
    go_on : str
        Says how to go on after an interruption.

    Returns
    -------
    int
        0; 2 for a wrong use (flags, configuration, files that are not what they should be); 1
        for a failure; 130 after Ctrl-C, 143 after SIGTERM.
    """
    parser.add_argument("--debug", action="store_true", help="show the traceback of a fault")
    arguments = parser.parse_args(argv)
    if argv is None:
        own_process(go_on)
    try:
        command(arguments, _Screen())
        with naming(OUTPUT):
            sys.stdout.flush()
    except KeyboardInterrupt:
        _say(f"interrupted. {go_on}")
        return INTERRUPTED
    except Exception as error:
        if arguments.debug:
            raise
        _give_up_output()
        _say(_line(error, go_on))
        return WRONG_USE if _wrong_use(error) else FAILED
    return 0


def _wrong_use(error: Exception) -> bool:
    place = isinstance(error, OSError) and error.errno in WRONG_PLACE
    return place or isinstance(error, WRONG)


def _line(error: Exception, go_on: str) -> str:
    if isinstance(error, OSError) and error.errno is not None:
        where = f"{error.filename}: " if error.filename else ""
        return where + _reason(error, go_on)
    if isinstance(error, MemoryError):
        return f"not enough memory: {_flat(error) or 'none is left'}."
    return _flat(error) or type(error).__name__


def _reason(error: OSError, go_on: str) -> str:
    if error.errno in FULL:
        return f"{NO_ROOM[error.errno]} {go_on}".rstrip()
    return WAYS_OUT.get(error.errno or 0, f"{error.strerror}.")


def _flat(error: Exception) -> str:
    return " ".join(str(error).split())


def _give_up_output() -> None:
    """Throw away what cannot be printed, or Python complains about it once more when it ends."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(line: str) -> None:
    sys.stderr.write(f"error: {line.strip()}\n")
