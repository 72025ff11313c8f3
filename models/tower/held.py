"""Folders that several processes share: one that is in use is not taken away."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

MARK = ".shards"  # what says that a folder is ours, and is locked


def hold(folder: Path) -> int:
    """Make a folder, and keep others from removing what lies in it.

    Returns
    -------
    int
        The descriptor whose end, or that of its process, lets go of it.
    """
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            held = os.open(folder / MARK, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:  # another process took it away just now
            continue
        fcntl.flock(held, fcntl.LOCK_SH)
        if _is_there(held, folder):
            return held
        os.close(held)


def seize(folder: Path) -> int | None:
    """Lock a folder that nobody holds, as `hold` does; None where somebody does."""
    try:
        held = os.open(folder / MARK, os.O_RDWR)
    except OSError:
        return None
    with suppress(BlockingIOError):
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_there(held, folder):
            return held
    os.close(held)
    return None


def share(held: int) -> None:
    """Let others hold what was seized."""
    fcntl.flock(held, fcntl.LOCK_SH)


def _is_there(held: int, folder: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(held), (folder / MARK).stat())
    except FileNotFoundError:
        return False
