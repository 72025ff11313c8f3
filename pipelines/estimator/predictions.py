"""Probabilities as Kaggle's table, of test files of any size."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from data.battles import WINNER_COLUMNS, DataError, Files, Named, iter_test
from pipelines.command.progress import Steps
from pipelines.estimator.encoding import encoder_store
from pipelines.estimator.names import NamesSeen
from pipelines.run.files import csv_bytes, whole_file
from pipelines.run.submission import Order, check_test


def look_through(test: Named, sample: Path | None, steps: Steps) -> Order | None:
    """Look through a test file, say what is odd in it, and return the order of its submission.

    It comes before any work: see `pipelines.run.submission.check_test`.
    """
    with steps.step("test file") as advance:
        found = check_test(test, sample, advance)
    steps.tell(f"{Files.of(test)}: read as {found.layout}")
    for note in found.notes:
        steps.tell(note)
    return found.order


def write_predictions(
    pipeline: Pipeline, test: Named, output: Path, steps: Steps, order: Order | None = None
) -> dict[str, int]:
    """Predict a test file in chunks; memory does not grow with its texts.

    Names of models that are mostly strange to the estimator are told of.

    Returns
    -------
    dict of str to int
        What was counted while reading, see `data.battles.COUNTS`.
    """
    store = encoder_store(pipeline)

    def tell() -> None:
        if store is not None:
            store.progress = steps.lines("encode", "tokens")

    seen = NamesSeen.of([pipeline])
    counts = write_table(seen.watched(pipeline.predict_proba), test, output, steps, tell, order)
    steps.tell_all(seen.told(test))
    return counts


def write_table(
    predict_proba: Callable[[pd.DataFrame], NDArray],
    test: Named,
    output: Path,
    steps: Steps,
    tell: Callable[[], None],
    order: Order | None = None,
) -> dict[str, int]:
    """Write what a function predicts of a test file, chunk by chunk; see `write_predictions`.

    Parameters
    ----------
    predict_proba : callable
        Takes a battles frame.
    test : path, sequence of paths, or Files
    output : Path
    steps : Steps
    tell : callable
        Called before each chunk: whatever takes long may count anew what it tells of.
    order : Order, optional
        Ids and rows of the submission, by default those of the test file.
    """
    counts: Counter[str] = Counter()
    kept: list[NDArray] = []
    with steps.step("predict") as advance, whole_file(output) as file:
        for number, chunk in enumerate(iter_test(test)):
            tell()
            proba = predict_proba(chunk.battles)
            if order is None:
                table = predictions(chunk.battles["id"], proba)
                file.write(csv_bytes(table, header=number == 0))
            else:
                kept.append(proba)
            counts.update(chunk.counts)
            advance(len(proba))
        if order is not None:
            file.write(csv_bytes(_in_order(np.concatenate(kept), order, test)))
    return dict(counts)


def _in_order(proba: NDArray, order: Order, test: Named) -> pd.DataFrame:
    """Put the probabilities, shape (n_rows, 3), of a test file into a submission's order."""
    if len(proba) != len(order.row):
        raise DataError(
            f"{Files.of(test)}: expected the {len(order.row):,} rows that were there when this "
            f"began, found {len(proba):,}. Run the same command again."
        )
    return predictions(order.id, proba[order.row])


def predictions(
    ids: Sequence[str] | NDArray[np.object_] | pd.Series, proba: NDArray
) -> pd.DataFrame:
    """Return Kaggle's table: ``id`` and the three probabilities, in float64."""
    return pd.DataFrame({"id": ids, **dict(zip(WINNER_COLUMNS, proba.T, strict=True))})
