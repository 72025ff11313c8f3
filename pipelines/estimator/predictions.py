"""Probabilities as Kaggle's table, of test files of any size."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from data.battles import WINNER_COLUMNS, DataError, Files, Named, counted, iter_test
from data.labels import WINNERS, A, B
from pipelines.command.progress import Steps
from pipelines.estimator.encoding import encoder_store
from pipelines.estimator.names import NamesSeen
from pipelines.run.files import csv_bytes, whole_file
from pipelines.run.submission import Order, check_test

NAMES = tuple(WINNERS)[:2]  # of A and B, as the WSDM Cup's sample has them


def look_through(
    test: Named, sample: Path | None, steps: Steps, *, ties: bool = True
) -> Order | None:
    """Look through a test file, say what is odd in it, and return the order of its submission.

    It comes before any work: see `pipelines.run.submission.check_test`.
    """
    with steps.step("test file") as advance:
        found = check_test(test, sample, advance, ties=ties)
    steps.tell(f"{Files.of(test)}: read as {found.layout}")
    steps.tell_all([*found.notes, *counted(found.counts)])
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
    """Put the probabilities of a test file, a column a class, into a submission's order."""
    if len(proba) != len(order.row):
        raise DataError(
            f"{Files.of(test)}: expected the {len(order.row):,} rows that were there when this "
            f"began, found {len(proba):,}. Run the same command again."
        )
    return _told(order.id, proba[order.row], winner=order.winner)


def _told(ids: NDArray[np.object_], proba: NDArray, *, winner: bool) -> pd.DataFrame:
    """Return what is asked for: probabilities, or which of A and B is likelier, A where none is.

    >>> _told(np.array(["7", "8"]), np.array([[0.2, 0.2, 0.6], [0.4, 0.6, 0]]), winner=True)
      id   winner
    0  7  model_a
    1  8  model_b
    """
    if not winner:
        return predictions(ids, proba)
    return pd.DataFrame({"id": ids, "winner": np.where(proba[:, A] >= proba[:, B], *NAMES)})


def predictions(
    ids: Sequence[str] | NDArray[np.object_] | pd.Series, proba: NDArray
) -> pd.DataFrame:
    """Return Kaggle's table: ``id`` and the probabilities of A, B and tie, in float64.

    Without the last where votes know no ties.
    """
    columns = WINNER_COLUMNS[: proba.shape[1]]
    return pd.DataFrame({"id": ids, **dict(zip(columns, proba.T, strict=True))})
