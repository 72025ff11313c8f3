"""What a run tells of itself, key by key: ``report.json``, and what the screen shows of it."""

import json
import resource
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NotRequired, TypedDict, cast

import numpy as np
from numpy.typing import NDArray

from data.battles import Named
from data.weights import shares
from models.device import Device
from models.measures.evaluation import evaluate
from pipelines.estimator.final import Final
from pipelines.estimator.names import NAMELESS
from pipelines.estimator.out_of_fold import OutOfFold, baseline_predictions, true_probabilities
from pipelines.estimator.reading import FORMAT
from pipelines.estimator.timing import Seconds, added, encoding_parts, rounded, with_rest
from pipelines.report.analysis import Analysis, analyse
from pipelines.report.figure import Figure
from pipelines.report.importance import ImportanceTold
from pipelines.report.near_copies import NearCopies, near_copies_told
from pipelines.report.ratings import Ratings, ratings_told
from pipelines.run.inputs import Battles, InputsTold

LIBRARIES = (
    "numpy",
    "nltk",
    "scipy",
    "pandas",
    "pyarrow",
    "polars",
    "numba",
    "scikit-learn",
    "lightgbm",
    "xgboost",
)
ENCODING = ("torch", "transformers", "tokenizers", "sentence-transformers")


class Baseline(TypedDict):
    """Another prediction of the same rows; the difference is the run's figure minus its own."""

    metrics: dict[str, Figure]
    difference: dict[str, Figure]


class Compared(TypedDict):
    """Predictions of the plain rows beside baselines, see `models.measures.evaluation.evaluate`."""

    rows: int
    groups: int
    resamples: int
    outcomes: dict[str, float]
    metrics: dict[str, Figure]
    baselines: dict[str, Baseline]


class Scores(Compared):
    """The out-of-fold predictions of the plain rows, and what they say."""

    near_copies: NearCopies
    analysis: Analysis
    ratings: NotRequired[Ratings]


class FinalPart(TypedDict):
    """The model of all rows; what makes LightGBM give the same bytes, where it is a member."""

    complexity: dict[str, int]
    inner_loss: dict[str, float]  # in the mean of the outer folds
    calibration: dict[str, Any]
    swap_error: float
    seed: int
    lightgbm: NotRequired[dict[str, Any]]
    families: dict[str, dict[str, Any]]


class MadeWith(TypedDict):
    """What a result depends on besides configuration and files."""

    versions: dict[str, str]
    source: str
    encoder: NotRequired[str]


class Report(MadeWith):
    """All of ``report.json``."""

    format: int
    device: dict[str, Any]
    inputs: InputsTold
    files_read: list[dict[str, Any]]
    test_file: dict[str, int]
    scores: Scores
    folds: list[dict[str, Any]]
    final: FinalPart
    importance: NotRequired[ImportanceTold]  # where it was measured
    files: dict[str, str]
    seconds: Seconds
    parts: dict[str, Any]
    peak_memory_mb: int


def scores_of(
    train: Named,
    battles: Battles,
    folds: NDArray[np.int8],
    oof: OutOfFold,
    extra_weight: float = 1.0,
) -> Scores:
    """Measure the out-of-fold predictions, beside baselines and the truth where that is known.

    Where names of models made a difference, the same models are a baseline that are not told them.
    """
    frame, y = battles.plain
    baselines = baseline_predictions(frame, y, folds)
    ratings = ratings_told(battles, oof, extra_weight)
    if ratings is not None:
        baselines["names not given"] = oof.beside[NAMELESS]
    truth = true_probabilities(train, frame["id"], oof.proba.shape[1])
    if truth is not None:
        baselines["truth (Bayes)"] = truth
    group = frame["group"].to_numpy(dtype=object)
    share = shares(frame)
    found = evaluate(y, oof.proba, group, baselines=baselines, share=share)
    scores: Scores = {
        "rows": found["rows"],
        "groups": found["groups"],
        "resamples": found["resamples"],
        "outcomes": found["outcomes"],
        "metrics": found["metrics"],
        "baselines": found["baselines"],
        "near_copies": near_copies_told(battles.frame, y, folds, oof.proba, share),
        "analysis": analyse(frame, y, oof),
    }
    if ratings is not None:
        scores["ratings"] = ratings
    return scores


def report_of(
    *,
    made_with: MadeWith,
    device: Device,
    inputs: InputsTold,
    battles: Battles,
    scores: Scores,
    oof: OutOfFold,
    final: Final,
    test_file: dict[str, int],
    seconds: Seconds,
    encoding: Seconds,
    importance: ImportanceTold | None = None,
) -> Report:
    """Put the report together.

    Parameters
    ----------
    made_with : MadeWith
    device : Device
    inputs : InputsTold
        Where the files lay, and what tells them from others.
    battles : Battles
    scores : Scores
    oof : OutOfFold
    final : Final
    test_file : dict of str to int
        What was counted in it, nothing without one.
    seconds : dict of str to float
        Of each step.
    encoding : dict of str to float
        Where the time of encoding the training texts went.
    importance : ImportanceTold, optional
        What is lost without columns.
    """
    model = final.pipeline.named_steps["model"]
    report: Report = {
        "format": FORMAT,
        **made_with,
        "device": {**device._asdict(), "used": model.device_},
        "inputs": inputs,
        "files_read": battles.files,
        "test_file": test_file,
        "scores": scores,
        "folds": oof.folds,
        "final": _final(final, model.seed),
        "files": final.hashes,
        "seconds": rounded(seconds),
        "parts": rounded(_parts(seconds, encoding, oof, final)),
        "peak_memory_mb": round(peak_memory_mb()),
    }
    if importance is not None:
        report["importance"] = importance
    return report


def _final(final: Final, seed: int) -> FinalPart:
    told: dict[str, Any] = {
        **final.chosen.told(),
        "swap_error": final.swap_error,
        "seed": seed,
        **final.settings,  # by library, so that no type knows its keys
        "families": final.families,
    }
    return cast(FinalPart, told)


def _parts(seconds: Seconds, encoding: Seconds, oof: OutOfFold, final: Final) -> dict[str, Any]:
    """Return where the time of the steps went; folds that were found count as well."""
    return {
        "encode": with_rest(encoding, seconds.get("encode")),
        "folds": added(oof.seconds),
        "final fit": final.seconds,
        "predict": with_rest(encoding_parts(final.pipeline), seconds.get("predict")),
    }


def report_bytes(report: Report) -> bytes:
    """Return the report as JSON."""
    # A path may hold bytes that are no UTF-8, which Python keeps as lone surrogates.
    return json.dumps(report, indent=1, ensure_ascii=False).encode(errors="replace")


def versions(*, encoder: bool = False) -> dict[str, str]:
    """Return the versions that a result may depend on, of libraries for an encoder on demand."""
    return versions_of((*LIBRARIES, *(ENCODING if encoder else ())))


def versions_of(libraries: Iterable[str]) -> dict[str, str]:
    """Return the versions of Python, of arenaboost, and of those libraries that are installed."""
    found = {"python": sys.version.split()[0]}
    for name in ("arenaboost", *libraries):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def peak_memory_mb() -> float:
    """Return the most memory this process has held, in MB of 10**6 bytes (Linux, macOS)."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
