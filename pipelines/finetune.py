"""``python -m pipelines.finetune [RUN]``: a transformer learns the battles, with a run's folds."""

from pipelines.command.launcher import start

if __name__ == "__main__":  # before the imports that take seconds: the flags come first
    start("finetune")

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.console import Console

from data.source import source_hash
from features.encoding.files import BACKBONE, locate, need_libraries, weights_digest
from models.device import Choice, Device
from models.tower.settings import TowerSettings
from pipelines.command.progress import Steps
from pipelines.estimator.form import check_votes, no_ties
from pipelines.estimator.predictions import look_through
from pipelines.report.content import versions_of
from pipelines.report.screen import print_scores
from pipelines.run.folder import RUNS, UnfinishedRun, default_target, digest, file_hash
from pipelines.run.folds import FOLDS
from pipelines.run.inputs import read_inputs
from pipelines.settings import ConfigError
from pipelines.tower.device import tower_device
from pipelines.tower.kept import Kept, kept_in
from pipelines.tower.leaves import CONFIG, write_history, write_oof, write_record, write_test
from pipelines.tower.origin import Given, Origin
from pipelines.tower.parts import OutOfFold, Part, Work
from pipelines.tower.scores import scores_of
from pipelines.tower.settings import load_settings, write_settings
from pipelines.tower.soft import SoftLabels

if TYPE_CHECKING:
    from models.tower.states import StateStore

__all__ = ["Given", "Origin", "finetune", "load_settings", "prepare"]

LIBRARIES = (  # that a tower's logits may depend on
    "numpy",
    "pandas",
    "pyarrow",
    "polars",
    "scipy",
    "scikit-learn",
    "nltk",
    "torch",
    "transformers",
    "tokenizers",
    "safetensors",
    "disentangled-flash",
    "peft",
)
MADE_WITH = ("settings", "device", "versions", "source", "backbone")  # of the key, in the record


def finetune(
    settings: TowerSettings,
    origin: Origin,
    output: Path | None = None,
    *,
    name: str = "tower",
    folds: Sequence[int] | None = None,
    device: Choice = "auto",
    force: bool = False,
    states: "StateStore | None" = None,
    console: Console | None = None,
    member: str | None = None,
) -> Path | None:
    """Fine-tune a tower without each fold and on all rows, and leave its logits in a folder.

    Parameters
    ----------
    settings : TowerSettings
    origin : Origin
        Files, and the run whose folds are taken.
    output : Path, optional
        The folder; by default ``runs/NAME-TIME``, or the unfinished one of the same settings and
        files.
    name : str
        Start of the default folder's name.
    folds : sequence of int, optional
        Those to train now; all by default. The tower of all rows is trained once none is left.
    device : {"auto", "cpu", "cuda"}
    force : bool
        Replace a finished folder, discard an unfinished one.
    states : StateStore, optional
        Where states of frozen layers are kept.
    console : rich.console.Console, optional
        Where to show progress and results.
    member : str, optional
        Which member of a stack the tower is: lines begin with this name, and the scores are left
        to the stack.

    Returns
    -------
    Path or None
        The finished folder; None while folds are left.

    Raises
    ------
    ConfigError, DataError, DeviceError, EncoderError, RunError, TowerError
        A wrong use: the message says what to do.
    """
    need_libraries()
    from models.tower.world import World

    settings = origin.settled(settings)
    wanted = _wanted(folds, settings)
    world = World.here()
    steps = Steps((console or Console()) if world.main else Console(quiet=True), member)
    if not origin.inputs.knows_ties():
        raise no_ties(origin.inputs, "a tower learns A, B and tie. Give")
    if origin.inputs.test is not None:
        look_through(origin.inputs.test, None, steps)
    found, key = prepare(settings, origin, device)
    steps.tell(f"device: {found.name} ({found.reason})")
    target = output or default_target(RUNS, name, key)
    with kept_in(world, target, key, force=force) as kept:
        work = _work(settings, origin, found, states, kept, steps)
        left = work.train_folds(wanted)
        finished = None
        if left:
            _say_what_is_left(steps, left, kept)
        else:
            oof = work.out_of_fold()
            whole = work.train_on_all(oof)
            if kept.run:
                finished = _finish(work, origin, oof, whole, key, kept.run)
    world.close()
    return finished


def _wanted(folds: Sequence[int] | None, settings: TowerSettings) -> list[int]:
    known = range(settings.n_folds)
    for fold in folds or ():
        if fold not in known:
            raise ConfigError(f"--folds {fold}: there are the folds 0 to {known[-1]}.")
    return sorted(set(known if folds is None else folds))


