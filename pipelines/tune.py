"""``python -m pipelines.tune``: a study of settings, which goes on, into a configuration file."""

from pipelines.command.launcher import start

if __name__ == "__main__":  # before the imports that take seconds: the flags come first
    start("tune")

import functools
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from joblib import effective_n_jobs
from rich.console import Console

from features.storage.cache import Cache
from models.device import Choice
from pipelines.command.progress import Steps
from pipelines.config import SEARCH, check_config, read_source
from pipelines.estimator.form import ALONE, TOLD, check_votes, has_ties, settled
from pipelines.fit import check_inputs, prepare
from pipelines.report.content import versions_of
from pipelines.run.folder import RUNS
from pipelines.run.inputs import Battles, Inputs
from pipelines.tuning.dimensions import flat
from pipelines.tuning.folder import StudyFolder
from pipelines.tuning.nested import gain_of, nested_jobs
from pipelines.tuning.processes import work_all
from pipelines.tuning.slots import Slots
from pipelines.tuning.space import FORM, Space, without_ties
from pipelines.tuning.storage import Store
from pipelines.tuning.study import Done, best_of, finished, make_study
from pipelines.tuning.work import Job

__all__ = ["Inputs", "read_source", "tune"]


def tune(
    source: tuple[Mapping[str, Any], str],
    inputs: Inputs,
    output: Path | None = None,
    *,
    name: str = "classical",
    trials: int = 50,
    timeout: float | None = None,
    jobs: int = 1,
    storage: str | None = None,
    nested: int | None = None,
    skip_bad_rows: bool = False,
    device: Choice = "auto",
    cache: Cache | None = None,
    console: Console | None = None,
    keep_form: bool = False,
) -> Path:
    """Search for better settings, and leave a configuration file.

    Parameters
    ----------
    source : (mapping, str)
        A preset's or a file's content, with the section ``[search]``, and what an error calls it:
        see `pipelines.config.read_source`. Of a training file whose votes know no ties A against B
        is fitted, whatever form it has.
    inputs : Inputs
        Without a test file.
    output : Path, optional
        The study's folder, by default ``runs/tune-NAME``.
    name : str
        Of the study.
    trials : int
        The study's total, those of earlier calls included.
    timeout : float, optional
        Seconds of this call, after which no trial is begun.
    jobs : int
        Processes.
    storage : str, optional
        ``journal:PATH`` or a database's URL, by default SQLite in the folder.
    nested : int, optional
        Outer splits, each with a study of as many trials on the rest, which say what tuning gains.
    skip_bad_rows : bool
        Leave out training rows that cannot be read.
    device : {"auto", "cpu", "cuda"}
    cache : Cache, optional
        Where counts of n-grams, vectors and matches are kept.
    console : rich.console.Console, optional
    keep_form : bool
        Refuse votes that do not go with the preset's form.

    Returns
    -------
    Path
        The folder. It holds ``DONE`` when all trials are finished.

    Raises
    ------
    ConfigError, DataError, DeviceError, EncoderError, RunError
        A wrong use: the message says what to do.
    """
    until = None if timeout is None else time.time() + timeout
    steps = Steps(console or Console())
    data, where = _settled(source, inputs, steps, keep_form=keep_form)
    space = Space(data, where)
    if space.unread:
        steps.tell(f"not searched, for nothing reads them: {', '.join(space.unread)}")
    _, found, key = prepare(space.base, inputs, device, cache)
    steps.tell(f"device: {found.name} ({found.reason})")
    key |= {"search": space.digest(), "skip_bad_rows": skip_bad_rows}
    key["versions"] |= versions_of(["optuna"])  # which proposes
    target = output or RUNS / f"tune-{name}"
    folder = StudyFolder(target, key)
    job = Job(
        data=data,
        where=where,
        inputs=inputs,
        skip_bad_rows=skip_bad_rows,
        device=found.name,
        cache=cache,
        folder=target,
        url=storage or f"sqlite:///{target.absolute() / 'study.db'}",
        name=name,
        key=key,
        trials=trials,
        until=until,
        n_jobs=max(effective_n_jobs(-1) // jobs, 1),
    )

    @functools.cache
    def read() -> Battles:
        return _read(job, space, steps)

    if folder.is_new:
        read()  # first: what cannot be read takes no folder
    folder.take()
    with Store(job.url) as store:
        return _finish(job, nested, jobs, store, folder, space, steps, read)


def _settled(
    source: tuple[Mapping[str, Any], str], inputs: Inputs, steps: Steps, *, keep_form: bool
) -> tuple[Mapping[str, Any], str]:
    """Check preset and files; return the former in the form that votes ask for, and say so."""
    data, where = source
    config = check_config(data, where)
    check_inputs(inputs, None)
    settled(config, inputs, keep=keep_form)
    if inputs.knows_ties():
        return source
    steps.tell(TOLD)
    if FORM in flat(data.get(SEARCH, {}), where):
        steps.tell(f"not searched, for these votes have one: {FORM}")
    return without_ties(data, where), where


def _read(job: Job, space: Space, steps: Steps) -> Battles:
    """Read the battles, say what is odd in them, and refuse votes that do not go with the form."""
    with steps.step("read") as advance:
        battles = job.read(advance)
    steps.tell_all(battles.read_as())
    check_votes(battles, ties=has_ties(space.base), way_out=ALONE)
    return battles


def _finish(
    job: Job,
    nested: int | None,
    jobs: int,
    store: Store,
    folder: StudyFolder,
    space: Space,
    steps: Steps,
    read: Callable[[], Battles],
) -> Path:
    """Run what trials are left, those of nested studies last, and write what came of them."""
    every = [job, *(nested_jobs(job, nested) if nested else [])]
    done, *inner = [_studied(one, jobs, store, folder, steps, read) for one in every]
    best = best_of(done, space.base.folds.n_folds)
    if best is None:
        steps.tell("no trial is finished yet. The same command goes on.")
        return folder.path
    told = _told(job, store, space, done, best)
    told["finished"] = min(map(len, (done, *inner)))
    if nested and told["finished"] == job.trials:
        told["nested"] = _known_gain(folder.told(), told, nested)
    if nested and told["finished"] == job.trials and told["nested"] is None:
        battles = read()
        with steps.step("nested", nested, "splits"):
            pairs = [(one[0], best_of(one, space.base.folds.n_folds) or one[0]) for one in inner]
            told["nested"] = gain_of(every[1:], pairs, space, battles)
    folder.write(told, done, best, space)
    _show(told, steps)
    return folder.path


def _known_gain(known: Mapping[str, Any], told: Mapping[str, Any], nested: int) -> Any:
    """Return the gain that the same finished study told of as many splits, None of another."""
    same = all(known.get(name) == told[name] for name in ("study", "storage", "trials", "best"))
    gain = known.get("nested") if same else None
    return gain if gain and len(gain["splits"]) == nested else None


def _studied(
    job: Job,
    jobs: int,
    store: Store,
    folder: StudyFolder,
    steps: Steps,
    read: Callable[[], Battles],
) -> list[Done]:
    """Run a study's trials, those that are left; return the finished ones."""
    make_study(store, job.name, job.key)
    slots = Slots(store, job.name)
    left = job.trials - len(finished(slots.trials(), job.trials))
    if left and job.in_time:
        folder.begin()
        read()
        steps.tell(f"study {job.name} in {store.shown}: {left} of {job.trials} trials are left")
        work_all(job, jobs, store, steps.console, read)
    return finished(slots.trials(), job.trials)


def _told(job: Job, store: Store, space: Space, done: list[Done], best: Done) -> dict[str, Any]:
    """Return what is told of a study, ready for JSON."""
    files = job.inputs.told(job.key["files"], skip_bad_rows=job.skip_bad_rows)
    before, after = float(done[0].value or 0.0), float(best.value or 0.0)
    values = {key: space.dimensions[key].value(label) for key, label in best.labels.items()}
    return {
        "study": job.name,
        "storage": store.shown,
        "from": job.where,
        "trials": job.trials,
        "finished": len(done),
        "failed": sum(one.value is None for one in done),
        "early": sum(one.ended_early(space.base.folds.n_folds) for one in done),
        "seconds": round(sum(one.told.get("seconds", 0.0) for one in done), 1),
        "preset": {"log_loss": before},
        "best": {
            "trial": best.number,
            "log_loss": after,
            "gain": before - after,
            "values": values,
        },
        "nested": None,
        "files": [files["train"], *files["extra"]],
        "made_with": {name: job.key[name] for name in ("versions", "source", "device")},
    }


def _show(told: Mapping[str, Any], steps: Steps) -> None:
    best, nested = told["best"], told["nested"]
    better = f"{best['gain']:+.4f} better than {told['from']}, as the study saw it"
    steps.tell(
        f"best of {told['finished']} trials: {best['log_loss']:.4f} (trial {best['trial']}), "
        + (better if best["trial"] else f"{told['from']} as it is")
    )
    if nested is not None:
        gain = nested["gain"]
        steps.tell(
            f"on rows that no study saw: {gain['value']:+.4f} [{gain['low']:+.4f}, "
            f"{gain['high']:+.4f}] better"
        )
    if told["finished"] < told["trials"]:
        steps.tell(
            f"{told['finished']} of {told['trials']} trials are finished. The same command goes on."
        )
