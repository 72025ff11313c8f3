"""Workers of `--jobs`: faults are told by the command, and who is killed is replaced."""

import os
import signal

import pytest

from pipelines.run.folder import RunError
from pipelines.tuning import processes
from pipelines.tuning.processes import MOST_DEATHS, work_all


class Fake:
    """A worker that has ended, by a signal or by a fault."""

    exitcode = 0

    def __init__(self, exitcode=0, fault=None):
        self.exitcode, self.fault = exitcode, fault
        self.read, write = os.pipe()
        self.sentinel = self.read
        os.close(write)  # has ended

    def is_alive(self):
        return False

    def join(self):
        """It has ended."""

    kill = join

    def recv(self):
        if self.fault is None:
            raise EOFError
        return self.fault


@pytest.fixture
def workers(monkeypatch):
    """Let workers end one after the other in given ways, and trials be finished meanwhile."""

    def make(*ends, finished=lambda: 0):
        left, started = list(ends), []

        def spawned(job):
            fake = Fake(*left.pop(0))
            started.append(fake)
            return processes._Child(fake, fake)

        class Bench:
            def __init__(self, *_):
                """Nothing is asked for but `done`."""

            def done(self):
                return [None] * finished()

        monkeypatch.setattr(processes, "_spawned", spawned)
        monkeypatch.setattr(processes, "Bench", Bench)
        return started

    return make


def test_who_is_killed_is_replaced(workers, quiet):
    started = workers((0,), (-signal.SIGKILL,), (0,))
    work_all(None, 2, None, quiet(), None)
    assert [worker.exitcode for worker in started] == [0, -signal.SIGKILL, 0]


def test_workers_that_are_killed_again_and_again_are_given_up(workers, quiet):
    started = workers(*[(-signal.SIGKILL,)] * 50)
    words = r"workers end again and again \(status -9\), .* Give fewer --jobs: the same command"
    with pytest.raises(RunError, match=words):
        work_all(None, 2, None, quiet(), None)
    assert len(started) == MOST_DEATHS + 2


def test_kills_between_which_trials_are_finished_are_borne(workers, quiet):
    number = iter(range(100))
    started = workers(*[(-signal.SIGKILL,)] * 20, (0,), (0,), finished=lambda: next(number))
    work_all(None, 2, None, quiet(), None)
    assert len(started) == 22


def test_a_fault_ends_the_command_with_its_words(workers, quiet):
    workers((0, RunError("the disk is gone")), (0,))
    with pytest.raises(RunError, match="the disk is gone"):
        work_all(None, 2, None, quiet(), None)


def test_a_fault_that_cannot_travel_is_told_in_its_words():
    class OddError(Exception):
        def __init__(self, one, two):
            super().__init__(f"{one} {two}")

    assert str(processes._sendable(OddError("no", "disk"))) == "OddError: no disk"
    assert type(processes._sendable(RunError("x"))) is RunError
