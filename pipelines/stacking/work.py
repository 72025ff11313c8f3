"""The work of a stack: members from what lies on disk, their model, and the folder's files."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from data.battles import Files, Named
from data.layouts.layout import WEIGHT
from data.tables.read import shown
from features.storage.cache import Cache
from models.device import Device
from models.stacking.candidates import CANDIDATES
from models.stacking.choice import calibrated
from models.stacking.guards import check_in_sample
from models.stacking.members import Member, StackError, check_ties, columns_of
from models.stacking.model import known_of
from pipelines.command.progress import Advance, Steps
from pipelines.estimator.predictions import predictions
from pipelines.estimator.reading import CONFIG, MODELS, altered
from pipelines.report.content import MadeWith
from pipelines.run.files import csv_bytes, naming, whole_file
from pipelines.run.folder import MEMBERS, UnfinishedRun, digest, file_hash
from pipelines.run.folds import FOLDS, Folds
from pipelines.run.inputs import Battles, Inputs, InputsTold
from pipelines.run.submission import SUBMISSION, Order
from pipelines.stacking.fitting import Stacked, fitted
from pipelines.stacking.predictor import StackTold, read_stack, sizes
from pipelines.stacking.report import StackReport, member_told, report_of, write_report
from pipelines.stacking.settings import StackSettings
from pipelines.stacking.sources import Source
from pipelines.tower.scores import compared

OOF = "oof.csv"


def stack_sources(
    sources: Sequence[Source],
    battles: Battles,
    folds: Folds,
    settings: StackSettings,
    run: UnfinishedRun,
    steps: Steps,
    *,
    inputs: Inputs,
    told: InputsTold,
    made_with: MadeWith,
    device: Device,
    trust: bool = False,
    tables: Mapping[str, Path] | None = None,
    order: Order | None = None,
    cache: Cache | None = None,
) -> StackReport:
    """Stack sources, and write all that the folder holds but ``DONE``.

    ``config.toml`` is the caller's, and lies in the folder already; so may members' folders, as
    ``members/NAME``, which are then not copied.

    Parameters
    ----------
    sources : sequence of Source
        The first one's folds are `folds`.
    battles : Battles
    folds : Folds
    settings : StackSettings
    run : UnfinishedRun
        The folder; a fit that it holds already is not done again.
    steps : Steps
    inputs : Inputs
        Of its test file, if there is one, ``submission.csv`` is written.
    told : InputsTold
        What the report tells of them.
    made_with : MadeWith
    device : Device
        Where towers predict.
    trust : bool
        Take members without proof of their folds.
    tables : mapping of str to Path, optional
        Predictions of the test file by members that are CSV.
    order : Order, optional
        Ids and rows of the submission, by default those of the test file.
    cache : Cache, optional
        Where vectors of frozen encoders are kept on disk.

    Returns
    -------
    StackReport
        What was written to ``report.json``.

    Raises
    ------
    StackError
        The sources do not go together: the message says why, and the way out.
    """
    run.write(FOLDS, folds.table())
    with steps.step("members", len(sources), "members") as advance:
        check_distinct(folds, inputs.train)
        members, proven = read_members(sources, folds, trust=trust, advance=advance)
        made_here = {source.name for source in sources if source.kind != "csv"}
        _check_in_sample(members, made_here, battles, folds)
    if WEIGHT in battles.frame:
        steps.tell("weight: the members learned by it; what joins them is chosen by their scores")
    with steps.step("stack"):
        inexact = [source.name for source in sources if source.inexact]
        _say_what_is_left_out(settings, inexact, steps)
        stacked = fitted(members, battles, folds, settings, run, inexact=bool(inexact))
    run.write(OOF, csv_bytes(predictions(battles.plain[0]["id"], stacked.proba)))
    files = _own_files(stacked, run)
    with steps.step("copy", len(sources), "members") as advance:
        for source in sources:
            files |= _bring(source, run)
            advance(1)
    known = StackTold.of(device.name, files, {source.name: source.kind for source in sources})
    seconds, test_file = _submission(known, inputs.test, order, run, steps, tables or {}, cache)
    with steps.step("evaluate"):
        scores = compared(inputs.train, battles, folds, stacked.proba)
    report = report_of(
        made_with=made_with,
        device=device,
        inputs=told,
        files_read=battles.files,
        test_file=test_file,
        members=[
            member_told(source, run.path, source.name in proven, seconds.get(source.name))
            for source in sources
        ],
        scores=scores,
        stacked=stacked,
        files=files,
        seconds=steps.seconds,
    )
    write_report(run, report)
    return report


def check_distinct(folds: Folds, train: Named) -> None:
    """Refuse training rows of one id: a stack puts predictions together by it.

    Raises
    ------
    StackError
        Names the id.
    """
    doubled = pd.Index(folds.id).duplicated()
    if doubled.any():
        raise StackError(
            f"{Files.of(train)}, column id: expected each id once, for a stack puts predictions "
            f"together by it, found {shown(folds.id[doubled][0])} in more than one row. Give each "
            "row an id of its own, and fit again."
        )


def read_members(
    sources: Sequence[Source],
    folds: Folds,
    *,
    trust: bool,
    advance: Advance = lambda done: None,
) -> tuple[list[Member], set[str]]:
    """Return the members' out-of-fold logits in the folds' order, and whose folds are proven.

    Raises
    ------
    StackError
        A source lacks rows, holds what is no prediction, is not known to have these folds, or knows
        ties where another does not.
    """
    members, proven, first = [], set(), sources[0].path
    for source in sources:
        table = source.table()
        places = table.places(folds.id, first / FOLDS)
        if source.proven(table, folds, first):
            proven.add(source.name)
        elif not trust:
            raise source.unproven(first)
        members.append(table.member(source.name, places))
        advance(1)
    check_ties(members)
    return members, proven


def _say_what_is_left_out(settings: StackSettings, inexact: Sequence[str], steps: Steps) -> None:
    left_out = [name for name in settings.candidates if inexact and CANDIDATES[name].jumps]
    if left_out:
        steps.tell(
            f"candidates: without {', '.join(left_out)}, which would jump where the last digits of "
            f"{', '.join(inexact)} move"
        )


def _check_in_sample(
    members: Sequence[Member], known: set[str], battles: Battles, folds: Folds
) -> None:
    """Refuse a member that has learned from the rows it predicts, by its calibrated log loss."""
    frame, y = battles.plain
    X = columns_of(members, group=folds.group, fold=folds.fold, **sizes(frame))
    names = [member.name for member in members]
    proba = calibrated(known_of(X, names, y))
    check_in_sample(dict(zip(names, proba, strict=True)), known, y, folds.group)


def _own_files(stacked: Stacked, run: UnfinishedRun) -> dict[str, str]:
    """Write the stack's models; return the SHA-256 of what is read again."""
    config = run.read(CONFIG)
    files = {} if config is None else {CONFIG: digest(config)}
    for name, content in stacked.models.items():
        run.write(f"{MODELS}/{name}", content)
        files[f"{MODELS}/{name}"] = digest(content)
    return files


