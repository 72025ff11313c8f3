"""``python -m pipelines.stack SOURCE [SOURCE …] --output DIR``: one prediction made of several."""

from pipelines.command.launcher import start

if __name__ == "__main__":  # before the imports that take seconds: the flags come first
    start("stack")

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from data.battles import Named
from data.source import source_hash
from features.encoding.files import need_libraries
from features.storage.cache import Cache
from models.device import Choice, Device, find_device
from pipelines.command.progress import Steps
from pipelines.estimator.predictions import look_through
from pipelines.estimator.reading import CONFIG
from pipelines.report.content import versions
from pipelines.run.files import check_ordinary
from pipelines.run.folder import RUNS, RunError, UnfinishedRun, default_target, digest
from pipelines.run.folds import read_folds
from pipelines.run.inputs import Inputs, read_inputs
from pipelines.run.submission import Order
from pipelines.settings import ConfigError
from pipelines.stacking.finding import check_tables, find_sources, named_tables
from pipelines.stacking.screen import show
from pipelines.stacking.settings import StackSettings, load_stack_settings, write_stack_settings
from pipelines.stacking.sources import STACK, Source
from pipelines.stacking.tables import check_test_ids
from pipelines.stacking.work import check_distinct, read_members, stack_sources
from pipelines.tower.device import tower_device
from pipelines.tower.origin import Given, Origin

__all__ = ["Given", "find_sources", "load_stack_settings", "named_tables", "stack"]


def stack(
    sources: Sequence[Source],
    given: Given,
    settings: StackSettings,
    output: Path | None = None,
    *,
    name: str = "stack",
    trust: bool = False,
    tables: Mapping[str, Path] | None = None,
    force: bool = False,
    sample_submission: Path | None = None,
    device: Choice = "auto",
    cache: Cache | None = None,
    console: Console | None = None,
) -> Path:
    """Stack what lies there already, and leave a run folder that predicts without it.

    Parameters
    ----------
    sources : sequence of Source
        The first one's folds and training files are the stack's, see `find_sources`.
    given : Given
        Files that are named, where they are not found or another test file is meant.
    settings : StackSettings
    output : Path, optional
        The folder; by default ``runs/NAME-TIME``, or the unfinished one of the same settings,
        sources and files.
    name : str
        Start of the default folder's name.
    trust : bool
        Take a table without proof of its folds.
    tables : mapping of str to Path, optional
        Of members that are CSV, their predictions of the test file by id.
    force : bool
        Replace a finished folder, discard an unfinished one.
    sample_submission : Path, optional
        Whose columns and ids the submission must have, and whose order it gets; checked before
        any work.
    device : {"auto", "cpu", "cuda"}
        Where towers predict.
    cache : Cache, optional
        Where vectors of frozen encoders are kept.
    console : rich.console.Console, optional
        Where to show progress and results.

    Returns
    -------
    Path
        The finished folder.

    Raises
    ------
    ConfigError, DataError, DeviceError, EncoderError, RunError, StackError, TowerError
        A wrong use: the message says what to do.
    """
    tables, first = tables or {}, sources[0].path
    steps = Steps(console or Console())
    origin = Origin.of(given, first)
    inputs = _inputs(origin, given, sources, tables, steps)
    folds = read_folds(first)
    check_distinct(folds, inputs.train)
    order = _check_test(inputs.test, tables, sample_submission, steps, ties=sources[0].knows_ties)
    found = _device(sources, device)
    steps.tell(f"device: {found.name} ({found.reason})")
    key = _key(sources, settings, inputs, found)
    target = output or default_target(RUNS, name, key)
    _check_target(target, sources, force=force)
    read_members(sources, folds, trust=trust)  # what they lack is told before the battles are read
    with UnfinishedRun(target, key, force=force) as run:
        steps.tell(run.announcement)
        run.write(CONFIG, write_stack_settings(settings).encode())
        with steps.step("read") as advance:
            battles = read_inputs(inputs, advance, skip_bad_rows=origin.skip_bad_rows)
        steps.tell_all(battles.read_as(counts=steps.part is None))
        battles.check_whole_votes("a stack")
        folds.check(battles, first)
        report = stack_sources(
            sources,
            battles,
            folds,
            settings,
            run,
            steps,
            inputs=inputs,
            told=inputs.told(key["files"], skip_bad_rows=origin.skip_bad_rows),
            made_with={"versions": key["versions"], "source": key["source"]},
            device=found,
            trust=trust,
            tables=tables,
            order=order,
            cache=cache,
        )
        finished = run.finish()
    show(steps.console, report)
    return finished


def _check_target(target: Path, sources: Sequence[Source], *, force: bool) -> None:
    """Refuse to replace a folder that a source lies in."""
    place = Path(os.path.realpath(target))
    for source in sources if force else ():
        if Path(os.path.realpath(source.path)).is_relative_to(place):
            raise RunError(
                f"--force would replace {target}, in which {source.path} lies. Name another "
                "--output."
            )


def _inputs(
    origin: Origin,
    given: Given,
    sources: Sequence[Source],
    tables: Mapping[str, Path],
    steps: Steps,
) -> Inputs:
    """Return the files; without a test file where none is named and a member cannot predict it."""
    kinds = {source.name: source.kind for source in sources}
    if given.test is None and not tables and "csv" in kinds.values():
        if origin.inputs.test is not None:
            steps.tell("no submission: a CSV cannot predict. See --test and --member.")
        return origin.inputs._replace(test=None)
    if tables and origin.inputs.test is None:
        raise ConfigError("--member goes with --test: it holds predictions of the test file.")
    if origin.inputs.test is not None:
        check_tables(tables, kinds, "the stack")
    return origin.inputs


def _check_test(
    test: Named | None,
    tables: Mapping[str, Path],
    sample: Path | None,
    steps: Steps,
    *,
    ties: bool,
) -> Order | None:
    """Hold the test file's ids against the sample's and the tables' before any work."""
    if test is None:
        if sample is not None:
            raise ConfigError("--sample-submission goes with --test: it is held against its ids.")
        return None
    if sample is not None:
        check_ordinary(sample)
    order = look_through(test, sample, steps, ties=ties)
    check_test_ids(test, tables)
    return order


def _device(sources: Sequence[Source], choice: Choice) -> Device:
    """Choose where towers predict."""
    if any(source.kind == "tower" for source in sources):
        need_libraries()
        return tower_device(choice)
    return find_device(choice)


def _key(
    sources: Sequence[Source],
    settings: StackSettings,
    inputs: Inputs,
    device: Device,
) -> dict[str, Any]:
    """Return what the stack depends on; its submission may become another one."""
    by_torch = any(source.kind != "csv" and source.inexact for source in sources)
    return {
        "kind": STACK,
        "settings": digest(write_stack_settings(settings).encode()),
        "files": inputs.hashes(),
        "sources": {source.name: source.digest for source in sources},
        "device": device.name,
        "versions": versions(encoder=by_torch),
        "source": source_hash("data", "features", "models", "pipelines"),
    }
