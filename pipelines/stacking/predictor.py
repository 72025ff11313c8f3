"""What predicts with a stack: each member by the models that lie in the folder, then the blend."""

import json
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

import pandas as pd
from pydantic import BaseModel, ValidationError

from data.battles import Named
from features.encoding.files import locate, weights_digest
from features.layout import to_polars
from features.sides import Array
from features.storage.cache import Cache
from models.stacking.members import Member, columns_of
from models.stacking.model import StackingModel
from pipelines.command.progress import Steps
from pipelines.estimator.build import PassThrough
from pipelines.estimator.names import NamesSeen
from pipelines.estimator.predictions import write_table
from pipelines.estimator.reading import CONFIG, MODELS, REPORT, altered, checked, load_pipeline
from pipelines.run.copies import check_copy, check_files
from pipelines.run.folder import MEMBERS, RunError, file_hash
from pipelines.run.submission import Order
from pipelines.stacking.finding import check_tables
from pipelines.stacking.predicting import Predicting, RunMember, TableMember, TowerMember
from pipelines.stacking.sources import Kind, RunSource
from pipelines.stacking.tables import read_table
from pipelines.tower.device import tower_device

AGAIN = "Copy the folder whole, or stack its members again."
FORMAT = 1  # of stacks' folders: one more with each change after which an old one cannot be read


class StackPredictor:
    """Predicts with all members, then with the stack of them.

    Parameters
    ----------
    model : StackingModel
        Fitted.
    members : mapping of str to Predicting
        In the model's order.

    Attributes
    ----------
    seconds : dict of str to float
        What each member took so far.
    """

    def __init__(self, model: StackingModel, members: Mapping[str, Predicting]) -> None:
        self.model, self.members = model, dict(members)
        self.seconds = dict.fromkeys(self.members, 0.0)

    def predict_proba(self, battles: pd.DataFrame) -> Array:
        """Return the probabilities of A, B and, where known, tie, float64, (n_battles, n_classes).

        Those of a battle do not depend on the others.
        """
        members = [self._member(name, battles) for name in self.members]
        proba: Array = self.model.predict_proba(columns_of(members, **sizes(battles)))
        return proba

    def _member(self, name: str, battles: pd.DataFrame) -> Member:
        start = time.perf_counter()
        logits = self.members[name].logits(battles)
        self.seconds[name] += time.perf_counter() - start
        return Member(name, *logits)

    def write(
        self, test: Named, output: Path, steps: Steps, order: Order | None = None
    ) -> dict[str, int]:
        """Write the probabilities of a test file; return what was counted while reading.

        Read in chunks: memory does not grow with its texts.
        """

        def tell() -> None:
            for name, member in self.members.items():
                member.tell(name, steps)

        runs = [one.pipeline for one in self.members.values() if isinstance(one, RunMember)]
        seen = NamesSeen.of(runs)
        counts = write_table(seen.watched(self.predict_proba), test, output, steps, tell, order)
        steps.tell_all(seen.told(test))
        return counts


def sizes(battles: pd.DataFrame) -> dict[str, Array]:
    """Return what a stack knows of battles beside logits: characters of both answers, and turns.

    >>> from data.battles import make_battles
    >>> sizes(make_battles(["Hi"], ["Hello!"], ["Hey"]))
    {'characters': array([9.]), 'turns': array([1.])}
    """
    characters = PassThrough().fit(battles).transform(battles)["characters"]
    return {
        "characters": characters.to_numpy(dtype="float64"),
        "turns": to_polars(battles)["prompt"].list.len().cast(float).to_numpy(),
    }


class _Device(BaseModel):
    name: Literal["cpu", "cuda"]


class _Member(BaseModel):
    name: str
    kind: Kind


class StackTold(BaseModel):
    """What ``report.json`` must hold for a stack to be read."""

    device: _Device
    files: dict[str, str]
    members: list[_Member]

    @classmethod
    def of(cls, device: str, files: Mapping[str, str], kinds: Mapping[str, Kind]) -> Self:
        """Return what an unfinished stack will tell."""
        members = [{"name": name, "kind": kind} for name, kind in kinds.items()]
        told = {"device": {"name": device}, "files": dict(files), "members": members}
        return cls.model_validate(told)

    @property
    def kinds(self) -> dict[str, Kind]:
        """The kind of each member."""
        return {member.name: member.kind for member in self.members}


