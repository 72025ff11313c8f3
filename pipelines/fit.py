"""``python -m pipelines.fit``: from battles to a calibrated model, its report, and a submission."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from sklearn.pipeline import Pipeline

from data.battles import ReadBattles, concat_battles, read_training, swap_battles
from data.folds import make_folds
from models.device import Choice, Device, find_device
from models.evaluation import evaluate
from models.metrics import swap_error
from pipelines.analysis import analyse
from pipelines.cli import add_config_flags, config_from, run_command
from pipelines.config import Config, write_config
from pipelines.crossfit import (
    OutOfFold,
    baseline_predictions,
    chosen,
    cross_fit,
    true_probabilities,
)
from pipelines.pipeline import build_pipeline, describe_columns, precompute
from pipelines.predict import MODELS, predictions, read_pipeline, write_predictions
from pipelines.progress import Steps
from pipelines.runs import UnfinishedRun, default_target, digest, file_hash
from pipelines.summary import peak_memory_mb, print_scores, print_style, versions

__all__ = ["Inputs", "build_pipeline", "fit", "main"]

SAMPLE = Path(__file__).parents[1] / "data" / "sample"
RUNS = Path("runs")
SWAP_CHECK_ROWS = 1000


class Inputs(NamedTuple):
    """The files of a run.

    Attributes
    ----------
    train : Path
        Labelled battles; what is measured is measured on them.
    test : Path or None
        Battles to predict.
    extra : tuple of Path
        Labelled battles drawn by another rule: more to learn the direction from, never scored.
    """

    train: Path
    test: Path | None = None
    extra: tuple[Path, ...] = ()

    def hashes(self) -> dict[str, Any]:
        """Return the SHA-256 of each file."""
        return {
            "train": file_hash(self.train),
            "test": self.test and file_hash(self.test),
            "extra": [file_hash(path) for path in self.extra],
        }


class Battles(NamedTuple):
    """All training rows, the plain ones first, and what was counted in each file."""

    frame: pd.DataFrame
    y: NDArray[np.int8]
    n_plain: int
    files: dict[str, Any]

    @property
    def plain(self) -> tuple[pd.DataFrame, NDArray[np.int8]]:
        """The plain rows and their labels."""
        return self.frame.iloc[: self.n_plain], self.y[: self.n_plain]


def fit(
    config: Config,
    inputs: Inputs,
    output: Path | None = None,
    *,
    name: str = "run",
    force: bool = False,
    skip_bad_rows: bool = False,
    device: Choice = "auto",
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
    device : {"auto", "cpu", "cuda"}
        Where members that can use a GPU train and predict.
    console : rich.console.Console, optional
        Where to show progress and results.

    Returns
    -------
    Path
        The finished run folder.
    """
    steps = Steps(console or Console())
    found = find_device(device)
    steps.console.print(f"device: {found.name} ({found.reason})", highlight=False)
    key = {
        "configuration": digest(write_config(config).encode()),
        "files": inputs.hashes(),
        "device": found.name,
    }
    target = output or default_target(RUNS, name, key)
    with UnfinishedRun(target, key, force=force) as run:
        _announce(steps, run)
        battles = _read(inputs, steps, skip_bad_rows=skip_bad_rows)
        folds = _folds(config, battles, run)
        pipeline = _features(config, found, battles, steps)
        oof = _out_of_fold(pipeline, battles, folds, run, steps)
        scores = _evaluate(inputs, battles, folds, oof, steps)
        final = _final_fit(config, found, pipeline, battles, run, steps)
        counts = _submission(inputs, final, run, steps)
        run.write("report.json", _report(found, battles, scores, oof, final, counts, steps))
        finished = run.finish()
    _conclude(steps.console, finished, scores, inputs)
    return finished


def _announce(steps: Steps, run: UnfinishedRun) -> None:
    word = "going on with" if run.resumed else "writing to"
    steps.console.print(f"{word} {run.path}", highlight=False)


def _read(inputs: Inputs, steps: Steps, *, skip_bad_rows: bool) -> Battles:
    paths = [(inputs.train, "plain"), *((path, "extra") for path in inputs.extra)]
    with steps.step("read") as advance:
        parts = [
            read_training(path, source=source, skip_bad_rows=skip_bad_rows, progress=advance)
            for path, source in paths
        ]
    files = {str(path): _file_report(part) for (path, _), part in zip(paths, parts, strict=True)}
    return Battles(
        frame=concat_battles([part.battles for part in parts]),
        y=np.concatenate([part.y for part in parts if part.y is not None]),
        n_plain=len(parts[0].battles),
        files=files,
    )


def _file_report(part: ReadBattles) -> dict[str, Any]:
    return {**part.counts, "skipped": part.skipped}


def _folds(config: Config, battles: Battles, run: UnfinishedRun) -> NDArray[np.int8]:
    frame, y = battles.plain
    folds = make_folds(y, frame["group"], n_folds=config.folds.n_folds, seed=config.seed)
    table = frame[["id", "group"]].assign(fold=folds)
    run.write("folds.csv", _csv(table))
    return folds


