"""``python -m pipelines.fit``: from battles to a calibrated model, its report, and a submission."""

from pipelines.command.launcher import start

if __name__ == "__main__":  # before the imports that take seconds: the flags come first
    start("fit")

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from sklearn.pipeline import Pipeline

from data.battles import Named
from data.source import source_hash
from data.weights import shares
from features.storage.cache import Cache
from models.device import Choice, Device, find_device
from pipelines.command.progress import Steps
from pipelines.config import Config, write_config
from pipelines.estimator.build import build_pipeline, precompute
from pipelines.estimator.encoding import encode, encoder_store, families_of
from pipelines.estimator.feasibility import check_parts
from pipelines.estimator.final import Final, fit_final
from pipelines.estimator.form import ALONE, TOLD, check_votes, has_ties, settled
from pipelines.estimator.importance import Level, kept
from pipelines.estimator.out_of_fold import Keep, OutOfFold, predict_out_of_fold
from pipelines.estimator.predictions import look_through, predictions, write_predictions
from pipelines.estimator.timing import encoding_parts
from pipelines.report.content import MadeWith, report_bytes, report_of, scores_of, versions
from pipelines.report.importance import write_importance
from pipelines.report.screen import show
from pipelines.run.files import check_ordinary, csv_bytes
from pipelines.run.folder import RUNS, UnfinishedRun, default_target, digest
from pipelines.run.folds import FOLDS, cut_folds
from pipelines.run.inputs import SAMPLE, Battles, Inputs, read_inputs
from pipelines.run.submission import SUBMISSION, Order

__all__ = [
    "SAMPLE",
    "Inputs",
    "build_pipeline",
    "check_inputs",
    "checked_folds",
    "fit",
    "look_at_test",
    "prepare",
    "settle",
    "without_labels",
]


def fit(
    config: Config,
    inputs: Inputs,
    output: Path | None = None,
    *,
    name: str = "run",
    force: bool = False,
    skip_bad_rows: bool = False,
    sample_submission: Path | None = None,
    device: Choice = "auto",
    cache: Cache | None = None,
    console: Console | None = None,
    member: str | None = None,
    keep_form: bool = False,
    importance: Level = "gain",
) -> Path:
    """Fit, measure out of fold, and leave a run folder.

    Parameters
    ----------
    config : Config
        Of a training file whose votes know no ties A against B is fitted, whatever form it has.
    inputs : Inputs
    output : Path, optional
        The run folder; by default ``runs/NAME-TIME``, or the unfinished one of the same
        configuration and files.
    name : str
        Start of the default folder's name.
    force : bool
        Replace a finished run, discard an unfinished one.
    skip_bad_rows : bool
        Leave out training rows that cannot be read, and list them in the report.
    sample_submission : Path, optional
        Whose columns and ids the submission must have, and whose order it gets; checked before
        any work.
    device : {"auto", "cpu", "cuda"}
        Where members that can use a GPU train and predict.
    cache : Cache, optional
        Where counts of n-grams, vectors and matches are kept for the next run.
    console : rich.console.Console, optional
        Where to show progress and results.
    member : str, optional
        Which member of a stack the run is: lines begin with this name, and the scores are left to
        the stack.
    keep_form : bool
        Refuse votes that do not go with the configuration's form.
    importance : {"none", "gain", "families", "full"}
        What is told of the columns: what the model gains by them; besides, what they add and what
        it loses without each family; or without each column and group, which takes longer.

    Returns
    -------
    Path
        The finished run folder.
    """
    steps = Steps(console or Console(), member)
    check_inputs(inputs, sample_submission)
    config = settle(config, inputs, steps, keep_form=keep_form)
    order = look_at_test(inputs.test, sample_submission, steps, ties=has_ties(config))
    pipeline, found, key = prepare(config, inputs, device, cache)
    key["importance"] = importance
    told = inputs.told(key["files"], skip_bad_rows=skip_bad_rows)
    steps.tell(f"device: {found.name} ({found.reason})")
    target = output or default_target(RUNS, name, key)
    with UnfinishedRun(target, key, force=force) as run:
        steps.tell(run.announcement)
        with steps.step("read") as advance:
            battles = read_inputs(inputs, advance, skip_bad_rows=skip_bad_rows)
        steps.tell_all(battles.read_as(counts=steps.part is None))
        folds = checked_folds(config, battles, run)
        pipeline = without_labels(pipeline, battles.frame, cache, steps)
        encoded = encoding_parts(pipeline)
        keep = None if importance in ("none", "gain") else partial(kept, battles.starts)
        oof = _out_of_fold(pipeline, battles, folds, run, steps, keep)
        with steps.step("evaluate"):
            scores = scores_of(inputs.train, battles, folds, oof, config.model.extra_weight)
        choice = oof.choice(
            battles.plain[1],
            folds,
            calibrate=config.model.calibrate,
            share=shares(battles.plain[0]),
        )
        final = fit_final(config, found, pipeline, battles, choice, run, steps)
        lost = write_importance(importance, final.pipeline, battles, oof, run, steps)
        test_file = _submission(inputs, order, final, run, steps)
        report = report_of(
            made_with=_made_with(final.pipeline),
            device=found,
            inputs=told,
            battles=battles,
            scores=scores,
            oof=oof,
            final=final,
            test_file=test_file,
            seconds=steps.seconds,
            encoding=encoded,
            importance=lost,
        )
        run.write("report.json", report_bytes(report))
        finished = run.finish()
    if member is None:
        show(steps.console, report)
    return finished


