"""``python -m pipelines.fit --preset stack``: members, what joins them, and a submission."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from features.storage.cache import Cache
from models.device import Choice, Device
from pipelines.command.progress import Steps
from pipelines.config import without_ties
from pipelines.estimator.form import TOLD, check_votes, has_ties, no_ties
from pipelines.estimator.importance import Level
from pipelines.estimator.reading import CONFIG
from pipelines.fit import check_inputs, look_at_test
from pipelines.report.content import versions
from pipelines.run.folder import MEMBERS, RUNS, UnfinishedRun, default_target, digest, is_run
from pipelines.run.folds import cut_folds
from pipelines.run.inputs import Inputs, read_inputs
from pipelines.settings import ConfigError
from pipelines.stacking.config import StackConfig, TowerPart, runs_of, write_stack_config
from pipelines.stacking.making import Making, Options, TowerMaking, making
from pipelines.stacking.screen import show
from pipelines.stacking.sources import STACK, Source
from pipelines.stacking.work import check_distinct, stack_sources

ALONE = (
    "Where votes know no ties fit A against B alone, by runs with --set "
    "members.NAME.model.form=direction. "
)


def fit_stack(
    config: StackConfig,
    inputs: Inputs,
    output: Path | None = None,
    *,
    name: str = STACK,
    force: bool = False,
    skip_bad_rows: bool = False,
    sample_submission: Path | None = None,
    device: Choice = "auto",
    cache: Cache | None = None,
    states: Path | None = None,
    console: Console | None = None,
    importance: Level = "gain",
) -> Path:
    """Make every member, join them, and leave one run folder that predicts by itself.

    Each member is made in a folder ``members/NAME`` of the unfinished run, and is gone on with as
    any other run or tower is; one that is finished is not made again.

    Parameters
    ----------
    config : StackConfig
    inputs : Inputs
        Another test file goes on with the same members: nothing that they learn depends on it.
    output : Path, optional
        The run folder; by default ``runs/NAME-TIME``, or the unfinished one of the same
        configuration and training files.
    name : str
        Start of the default folder's name.
    force : bool
        Replace a finished run, discard an unfinished one with all its members.
    skip_bad_rows : bool
        Leave out training rows that cannot be read, and list them in the report.
    sample_submission : Path, optional
        Whose columns and ids the submission must have, and whose order it gets; checked before
        any work.
    device : {"auto", "cpu", "cuda"}
        Where members that can use a GPU train and predict.
    cache : Cache, optional
        Where counts of n-grams, vectors and matches are kept for the next run.
    states : Path, optional
        Where states of frozen layers are kept for the next run.
    console : rich.console.Console, optional
        Where to show progress and results.
    importance : {"none", "gain", "families", "full"}
        What its runs tell of their columns, see `pipelines.fit.fit`.

    Returns
    -------
    Path
        The finished run folder.

    Raises
    ------
    ConfigError, DataError, DeviceError, EncoderError, RunError, StackError, TowerError
        A wrong use: the message says what to do. What settings, libraries and networks are to
        blame for is told before any work.
    """
    steps = Steps(console or Console())
    check_inputs(inputs, sample_submission)
    config, ties = _settled(config, inputs, steps)
    order = look_at_test(inputs.test, sample_submission, steps, ties=ties)
    options = Options(
        inputs._replace(test=None), skip_bad_rows, device, cache, states, steps.console, importance
    )
    members = [making(name, part, options) for name, part in config.members.items()]
    key = _key(config, members) | {"importance": importance}
    target = output or default_target(RUNS, name, key)
    with UnfinishedRun(target, key, force=force) as run:
        steps.tell(run.announcement)
        run.write(CONFIG, write_stack_config(config).encode())
        with steps.step("read") as advance:
            battles = read_inputs(inputs, advance, skip_bad_rows=skip_bad_rows)
        steps.tell_all(battles.read_as(counts=steps.part is None))
        check_votes(battles, ties=ties, way_out=ALONE)
        battles.check_whole_votes("a stack")
        folds = cut_folds(battles, config.n_folds, config.seed, ties=ties)
        check_distinct(folds, inputs.train)
        sources = _made(members, run.path / MEMBERS, steps)
        report = stack_sources(
            sources,
            battles,
            folds,
            config.stack,
            run,
            steps,
            inputs=inputs,
            told=inputs.told(inputs.hashes(), skip_bad_rows=skip_bad_rows),
            made_with={"versions": key["versions"], "source": key["source"]},
            device=_device(members),
            order=order,
            cache=cache,
        )
        finished = run.finish()
    show(steps.console, report)
    return finished


def _settled(config: StackConfig, inputs: Inputs, steps: Steps) -> tuple[StackConfig, bool]:
    """Return members of the form that the votes ask for, and whether ties are one of its classes.

    Raises
    ------
    ConfigError
        Some members know ties and others do not.
    DataError
        The votes know none, and a member is a tower.
    """
    towers = [name for name, part in config.members.items() if isinstance(part, TowerPart)]
    if not inputs.knows_ties():
        if towers:
            way_out = "Leave towers out, by a --config whose members are runs, or give"
            raise no_ties(inputs, f"the tower members.{towers[0]} learns A, B and tie. {way_out}")
        steps.tell(TOLD)
        runs = {
            name: part._replace(config=without_ties(part.config))
            for name, part in runs_of(config).items()
        }
        return config._replace(members={**runs}), False
    alone = [name for name, part in runs_of(config).items() if not has_ties(part.config)]
    others = [name for name in config.members if name not in alone]
    if alone and others:
        raise ConfigError(
            f"members.{alone[0]}.model.form: 'direction' knows no ties, and members.{others[0]} "
            "does. A stack joins members of one form: change one, or leave it out."
        )
    return config, not alone


def _key(config: StackConfig, members: Sequence[Making]) -> dict[str, Any]:
    """Return what the whole depends on, as its members tell it; the test file is none of it."""
    known = {member.name: member.key for member in members}
    libraries = versions()  # of what joins them
    for of in known.values():
        libraries |= of["versions"]
    first = known[members[0].name]
    return {
        "kind": STACK,
        "configuration": digest(write_stack_config(config).encode()),
        "files": first["files"],
        "device": {name: of["device"] for name, of in known.items()},
        "versions": libraries,
        "source": first["source"],
        "weights": {name: of.get("encoder") or of.get("backbone") for name, of in known.items()},
    }


def _made(members: Sequence[Making], folder: Path, steps: Steps) -> list[Source]:
    """Make the members that are not made yet, once all of them are known to have their networks."""
    left = [member for member in members if not is_run(folder / member.name)]
    with steps.step("check", len(left), "members") as advance:
        for member in left:
            member.check()
            advance(1)
    for member in left:
        member.make(folder / member.name)
    return [member.source(folder / member.name) for member in members]


def _device(members: Sequence[Making]) -> Device:
    """Return where towers predict; runs know it themselves."""
    towers = [member.device for member in members if isinstance(member, TowerMaking)]
    return (towers or [members[0].device])[0]
