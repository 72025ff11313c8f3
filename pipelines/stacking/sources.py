"""What may be stacked: finished runs, towers' folders, and tables of predictions by id."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from data.battles import WINNER_COLUMNS
from data.folds import folds_digest
from data.labels import TIE
from data.tables.read import column_names
from models.stacking.members import StackError
from pipelines.estimator.reading import altered, read_report
from pipelines.run.folder import DONE, RunError, digest, file_hash
from pipelines.run.folds import FOLDS, Folds, read_folds
from pipelines.stacking.tables import LOGITS, Table, read_table
from pipelines.tower import leaves

Kind = Literal["run", "tower", "csv"]
ENDINGS = (".csv.gz", ".csv", ".parquet")  # of tables
REPORT, OOF = "report.json", "oof.csv"
STACK = "stack"  # the kind of a folder that no source may be
NOT_FITTING = ("read", "evaluate", "predict")  # steps of a run or a tower
SHOWN = 12  # digits of a hash
FIT, FINE_TUNE = "Fit the run again.", "Fine-tune the tower again."
Told = TypeVar("Told", bound=BaseModel)


@dataclass(frozen=True)
class Source:
    """Out-of-fold predictions, and what predicts.

    Attributes
    ----------
    name : str
        Of the member.
    path : Path
    """

    name: str
    path: Path
    kind: ClassVar[Kind]

    @property
    def out_of_fold(self) -> Path:
        """The file of out-of-fold predictions."""
        return self.path

    def table(self) -> Table:
        """Return the out-of-fold predictions."""
        return read_table(self.out_of_fold)

    @property
    def knows_ties(self) -> bool:
        """Whether a tie is one of the classes of its predictions, by their columns."""
        return not {WINNER_COLUMNS[TIE], LOGITS[1]}.isdisjoint(column_names(self.out_of_fold))

    def proven(self, table: Table, folds: Folds, first: Path) -> bool:
        """Whether the predictions are of these folds, as far as what lies there tells.

        Raises
        ------
        StackError
            They are of others; `first` is the source whose folds these are.
        """
        theirs = read_folds(self.path).digest
        if theirs != folds.digest:
            raise StackError(
                f"{self.path / FOLDS}: expected the folds of {first} (SHA-256 "
                f"{folds.digest[:SHOWN]}), found others ({theirs[:SHOWN]}). {self.way_out(first)}"
            )
        return True

    def way_out(self, first: Path) -> str:
        """Say how to come to a source with the folds of the first one."""
        return (
            f"Fit it on the training file of {first}, with its seed and its number of folds, or "
            "leave it out."
        )

    def unproven(self, first: Path) -> StackError:
        """Return what says that nothing tells of its folds."""
        return StackError(
            f"{self.path}: expected proof that it has the folds of {first}, found none. Add a "
            f"column fold, or a file {stem(self.path)}.json beside it with the folds' sha256 as "
            "logits.json has it; or pass --trust, if you know that no model predicted rows that it "
            "had learned from."
        )

    def files(self) -> dict[str, str]:
        """Return the SHA-256 of each file that predicting needs, and of what tells of them."""
        return {}

    @property
    def digest(self) -> str:
        """What tells it from all others: its predictions and its models."""
        told = {"": file_hash(self.out_of_fold), **self.files()}
        return digest(json.dumps(told, sort_keys=True).encode())

    @property
    def inexact(self) -> bool:
        """Whether the last digits of its logits may move with the number of rows."""
        return True

    @property
    def seconds(self) -> float | None:
        """What the fit took, where that is known."""
        return None


class _Seconds(BaseModel):
    seconds: dict[str, float] = {}

    @property
    def fitting(self) -> float:
        return sum(took for step, took in self.seconds.items() if step not in NOT_FITTING)


class _Device(BaseModel):
    name: str


class _RunTold(_Seconds):
    device: _Device
    encoder: str | None = None


class _TowerTold(_Seconds):
    files: dict[str, str]
    format: int


class RunSource(Source):
    """A run of `pipelines.fit`."""

    kind: ClassVar[Kind] = "run"

    @property
    def out_of_fold(self) -> Path:
        """The file of out-of-fold predictions."""
        return self.path / OOF

    def files(self) -> dict[str, str]:
        """Return the SHA-256 of each file that predicting needs, and of what tells of them.

        Raises
        ------
        RunError
            It is a run of another version.
        """
        told = read_report(self.path).files
        return {**told, **_hashes(self.path, (OOF, FOLDS, REPORT, DONE))}

    @property
    def encoder(self) -> str | None:
        """A hash of the frozen encoder's files, where it reads with one."""
        return self._told.encoder

    @property
    def inexact(self) -> bool:
        """Whether torch or a card computes for it."""
        return self.encoder is not None or self._told.device.name != "cpu"

    @property
    def seconds(self) -> float | None:
        """What the fit took."""
        return self._told.fitting

    @property
    def _told(self) -> _RunTold:
        return _read(_RunTold, self.path / REPORT, FIT)


