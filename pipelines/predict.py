"""``python -m pipelines.predict RUN --test CSV --output submission.csv``: predict with a run."""

from pipelines.command.launcher import start

if __name__ == "__main__":  # before the imports that take seconds: the flags come first
    start("predict")

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from rich.console import Console

from data.battles import Files, Named
from data.labels import TIE
from features.storage.cache import Cache
from pipelines.command.progress import Steps
from pipelines.estimator.predictions import look_through, write_predictions
from pipelines.estimator.reading import load_pipeline
from pipelines.run.copies import find_run
from pipelines.run.files import check_ordinary
from pipelines.run.folder import RunError
from pipelines.run.submission import Order
from pipelines.stacking.finding import is_stack, named_tables
from pipelines.stacking.predictor import load_stack
from pipelines.stacking.tables import check_test_ids

__all__ = ["load_pipeline", "load_stack", "named_tables", "predict"]


def predict(
    run: Path,
    test: Named,
    output: Path,
    *,
    sample_submission: Path | None = None,
    encoder: str | None = None,
    tables: Mapping[str, Path] | None = None,
    cache: Cache | None = None,
    console: Console | None = None,
) -> dict[str, int]:
    """Predict a test file with a run, and write the submission.

    Parameters
    ----------
    run : Path
        A finished run folder, or a folder that holds one and no other.
    test : path, sequence of paths, or Files
        The battles.
    output : Path
        The file to write, which is neither an input nor one of the run's.
    sample_submission : Path, optional
        Whose columns and ids the submission must have, and whose order it gets; checked before
        any work.
    encoder : str, optional
        Folder of the frozen encoder, see `load_pipeline`.
    tables : mapping of str to Path, optional
        Of a stack's members that are CSV, their predictions of the test file by id.
    cache : Cache, optional
        Where vectors and matches are kept for the next time.
    console : rich.console.Console, optional
        Where to show progress.

    Returns
    -------
    dict of str to int
        What was counted while reading, see `data.battles.COUNTS`.
    """
    tables, run = tables or {}, find_run(run)
    test = Files.of(test)
    inputs: dict[str, Path | None] = {"sample submission": sample_submission}
    several = len(test.paths) > 1
    inputs |= {f"test file{f' {path.name}' if several else ''}": path for path in test.paths}
    inputs |= {f"table of {name}": path for name, path in tables.items()}
    _check_output(output, run, inputs)
    for path in (test, sample_submission):
        if path:
            check_ordinary(path)
    write, ties = _loaded(run, test, cache, encoder, tables)
    steps = Steps(console or Console())
    order = look_through(test, sample_submission, steps, ties=ties)
    return write(test, output, steps, order)


def _loaded(
    run: Path,
    test: Named,
    cache: Cache | None,
    encoder: str | None,
    tables: Mapping[str, Path],
) -> tuple[Callable[[Named, Path, Steps, Order | None], dict[str, int]], bool]:
    """Return what predicts with a run or a stack, and whether ties are one of its classes."""
    if not is_stack(run):
        for name in tables:
            raise RunError(f"--member {name}=…: {run} is no stack. Leave the flag out.")
        pipeline = load_pipeline(run, cache, encoder)
        return partial(write_predictions, pipeline), TIE in pipeline.classes_
    stack = load_stack(run, cache, encoder, tables)
    check_test_ids(test, tables)
    return stack.write, TIE in stack.model.classes_


def _check_output(output: Path, run: Path, kept: dict[str, Path | None]) -> None:
    """Refuse to write over what is not to be replaced."""
    place = _real(output)
    for what, path in kept.items():
        if path and place == _real(path):
            raise RunError(f"--output {output} is the {what} itself. Name another one.")
    if place.is_dir():
        raise RunError(f"--output {output} is a folder. Name a file in it.")
    if place.exists() and not place.is_file():
        raise RunError(f"--output {output} is no ordinary file. Name another one.")
    if place.exists() and place.is_relative_to(_real(run)):
        raise RunError(f"--output {output} belongs to the run. Name a file that is not there yet.")


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))  # Path.resolve raises where links lead in a circle
