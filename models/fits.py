"""Many fits at the same time: on the CPU side by side, on a GPU one after the other.

As many go on side by side as there are cores for, and memory.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from threading import Event, Lock
from time import perf_counter
from typing import NamedTuple

from joblib import Parallel, delayed, effective_n_jobs

from features.memory import jobs_that_fit
from models.learners.contract import Model
from models.parts import Fit, Lessons, Material, fit_part

# Bytes that LightGBM takes, which takes most, measured: for each cell of the rows in both orders a
# copy and its bins, and for each cell of those rows from which it learns the bins a sample besides.
BYTES_PER_CELL, BYTES_PER_SAMPLED_CELL, SAMPLED_ROWS = 6.0, 12.0, 200_000


CARD = Lock()  # folds go on side by side; on a card still one fit after the other


class Fitted(NamedTuple):
    """A fitted part, and the wall-clock time that it took."""

    model: Model
    seconds: float


def bytes_of_fit(n_rows: int, n_columns: int) -> float:
    """Return about how much memory a fit on some rows takes at most, beside the rows themselves.

    >>> f"{bytes_of_fit(57_477, 186):,.0f}"
    '384,865,992'
    """
    both = 2 * n_rows
    sampled = min(both, SAMPLED_ROWS)
    return n_columns * (both * BYTES_PER_CELL + sampled * BYTES_PER_SAMPLED_CELL)


def run_fits(fits: Sequence[Fit], material: Material, *, device: str, n_jobs: int) -> list[Fitted]:
    """Make the fits, and return them in the order in which they were asked for.

    Those on a GPU are one of the jobs: they go on one after the other while the other jobs make
    those on the CPU, each on one thread. Jobs are fewer than asked for where memory would not do
    for all of them; no model depends on their number. The first that fails ends them all.

    Parameters
    ----------
    fits : sequence of Fit
        Neighbours of the same head and inner fold share their rows.
    material : Material
    device : {"cpu", "cuda"}
        Of the run; where a learner trains is what its `trains_on` says.
    n_jobs : int
        At most, as joblib counts.
    """
    places = [fit.part.learner.trains_on(device) for fit in fits]
    on_gpu = [number for number, place in enumerate(places) if place != "cpu"]
    on_cpu = [number for number, place in enumerate(places) if place == "cpu"]
    lessons = {
        number: shared
        for numbers in (on_gpu, on_cpu)
        for shared in [Lessons([fits[number] for number in numbers], material)]
        for number in numbers
    }
    cores, failed = effective_n_jobs(n_jobs), Event()
    at_once = jobs_that_fit(bytes_of_fit(*material.rows.X.shape), cores)

    def make(number: int) -> Fitted:
        place = places[number]
        on_card = place != "cpu"
        with CARD if on_card else nullcontext():
            start = perf_counter()
            model = fit_part(
                fits[number],
                lessons[number],
                swap=material.swap,
                threads=cores if on_card else 1,
                device=place,
            )
            return Fitted(model, perf_counter() - start)

    def job(numbers: Sequence[int]) -> list[tuple[int, Fitted]]:
        return [(number, make(number)) for number in numbers if not failed.is_set()]

    jobs = [on_gpu] * bool(on_gpu) + [[number] for number in on_cpu]
    try:
        done = Parallel(n_jobs=at_once, prefer="threads")(delayed(job)(some) for some in jobs)
    finally:
        failed.set()  # where one failed: no thread begins another fit
    made = dict(pair for pairs in done for pair in pairs)
    return [made[number] for number in range(len(fits))]
