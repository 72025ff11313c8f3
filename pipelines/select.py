"""``python -m pipelines.select``: which columns earn their place, as a configuration to fit."""

from pipelines.command.launcher import start

if __name__ == "__main__":  # before the imports that take seconds: the flags come first
    start("select")

import json
import tomllib
from pathlib import Path

from rich.console import Console

from features.storage.cache import Cache
from models.device import Choice
from pipelines.command.progress import Steps
from pipelines.config import Config, check_config, write_config
from pipelines.fit import check_inputs, checked_folds, prepare, settle, without_labels
from pipelines.run.files import csv_bytes
from pipelines.run.folder import RUNS, UnfinishedRun, default_target
from pipelines.run.inputs import Inputs, read_inputs
from pipelines.selection.report import Outcome, show
from pipelines.selection.work import Chosen, Clock, TimeIsUp, Work, places

SELECTED, TABLE, TOLD = "selected.toml", "selection.csv", "selection.json"


def select(
    config: Config,
    inputs: Inputs,
    output: Path | None = None,
    *,
    ranking: str = "gain",
    timeout: float | None = None,
    name: str = "select",
    force: bool = False,
    skip_bad_rows: bool = False,
    device: Choice = "auto",
    cache: Cache | None = None,
    console: Console | None = None,
    keep_form: bool = False,
) -> Path | None:
    """Select columns without each fold and on all rows, and leave a configuration of what stays.

    Each selection sees its training part alone; what it is worth is told on the fold that it has
    not seen, by the models of the configuration.

    Parameters
    ----------
    config : Config
        Of a training file whose votes know no ties columns are selected for A against B, whatever
        form it has.
    inputs : Inputs
        The test file is not looked at.
    output : Path, optional
        The folder; by default ``runs/NAME-TIME``, or the unfinished one of the same configuration
        and files.
    ranking : {"gain", "permutation", "shap"}
        In what order columns are tried, see `models.ranking.rank`.
    timeout : float, optional
        Seconds after which it stops, when the step at hand is done.
    name : str
        Start of the default folder's name.
    force : bool
        Replace a finished folder, discard an unfinished one.
    skip_bad_rows : bool
        Leave out training rows that cannot be read.
    device : {"auto", "cpu", "cuda"}
        Where members that can use a GPU train. Selections are made on the CPU.
    cache : Cache, optional
        Where counts of n-grams, vectors and matches are kept for the next run.
    console : rich.console.Console, optional
        Where to show progress and results.
    keep_form : bool
        Refuse votes that do not go with the configuration's form.

    Returns
    -------
    Path or None
        The finished folder; without ``selected.toml`` where nothing stays. None where the time is
        up: the same call goes on.
    """
    clock, steps = Clock(timeout), Steps(console or Console())
    inputs = inputs._replace(test=None)
    check_inputs(inputs, None)
    config = settle(config, inputs, steps, keep_form=keep_form)
    pipeline, found, key = prepare(config, inputs, device, cache)
    key = {"kind": "selection", "ranking": ranking, **key}
    target = output or default_target(RUNS, name, key)
    with UnfinishedRun(target, key, force=force) as run:
        steps.tell(run.announcement)
        with steps.step("read") as advance:
            battles = read_inputs(inputs, advance, skip_bad_rows=skip_bad_rows)
        steps.tell_all(battles.read_as())
        folds = checked_folds(config, battles, run)
        ready = without_labels(pipeline, battles.frame, cache, steps)
        work = Work(ready, battles, run, steps, clock, ranking)
        try:
            made = [work.select(place) for place in places(battles, folds)]
        except TimeIsUp:
            steps.tell(f"the time is up: {run.path} keeps what is done, the same command goes on")
            return None
        outcome = Outcome.of(made, battles.plain, folds, work.selector.anew)
        told = outcome.told() | {
            "kind": "selection",
            "ranking": ranking,
            "inputs": inputs.told(key["files"], skip_bad_rows=skip_bad_rows),
            "device": {"name": found.name, "reason": found.reason},
            "versions": key["versions"],
            "source": key["source"],
            "seconds": steps.seconds,
        }
        run.write(TABLE, csv_bytes(outcome.table))
        run.write(TOLD, json.dumps(told, indent=1).encode())
        _write_selected(config, outcome.chosen, run)
        finished = run.finish()
    show(steps.console, outcome)
    return finished


def _write_selected(config: Config, chosen: Chosen, run: UnfinishedRun) -> None:
    """Write the configuration of what stays: families that have no such column are not in it."""
    run.remove(SELECTED)
    if chosen.selected:
        data = tomllib.loads(write_config(config))
        data["model"]["select"] = chosen.names
        run.write(SELECTED, write_config(check_config(data, SELECTED)).encode())
