"""Run folders: written aside in ``DIR.partial``, keyed by what they are made from, then renamed.

Where DIR stands already, and is empty, its work lies in it: see `pipelines.run.moving`.
"""

import glob
import hashlib
import io
import json
import os
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from pipelines.run.difference import difference
from pipelines.run.files import WRITING, claim, naming, sync_folder, write_whole
from pipelines.run.moving import (
    INSIDE,
    MOVING,
    in_the_way,
    is_fixed,
    is_free,
    is_moved,
    move_back,
    move_in,
    others_in,
)

RUNS = Path("runs")  # where run folders lie that are not given a name
DONE = "DONE"
WHOLE = b"This run is whole: DONE was written last.\n"  # in it: some carriers lose empty files
PARTIAL = ".partial"
KEY = "key.json"
LOCK = "lock"
CHECKPOINTS = "checkpoints"
MEMBERS = "members"  # of a stack, each a folder of its own, finished or not
FORCED = "forced"  # begun with --force: without it the same command goes on
REPLACED = "replaced"  # the finished run that gives way, until the new one has its name
ONLY_UNFINISHED = (CHECKPOINTS, REPLACED, FORCED, LOCK, KEY)  # the key tells that they are ours
BEGUN = (LOCK, FORCED)  # what may lie there before the key does
HASH_BLOCK = 1 << 22