class TowerSource(Source):
    """A folder of `pipelines.finetune`."""

    kind: ClassVar[Kind] = "tower"

    @property
    def out_of_fold(self) -> Path:
        """The file of out-of-fold logits."""
        return self.path / leaves.OOF

    def table(self) -> Table:
        """Return the out-of-fold logits.

        Raises
        ------
        RunError
            They are not those that were written there.
        """
        if file_hash(self.out_of_fold) != self._told.files.get(leaves.OOF):
            raise altered(self.out_of_fold, "a file that was changed since", FINE_TUNE)
        return super().table()

    def way_out(self, first: Path) -> str:
        """Say how to come to a tower with the folds of the first source."""
        return f"Train it with them: python -m pipelines.finetune {first}"

    def files(self) -> dict[str, str]:
        """Return the SHA-256 of each file that predicting needs, and of what tells of them."""
        if self._told.format != leaves.FORMAT:
            raise RunError(
                f"{self.path}: a tower's folder of format {self._told.format}, this version reads "
                f"{leaves.FORMAT}. Fine-tune it again."
            )
        told = {name: sha for name, sha in self._told.files.items() if name != leaves.TEST}
        return {**told, **_hashes(self.path, (leaves.RECORD, DONE))}

    @property
    def seconds(self) -> float | None:
        """What the fine-tuning took."""
        return self._told.fitting

    @property
    def _told(self) -> _TowerTold:
        return _read(_TowerTold, self.path / leaves.RECORD, FINE_TUNE)


class CsvSource(Source):
    """A table of predictions from elsewhere."""

    kind: ClassVar[Kind] = "csv"

    def proven(self, table: Table, folds: Folds, first: Path) -> bool:
        """Whether a column ``fold`` or a record beside it tells of these folds."""
        theirs: dict[str, str] = {}
        if table.fold is not None:
            fold = table.fold[table.places(folds.id, f"{first / FOLDS}")]
            theirs[f"{self.path}, column fold"] = folds_digest(folds.id, fold)
        record = self.record
        if record.is_file():
            theirs[str(record)] = _recorded(record)
        for where, found in theirs.items():
            if found != folds.digest:
                raise StackError(
                    f"{where}: expected the folds of {first} (SHA-256 {folds.digest[:SHOWN]}), "
                    f"found others ({found[:SHOWN]}). {self.way_out(first)}"
                )
        return bool(theirs)

    @property
    def record(self) -> Path:
        """The file beside it that may tell of its folds."""
        return self.path.with_name(f"{stem(self.path)}.json")

    def way_out(self, first: Path) -> str:
        """Say how to come to a table with the folds of the first source."""
        return f"Predict each fold of {first / FOLDS} by a model that was fitted on the others."


def stem(path: Path) -> str:
    """Return a table's name without its ending.

    >>> stem(Path("a/tower-0.csv.gz")), stem(Path("runs/first"))
    ('tower-0', 'first')
    """
    name = path.name
    return next((name[: -len(end)] for end in ENDINGS if name.lower().endswith(end)), name)


class _FoldsTold(BaseModel):
    sha256: str


class _Record(BaseModel):
    folds: _FoldsTold


def _recorded(path: Path) -> str:
    try:
        return _Record.model_validate_json(path.read_bytes()).folds.sha256
    except ValidationError:
        raise StackError(
            f'{path}: expected a record of folds, {{"folds": {{"sha256": …}}}}, as logits.json has '
            "it, found another file. Mend it, or give it another name."
        ) from None


def _read(model: type[Told], path: Path, way_out: str) -> Told:
    if not path.is_file():
        raise altered(path, "no such file", way_out)
    try:
        return model.model_validate(json.loads(path.read_bytes()))
    except (ValueError, RecursionError):  # pydantic's own faults are values as well
        raise altered(path, "one that was changed since", way_out) from None


def _hashes(folder: Path, names: Sequence[str]) -> dict[str, str]:
    return {name: file_hash(folder / name) for name in names}


KINDS: Mapping[Kind, type[Source]] = {"run": RunSource, "tower": TowerSource, "csv": CsvSource}
