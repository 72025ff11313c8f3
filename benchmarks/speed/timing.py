"""The best time of some repeats, each run in turn: what else the machine does hits all alike."""

import math
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Timed(NamedTuple):
    """Least seconds of the clock and of the processor, and what the last run gave."""

    wall: float = math.inf
    cpu: float = math.inf
    result: Any = None


def race(runs: Mapping[str, Callable[[], Any]], repeats: int) -> dict[str, Timed]:
    """Run each in turn, and return the best of its times.

    >>> race({"two": lambda: 2}, repeats=3)["two"].result
    2
    """
    found = dict.fromkeys(runs, Timed())
    for _ in range(repeats):
        for name, run in runs.items():
            wall, cpu = time.perf_counter(), time.process_time()
            result = run()
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            found[name] = Timed(min(wall, found[name].wall), min(cpu, found[name].cpu), result)
    return found
