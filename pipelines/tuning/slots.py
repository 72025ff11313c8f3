"""The trials of a study: slots that are taken one by one, and taken over from who is gone.

A slot is a trial that waits, made when none is free. Who writes his name into it has it: of several
processes one does, so no more trials run than were asked for. A trial whose worker was killed is
taken over as it stands: the same number, the same parameters.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from optuna.distributions import BaseDistribution
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState, create_trial

from pipelines.run.folder import RunError
from pipelines.tuning.storage import Store
from pipelines.tuning.workers import NOBODY, Beating, Watch, Worker

WORKER, BEATS, WHY = "worker", "beat", "why"  # attributes of a trial
MOST_ATTEMPTS = 8  # after which a trial that kills its process is given up


class Claimed(NamedTuple):
    """A trial that this process runs."""

    trial_id: int
    trial: FrozenTrial


class Slots:
    """The trials of a study.

    Parameters
    ----------
    store : Store
    name : str
        Of the study, which is there.
    watch : Watch, optional
    """

    def __init__(self, store: Store, name: str, watch: Watch | None = None) -> None:
        self.store, self.name = store, name
        self._storage = store.optuna
        with store.answering():
            self._study_id = self._storage.get_study_id_from_name(name)
        self._watch = watch or Watch()

    def trials(self) -> list[FrozenTrial]:
        """Return all trials as they stand, by number."""
        with self.store.answering():
            found = self._storage.get_all_trials(self._study_id, deepcopy=False)
        foreign = [trial.number for trial in found if WORKER not in trial.user_attrs]
        if foreign:
            raise RunError(
                f"study {self.name} in {self.store.shown}: trial {foreign[0]} was not made by "
                "pipelines.tune. Name another --study."
            )
        return found

    def claim(self, total: int) -> Claimed | None:
        """Take the first of so many trials that nobody runs, None where there is none.

        Processes that make a slot at the same moment may make some more than `total`: those wait,
        and are not run.
        """
        while True:
            trials = self.trials()
            for trial in trials[:total]:
                claimed = None if trial.state.is_finished() else self._claimed(trial)
                if claimed is not None:
                    return claimed
            if len(trials) >= total:
                return None
            self._add()

    def _add(self) -> None:
        waiting = create_trial(state=TrialState.WAITING, user_attrs={WORKER: NOBODY})
        with self.store.answering():
            self._storage.create_new_trial(self._study_id, waiting)

    def _claimed(self, trial: FrozenTrial) -> Claimed | None:
        """Take a trial, unless somebody is at it."""
        seen = trial.user_attrs[WORKER]
        worker = Worker.read(seen)
        if worker and not self._watch.is_gone(worker, trial.user_attrs.get(BEATS, 0)):
            return None
        return self._take(trial, seen, 1 + (worker.attempt if worker else 0))

    def _take(self, trial: FrozenTrial, seen: str, attempt: int) -> Claimed | None:
        trial_id = self.id_of(trial.number)
        if not self.store.swap(trial_id, WORKER, seen, Worker.this(attempt).written()):
            return None
        if attempt > MOST_ATTEMPTS:
            self.fail(trial_id, f"its process was killed {MOST_ATTEMPTS} times")
            return None
        with self.store.answering():
            if trial.state == TrialState.WAITING:
                self._storage.set_trial_state_values(trial_id, TrialState.RUNNING)
            return Claimed(trial_id, self._storage.get_trial(trial_id))

    def id_of(self, number: int) -> int:
        """Return what the storage calls a trial."""
        with self.store.answering():
            found = self._storage.get_trial_id_from_study_id_trial_number(self._study_id, number)
        return int(found)

    def beating(self, trial_id: int) -> Beating:
        """Return what shows, in a context, that this process goes on with a trial."""

        def show(number: int) -> None:
            self._storage.set_trial_user_attr(trial_id, BEATS, number)
            self._storage.remove_session()

        return Beating(show)

    def write(
        self, claimed: Claimed, labels: Mapping[str, Any], space: Mapping[str, BaseDistribution]
    ) -> None:
        """Write the parameters that a trial does not have yet."""
        with self.store.answering():
            for key, label in labels.items():
                if key not in claimed.trial.params:
                    inner = space[key].to_internal_repr(label)
                    self._storage.set_trial_param(claimed.trial_id, key, inner, space[key])

    def finish(self, trial_id: int, value: float, told: Mapping[str, Any]) -> None:
        """Write what a trial gave; another process may have done so."""
        self._end(trial_id, told, TrialState.COMPLETE, [value])

    def fail(self, trial_id: int, why: str) -> None:
        """Write that a trial gave nothing."""
        self._end(trial_id, {WHY: why}, TrialState.FAIL, None)

    def _end(
        self,
        trial_id: int,
        told: Mapping[str, Any],
        state: TrialState,
        values: list[float] | None,
    ) -> None:
        with self.store.answering():
            try:
                for key, content in told.items():
                    self._storage.set_trial_user_attr(trial_id, key, content)
                self._storage.set_trial_state_values(trial_id, state, values)
            except UpdateFinishedTrialError:
                pass  # by who took it over, while this process was taken for gone: the same
