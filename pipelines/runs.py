"""Run folders: written aside in ``DIR.partial``, keyed by what they are made from, then renamed."""

import errno
import fcntl
import hashlib
import io
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

DONE = "DONE"
PARTIAL = ".partial"
KEY = "key.json"
LOCK = "lock"
CHECKPOINTS = "checkpoints"
HASH_BLOCK = 1 << 22


class RunError(ValueError):
    """A run folder that cannot be used so. The message names the folder and the way out."""


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(HASH_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def digest(content: bytes) -> str:
    """Return the SHA-256 of bytes, in hexadecimal.

    >>> digest(b"")[:8]
    'e3b0c442'
    """
    return hashlib.sha256(content).hexdigest()


def csv_bytes(table: pd.DataFrame) -> bytes:
    r"""Return a table as CSV; floats are written so that reading gives the same float64.

    >>> csv_bytes(pd.DataFrame({"id": ["00"], "p": [0.1 + 0.2]}))
    b'id,p\n00,0.30000000000000004\n'
    """
    return table.to_csv(index=False, lineterminator="\n").encode()


@contextmanager
def whole_file(path: Path, mode: Literal["w", "wb"] = "w") -> Iterator[IO[Any]]:
    """Open a file that appears under its name when all of it is on disk, or never."""
    if path.is_dir() or not path.name:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(path.name + ".writing")
    try:
        opened: IO[Any] = (
            aside.open("w", encoding="utf-8", newline="") if mode == "w" else aside.open("wb")
        )
        with opened as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a kill leaves all of it or nothing: aside, to disk, then renamed."""
    with whole_file(path, "wb") as file:
        file.write(content)


class UnfinishedRun:
    """A run that is being made. Use it as a context, and call `finish` at the end.

    Parameters
    ----------
    target : Path
        The run folder to be.
    key : mapping
        What the result depends on: hashes of the configuration and of the input files. Work
        that lies there under the same key is taken up, under another one it is refused.
    force : bool
        Discard unfinished work at once, and a finished run when this one is whole.

    Raises
    ------
    RunError
        If `target` is finished, holds something else, is being written by another process, or
        its unfinished work belongs to another configuration or other files.
    """

    def __init__(self, target: Path, key: Mapping[str, Any], *, force: bool = False) -> None:
        self.target = target if target.name else target.resolve()  # "." has no name of its own
        self.path = self.target.with_name(self.target.name + PARTIAL)
        self.key = dict(key)
        self.force = force
        if self.target.name.endswith(PARTIAL):
            raise RunError(
                f"{target}: a name that ends in {PARTIAL} is kept for unfinished work. "
                "Name another --output."
            )

    def __enter__(self) -> Self:
        self._check_target()
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(self.path)
        if self.force:
            _empty(self.path)
        known = self.read(KEY)
        if known is not None and json.loads(known) != self.key and not self._started():
            _empty(self.path)  # nothing is lost: an input was mended before any fold was finished
            known = None
        if known is not None and json.loads(known) != self.key:
            self._lock.close()
            raise RunError(
                f"{self.path} holds unfinished work of {_difference(json.loads(known), self.key)}. "
                "Run the command it was started with to go on, or pass --force to discard it."
            )
        self.resumed = known is not None
        self.write(KEY, json.dumps(self.key, indent=1).encode())
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.close()

    def _check_target(self) -> None:
        """Refuse a finished run without `force`, and what is no run in any case."""
        if is_run(self.target) and not self.force:
            raise RunError(
                f"{self.target} is a finished run. "
                "Name another --output, or pass --force to replace it."
            )
        if self.target.exists() and not is_run(self.target):
            raise RunError(
                f"{self.target} exists and is no run: it is not replaced. Name another --output."
            )

    def _started(self) -> bool:
        """Whether there is anything to lose: a finished fold, or all of a run but its name."""
        return (self.path / CHECKPOINTS).is_dir() or (self.path / DONE).exists()

    def read(self, name: str) -> bytes | None:
        """Return a file that was written whole, None where there is none."""
        path = self.path / name
        return path.read_bytes() if path.is_file() else None

    def write(self, name: str, content: bytes) -> None:
        """Write a file whole."""
        write_whole(self.path / name, content)

    def save(self, name: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keep arrays of a finished part of the work, for a run that goes on from there."""
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **dict(arrays))
        self.write(f"{CHECKPOINTS}/{name}.npz", buffer.getvalue())

    def saved(self, name: str) -> dict[str, NDArray[Any]] | None:
        """Return what `save` kept under a name, None where there is nothing."""
        content = self.read(f"{CHECKPOINTS}/{name}.npz")
        if content is None:
            return None
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return dict(arrays)

    def finish(self) -> Path:
        """Put the whole run in its place, then leave out what only unfinished work needs.

        A kill at any moment leaves work that can be gone on with, or a whole run.
        """
        self.write(DONE, b"")
        replaced = None
        if self.target.exists():
            aside = tempfile.mkdtemp(prefix=f"{self.target.name}.replaced-", dir=self.target.parent)
            replaced = Path(aside)
            self.target.rename(replaced / self.target.name)
        self.path.rename(self.target)
        for name in (CHECKPOINTS, KEY, LOCK):
            _remove(self.target / name)
        if replaced:
            shutil.rmtree(replaced)
        return self.target


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def is_run(path: Path) -> bool:
    """Whether a folder is a finished run."""
    return (path / DONE).is_file() and not path.name.endswith(PARTIAL)


def check_run(path: Path) -> None:
    """Refuse what is no finished run.

    Raises
    ------
    RunError
        Says what was found instead.
    """
    if is_run(path):
        return
    found = "an unfinished run" if path.name.endswith(PARTIAL) else "no run"
    if not path.exists():
        found = "nothing"
    raise RunError(f"{path}: expected a finished run folder, found {found}. See pipelines.fit.")


def default_target(folder: Path, name: str, key: Mapping[str, Any]) -> Path:
    """Return the unfinished run of the same key in a folder, or a new name made of the time."""
    for partial in sorted(folder.glob(f"{name}-*{PARTIAL}")):
        known = partial / KEY
        if known.is_file() and json.loads(known.read_bytes()) == dict(key):
            return partial.with_suffix("")
    return folder / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"


def _locked(path: Path) -> IO[bytes]:
    """Take the folder's lock, which the system releases when the process ends, however it ends."""
    lock = (path / LOCK).open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise RunError(
            f"{path} is being written by another process. Wait for it, or name another --output."
        ) from None
    return lock


def _empty(path: Path) -> None:
    for entry in path.iterdir():
        if entry.name != LOCK:
            _remove(entry)


def _difference(known: Mapping[str, Any], key: Mapping[str, Any]) -> str:
    changed = [name for name in sorted({*known, *key}) if known.get(name) != key.get(name)]
    return f"other {' and other '.join(changed)}"
