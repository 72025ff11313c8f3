"""Moving a whole run into a folder that stands there already, and back after a kill in between.

A folder that somebody made may be one that cannot be renamed (a mount, as ``/kaggle/working``), or
a shell may be in it. So unfinished work lies in that folder itself, on the same disk, and what it
holds changes place by renames, ``DONE`` last.
"""

import json
import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from pipelines.run.files import sync_folder, write_whole

INSIDE = "unfinished.partial"  # the folder, within the target, of work that is to be moved in
MOVING = "moving.json"  # in it: the names that are being moved
NAMES = (  # of what a run, a stack or a tower leaves, DONE first
    "DONE",
    *("config.toml", "report.json", "report.html", "folds.csv", "oof.csv", "importance.csv"),
    "importance_groups.csv",
    *("features.json", "models", "members", "leaderboard.csv", "submission.csv"),
    *("logits.json", "oof_logits.csv", "test_logits.csv", "history.csv", "tower"),
)
OF_SYSTEMS = ("lost+found",)  # in a file system without a file
MOUNTS = Path("/proc/self/mountinfo")


def is_free(folder: Path) -> bool:
    """Whether a folder holds nothing but unfinished work, and what is hidden."""
    return next(others_in(folder), None) is None


def others_in(folder: Path) -> Iterator[str]:
    """Give the names of what is neither ours nor hidden, as what notebooks leave anywhere is."""
    for name in sorted(entry.name for entry in folder.iterdir()):
        if not name.startswith(".") and name not in (INSIDE, *OF_SYSTEMS):
            yield name


def is_fixed(folder: Path) -> bool:
    """Whether a folder is not to be renamed: a mount, the working folder, in one not to write."""
    place = os.path.realpath(folder)
    with suppress(OSError):  # the working folder was removed
        if Path(os.getcwd()).is_relative_to(place):
            return True
    parent = os.path.dirname(place)
    return os.path.ismount(place) or place in _mounts() or not os.access(parent, os.W_OK)


def _mounts() -> set[str]:
    """Return where file systems are mounted, those of a folder's own disk included."""
    with suppress(OSError):
        lines = MOUNTS.read_text().splitlines()
        return {line.split(" ")[4].encode().decode("unicode_escape") for line in lines}
    return set()


def in_the_way(names: Collection[str], target: Path) -> list[str]:
    """Return what in a folder has one of these names, and is of no run: it would be lost."""
    known = _of_a_run(target)
    return [name for name in sorted(names) if name not in known and os.path.lexists(target / name)]


def _of_a_run(target: Path) -> list[str]:
    """Return the names of what a finished run has in a folder, ``DONE`` first; none where none is.

    Whatever else lies there is somebody's own.
    """
    there = (target / NAMES[0]).is_file()
    return [name for name in NAMES if there and os.path.lexists(target / name)]


def move_in(work: Path, target: Path, names: Collection[str], replaced: str) -> None:
    """Move a whole run from `work` into the folder around it; one that is there goes aside first.

    Parameters
    ----------
    work, target : Path
    names : collection of str
        Of what is moved; ``DONE`` comes after them.
    replaced : str
        Where in `work` the run goes that is there.
    """
    write_whole(work / MOVING, json.dumps(sorted(names)).encode())
    (work / replaced).mkdir(exist_ok=True)
    for name in _of_a_run(target):
        (target / name).rename(work / replaced / name)
    for name in (*sorted(names), NAMES[0]):
        (work / name).rename(target / name)
    sync_folder(target)


def move_back(work: Path, target: Path, replaced: str) -> None:
    """Undo a move that a kill has cut off: the new comes out, and the old goes back."""
    marker = work / MOVING
    if not marker.is_file():
        return
    for name in json.loads(marker.read_bytes()):
        if os.path.lexists(target / name) and not os.path.lexists(work / name):
            (target / name).rename(work / name)
    for name in reversed(NAMES):  # DONE last
        if os.path.lexists(work / replaced / name):
            (work / replaced / name).rename(target / name)
    marker.unlink()


def is_moved(work: Path) -> bool:
    """Whether all was moved out of `work`, and nothing but its removal is left to do."""
    return (work / MOVING).is_file() and not (work / NAMES[0]).exists()
