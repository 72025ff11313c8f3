"""Probabilities as Kaggle's table, of test files of any size."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from data.battles import WINNER_COLUMNS, Files, Named, iter_test
from pipelines.command.progress import Steps
from pipelines.estimator.encoding import encoder_store
from pipelines.run.files import csv_bytes, whole_file


def write_predictions(
    pipeline: Pipeline, test: Named, output: Path, steps: Steps
) -> dict[str, int]:
    """Predict a test file in chunks; memory does not grow with its rows.

    Returns
    -------
    dict of str to int
        What was counted while reading, see `data.battles.COUNTS`.
    """
    store = encoder_store(pipeline)

    def tell() -> None:
        if store is not None:
            store.progress = steps.lines("encode", "tokens")

    return write_table(pipeline.predict_proba, test, output, steps, tell)


def write_table(
    predict_proba: Callable[[pd.DataFrame], NDArray],
    test: Named,
    output: Path,
    steps: Steps,
    tell: Callable[[], None],
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
    """
    counts: Counter[str] = Counter()
    with steps.step("predict") as advance, whole_file(output) as file:
        for number, chunk in enumerate(iter_test(test)):
            if number == 0:
                steps.tell(f"{Files.of(test)}: read as {chunk.layout}")
            tell()
            table = predictions(chunk.battles["id"], predict_proba(chunk.battles))
            file.write(csv_bytes(table, header=number == 0))
            counts.update(chunk.counts)
            advance(len(table))
    return dict(counts)


def predictions(ids: Sequence[str] | pd.Series, proba: NDArray) -> pd.DataFrame:
    """Return Kaggle's table: ``id`` and the three probabilities, in float64."""
    return pd.DataFrame({"id": ids, **dict(zip(WINNER_COLUMNS, proba.T, strict=True))})
