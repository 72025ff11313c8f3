"""What a finished fine-tuning leaves: logits by id, how they came about, and the tower itself."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from data.battles import iter_test
from features.sides import Array
from models.tower.settings import TowerSettings
from pipelines.command.progress import Steps
from pipelines.run.files import csv_bytes, whole_file
from pipelines.run.folder import UnfinishedRun, file_hash
from pipelines.run.folds import Folds
from pipelines.run.inputs import Inputs
from pipelines.tower.parts import TOWER, OutOfFold, Part

FORMAT = 1  # of logits.json and the tables beside it
OOF, TEST, HISTORY, RECORD = "oof_logits.csv", "test_logits.csv", "history.csv", "logits.json"
CONFIG = "config.toml"
LOGITS = ("ab_a", "ab_b", "ab_tie", "ba_b", "ba_a", "ba_tie")
SCORES = ("ab_a", "ab_b", "ba_b", "ba_a")
MEANING = {
    "z": "log of P(A) over P(B), not calibrated; a swap of the answers changes its sign",
    "t": "log of P(tie) over 1 - P(tie), not calibrated; a swap of the answers leaves it",
    "ab_*, ba_*": "the network's own scores of A, B and tie, read in the order A, B and B, A",
}
ALL = "all"  # in the place of a fold's number


def logits_table(
    settings: TowerSettings, ids: pd.Series, z: Array, t: Array, raw: Array
) -> pd.DataFrame:
    """Return ``id``, ``z``, ``t`` and the network's own scores."""
    columns = dict(zip(_raw_names(settings), raw.T, strict=True))
    return pd.DataFrame({"id": ids.to_numpy(), "z": z, "t": t, **columns})


def _raw_names(settings: TowerSettings) -> tuple[str, ...]:
    return SCORES if settings.fits_width else LOGITS


def write_oof(
    run: UnfinishedRun, settings: TowerSettings, ids: pd.Series, folds: Folds, oof: OutOfFold
) -> None:
    """Write the out-of-fold logits of the plain rows, in their order."""
    table = logits_table(settings, ids, oof.z, oof.t, oof.raw)
    table.insert(1, "fold", folds.fold)
    run.write(OOF, csv_bytes(table))


def write_test(
    run: UnfinishedRun, settings: TowerSettings, inputs: Inputs, device: str, steps: Steps
) -> dict[str, int]:
    """Write the logits of the test file by the tower that lies in the folder.

    Read in chunks: memory does not grow with its rows.

    Returns
    -------
    dict of str to int
        What was counted while reading, see `data.battles.COUNTS`; nothing without a test file.
    """
    run.remove(TEST)  # of a test file that was given before this work was interrupted
    if inputs.test is None:
        return {}
    from models.tower.tower import Tower

    tower = Tower.from_folder(run.path / TOWER, device=device)
    counts: Counter[str] = Counter()
    with steps.step("predict") as advance, whole_file(run.path / TEST) as file:
        for number, chunk in enumerate(iter_test(inputs.test)):
            logits = tower.logits(chunk.battles, done=advance)
            table = logits_table(settings, chunk.battles["id"], *logits)
            file.write(csv_bytes(table, header=number == 0))
            counts.update(chunk.counts)
    return dict(counts)


def write_history(run: UnfinishedRun, parts: Sequence[Part], whole: Part) -> None:
    """Write every evaluation on an inner split; those of the tower of all rows, if any, last."""
    columns = ("step", "epoch", "loss", "log_loss", "accuracy", "precision", "recall", "f1")
    named = [*((str(fold), part) for fold, part in enumerate(parts)), (ALL, whole)]
    rows = [(fold, *map(row.get, columns)) for fold, part in named for row in part.history]
    run.write(HISTORY, csv_bytes(pd.DataFrame(rows, columns=["fold", *columns])))


def write_record(
    run: UnfinishedRun,
    settings: TowerSettings,
    folds: Folds,
    oof: OutOfFold,
    told: Mapping[str, Any],
) -> None:
    """Write what the logits are and what they came of; `told` is what the caller knows of it."""
    record = {
        "format": FORMAT,
        "kind": "tower",
        "folds": {"sha256": folds.digest, "number": folds.number, "rows": len(folds.fold)},
        "columns": {"raw": _raw_names(settings), **MEANING},
        "epochs": [part.epochs for part in oof.parts],
        "final_epochs": oof.epochs,
        "tokens": [part.tokens for part in oof.parts],
        "seconds_of_folds": [round(part.seconds, 3) for part in oof.parts],
        **told,
        "files": _hashes(run),
    }
    run.write(RECORD, json.dumps(record, indent=1, ensure_ascii=False).encode(errors="replace"))


def _hashes(run: UnfinishedRun) -> dict[str, str]:
    """Return the SHA-256 of each file that is read again: the logits, and the tower's."""
    named = [run.path / name for name in (CONFIG, OOF, TEST, "folds.csv")]
    paths = [*named, *sorted((run.path / TOWER).rglob("*"))]
    return {
        path.relative_to(run.path).as_posix(): file_hash(path) for path in paths if path.is_file()
    }
