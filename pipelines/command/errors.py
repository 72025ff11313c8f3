"""A fault is one clear line on the error stream, and an exit status."""

import argparse
import errno
import os
import sys
from collections.abc import Callable
from types import TracebackType

from rich.console import Console

from data.battles import DataError
from features import EncoderError
from models.device import DeviceError
from models.stacking.members import StackError
from models.tower.errors import TowerError
from pipelines.command.process import FAILED, INTERRUPTED, WRONG_USE, say
from pipelines.config import ConfigError
from pipelines.run.files import FULL, naming
from pipelines.run.folder import RunError

OUTPUT = "standard output"
WRONG = (  # faults that a person mends by another command or another file
    ConfigError,
    DataError,
    DeviceError,
    EncoderError,
    RunError,
    StackError,
    TowerError,
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


def run_command(
    command: Callable[[argparse.Namespace, Console], None],
    arguments: argparse.Namespace,
    *,
    go_on: str = "",
) -> int:
    """Run a command, and turn a fault into one line on the error stream.

    Parameters
    ----------
    command : callable
        Does the work.
    arguments : argparse.Namespace
        Its flags, and ``debug``: whether a fault is raised instead.
    go_on : str
        Says how to go on after an interruption.

    Returns
    -------
    int
        0; 2 for a wrong use; 1 for a failure; 130 after Ctrl-C.
    """
    try:
        command(arguments, _Screen())
        with naming(OUTPUT):
            sys.stdout.flush()
    except KeyboardInterrupt:
        say(f"interrupted. {go_on}")
        return INTERRUPTED
    except Exception as error:
        if arguments.debug:
            raise
        _give_up_output()
        say(_line(error, go_on))
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