class Prepared(NamedTuple):
    """What is known of a fine-tuning before any work.

    Attributes
    ----------
    device : Device
    key : dict
        What the logits depend on; which folds are trained now is none of it.
    """

    device: Device
    key: dict[str, Any]


def prepare(settings: TowerSettings, origin: Origin, device: Choice) -> Prepared:
    """Choose the device, and name what the logits depend on.

    Raises
    ------
    ConfigError
        Soft labels are asked for and not named, or named and not asked for.
    DeviceError, EncoderError, TowerError
        There is no such device, it lacks the precision, or a library or the backbone cannot be
        had.
    """
    origin.check_soft_labels(settings)
    need_libraries()
    from models.tower.device import Place
    from models.tower.lora import need_peft

    if settings.lora_rank:
        need_peft()
    found = tower_device(device)
    Place.of(found.name, settings.precision)
    key = {
        "kind": "tower",
        "settings": digest(write_settings(settings).encode()),
        "files": origin.inputs.hashes(),
        "folds": origin.folds and origin.folds.digest,  # else settings and files say which
        "device": found.name,
        "versions": versions_of(LIBRARIES),
        "source": source_hash("data", "features", "models", "pipelines"),
        "backbone": weights_digest(locate(settings.backbone, BACKBONE)),
    }
    if origin.soft_labels is not None:
        key["soft_labels"] = file_hash(origin.soft_labels)
    return Prepared(found, key)


def _work(
    settings: TowerSettings,
    origin: Origin,
    device: Device,
    states: "StateStore | None",
    kept: Kept,
    steps: Steps,
) -> Work:
    """Read the battles and their folds, and write down what is settled by now."""
    if kept.run:
        steps.tell(kept.run.announcement)
    with steps.step("read") as advance:
        battles = read_inputs(origin.inputs, advance, skip_bad_rows=origin.skip_bad_rows)
    steps.tell_all(battles.read_as(counts=steps.part is None))
    check_votes(battles, ties=True)
    battles.check_whole_votes("a tower")
    folds = origin.folds_of(settings, battles)
    soft = None if origin.soft_labels is None else SoftLabels.read(origin.soft_labels, battles)
    if soft:
        steps.tell(soft.line())
    if kept.run:
        kept.run.write(CONFIG, write_settings(settings).encode())
        kept.run.write(FOLDS, folds.table())
    return Work(settings, battles, folds, device.name, states, kept, steps, soft)


def _say_what_is_left(steps: Steps, left: Sequence[int], kept: Kept) -> None:
    numbers = ",".join(map(str, left))
    where = kept.run.path if kept.run else ""
    steps.tell(
        f"folds left: {numbers}. The same command with --folds {numbers}, or without --folds, goes "
        f"on with {where}; after the last of them the tower of all rows is trained."
    )


def _finish(
    work: Work,
    origin: Origin,
    oof: OutOfFold,
    whole: Part,
    key: Mapping[str, Any],
    run: UnfinishedRun,
) -> Path:
    """Write all that is left, give the folder its name, and show how good it is."""
    settings, steps = work.settings, work.steps
    write_oof(run, settings, work.battles.plain[0]["id"], work.folds, oof)
    write_history(run, oof.parts, whole)
    test_file = write_test(run, settings, origin.inputs, work.device, steps)
    with steps.step("evaluate"):
        scores = scores_of(origin.inputs.train, work.battles, work.folds, oof.z, oof.t)
    told = {
        "inputs": origin.inputs.told(key["files"], skip_bad_rows=origin.skip_bad_rows),
        "run": None if origin.run is None else str(origin.run),
        **{name: key[name] for name in MADE_WITH},
        "files_read": work.battles.files,
        "soft_labels": work.soft and work.soft.told(key["soft_labels"]),
        "test_file": test_file,
        "scores": scores,
        "seconds": steps.seconds,
    }
    write_record(run, settings, work.folds, oof, told)
    finished = run.finish()
    if steps.part is None:
        print_scores(steps.console, scores)
    _tell_rates(steps, oof)
    return finished


def _tell_rates(steps: Steps, oof: OutOfFold) -> None:
    tokens, seconds = (sum(getattr(part, of) for part in oof.parts) for of in ("tokens", "seconds"))
    steps.tell(
        f"trained {tokens / max(seconds, 1e-9):,.0f} tokens a second, "
        f"{seconds / len(oof.parts):,.0f} s a fold, {oof.epochs:g} epochs in the median"
    )
