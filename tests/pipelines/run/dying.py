"""`pipelines.fit` in a process that kills itself by SIGKILL at a given place.

Such processes are forked by one that has imported all that a fit needs and used nothing of it, so
that each of many takes no seconds to begin.
"""

import multiprocessing
import os
import shutil
import signal
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from models import fits
from pipelines.command.launcher import start
from pipelines.command.progress import Steps
from pipelines.report import content
from pipelines.run.folder import UnfinishedRun

BEFORE, AFTER = "before", "after"
CALLS = {
    "before a fit of a part": (fits, "fit_part", BEFORE),
    "after a fit of a part": (fits, "fit_part", AFTER),
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


def be_the_command(flags, streams, place, times):
    """Be the process of the command, whose streams are files."""
    for number, path in streams.items():
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    if place is not None:
        prepare(place, Death(times))
    start("fit", flags)


class Command(NamedTuple):
    """A process that was started, and where its streams are kept."""

    process: multiprocessing.Process
    streams: dict[int, Path]

    def ended(self):
        """Wait, and return the exit status and what was written to both streams."""
        self.process.join(timeout=120)
        assert not self.process.is_alive()
        return self.process.exitcode, *(path.read_text() for path in self.streams.values())


def started(flags, folder, place=None, times=1):
    """Start the command, to die when the place is reached for the `times`-th time."""
    forking = multiprocessing.get_context("forkserver")
    forking.set_forkserver_preload([__name__, "lightgbm"])
    streams = {1: folder / "out", 2: folder / "err"}
    process = forking.Process(target=be_the_command, args=(flags, streams, place, times))
    process.start()
    return Command(process, streams)
