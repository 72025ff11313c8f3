"""Files that appear under their name when all of them is on disk, or never."""

import csv
import errno
import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import pandas as pd

from data.battles import DataError, Files, Named
from pipelines.run.unfinished import being_written

WRITING = ".writing"
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}  # no room: on the disk, in a quota, in a limit


def csv_bytes(table: pd.DataFrame, *, header: bool = True) -> bytes:
    r"""Return a table as CSV; floats are written so that reading gives the same float64.

    >>> csv_bytes(pd.DataFrame({"id": ["00"], "p": [0.1 + 0.2]}))
    b'id,p\n00,0.30000000000000004\n'
    >>> csv_bytes(pd.DataFrame({"id": ["a\rb"], "p": [0.5]}), header=False)
    b'"a\rb",0.5\n'
    """
    text: str = table.to_csv(index=False, header=header, lineterminator="\n")
    if "\r" in text:  # csv leaves it unquoted, and readers take it for the end of a line
        text = table.to_csv(
            index=False, header=header, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC
        )
    return text.encode()


def check_ordinary(named: Named) -> None:
    """Refuse a pipe or a device as input: it is opened more than once.

    Raises
    ------
    DataError
        Names it.
    """
    for path in _paths(named):
        if path.exists() and not path.is_file() and not path.is_dir():
            raise DataError(
                f"{path}: expected a file on disk, found a pipe or a device. Save it first."
            )


def _paths(named: Named) -> Sequence[Path]:
    if isinstance(named, Files):
        return named.paths
    return [Path(named)] if isinstance(named, str | os.PathLike) else [*map(Path, named)]


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that appears under its name when all of it is on disk, or never.

    Raises
    ------
    BlockingIOError
        Another process is writing it.
    OSError
        It cannot be written; a disk that is full is named by this file.
    """
    if path.is_dir() or not path.name:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(path.name + WRITING)
    try:
        with aside.open("ab") as file:
            claim(file, aside)
            being_written.add(aside)
            try:
                file.truncate(0)  # what a kill has left
                yield file
                file.flush()
                os.fsync(file.fileno())
                aside.replace(path)
                sync_folder(path.parent)
            except BaseException:
                aside.unlink(missing_ok=True)
                raise
            finally:
                being_written.discard(aside)
    except OSError as error:
        if error.filename == str(aside) or (error.filename is None and error.errno in FULL):
            error.filename = str(path)
        raise


def sync_folder(path: Path) -> None:
    """Bring to disk which files a folder holds, after one was renamed; where that can be done."""
    with suppress(OSError):
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextmanager
def naming(name: object) -> Iterator[None]:
    """Give an error of the system that names no file this name."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(name)
        raise


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a kill leaves all of it or nothing: aside, to disk, then renamed."""
    with whole_file(path) as file:
        file.write(content)


def claim(file: IO[Any], path: Path) -> None:
    """Lock an open file, until it is closed or its process ends, however it ends.

    Raises
    ------
    BlockingIOError
        Another process has the lock, or had it and has put the file elsewhere since.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        ours = os.path.samestat(os.fstat(file.fileno()), path.stat())
    except (BlockingIOError, FileNotFoundError):
        ours = False
    if not ours:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN), str(path))
