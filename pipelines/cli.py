"""What all commands share: flags, one clear line for a fault, and exit status."""

import argparse
import errno
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import FrameType
from typing import NoReturn

from rich.console import Console

from data.battles import DataError
from models.device import DeviceError
from pipelines.config import Config, ConfigError, load_config, presets
from pipelines.files import FULL, drop_unfinished
from pipelines.runs import RunError

WRONG_USE, FAILED, INTERRUPTED = 2, 1, 130
SHOW_CURSOR = b"\x1b[?25h\n"
WRONG = (  # faults that a person mends by another command or another file
    ConfigError,
    DataError,
    DeviceError,
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
    """A console that does not end the program by itself."""

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
    console = _Screen()
    try:
        with _ended_by_signals(go_on) if argv is None else nullcontext():
            command(arguments, console)
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


@contextmanager
def _ended_by_signals(go_on: str) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the process at once, with a line that says how to go on.

    An exception would strike anywhere: in a callback of XGBoost it breaks the memory. And what is
    on the disk bears a sudden end.
    """

    def end(number: int, frame: FrameType | None) -> None:
        drop_unfinished()
        if sys.stdout.isatty():
            os.write(sys.stdout.fileno(), SHOW_CURSOR)  # progress bars hide it
        os.write(sys.stderr.fileno(), f"error: interrupted. {go_on}".strip().encode() + b"\n")
        os._exit(128 + number)

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    heard = [number for number, handler in before.items() if handler != signal.SIG_IGN]
    for number in heard:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, before[number])


def _wrong_use(error: Exception) -> bool:
    place = isinstance(error, OSError) and error.errno in WRONG_PLACE
    return place or isinstance(error, WRONG)


def _line(error: Exception, go_on: str) -> str:
    if isinstance(error, OSError) and error.errno is not None:
        return f"{error.filename or 'standard output'}: {_reason(error, go_on)}"
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
