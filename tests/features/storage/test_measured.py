"""What is measured of battles once: each battle, whoever asks and however many at a time."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import polars as pl

from features.storage.measured import Measured

BATTLES = pl.DataFrame({"response_a": [[f"text {n}"] for n in range(3000)]})
ASKING = 5


def lengths(measured_of, battles):
    measured_of.append(len(battles))
    numbers = [int(turns[0].removeprefix("text ")) for turns in battles["response_a"].to_list()]
    return np.array(numbers, dtype=float)[:, None]


def test_folds_that_ask_at_the_same_time_get_their_own_battles_each_measured_once():
    measured_of, together = [], Barrier(ASKING)
    measured = Measured(lambda battles: lengths(measured_of, battles))

    def ask(fold):
        rows = np.flatnonzero(np.arange(len(BATTLES)) % ASKING != fold)
        together.wait(20.0)
        return rows, measured(BATTLES[rows])

    with ThreadPoolExecutor(ASKING) as threads:
        for rows, found in threads.map(ask, range(ASKING)):
            np.testing.assert_array_equal(found[:, 0], rows)
    assert sum(measured_of) == len(BATTLES)


def test_known_battles_come_back_in_the_order_asked_for():
    measured_of = []
    measured = Measured(lambda battles: lengths(measured_of, battles))
    measured(BATTLES[:10])
    assert measured(BATTLES[[7, 2, 12]])[:, 0].tolist() == [7, 2, 12]
    assert measured_of == [10, 1]
