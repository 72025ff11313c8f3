"""``python -m pipelines.fit``: from battles to a calibrated model, its report, and a submission."""

# ruff: noqa: E402
from pipelines.command.process import own_process

GO_ON = "The same command, without --force, goes on from here."
if __name__ == "__main__":  # before the other imports, which take seconds
    own_process(GO_ON)

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from sklearn.pipeline import Pipeline

from data.battles import DataError
from data.folds import make_folds
from features.storage.cache import Cache
from models.device import Choice, Device, find_device
from models.measures.evaluation import evaluate
from pipelines.command.flags import (
    Parser,
    add_cache_flags,
    add_config_flags,
    cache_from,
    config_from,
    run_command,
)
from pipelines.command.progress import Steps, tell
from pipelines.config import Config, ConfigError, write_config
from pipelines.estimator.build import build_pipeline, precompute
from pipelines.estimator.crossfit import (
    OutOfFold,
    baseline_predictions,
    cross_fit,
    true_probabilities,
)
from pipelines.estimator.encoding import encode, encoder_store, families_of
from pipelines.estimator.feasibility import check_parts
from pipelines.estimator.final import Final, fit_final
from pipelines.estimator.predictions import predictions, write_predictions
from pipelines.estimator.reading import FORMAT
from pipelines.estimator.timing import Seconds, added, encoding_parts, rounded, with_rest
from pipelines.report.analysis import analyse
from pipelines.report.screen import (
    peak_memory_mb,
    print_families,
    print_scores,
    print_style,
    versions,
)
from pipelines.run.files import check_ordinary, csv_bytes
from pipelines.run.folder import UnfinishedRun, default_target, digest
from pipelines.run.inputs import Battles, Inputs, read_inputs
from pipelines.run.submission import check_sample

__all__ = ["Inputs", "build_pipeline", "fit", "main"]

SAMPLE = Path(__file__).parents[1] / "data" / "sample"
RUNS = Path("runs")


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
) -> Path:
    """Fit, measure out of fold, and leave a run folder.

    Parameters
    ----------
    config : Config
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
        Whose columns, ids and order the submission must have; checked before any work.
    device : {"auto", "cpu", "cuda"}
        Where members that can use a GPU train and predict.
    cache : Cache, optional
        Where counts of n-grams, vectors and matches are kept for the next run.
    console : rich.console.Console, optional
        Where to show progress and results.

    Returns
    -------
    Path
        The finished run folder.
    """
    steps = Steps(console or Console())
    for path in (inputs.train, *inputs.extra, inputs.test, sample_submission):
        if path:
            check_ordinary(path)
    inputs.check()
    if sample_submission is not None and inputs.test is not None:
        check_sample(inputs.test, sample_submission)
    found = find_device(device)
    tell(steps.console, f"device: {found.name} ({found.reason})")
    pipeline = build_pipeline(config, found.name, cache)
    key = {
        "configuration": digest(write_config(config).encode()),
        "files": inputs.hashes(),
        "device": found.name,
        "format": FORMAT,
        **_versions(pipeline),
    }
    target = output or default_target(RUNS, name, key)
    with UnfinishedRun(target, key, force=force) as run:
        _announce(steps, run)
        with steps.step("read") as advance:
            battles = read_inputs(inputs, advance, skip_bad_rows=skip_bad_rows)
        folds = _folds(config, battles, run)
        pipeline = _features(pipeline, battles, cache, steps)
        encoded = encoding_parts(pipeline)
        oof = _out_of_fold(pipeline, battles, folds, run, steps)
        scores = _evaluate(inputs, battles, folds, oof, steps)
        final = fit_final(config, found, pipeline, battles, run, steps)
        counts = _submission(inputs, final, run, steps)
        parts = _parts(steps, encoded, oof, final)
        report = _report(found, battles, scores, oof, final, counts, steps, parts)
        run.write("report.json", report)
        finished = run.finish()
    _conclude(steps.console, finished, scores, inputs, final.report["families"])
    return finished


def _announce(steps: Steps, run: UnfinishedRun) -> None:
    word = "going on with" if run.resumed else "writing to"
    tell(steps.console, f"{word} {run.path}")


def _folds(config: Config, battles: Battles, run: UnfinishedRun) -> NDArray[np.int8]:
    frame, y = battles.plain
    try:
        folds = make_folds(y, frame["group"], n_folds=config.folds.n_folds, seed=config.seed)
    except DataError as error:
        raise DataError(f"{battles.files[0]['file']}: {error}") from None
    check_parts(config, battles, folds)
    table = frame[["id", "group"]].assign(fold=folds)
    run.write("folds.csv", csv_bytes(table))
    return folds


def _versions(pipeline: Pipeline) -> dict[str, Any]:
    """Return what a result depends on besides configuration and files, the encoder included.

    One that cannot be had is told of here, before any work.
    """
    store = encoder_store(pipeline)
    found: dict[str, Any] = {"versions": versions(encoder=store is not None)}
    return found if store is None else found | {"encoder": store.encoder.weights}


def _features(pipeline: Pipeline, battles: Battles, cache: Cache | None, steps: Steps) -> Pipeline:
    families = families_of(pipeline)
    store = encoder_store(pipeline)
    if store is not None:
        tell(steps.console, f"encoder: {store.encoder}")
        with steps.step("encode", unit="tokens") as advance:
            encode(pipeline, battles.frame, advance)
    total = len(battles.frame) * len(families)
    with steps.step("features", total, "battles × families") as advance:
        return precompute(pipeline, battles.frame, advance, cache)


