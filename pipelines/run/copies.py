"""A run folder as it arrives elsewhere: in another folder, flattened, in an archive, in part.

What carries data sets about (Kaggle's upload among others) may drop sub-folders, or pack them up.
"""

import json
from collections.abc import Collection
from pathlib import Path

from pipelines.run.folder import DONE, RunError, check_run, is_run
from pipelines.run.moving import NAMES

RECORDS = ("report.json", "logits.json")  # of a run or a stack, of a tower
DEPTH = 3  # folders that a carrier puts around one
SHOWN = 3  # names of files
ARCHIVES = (".tar", ".tar.gz", ".tgz", ".zip", ".7z")
WAY_OUT = "Copy the folder whole, with its sub-folders."


def find_run(path: Path) -> Path:
    """Return the run that a folder is, or the only one that it holds.

    Raises
    ------
    RunError
        It is no finished run, and holds none, or several, or one of which files lack.
    """
    if is_run(path) or not path.is_dir() or _record(path) is not None:
        check_copy(path)
        return path
    for depth in range(1, DEPTH + 1):
        found = sorted({one.parent for one in path.glob("/".join(["*"] * depth + [DONE]))})
        runs = [one for one in found if is_run(one)]
        if len(runs) > 1:
            raise RunError(
                f"{path} holds several runs: {_listed([str(r) for r in runs])}. Name one."
            )
        if runs:
            return runs[0]
    check_run(path)
    return path


def check_copy(path: Path) -> None:
    """Refuse what is no finished run; of one that came over in part, name what lacks.

    Raises
    ------
    RunError
        Names the files.
    """
    record = None if is_run(path) else _record(path)
    if record is None or path.suffix == ".partial":
        check_run(path)
        return
    check_files(path, [DONE, *_files(record)])


def check_files(folder: Path, names: Collection[str]) -> None:
    """Refuse a folder that lacks some of the files that a run wrote there.

    Raises
    ------
    RunError
        Names them, and why they may lack.
    """
    lacking = [name for name in names if not (folder / name).is_file()]
    if lacking:
        raise RunError(
            f"{folder}: expected the files that the run wrote, not there: {_listed(lacking)}"
            f"{_reason(folder, lacking)}. {WAY_OUT}"
        )


def _reason(folder: Path, lacking: Collection[str]) -> str:
    """Say what a carrier has done to the files, where that can be seen."""
    for name in lacking:
        first, _, rest = name.partition("/")
        packed = [first + ending for ending in ARCHIVES if (folder / (first + ending)).is_file()]
        if rest and packed:
            return f" ({packed[0]} lies there: unpack it to {first}/)"
        inner = Path(name).name
        if rest and inner not in NAMES and (folder / inner).is_file():
            return f" ({inner} lies in the folder itself: sub-folders were lost)"
    return ""


def _listed(names: Collection[str]) -> str:
    """List some names, and say how many more there are.

    >>> _listed(["a", "b", "c", "d"]), _listed(["a"])
    ('a, b, c and 1 more', 'a')
    """
    more = len(names) - SHOWN
    return ", ".join(list(names)[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _record(path: Path) -> Path | None:
    return next((path / name for name in RECORDS if (path / name).is_file()), None)


def _files(record: Path) -> list[str]:
    """Return the files that a record holds hashes of; none of a record that is no such."""
    try:
        told = json.loads(record.read_bytes())
        return list(told["files"])
    except (ValueError, RecursionError, TypeError, KeyError):
        return []
