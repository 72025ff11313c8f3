"""Who is gone: a process here at once, one elsewhere when its beat has stopped."""

import multiprocessing
import os
import signal
import time

import pytest

from pipelines.tuning.workers import Beating, Watch, Worker, started, this_host


def sleeping():
    process = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(60,))
    process.start()
    return process


@pytest.fixture
def clock():
    """A clock that the test moves."""

    class Clock:
        now = 0.0

        def __call__(self):
            return self.now

    return Clock()


def elsewhere(token="t"):
    return Worker(1, os.getpid(), started(os.getpid()), token, "another host")


def test_a_worker_comes_back_from_its_text():
    worker = Worker.this(3)
    assert Worker.read(worker.written()) == worker
    assert Worker.read("") is None
    assert Worker.this(3).token != worker.token


def test_a_process_here_is_gone_as_soon_as_it_is_killed():
    process = sleeping()
    worker = Worker(1, process.pid, started(process.pid), "t", this_host())
    assert not Watch().is_gone(worker, 0)
    os.kill(process.pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while not Watch().is_gone(worker, 0) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert Watch().is_gone(worker, 0)  # though nobody has waited for it: a zombie
    process.join()
    assert Watch().is_gone(worker, 0)


def test_another_process_of_the_same_number_is_another():
    process = sleeping()
    try:
        then = Worker(1, process.pid, "1", "t", this_host())
        assert Watch().is_gone(then, 0)
    finally:
        process.kill()
        process.join()


def test_what_this_process_left_is_free():
    assert Watch().is_gone(Worker.this(1), 0)


def test_one_elsewhere_is_gone_when_its_beat_has_stopped(clock):
    watch = Watch(grace=90, clock=clock)
    assert not watch.is_gone(elsewhere(), 5)  # however long ago that was: it may have just begun
    clock.now = 80
    assert not watch.is_gone(elsewhere(), 5)
    clock.now = 91
    assert watch.is_gone(elsewhere(), 5)


def test_one_elsewhere_that_beats_is_there(clock):
    watch = Watch(grace=90, clock=clock)
    for beat in range(10):
        clock.now = 80.0 * beat
        assert not watch.is_gone(elsewhere(), beat)


def test_who_takes_over_is_watched_anew(clock):
    watch = Watch(grace=90, clock=clock)
    watch.is_gone(elsewhere("first"), 3)
    clock.now = 1000
    assert watch.is_gone(elsewhere("first"), 3)
    assert not watch.is_gone(elsewhere("second"), 3)


def test_beats_rise_and_stop_and_outlive_a_fault():
    seen = []

    def show(number):
        seen.append(number)
        if number == 1:
            raise OSError("the storage is away")

    with Beating(show, every=0.01):
        deadline = time.monotonic() + 20
        while len(seen) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
    assert seen[:3] == [1, 2, 3]
    number = len(seen)
    time.sleep(0.05)
    assert len(seen) == number