def _out_of_fold(
    pipeline: Pipeline, battles: Battles, folds: NDArray[np.int8], run: UnfinishedRun, steps: Steps
) -> OutOfFold:
    with steps.step("folds", int(folds.max()) + 1, "folds") as advance:
        oof = cross_fit(pipeline, battles.frame, battles.y, folds, run, advance)
    run.write("oof.csv", csv_bytes(predictions(battles.plain[0]["id"], oof.proba)))
    return oof


def _evaluate(
    inputs: Inputs, battles: Battles, folds: NDArray[np.int8], oof: OutOfFold, steps: Steps
) -> dict[str, Any]:
    frame, y = battles.plain
    with steps.step("evaluate"):
        baselines = baseline_predictions(frame, y, folds)
        truth = true_probabilities(inputs.train, frame["id"])
        if truth is not None:
            baselines["truth (Bayes)"] = truth
        group = frame["group"].to_numpy(dtype=object)
        return {
            **evaluate(y, oof.proba, group, baselines=baselines),
            "analysis": analyse(frame, y, oof),
        }


def _submission(inputs: Inputs, final: Final, run: UnfinishedRun, steps: Steps) -> dict[str, int]:
    """Write what `pipelines.predict` writes, with the models as they lie in the run."""
    if inputs.test is None:
        return {}
    return write_predictions(final.pipeline, inputs.test, run.path / "submission.csv", steps)


def _parts(steps: Steps, encoded: Seconds, oof: OutOfFold, final: Final) -> dict[str, Any]:
    """Return where the time of the steps went; folds that were found count as well."""
    return {
        "encode": with_rest(encoded, steps.seconds.get("encode")),
        "folds": added(oof.seconds),
        "final fit": final.seconds,
        "predict": with_rest(encoding_parts(final.pipeline), steps.seconds.get("predict")),
    }


def _report(
    device: Device,
    battles: Battles,
    scores: dict[str, Any],
    oof: OutOfFold,
    final: Final,
    test_counts: dict[str, int],
    steps: Steps,
    parts: dict[str, Any],
) -> bytes:
    report = {
        "format": FORMAT,
        **_versions(final.pipeline),
        "device": {**device._asdict(), "used": final.pipeline.named_steps["model"].device_},
        "files_read": battles.files,
        "test_file": test_counts,
        "scores": scores,
        "folds": oof.folds,
        "final": final.report,
        "files": final.hashes,
        "seconds": rounded(steps.seconds),
        "parts": rounded(parts),
        "peak_memory_mb": round(peak_memory_mb()),
    }
    # A path may hold bytes that are no UTF-8, which Python keeps as lone surrogates.
    return json.dumps(report, indent=1, ensure_ascii=False).encode(errors="replace")


def _conclude(
    console: Console,
    run: Path,
    scores: dict[str, Any],
    inputs: Inputs,
    families: dict[str, dict[str, Any]],
) -> None:
    print_scores(console, scores)
    print_style(console, scores["analysis"]["style_control"])
    print_families(console, families)
    tell(console, f"run folder: {run}")
    if inputs.test is not None:
        tell(console, f"submission: {run / 'submission.csv'}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = Parser(prog="python -m pipelines.fit", description=__doc__)
    add_config_flags(parser)
    add_cache_flags(parser)
    parser.add_argument(
        "--train", type=Path, metavar="CSV", help="labelled battles (default: the bundled sample)"
    )
    parser.add_argument("--test", type=Path, metavar="CSV", help="battles to predict")
    parser.add_argument(
        "--extra",
        type=Path,
        action="append",
        default=[],
        metavar="CSV",
        help="more labelled battles, drawn by another rule: never scored; may be repeated",
    )
    parser.add_argument("--output", type=Path, metavar="DIR", help="the run folder")
    parser.add_argument(
        "--device",
        choices=get_args(Choice),
        default="auto",
        help="where members that can use a GPU train (default: a CUDA device where there is one)",
    )
    parser.add_argument("--force", action="store_true", help="replace what lies in the run folder")
    parser.add_argument(
        "--skip-bad-rows",
        action="store_true",
        help="leave out rows that cannot be read, and list them",
    )
    parser.add_argument(
        "--sample-submission",
        type=Path,
        metavar="CSV",
        help="check beforehand that the submission gets this file's ids, order and columns",
    )
    return run_command(parser, _fit, argv, go_on=GO_ON)


def _fit(arguments: argparse.Namespace, console: Console) -> None:
    train, test = arguments.train, arguments.test
    if train is None and (test or arguments.extra):
        raise ConfigError("--test and --extra go with --train: the bundled sample is generated.")
    if arguments.sample_submission and not test:
        raise ConfigError("--sample-submission goes with --test: it is held against its ids.")
    if train is None:
        train, test = SAMPLE / "train.csv", SAMPLE / "test.csv"
    fit(
        config_from(arguments),
        Inputs(train, test, tuple(arguments.extra)),
        arguments.output,
        name=arguments.config.stem if arguments.config else arguments.preset or "classical",
        force=arguments.force,
        skip_bad_rows=arguments.skip_bad_rows,
        sample_submission=arguments.sample_submission,
        device=arguments.device,
        cache=cache_from(arguments),
        console=console,
    )


if __name__ == "__main__":
    sys.exit(main())