def _bring(source: Source, run: UnfinishedRun) -> dict[str, str]:
    """Copy what a member needs to predict, unless it lies there; return what it is known by."""
    files = {}
    for name, known in source.files().items():
        inside = f"{MEMBERS}/{source.name}/{name}"
        place = run.path / inside
        if not place.is_file() or file_hash(place) != known:
            _copy(source.path / name, place)
        if file_hash(place) != known:
            raise altered(source.path / name, "a file that was changed since")
        files[inside] = known
    return files


def _copy(origin: Path, place: Path) -> None:
    if not origin.is_file():
        raise altered(origin, "no such file")
    with whole_file(place) as copy, naming(origin), origin.open("rb") as file:
        shutil.copyfileobj(file, copy)


def _submission(
    told: StackTold,
    test: Named | None,
    order: Order | None,
    run: UnfinishedRun,
    steps: Steps,
    tables: Mapping[str, Path],
    cache: Cache | None,
) -> tuple[dict[str, float], dict[str, int]]:
    """Write what `pipelines.predict` writes; return what each member took, and what was counted."""
    run.remove(SUBMISSION)  # of a test file that was given before this work was interrupted
    if test is None:
        return {}, {}
    predictor = read_stack(run.path, told, told.device.name, cache, tables=tables)
    counts = predictor.write(test, run.path / SUBMISSION, steps, order)
    return predictor.seconds, counts
