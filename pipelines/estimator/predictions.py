"""Probabilities as Kaggle's table, of test files of any size."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from data.battles import WINNER_COLUMNS, iter_test
from pipelines.command.progress import Steps
from pipelines.estimator.encoding import encoder_store
from pipelines.run.files import csv_bytes, whole_file


def write_predictions(pipeline: Pipeline, test: Path, output: Path, steps: Steps) -> dict[str, int]:
    """Predict a test file in chunks; memory does not grow with its rows.

    Returns
    -------
    dict of str to int
        What was counted while reading, see `data.battles.COUNTS`.
    """
    counts: Counter[str] = Counter()
    store = encoder_store(pipeline)
    with steps.step("predict") as advance, whole_file(output) as file:
        for number, chunk in enumerate(iter_test(test)):
            if store is not None:
                store.progress = steps.lines("encode", "tokens")
            table = predictions(chunk.battles["id"], pipeline.predict_proba(chunk.battles))
            file.write(csv_bytes(table, header=number == 0))
            counts.update(chunk.counts)
            advance(len(table))
    return dict(counts)


def predictions(ids: Sequence[str] | pd.Series, proba: NDArray) -> pd.DataFrame:
    """Return Kaggle's table: ``id`` and the three probabilities, in float64."""
    return pd.DataFrame({"id": ids, **dict(zip(WINNER_COLUMNS, proba.T, strict=True))})
