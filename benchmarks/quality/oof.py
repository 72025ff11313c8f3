"""Out-of-fold logits of towers and of runs, as they were made, and as they are committed.

A tower takes hours, so its logits lie beside this module, and those of the runs that are stacked
with it: in ``oof/NAME-SEED.csv`` the id, the fold, z and t of each plain battle, and no text; in
``oof/NAME-SEED.json`` what they came of. A tower's are not calibrated, a run's are.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks import real
from benchmarks.quality.runs import CONFIG, FOLDS, PREDICTIONS, REPORT, RunError, Scored, by_id
from data.battles import WINNER_COLUMNS
from data.folds import folds_digest
from models.stacking.members import logits_of
from pipelines.run.files import csv_bytes
from pipelines.run.folder import file_hash
from pipelines.settings import read_toml
from pipelines.tower.leaves import OOF, RECORD

FOLDER = Path(__file__).parent / "oof"
COLUMNS = ["fold", "z", "t"]
KEPT = (  # of the record of a tower
    "folds",
    "epochs",
    "tokens",
    "seconds_of_folds",
    "device",
    "versions",
    "source",
    "backbone",
)
KEPT_OF_RUN = ("device", "versions", "source", "encoder")


class OutOfFold(NamedTuple):
    """What the models without each fold said of its battles, in the order of the scored ones.

    Attributes
    ----------
    fold : ndarray of int8, shape (n_battles,)
    z, t : ndarray of float64, shape (n_battles,)
        Direction and tie logits.
    record : dict
        What they came of, without a path: JSON-ready.
    """

    fold: NDArray[np.int8]
    z: NDArray[np.float64]
    t: NDArray[np.float64]
    record: dict[str, Any]

    @property
    def seconds(self) -> float:
        """Of the trainings of all folds."""
        return float(sum(self.record["seconds_of_folds"]))

    @classmethod
    def of_tower(cls, folder: Path, scored: Scored) -> Self:
        """Take them from a folder that `pipelines.finetune` left.

        Raises
        ------
        RunError
            It is none, or its battles are not the scored ones.
        """
        told = _json(folder / RECORD, "Name a folder that pipelines.finetune finished.")
        inputs = told["inputs"]
        record = {
            "settings": read_toml(folder / CONFIG),
            "train": inputs["train"]["sha256"],
            "extra": [file["sha256"] for file in inputs["extra"]],
            **{key: told[key] for key in KEPT},
        }
        return cls._checked(folder / OOF, record, scored)

    @classmethod
    def of_run(cls, folder: Path, scored: Scored) -> Self:
        """Take them from a folder that `pipelines.fit` left.

        Raises
        ------
        RunError
            It is none, or its battles are not the scored ones.
        """
        told = _json(folder / REPORT, "Name a folder that pipelines.fit finished.")
        inputs = told["inputs"]
        fold = by_id(folder / FOLDS, ["fold"], scored)["fold"].to_numpy(dtype=np.int8)
        digest = folds_digest(scored.id, fold)
        record = {
            "settings": read_toml(folder / CONFIG),
            "train": inputs["train"]["sha256"],
            "extra": [file["sha256"] for file in inputs["extra"]],
            "folds": {"sha256": digest, "number": int(fold.max()) + 1, "rows": len(fold)},
            "seconds_of_folds": [round(told["seconds"]["folds"], 3)],
            **{key: told[key] for key in KEPT_OF_RUN if key in told},
        }
        _check_train(folder, record)
        proba = by_id(folder / PREDICTIONS, list(WINNER_COLUMNS), scored)
        return cls(fold, *logits_of(proba.to_numpy(dtype=np.float64)), record)

    @classmethod
    def committed(cls, name: str, seed: int, scored: Scored, folder: Path = FOLDER) -> Self:
        """Take those that are committed.

        Raises
        ------
        RunError
            There are none, they were changed since, or they are of other battles.
        """
        table, side = _paths(name, seed, folder)
        make_it = (
            "Make it, for a tower: python -m benchmarks.quality tower --commit --preset "
            f"{name} --seeds {seed}; for a run: python -m benchmarks.quality stack --commit "
            f"{name}=RUN."
        )
        record = _json(side, make_it)
        if not table.is_file() or record.pop("sha256") != file_hash(table):
            raise RunError(f"{table}: not the file that {side.name} is the record of. {make_it}")
        return cls._checked(table, record, scored)

    @classmethod
    def _checked(cls, path: Path, record: dict[str, Any], scored: Scored) -> Self:
        _check_train(path, record)
        table = by_id(path, COLUMNS, scored)
        fold, z, t = (table[name].to_numpy() for name in COLUMNS)
        if folds_digest(scored.id, fold.astype(np.int8)) != record["folds"]["sha256"]:
            raise RunError(f"{path}: its folds are not those of its record. Make it anew.")
        return cls(fold.astype(np.int8), z, t, record)

    def commit(self, name: str, seed: int, scored: Scored, folder: Path = FOLDER) -> Path:
        """Write them where `committed` finds them, and return the table's path."""
        folder.mkdir(exist_ok=True)
        table, side = _paths(name, seed, folder)
        columns = {"id": scored.id, "fold": self.fold, "z": self.z, "t": self.t}
        table.write_bytes(csv_bytes(pd.DataFrame(columns)))
        told = {**self.record, "sha256": file_hash(table)}
        side.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")
        return table


def _check_train(path: Path, record: dict[str, Any]) -> None:
    if record["train"] != file_hash(real.train_file()):
        raise RunError(
            f"{path}: made of another file than {real.train_file()}. Name the folder with the "
            f"one that it was made of in {real.VARIABLE}."
        )


def _paths(name: str, seed: int, folder: Path) -> tuple[Path, Path]:
    return folder / f"{name}-{seed}.csv", folder / f"{name}-{seed}.json"


def _json(path: Path, way_out: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
    except OSError:
        raise RunError(
            f"{path}: expected the record of what made it, found none. {way_out}"
        ) from None
    return found
