"""Whether this process may count with polars: not if it was forked after polars' threads started.

A fork takes over the memory in which polars finds its threads, and none of the threads: it would
wait for them without an end (https://docs.pola.rs/user-guide/misc/multiprocessing/).
"""

import os
import time
from pathlib import Path

import polars as pl

TASKS = Path("/proc/self/task")  # of Linux: a folder for each thread, which holds its name
ALLOCATOR = "jemalloc"  # whose threads are there also where polars' own are not
WAIT = 0.5  # seconds in which a thread that was just started gives itself its name
_imported_in = os.getpid()
_sound: int | None = None  # the last process that was found to have its threads


class ForkedError(RuntimeError):
    """A process that was forked, and lacks polars' threads. The message names the way out."""


def check_forked() -> None:
    """Refuse to count in a process that would hang.

    Raises
    ------
    ForkedError
        Names the ways out.
    """
    global _sound
    process = os.getpid()
    if process == _sound:
        return
    if _lost():
        raise ForkedError(
            "This process was forked after polars had started its threads, which a fork does not "
            "take along: it would wait for them forever. Start workers by spawn "
            "(multiprocessing.get_context('spawn')), or load and use the model in the worker alone "
            "(gunicorn without --preload)."
        )
    _sound = process


def _lost() -> bool:
    """Whether polars believes in threads that are none of this process."""
    expected = pl.thread_pool_size()  # starts them, unless it believes that it has
    if not TASKS.is_dir():
        return _sound is not None  # a process before this one was found to have them
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        names = _names()
        if any(name.startswith("polars-") and name[7:].isdigit() for name in names):
            return False
        time.sleep(0.005)
    # Under whatever name: a process that imported this itself has them if it has that many. Those
    # of other libraries have the process's name.
    own = (TASKS / str(os.getpid()) / "comm").read_text().strip()
    others = [name for name in names if name != own and not name.startswith(ALLOCATOR)]
    return os.getpid() != _imported_in or len(others) < expected


def _names() -> list[str]:
    names = []
    for task in TASKS.iterdir():
        try:
            names.append((task / "comm").read_text().strip())
        except OSError:  # it has ended
            continue
    return names
