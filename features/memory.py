"""How much memory there is: the machine's, or what a container is allowed of it.

Linux tells a process its limits in files: ``/proc/meminfo`` of the machine, ``memory.max`` (control
groups of version 2) or ``memory.limit_in_bytes`` (version 1) of each group that it is in. Elsewhere
nothing is known but, on some systems, how much the machine has.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

PROC, GROUPS = Path("/proc"), Path("/sys/fs/cgroup")
# Names of a group's files, and of that part of what it uses which the system gives back by itself:
# pages of files that were read or written, which would else fill any container in time.
VERSION_1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
VERSION_2 = ("memory.max", "memory.current", "inactive_file")


class Memory(NamedTuple):
    """Bytes of memory, None where that is not known.

    Attributes
    ----------
    total : int or None
        What the machine has, or the container may take.
    left : int or None
        What of it nobody has taken.
    """

    total: int | None
    left: int | None


def find_memory() -> Memory:
    """Return how much memory this process could have at most, and how much is left now."""
    groups = list(_groups())
    totals = [_machine(), *(limit for limit, _ in groups)]
    lefts = [_available(), *(max(limit - used, 0) for limit, used in groups)]
    return Memory(_least(totals), _least(lefts))


def jobs_that_fit(bytes_each: float, n_jobs: int) -> int:
    """Return how many of some jobs can go on side by side in the memory that is left.

    Parameters
    ----------
    bytes_each : float
        What a job takes.
    n_jobs : int
        How many there would be otherwise, at least 1.

    Returns
    -------
    int
        1 to `n_jobs`: a job that does not fit alone is left to the system. All of them where it
        is not known what is left.

    Examples
    --------
    >>> jobs_that_fit(1e3, 4), jobs_that_fit(1e18, 4)
    (4, 1)
    """
    left = find_memory().left
    if left is None or bytes_each * n_jobs <= left:
        return n_jobs
    return max(int(left / bytes_each), 1)


def held() -> int:
    """Return the bytes of memory that this process holds, 0 where the system does not tell."""
    kilobytes = _entry(PROC / "self" / "status", "VmRSS:")
    return 0 if kilobytes is None else kilobytes * 1024


def _least(values: list[int | None]) -> int | None:
    return min((value for value in values if value is not None), default=None)


def _machine() -> int | None:
    with suppress(AttributeError, OSError, ValueError):  # not asked for so on every system
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return None


def _available() -> int | None:
    kilobytes = _entry(PROC / "meminfo", "MemAvailable:")
    return None if kilobytes is None else kilobytes * 1024


def _groups() -> Iterator[tuple[int, int]]:
    """Give limit and use of each control group with a limit that this process is in.

    A group may lie in another one with a lower limit. In a container the groups above its own may
    be hidden, and its own may be what it sees as the root: what is not there is passed over.
    """
    for line in _lines(PROC / "self" / "cgroup"):
        _, controllers, path = line.split(":", maxsplit=2)
        if controllers and "memory" not in controllers.split(","):
            continue
        root, names = (GROUPS / "memory", VERSION_1) if controllers else (GROUPS, VERSION_2)
        place = root / path.strip("/")
        for group in (place, *place.parents):
            if group.is_relative_to(root):
                limit, used, reclaimed = (
                    _number(group / names[0]),
                    _number(group / names[1]),
                    _entry(group / "memory.stat", names[2]),
                )
                if limit is not None:
                    yield limit, (used or 0) - (reclaimed or 0)


def _lines(path: Path) -> list[str]:
    with suppress(OSError):
        return path.read_text().splitlines()
    return []


def _number(path: Path) -> int | None:
    """Return the number that a file holds, None where there is none (``max``: no limit)."""
    with suppress(ValueError):
        return next(map(int, _lines(path)), None)
    return None


def _entry(path: Path, name: str) -> int | None:
    """Return the number that stands behind a name in a file of names and numbers."""
    found = (line.split() for line in _lines(path))
    return next((int(words[1]) for words in found if words[:1] == [name]), None)