def _features(config: Config, device: Device, battles: Battles, steps: Steps) -> Pipeline:
    pipeline = build_pipeline(config, device.name)
    total = len(battles.frame) * len(config.families)
    with steps.step("features", total, "battles × families") as advance:
        return precompute(pipeline, battles.frame, advance)


def _out_of_fold(
    pipeline: Pipeline, battles: Battles, folds: NDArray[np.int8], run: UnfinishedRun, steps: Steps
) -> OutOfFold:
    with steps.step("folds", int(folds.max()) + 1, "folds") as advance:
        oof = cross_fit(pipeline, battles.frame, battles.y, folds, run, advance)
    run.write("oof.csv", _csv(predictions(battles.plain[0]["id"], oof.proba)))
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


class Final(NamedTuple):
    """The model of all rows, as it lies in the run folder."""

    pipeline: Pipeline
    hashes: dict[str, str]
    report: dict[str, Any]


def _final_fit(
    config: Config,
    device: Device,
    pipeline: Pipeline,
    battles: Battles,
    run: UnfinishedRun,
    steps: Steps,
) -> Final:
    with steps.step("final fit"):
        pipeline.fit(battles.frame, battles.y)
    model = pipeline.named_steps["model"]
    files = model.dump()
    for name, content in files.items():
        run.write(f"{MODELS}/{name}", content)
    run.write("config.toml", write_config(config).encode())
    hashes = {name: digest(content) for name, content in files.items()}
    fitted = read_pipeline(run.path, hashes, device.name)
    run.write("features.json", _columns(fitted))
    run.write("importance.csv", _importance(fitted))
    error = _swap_error(fitted, battles.plain[0].iloc[:SWAP_CHECK_ROWS])
    return Final(fitted, hashes, {**chosen(model), "swap_error": error})


def _swap_error(pipeline: Pipeline, battles: pd.DataFrame) -> float:
    return swap_error(
        pipeline.predict_proba(battles), pipeline.predict_proba(swap_battles(battles))
    )


def _columns(pipeline: Pipeline) -> bytes:
    """Return every feature column: its place, which is its name in the models, and its meaning."""
    docs = describe_columns(pipeline)
    columns = [
        {
            "position": position,
            "name": name,
            "family": name.partition("__")[0],
            "side": name.rpartition("_")[2],
            "documentation": docs[name],
        }
        for position, name in enumerate(pipeline.named_steps["model"].feature_names_in_)
    ]
    return json.dumps(columns, indent=1, ensure_ascii=False).encode()


def _importance(pipeline: Pipeline) -> bytes:
    """Return each column's share of the gain (of the absolute coefficients in linear parts)."""
    table = pipeline.named_steps["model"].importance()
    table.insert(0, "mean", table.mean(axis=1))
    return _csv(table.sort_values("mean", ascending=False).reset_index())


def _submission(inputs: Inputs, final: Final, run: UnfinishedRun, steps: Steps) -> dict[str, int]:
    """Write what `pipelines.predict` writes, with the models as they lie in the run."""
    if inputs.test is None:
        return {}
    return write_predictions(final.pipeline, inputs.test, run.path / "submission.csv", steps)


def _report(
    device: Device,
    battles: Battles,
    scores: dict[str, Any],
    oof: OutOfFold,
    final: Final,
    test_counts: dict[str, int],
    steps: Steps,
) -> bytes:
    report = {
        "versions": versions(),
        "device": {**device._asdict(), "used": final.pipeline.named_steps["model"].device_},
        "files_read": battles.files | ({"test": test_counts} if test_counts else {}),
        "scores": scores,
        "folds": oof.folds,
        "final": final.report,
        "files": final.hashes,
        "seconds": {step: round(seconds, 3) for step, seconds in steps.seconds.items()},
        "peak_memory_mb": round(peak_memory_mb()),
    }
    return json.dumps(report, indent=1, ensure_ascii=False).encode()


def _csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False, lineterminator="\n").encode()


def _conclude(console: Console, run: Path, scores: dict[str, Any], inputs: Inputs) -> None:
    print_scores(console, scores)
    print_style(console, scores["analysis"]["style_control"])
    console.print(f"run folder: {run}", highlight=False)
    if inputs.test is not None:
        console.print(f"submission: {run / 'submission.csv'}", highlight=False)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.fit", description=__doc__)
    add_config_flags(parser)
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
    return run_command(parser, _fit, argv)


def _fit(arguments: argparse.Namespace, console: Console) -> None:
    train, test = arguments.train, arguments.test
    if train is None:
        train, test = SAMPLE / "train.csv", test or SAMPLE / "test.csv"
    fit(
        config_from(arguments),
        Inputs(train, test, tuple(arguments.extra)),
        arguments.output,
        name=arguments.config.stem if arguments.config else arguments.preset or "classical",
        force=arguments.force,
        skip_bad_rows=arguments.skip_bad_rows,
        device=arguments.device,
        console=console,
    )


if __name__ == "__main__":
    sys.exit(main())
