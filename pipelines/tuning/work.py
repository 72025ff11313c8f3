"""A worker: takes trials of a study, one after the other, until none is left or time is up."""

import json
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from optuna.trial import FrozenTrial

from data.folds import training_rows
from features.storage.cache import Cache
from pipelines.config import Config
from pipelines.estimator.form import has_ties
from pipelines.run.folds import Folds, cut_folds
from pipelines.run.inputs import Battles, Inputs, read_inputs
from pipelines.settings import ConfigError
from pipelines.tuning.evaluation import Evaluator, Outcome
from pipelines.tuning.kept import Kept
from pipelines.tuning.slots import Claimed, Slots
from pipelines.tuning.space import Settled, Space
from pipelines.tuning.storage import Store
from pipelines.tuning.study import BLOCKS, TOLD, Done, best_of, finished, propose

KEPT = "kept"  # folder of what trials have computed
LOOK = 0.5  # seconds between two looks at trials that others run
OUTER_SEED = 7  # outer splits are others than the folds of the study


class Outer(NamedTuple):
    """An outer split: the fold that a nested study never sees, of how many."""

    fold: int
    number: int


class Job(NamedTuple):
    """All that a worker needs; it may be another process.

    Attributes
    ----------
    data : mapping
        Content of the preset or file, with the section ``[search]``.
    where : str
        What an error calls it.
    inputs : Inputs
    skip_bad_rows : bool
    device : {"cpu", "cuda"}
    cache : Cache or None
        Of counts and of what an encoder makes.
    folder : Path
        Of the study.
    url : str
        Of its storage.
    name : str
    key : mapping
        What the study depends on.
    trials : int
        The study's total.
    until : float or None
        Seconds since 1970 after which no trial is begun.
    n_jobs : int
        Fits at the same time, as joblib counts.
    outer : Outer or None
        What a nested study does not see.
    """

    data: Mapping[str, Any]
    where: str
    inputs: Inputs
    skip_bad_rows: bool
    device: str
    cache: Cache | None
    folder: Path
    url: str
    name: str
    key: Mapping[str, Any]
    trials: int
    until: float | None = None
    n_jobs: int = -1
    outer: Outer | None = None

    @property
    def in_time(self) -> bool:
        """Whether a trial may still be begun."""
        return self.until is None or time.time() < self.until

    def read(self, advance: Callable[[int], None] | None = None) -> Battles:
        """Read the battles; `advance` is told of rows."""
        return read_inputs(self.inputs, advance, skip_bad_rows=self.skip_bad_rows)

    def evaluator(self, space: Space, battles: Battles, *, outer: bool = False) -> Evaluator:
        """Return what evaluates configurations on the battles.

        Parameters
        ----------
        space : Space
        battles : Battles
            All that `read` returns.
        outer : bool
            Over the outer splits, not over the study's folds.
        """
        base, ties = space.base, has_ties(space.base)
        if self.outer is not None:
            split = cut_folds(battles, self.outer.number, base.seed + OUTER_SEED, ties=ties)
            if outer:
                return self._over(base, battles, split)
            battles = _without(battles, battles.by_row(split.fold) == self.outer.fold)
        return self._over(
            base, battles, cut_folds(battles, base.folds.n_folds, base.seed, ties=ties)
        )

    def _over(self, base: Config, battles: Battles, folds: Folds) -> Evaluator:
        depends = {name: self.key[name] for name in sorted(self.key) if name not in OWN}
        kept = Kept(self.folder / KEPT, depends | {"folds": folds.digest})
        return Evaluator(
            base, battles, folds, kept, device=self.device, cache=self.cache, n_jobs=self.n_jobs
        )


OWN = ("configuration", "search", "outer")  # parts of a study's key that say nothing of columns


def _without(battles: Battles, held: NDArray[np.bool_]) -> Battles:
    """Return the battles without some plain rows, and without extra rows of their prompts."""
    frame = battles.frame
    out = np.zeros(len(frame), dtype=np.bool_)
    out[: len(held)] = held
    rows = training_rows(out, frame["group"], frame["source"])
    left = int(rows[: battles.n_plain].sum())
    return battles._replace(frame=frame[rows], y=battles.y[rows], n_plain=left)


class Bench:
    """A worker at its study.

    Parameters
    ----------
    job : Job
        Its study is made.
    store : Store
        Of the job's study.
    tell : callable
        Takes a line for each trial.
    read : callable, optional
        Returns the battles, which by default the job reads.
    """

    def __init__(
        self,
        job: Job,
        store: Store,
        tell: Callable[[str], None],
        read: Callable[[], Battles] | None = None,
    ) -> None:
        self.job, self.store, self._tell = job, store, tell
        self._read = read or job.read
        self.space = Space(job.data, job.where)
        self.slots = Slots(store, job.name)

    @cached_property
    def evaluator(self) -> Evaluator:
        """Made for the first trial: who finds none left reads no battles."""
        return self.job.evaluator(self.space, self._read())

    def work(self) -> None:
        """Run trials until all are finished, by whomever, or time is up.

        A trial that others run is waited for: should they be killed, it is taken over.
        """
        while self.job.in_time:
            claimed = self.slots.claim(self.job.trials)
            if claimed is not None:
                with self.slots.beating(claimed.trial_id):
                    self._run(claimed)
            elif len(self.done()) >= self.job.trials:
                return
            else:
                time.sleep(LOOK)

    def done(self) -> list[Done]:
        """Return the finished trials, by number."""
        return finished(self.slots.trials(), self.job.trials)

    def best(self) -> Done | None:
        """Return the best trial so far."""
        return best_of(self.done(), self.space.base.folds.n_folds)

    def _run(self, claimed: Claimed) -> None:
        best, trial = self.best(), claimed.trial
        settled = self._settled(claimed, best)
        order = self.evaluator.order(trial.number, self.space.base.seed)
        try:
            if isinstance(settled, ConfigError):
                raise settled
            outcome = self.evaluator.evaluate(settled.config, order, best and best.blocks)
        except Exception as error:
            if trial.number == 0 or isinstance(error, OSError):
                raise  # the preset itself, or a disk that is full: the same for all trials
            why = " ".join(f"{type(error).__name__}: {error}".split())
            self.slots.fail(claimed.trial_id, why)
            self._tell(f"trial {trial.number}: failed, {why}")
            return
        told = {BLOCKS: json.dumps(outcome.blocks), TOLD: outcome.told}
        self.slots.finish(claimed.trial_id, outcome.value, told)
        self._tell(self._line(trial, outcome, best))

    def _settled(self, claimed: Claimed, best: Done | None) -> Settled | ConfigError:
        """Propose parameters, and write those that the trial reads."""
        seed, around = self.space.base.seed, best and best.labels
        labels = propose(self.store, self.job.name, claimed, self.space, seed, around)
        try:
            settled = self.space.settle(labels)
        except ConfigError as error:
            self.slots.write(claimed, labels, self.space.distributions)
            return error
        active = {key: labels[key] for key in settled.active}
        self.slots.write(claimed, active, self.space.distributions)
        return settled

    def _line(self, trial: FrozenTrial, outcome: Outcome, best: Done | None) -> str:
        told, n_folds = outcome.told, self.space.base.folds.n_folds
        line = f"{self.job.name}: trial {trial.number}: {outcome.value:.4f}"
        if told["folds"] < n_folds:
            line += f" (estimated, ended after fold {told['folds']} of {n_folds})"
        if best is not None and best.value is not None:
            line += f", best so far {min(best.value, outcome.value):.4f}"
        return f"{line}, {told['seconds']:.1f} s"
