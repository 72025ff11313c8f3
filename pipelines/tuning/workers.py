"""Who runs a trial, and whether he still does.

A process of this machine is looked for by its number and by when it started. One elsewhere shows
that it goes on by its beat, a number that rises; who watches it trusts no clock but his own.
"""

import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import Event, Thread
from typing import NamedTuple, Self
from uuid import uuid4

BEAT = 20.0  # seconds between two signs of life
GRACE = 90.0  # seconds without one after which a worker elsewhere is taken for gone
PROC = Path("/proc")
NOBODY = ""  # of a slot that nobody has taken


class Worker(NamedTuple):
    """A process at work on a trial.

    Attributes
    ----------
    attempt : int
        Which one at its trial, counted from 1.
    pid : int
    started : str
        When the process did, in its machine's ticks; empty where the system does not tell.
    token : str
        Another one for each attempt, wherever it is.
    host : str
        The machine, since when it is up, and whose process numbers these are.
    """

    attempt: int
    pid: int
    started: str
    token: str
    host: str

    @classmethod
    def this(cls, attempt: int) -> Self:
        """Return this process."""
        pid = os.getpid()
        return cls(attempt, pid, started(pid) or "", uuid4().hex, this_host())

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Take over what `written` gave, None of `NOBODY`.

        >>> Worker.read("3 17 450 abc my host") == Worker(3, 17, "450", "abc", "my host")
        True
        """
        if text == NOBODY:
            return None
        attempt, pid, ticks, token, host = text.split(" ", 4)
        return cls(int(attempt), int(pid), ticks.strip("-"), token, host)

    def written(self) -> str:
        """Return it as text."""
        return f"{self.attempt} {self.pid} {self.started or '-'} {self.token} {self.host}"


class Watch:
    """Tells which workers are gone.

    Parameters
    ----------
    grace : float
        Seconds, of a worker elsewhere.
    clock : callable
        Seconds that never run back.
    """

    def __init__(self, grace: float = GRACE, clock: Callable[[], float] = time.monotonic) -> None:
        self._grace, self._clock = grace, clock
        self._seen: dict[str, tuple[int, float]] = {}

    def is_gone(self, worker: Worker, beat: int) -> bool:
        """Whether a worker that is said to be at a trial is not: this process asks, so it is not.

        Parameters
        ----------
        worker : Worker
        beat : int
            Its last sign of life.
        """
        if worker.host == this_host():
            return worker.pid == os.getpid() or started(worker.pid) != (worker.started or "")
        known, since = self._seen.get(worker.token, (-1, 0.0))
        if beat != known:
            self._seen[worker.token] = (beat, self._clock())
            return False
        return self._clock() - since > self._grace


@cache
def this_host() -> str:
    """Return what tells this machine from others, and containers on it from each other."""
    told = [socket.gethostname()]
    with suppress(OSError):
        told.append((PROC / "sys/kernel/random/boot_id").read_text().strip())
        told.append(os.readlink(PROC / "self/ns/pid"))
    return " ".join(told)


def started(pid: int) -> str | None:
    """Return when a process started, None where there is none or it has ended."""
    try:
        content = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return None if PROC.is_dir() else _asked(pid)
    state, *numbers = content.rpartition(")")[2].split()
    return None if state in "ZX" else numbers[18]


def _asked(pid: int) -> str | None:
    """Ask a system without /proc whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return ""


class Beating:
    """Gives a sign of life now and then, for as long as a trial goes on.

    Parameters
    ----------
    show : callable
        Takes the number of the beat.
    every : float
        Seconds.
    """

    def __init__(self, show: Callable[[int], None], every: float = BEAT) -> None:
        self._show, self._every = show, every
        self._end = Event()
        self._thread = Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _beat(self) -> None:
        number = 0
        while not self._end.wait(self._every):
            number += 1
            with suppress(Exception):  # a storage that does not answer now may do so next time
                self._show(number)