class RunError(ValueError):
    """A run folder that cannot be used so. The message names the folder and the way out."""


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with naming(path), path.open("rb") as file:
        while block := file.read(HASH_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def digest(content: bytes) -> str:
    """Return the SHA-256 of bytes, in hexadecimal.

    >>> digest(b"")[:8]
    'e3b0c442'
    """
    return hashlib.sha256(content).hexdigest()


class UnfinishedRun:
    """A run that is being made. Use it as a context, and call `finish` at the end.

    Parameters
    ----------
    target : Path
        The run folder to be.
    key : mapping
        What the result depends on: hashes of the configuration, of the input files and of the
        source, and so on. Work that lies there under the same key is taken up, under another one
        it is refused.
    force : bool
        Discard unfinished work at once, and a finished run when this one is whole.

    Raises
    ------
    RunError
        If `target` is finished, holds something else, is being written by another process, or
        its unfinished work belongs to another configuration, other files or other source.
    """

    def __init__(self, target: Path, key: Mapping[str, Any], *, force: bool = False) -> None:
        self.target = target if target.name else target.resolve()  # "." has no name of its own
        self.path = _place_of_work(self.target)
        self.key = dict(key)
        self.force = force
        if not self.target.name:
            raise RunError(f"{target}: a run cannot have this name. Name another --output.")
        if self.target.name.endswith(PARTIAL):
            raise RunError(
                f"{target}: a name that ends in {PARTIAL} is kept for unfinished work. "
                "Name another --output."
            )

    def __enter__(self) -> Self:
        self._check_target()
        _check_ours(self.path)
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(self.path)
        try:
            self._take_up()
        except BaseException:
            self._lock.close()
            raise
        return self

    def _take_up(self) -> None:
        """Empty the folder, or go on with what lies there, or refuse to."""
        if self._inside:
            move_back(self.path, self.target, REPLACED)
        elif (self.path / REPLACED).exists() and not self.target.exists():
            (self.path / REPLACED).rename(self.target)  # a kill came between two renames
        self._check_target()  # again: another process may have finished it just now
        known = None if self.force else _key_in(self.path)
        if known is None or (known != self.key and not self._started()):
            _empty(self.path)  # nothing is lost: an input was mended before any fold was finished
            known = None
        if known not in (None, self.key):
            raise RunError(f"{self.path} holds unfinished work of {difference(known, self.key)}")
        self.resumed = known is not None
        _remove(self.path / DONE)
        if self.force:
            self.write(FORCED, b"")
        self.write(KEY, json.dumps(self.key, indent=1).encode())

    @property
    def announcement(self) -> str:
        """Where the work lies, and whether some of it lay there already, in words."""
        return f"{'going on with' if self.resumed else 'writing to'} {self.path}"

    def __exit__(self, *_: object) -> None:
        self._lock.close()

    @property
    def _inside(self) -> bool:
        return self.path.parent == self.target

    def _check_target(self) -> None:
        """Refuse a finished run without `force`, and what is no run and not empty in any case."""
        if is_run(self.target):
            _tidy(self.target)
            if not self.force and not self._forced():
                raise RunError(
                    f"{self.target} is a finished run. "
                    "Name another --output, or pass --force to replace it."
                )
        elif os.path.lexists(self.target) and not self._may_move_in():
            found = next(others_in(self.target), "") if self.target.is_dir() else ""
            raise RunError(
                f"{self.target} exists and is no run: it is not replaced. "
                f"{found and f'It holds {found}. '}Name another --output, or an empty folder."
            )

    def _may_move_in(self) -> bool:
        """Whether the target is an empty folder, or what lies there was begun in one."""
        begun = self._inside and (self.path / KEY).is_file()
        return begun or (self.target.is_dir() and is_free(self.target))

    def _forced(self) -> bool:
        """Whether this very work was begun with `force`, and killed."""
        return (self.path / FORCED).exists() and _key_in(self.path) == self.key

    def _started(self) -> bool:
        """Whether there is anything to lose: a finished fold, or all of a run but its name.

        Those of its members count as well.
        """
        places = self.path, *self.path.glob(f"{MEMBERS}/*")
        return any((at / CHECKPOINTS).is_dir() or (at / DONE).exists() for at in places)

    def read(self, name: str) -> bytes | None:
        """Return a file that was written whole, None where there is none."""
        path = self.path / name
        with naming(path):
            return path.read_bytes() if path.is_file() else None

    def write(self, name: str, content: bytes) -> None:
        """Write a file whole."""
        write_whole(self.path / name, content)

    def remove(self, name: str) -> None:
        """Remove a file or a folder, if it is there."""
        _remove(self.path / name)

    def save(self, name: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keep arrays of a finished part of the work, for a run that goes on from there."""
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **dict(arrays))
        content = buffer.getvalue()
        self.write(f"{CHECKPOINTS}/{name}", digest(content).encode() + b"\n" + content)

    def saved(self, name: str) -> dict[str, NDArray[Any]] | None:
        """Return what `save` kept under a name, None where there is nothing or it was altered."""
        known, _, content = (self.read(f"{CHECKPOINTS}/{name}") or b"").partition(b"\n")
        if digest(content).encode() != known:
            return None
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return dict(arrays)

    def finish(self) -> Path:
        """Put the whole run in its place, then leave out what only unfinished work needs.

        A kill at any moment leaves work that can be gone on with, or a whole run.
        """
        self.write(DONE, WHOLE)
        if self._inside:
            self._move_in()
        else:
            if self.target.exists():
                self.target.rename(self.path / REPLACED)
            self.path.rename(self.target)
            sync_folder(self.target.parent)
        _tidy(self.target)
        return self.target

    def _move_in(self) -> None:
        left = (*ONLY_UNFINISHED, DONE)
        names = {entry.name for entry in self.path.iterdir()} - {*left}
        for name in in_the_way(names, self.target):
            raise RunError(
                f"{self.target / name} stands where one of the run's own is to be. Move it away: "
                "the same command then goes on."
            )
        move_in(self.path, self.target, names, REPLACED)


def _place_of_work(target: Path) -> Path:
    """Return where unfinished work lies: beside the target, or in it where it stands already.

    A finished run is replaced by two renames, unless it cannot be renamed.
    """
    beside, inside = target.parent / (target.name + PARTIAL), target / INSIDE
    if not target.is_dir() or (beside / KEY).is_file():
        return beside
    begun = (inside / KEY).is_file() and not is_moved(inside)
    return inside if begun or not is_run(target) or is_fixed(target) else beside


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        with suppress(FileNotFoundError):  # another process tidies up as well
            shutil.rmtree(path)
    elif os.path.lexists(path):  # asked first: a read-only disk refuses even what is not there
        path.unlink(missing_ok=True)


def _tidy(run: Path) -> None:
    """Take out of a finished run what only unfinished work needs, and nothing of anybody else's."""
    if is_moved(run / INSIDE):
        _empty(run / INSIDE)
        _remove(run / INSIDE)
    for name in ONLY_UNFINISHED if (run / KEY).is_file() else ():
        _remove(run / name)


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
    unfinished = path.name.endswith(PARTIAL) or (path / INSIDE).is_dir()
    found = "an unfinished run" if unfinished else "no run"
    if not path.exists():
        found = "nothing"
    raise RunError(f"{path}: expected a finished run folder, found {found}. See pipelines.fit.")


def default_target(folder: Path, name: str, key: Mapping[str, Any]) -> Path:
    """Return the unfinished run of the same key in a folder, or a new name made of the time."""
    for partial in sorted(folder.glob(f"{glob.escape(name)}-*{PARTIAL}")):
        if _key_in(partial) == dict(key):
            return partial.with_suffix("")
    return folder / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"


def _key_in(partial: Path) -> Any:
    """Return the key of unfinished work, None where there is none; what is no JSON equals none."""
    path = partial / KEY
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return {}


def _locked(path: Path) -> IO[bytes]:
    """Take the folder's lock, which the system releases when the process ends, however it ends."""
    lock = (path / LOCK).open("ab")
    try:
        claim(lock, path / LOCK)
    except BlockingIOError:
        lock.close()
        raise RunError(
            f"{path} is being written by another process. Wait for it, or name another --output."
        ) from None
    return lock


def _check_ours(path: Path) -> None:
    """Refuse a folder that is not ours to empty: without a key, with more than begun work has."""
    if path.is_symlink():
        raise RunError(f"{path} is a symbolic link. Remove it, or name another --output.")
    if not path.is_dir() or (path / KEY).is_file():
        return
    names = sorted(entry.name for entry in path.iterdir())
    foreign = [name for name in names if name not in BEGUN and not name.endswith(WRITING)]
    if foreign:
        raise RunError(
            f"{path} holds {foreign[0]}, and no {KEY}: it is no unfinished run, and is not "
            "emptied. Move it away, or name another --output."
        )


def _empty(path: Path) -> None:
    """Remove all but the lock, and what makes it ours last: the key, or that it was moved."""
    entries = [entry for entry in path.iterdir() if entry.name != LOCK]
    for entry in sorted(entries, key=lambda entry: (entry.name == KEY, entry.name == MOVING)):
        _remove(entry)
