"""Workers that are processes of their own: spawned, replaced where one is killed, ended with us."""

import multiprocessing
import os
import pickle
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from threading import Thread
from typing import NamedTuple

from rich.console import Console

from pipelines.command.process import FAILED, own_process
from pipelines.command.progress import tell
from pipelines.run.folder import RunError
from pipelines.run.inputs import Battles
from pipelines.tuning.storage import Store
from pipelines.tuning.work import Bench, Job

MOST_DEATHS = 8  # of workers one after the other, while no trial is finished
LOOK = 1.0  # seconds between two looks at whether the parent is there


class _Child(NamedTuple):
    process: BaseProcess
    fault: Connection


def work_all(
    job: Job, jobs: int, store: Store, console: Console, read: Callable[[], Battles]
) -> None:
    """Run the trials of a study in some processes, or here where it is one.

    Parameters
    ----------
    job : Job
    jobs : int
        Processes.
    store : Store
        Of the job's study.
    console : rich.console.Console
    read : callable
        Returns the battles; other processes read them for themselves.

    Raises
    ------
    Exception
        What a worker met with. The others end then.
    RunError
        They are killed again and again.
    """
    if jobs == 1:
        Bench(job, store, lambda line: tell(console, line), read).work()
        return
    children = [_spawned(job) for _ in range(jobs)]
    deaths, finished = 0, -1
    try:
        while children:
            wait([child.process.sentinel for child in children])
            ended = [child for child in children if not child.process.is_alive()]
            children = [child for child in children if child not in ended]
            for child in ended:
                code = _exit_of(child)
                if code == 0:
                    continue
                now = len(Bench(job, store, print).done())
                deaths, finished = (deaths + 1, finished) if now == finished else (1, now)
                if deaths > MOST_DEATHS:
                    raise RunError(
                        f"workers end again and again (status {code}), as they do where the system "
                        "kills them for their memory. Give fewer --jobs: the same command goes on."
                    )
                children.append(_spawned(job))
    finally:
        for child in children:
            child.process.kill()
            child.process.join()


def _exit_of(child: _Child) -> int:
    """Return a child's exit status, below 0 where it was killed; raise what it met with."""
    child.process.join()
    with suppress(EOFError):  # it has sent nothing
        raise child.fault.recv()
    return int(child.process.exitcode or 0)


def _spawned(job: Job) -> _Child:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_be_worker, args=(job, theirs, os.getpid()))
    process.start()
    theirs.close()
    return _Child(process, ours)


def _be_worker(job: Job, fault: Connection, parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it, and says so once
    own_process()
    Thread(target=_end_with, args=(parent,), daemon=True).start()
    console = Console()
    try:
        with Store(job.url) as store:
            Bench(job, store, lambda line: tell(console, line)).work()
    except Exception as error:
        fault.send(_sendable(error))


def _sendable(error: Exception) -> Exception:
    """Return an error that the parent can read: one of ours, or one of the same words."""
    try:
        again: Exception = pickle.loads(pickle.dumps(error))  # noqa: S301 - it was made here
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return again


def _end_with(parent: int) -> None:
    """End this process when its parent has: a trial that nobody asks for would go on else."""
    while os.getppid() == parent:
        time.sleep(LOOK)
    os._exit(FAILED)
