"""`pipelines.fit` in a process that kills itself at a given place: PLACE TIMES [flags of fit].

It is killed by SIGKILL when the place is reached for the TIMES-th time.
"""

import os
import shutil
import signal
import stat
import sys
from contextlib import contextmanager
from pathlib import Path

from models import fits
from pipelines.command.launcher import start
from pipelines.command.progress import Steps
from pipelines.report import content
from pipelines.run.folder import UnfinishedRun

BEFORE, AFTER = "before", "after"
CALLS = {
    "before an inner fit": (fits, "fit_part", BEFORE),
    "after an inner fit": (fits, "fit_part", AFTER),
    "before a checkpoint is saved": (UnfinishedRun, "save", BEFORE),
    "in the evaluation": (content, "evaluate", AFTER),
    "before the run has its name": (Path, "rename", BEFORE),
    "after the run has its name": (Path, "rename", AFTER),
    "while checkpoints are removed": (shutil, "rmtree", BEFORE),
}


class Death:
    """Counts how often a place is reached."""

    def __init__(self, times):
        self.left = times

    def comes_nearer(self):
        self.left -= 1
        if not self.left:
            os.kill(os.getpid(), signal.SIGKILL)


def die_at_call(owner, name, moment, death):
    original = getattr(owner, name)

    def patched(*given, **named):
        if moment == BEFORE:
            death.comes_nearer()
        result = original(*given, **named)
        if moment == AFTER:
            death.comes_nearer()
        return result

    setattr(owner, name, patched)


def die_at_sync(death, *, half):
    """Die between a file's fsync and its rename; or with half of it on the disk, as without power.

    Folders are brought to disk as well, and not counted.
    """
    sync = os.fsync

    def patched(file):
        ordinary = stat.S_ISREG(os.fstat(file).st_mode)
        if ordinary and half:
            if death.left == 1:
                os.ftruncate(file, os.fstat(file).st_size // 2)
            death.comes_nearer()
        sync(file)
        if ordinary and not half:
            death.comes_nearer()

    os.fsync = patched


def die_in_step(wanted, death):
    """Count the units that a step has done."""
    original = Steps.step

    @contextmanager
    def patched(self, title, *given, **named):
        with original(self, title, *given, **named) as advance:

            def counted(done):
                advance(done)
                if title == wanted:
                    death.comes_nearer()

            yield counted

    Steps.step = patched


def prepare(place, death):
    if place in CALLS:
        die_at_call(*CALLS[place], death)
    elif place in ("half-way through a file", "between fsync and rename"):
        die_at_sync(death, half=place.startswith("half"))
    elif place.startswith("in step "):
        die_in_step(place.removeprefix("in step "), death)
    else:
        raise ValueError(f"no such place: {place}")


if __name__ == "__main__":
    place, times, *flags = sys.argv[1:]
    prepare(place, Death(int(times)))
    start("fit", flags)
