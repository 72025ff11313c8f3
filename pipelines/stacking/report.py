"""What a stack tells of itself: ``report.json``, and the tables beside it."""

import json
import os
from pathlib import Path
from typing import Any, TypedDict

import pandas as pd

from models.device import Device
from pipelines.estimator.timing import Seconds, rounded
from pipelines.report.content import Compared, MadeWith, peak_memory_mb
from pipelines.report.figure import Figure
from pipelines.run.files import csv_bytes
from pipelines.run.folder import UnfinishedRun, file_hash
from pipelines.run.inputs import InputsTold
from pipelines.stacking.fitting import Stacked
from pipelines.stacking.predictor import FORMAT
from pipelines.stacking.sources import REPORT, STACK, Kind, Source

NONE: Figure = {"value": None, "low": None, "high": None}


class MemberTold(TypedDict):
    """A member, where it lay, and what tells its predictions from others."""

    name: str
    kind: Kind
    path: str
    sha256: str  # of its out-of-fold predictions
    proven: bool
    fit_seconds: float | None
    predict_seconds: float | None


class StackReport(MadeWith):
    """All of ``report.json``."""

    format: int
    kind: str
    device: dict[str, Any]
    inputs: InputsTold
    files_read: list[dict[str, Any]]
    test_file: dict[str, int]
    members: list[MemberTold]
    scores: Compared
    stack: dict[str, Any]
    fit_seconds: float
    weights: dict[str, dict[str, float]]
    leaderboard: dict[str, Any]
    files: dict[str, str]
    seconds: Seconds
    peak_memory_mb: int


def member_told(source: Source, folder: Path, proven: bool, predicted: float | None) -> MemberTold:
    """Return what is noted of a member; `predicted` is what the test file took it, in seconds.

    One that lies in the stack's own folder is named by its place in it.
    """
    path = Path(os.path.realpath(source.path))
    own = Path(os.path.realpath(folder))
    inside = path.is_relative_to(own)
    return {
        "name": source.name,
        "kind": source.kind,
        "path": str(path.relative_to(own) if inside else path),
        "sha256": file_hash(source.out_of_fold),
        "proven": proven,
        "fit_seconds": source.seconds,
        "predict_seconds": predicted,
    }


def report_of(
    *,
    made_with: MadeWith,
    device: Device,
    inputs: InputsTold,
    files_read: list[dict[str, Any]],
    test_file: dict[str, int],
    members: list[MemberTold],
    scores: Compared,
    stacked: Stacked,
    files: dict[str, str],
    seconds: Seconds,
) -> StackReport:
    """Put the report together."""
    return {
        "format": FORMAT,
        "kind": STACK,
        **made_with,
        "device": device._asdict(),
        "inputs": inputs,
        "files_read": files_read,
        "test_file": test_file,
        "members": members,
        "scores": scores,
        "stack": stacked.told["stack"],
        "fit_seconds": round(stacked.told["fit_seconds"], 3),
        "weights": stacked.told["weights"],
        "leaderboard": stacked.told["leaderboard"],
        "files": files,
        "seconds": rounded(seconds),
        "peak_memory_mb": round(peak_memory_mb()),
    }


def write_report(run: UnfinishedRun, report: StackReport) -> None:
    """Write the report, and beside it the leaderboard and the weights as tables."""
    run.write("leaderboard.csv", csv_bytes(leaderboard_table(report)))
    run.write("importance.csv", csv_bytes(weights_table(report)))
    run.write(REPORT, json.dumps(report, indent=1, ensure_ascii=False).encode(errors="replace"))


def leaderboard_table(report: StackReport) -> pd.DataFrame:
    """Return a row for each member and one for the stack, the lowest log loss first."""
    board = report["leaderboard"]
    rows = [
        {
            "name": member["name"],
            "kind": member["kind"],
            "proven": member["proven"],
            **_figure("log_loss", board["members"][member["name"]]["log_loss"]),
            **{f"weight_{head}": of[member["name"]] for head, of in report["weights"].items()},
            **_figure("gain", board["members"][member["name"]]["gain"] or NONE),
            "fit_seconds": member["fit_seconds"],
            "predict_seconds": member["predict_seconds"],
        }
        for member in report["members"]
    ]
    stack = {
        "name": STACK,
        "kind": STACK,
        **_figure("log_loss", board["stack"]["log_loss"]),
        "fit_seconds": report["fit_seconds"],
        "predict_seconds": report["seconds"].get("predict"),
    }
    return pd.DataFrame([*rows, stack]).sort_values("log_loss", kind="stable")


def weights_table(report: StackReport) -> pd.DataFrame:
    """Return each member's weights, the heaviest first."""
    table = pd.DataFrame(report["weights"])
    table.insert(0, "mean", table.mean(axis=1))
    table = table.sort_values("mean", ascending=False, kind="stable")
    return table.rename_axis("member").reset_index()


def _figure(name: str, figure: Figure) -> dict[str, float | None]:
    return {name: figure["value"], f"{name}_low": figure["low"], f"{name}_high": figure["high"]}