def load_stack(
    run: Path,
    cache: Cache | None = None,
    encoder: str | None = None,
    tables: Mapping[str, Path] | None = None,
) -> StackPredictor:
    """Return what predicts with the stack that lies in a folder; nothing else is needed.

    Runs predict on the kind of device that they were fitted on, towers on that of the stack, or on
    the CPU where there is none, with a warning.

    Parameters
    ----------
    run : Path
        The folder of a finished stack.
    cache : Cache, optional
        Where vectors of frozen encoders are kept on disk.
    encoder : str, optional
        Folder of the frozen encoder of its runs, see `load_pipeline`.
    tables : mapping of str to Path, optional
        Of each member that is a CSV, its predictions of the test file by id.

    Raises
    ------
    RunError
        The folder is no finished stack, or holds a file that is not the one that was written.
    StackError
        A table lacks, or belongs to no member.
    EncoderError
        A frozen encoder cannot be had.
    """
    check_copy(run)
    told = _read_told(run)
    check_tables(tables or {}, told.kinds, run)
    device = "cpu"
    if "tower" in told.kinds.values() and told.device.name == "cuda":
        found = tower_device("auto")
        device = found.name
        if device != "cuda":
            warnings.warn(f"{run} was made on a GPU; {found.reason}.", stacklevel=2)
    return read_stack(run, told, device, cache, encoder, tables)


def read_stack(
    folder: Path,
    told: StackTold,
    device: str,
    cache: Cache | None = None,
    encoder: str | None = None,
    tables: Mapping[str, Path] | None = None,
) -> StackPredictor:
    """Return what predicts with a stack, finished or not, its files checked by their SHA-256."""
    check_files(folder, told.files)
    files_of_own = {name for name in told.files if not name.startswith(f"{MEMBERS}/")}
    files = {name: checked(folder / name, told.files[name]) for name in sorted(files_of_own)}
    models = {name.removeprefix(f"{MODELS}/"): content for name, content in files.items()}
    models.pop(CONFIG, None)
    try:
        model = StackingModel().load(models)
    except Exception as error:  # whatever fails, they are not the stack's
        found = f"models that cannot be read ({type(error).__name__}: {error})"
        raise altered(folder / MODELS, found, AGAIN) from error
    reading = _reading_with(encoder, folder, told)
    given = tables or {}
    members: dict[str, Predicting] = {}
    for name, kind in told.kinds.items():
        place = folder / MEMBERS / name
        _check_files(folder, told, name)
        if kind == "run":
            own = encoder if name in reading else None
            members[name] = RunMember(load_pipeline(place, cache, own))
        elif kind == "tower":
            members[name] = TowerMember(place, device)
        else:
            members[name] = TableMember(read_table(given[name]))
    return StackPredictor(model, members)


def _reading_with(encoder: str | None, folder: Path, told: StackTold) -> list[str]:
    """Return the runs that read with the encoder that lies in a named folder: some must."""
    if encoder is None:
        return []
    weights = weights_digest(locate(encoder))
    runs = [name for name, kind in told.kinds.items() if kind == "run"]
    reading = [name for name in runs if RunSource(name, folder / MEMBERS / name).encoder == weights]
    if not reading:
        raise RunError(f"--encoder {encoder}: no member of {folder} was fitted with this encoder.")
    return reading


def _check_files(folder: Path, told: StackTold, name: str) -> None:
    """Refuse a member that is not the one that was copied there."""
    for file, known in told.files.items():
        if file.startswith(f"{MEMBERS}/{name}/") and file_hash(folder / file) != known:
            raise altered(folder / file, "a file that was changed since", AGAIN)


def _read_told(run: Path) -> StackTold:
    path = run / REPORT
    try:
        content = json.loads(path.read_bytes())
        _check_format(run, content)
        return StackTold.model_validate(content)
    except ValidationError as error:
        key = ".".join(map(str, error.errors()[0]["loc"]))
        raise altered(path, f"no valid {key}", AGAIN) from None


def _check_format(run: Path, report: Mapping[str, object]) -> None:
    found, libraries = report.get("format"), report.get("versions")
    if found == FORMAT:
        return
    theirs = libraries.get("arenaboost") if isinstance(libraries, dict) else None
    raise RunError(
        f"{run}: a stack of format {found!r}, made by arenaboost "
        f"{theirs or 'of an unknown version'}; this one reads format {FORMAT}. Stack its members "
        "again."
    )