def settle(config: Config, inputs: Inputs, steps: Steps, *, keep_form: bool) -> Config:
    """Return the configuration in the form that votes ask for; say so where they know no ties."""
    found = settled(config, inputs, keep=keep_form)
    if steps.part is None and not inputs.knows_ties():
        steps.tell(TOLD)
    return found


def check_inputs(inputs: Inputs, sample_submission: Path | None) -> None:
    """Refuse files that a run cannot be made of, before any work.

    Raises
    ------
    DataError
        Names the file.
    """
    for named in (*inputs.all(), *([sample_submission] if sample_submission else [])):
        check_ordinary(named)
    inputs.check()


def look_at_test(
    test: Named | None, sample_submission: Path | None, steps: Steps, *, ties: bool
) -> Order | None:
    """Read the test file to its end, before any work; see `pipelines.run.submission.check_test`."""
    return None if test is None else look_through(test, sample_submission, steps, ties=ties)


class Prepared(NamedTuple):
    """What is known of a run before any work.

    Attributes
    ----------
    pipeline : Pipeline
        Unfitted.
    device : Device
    key : dict
        What the run depends on, see `pipelines.run.folder.UnfinishedRun`.
    """

    pipeline: Pipeline
    device: Device
    key: dict[str, Any]


def prepare(config: Config, inputs: Inputs, device: Choice, cache: Cache | None) -> Prepared:
    """Build what a run fits, and name what the run depends on.

    Raises
    ------
    ConfigError, DeviceError, EncoderError
        A device, a library or an encoder that the configuration asks for cannot be had.
    """
    found = find_device(device)
    pipeline = build_pipeline(config, found.name, cache)
    pipeline.named_steps["model"].check_device()
    key: dict[str, Any] = {
        "configuration": digest(write_config(config).encode()),
        "files": inputs.hashes(),
        "device": found.name,
        **_made_with(pipeline),
    }
    return Prepared(pipeline, found, key)


def checked_folds(config: Config, battles: Battles, run: UnfinishedRun) -> NDArray[np.int8]:
    """Cut, check and keep the folds; return that of each plain row.

    Raises
    ------
    DataError
        The votes do not go with the form, or are too few to learn from.
    """
    ties = has_ties(config)
    check_votes(battles, ties=ties, way_out=ALONE)
    folds = cut_folds(battles, config.folds.n_folds, config.seed, ties=ties)
    by_row = battles.by_row(folds.fold)
    check_parts(config, battles, by_row)
    run.write(FOLDS, folds.table())
    return by_row


def _made_with(pipeline: Pipeline) -> MadeWith:
    """Return versions and source, and the encoder's weights where families read with one.

    One that cannot be had is told of here, before any work.
    """
    store = encoder_store(pipeline)
    # On a card torch hands XGBoost its rows: without it the quantiles are the host's.
    by_torch = store is not None or pipeline.named_steps["model"].device == "cuda"
    found: MadeWith = {
        "versions": versions(encoder=by_torch),
        "source": source_hash("data", "features", "models", "pipelines"),
    }
    return found if store is None else {**found, "encoder": store.encoder.weights}


def without_labels(
    pipeline: Pipeline, frame: pd.DataFrame, cache: Cache | None, steps: Steps
) -> Pipeline:
    """Compute what needs no label, once for all folds; see `precompute`."""
    store = encoder_store(pipeline)
    if store is not None:
        steps.tell(f"encoder: {store.encoder}")
        with steps.step("encode", unit="tokens") as advance:
            encode(pipeline, frame, advance)
    total = len(frame) * len(families_of(pipeline))
    with steps.step("features", total, "battles × families") as advance:
        return precompute(pipeline, frame, advance, cache)


def _out_of_fold(
    pipeline: Pipeline,
    battles: Battles,
    folds: NDArray[np.int8],
    run: UnfinishedRun,
    steps: Steps,
    keep: Keep | None,
) -> OutOfFold:
    frame, y = battles.frame, battles.y
    with steps.step("folds", int(folds.max()) + 1, "folds") as advance:
        oof = predict_out_of_fold(pipeline, frame, y, folds, run, advance, keep=keep)
    ids, one = battles.plain[0]["id"], battles.starts
    run.write("oof.csv", csv_bytes(predictions(ids[one], oof.proba[one])))
    return oof


def _submission(
    inputs: Inputs, order: Order | None, final: Final, run: UnfinishedRun, steps: Steps
) -> dict[str, int]:
    """Write what `pipelines.predict` writes, with the models as they lie in the run."""
    run.remove(SUBMISSION)  # of a test file that was given before this work was interrupted
    if inputs.test is None:
        return {}
    return write_predictions(final.pipeline, inputs.test, run.path / SUBMISSION, steps, order)
