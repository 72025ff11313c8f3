"""A study: made once, held to what it is of, and read."""

import json
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from optuna.exceptions import DuplicatedStudyError, ExperimentalWarning
from optuna.samplers import TPESampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from pipelines.run.difference import changed
from pipelines.run.folder import RunError
from pipelines.tuning.slots import WHY, Claimed
from pipelines.tuning.space import Space
from pipelines.tuning.storage import Store

KEY = "key"  # attribute of a study: what it depends on
BLOCKS, TOLD = "blocks", "told"  # attributes of a trial
COLUMNS = "columns"  # the room of families and of what they and the encoder read
STARTUP = 10  # trials drawn at random before the sampler learns from them


class Done(NamedTuple):
    """A finished trial.

    Attributes
    ----------
    number : int
    labels : dict
        Its parameters, as Optuna keeps them.
    value : float or None
        Log loss, None where it failed; an estimate where it ended early.
    blocks : dict of int to float
    told : dict
        ``folds`` that were fitted, ``seconds``, what was found: see `Outcome.told`.
    why : str
        Why it failed.
    """

    number: int
    labels: dict[str, Any]
    value: float | None
    blocks: dict[int, float]
    told: dict[str, Any]
    why: str

    @classmethod
    def of(cls, trial: FrozenTrial) -> "Done":
        """Return what a finished trial says."""
        known = trial.user_attrs
        blocks = {int(number): loss for number, loss in json.loads(known.get(BLOCKS, "{}")).items()}
        value = trial.value if trial.state == TrialState.COMPLETE else None
        told = known.get(TOLD, {})
        return cls(trial.number, trial.params, value, blocks, told, known.get(WHY, ""))

    def ended_early(self, n_folds: int) -> bool:
        """Whether it was given up before its last fold; one that failed was not."""
        return self.value is not None and bool(self.told["folds"] < n_folds)


def make_study(store: Store, name: str, key: Mapping[str, Any]) -> None:
    """Make a study, or see that the one of this name is of the same.

    Raises
    ------
    RunError
        It is of another configuration, space, data or version: says which.
    """
    with store.answering():
        try:
            study_id = store.optuna.create_new_study([StudyDirection.MINIMIZE], name)
        except DuplicatedStudyError:
            study_id = store.optuna.get_study_id_from_name(name)
        known = store.optuna.get_study_user_attrs(study_id).get(KEY)
        if known is None:
            store.optuna.set_study_user_attr(study_id, KEY, json.dumps(key))
            known = store.optuna.get_study_user_attrs(study_id)[KEY]
    if json.loads(known) != key:
        raise RunError(
            f"study {name} in {store.shown} is one of other {changed(json.loads(known), key)}. "
            "Run the command that it was started with to go on, or name another --study or "
            "--output."
        )


def finished(trials: Sequence[FrozenTrial], total: int) -> list[Done]:
    """Return those of the first `total` trials that have ended, by number."""
    return [Done.of(trial) for trial in trials[:total] if trial.state.is_finished()]


def best_of(done: Sequence[Done], n_folds: int) -> Done | None:
    """Return the best of those that went through all folds, the first of equals."""
    full = [one for one in done if one.value is not None and one.told["folds"] == n_folds]
    return min(full, key=lambda one: (one.value, one.number), default=None)


def room_of(key: str) -> str:
    """Return with which other keys a key is changed: what they cost is computed together.

    >>> room_of("learners.lightgbm.num_leaves"), room_of("families.overlap"), room_of("model.bag")
    ('learners.lightgbm', 'columns', 'model')
    """
    head, _, rest = key.partition(".")
    if head == "learners":
        return f"{head}.{rest.partition('.')[0]}"
    return head if head == "model" else COLUMNS


def propose(
    store: Store,
    name: str,
    claimed: Claimed,
    space: Space,
    seed: int,
    best: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return labels of the whole space for a trial.

    They depend on the finished trials, on the study's seed and on the trial's number alone: no
    sampler's state needs to outlive a process. What a trial has already stays. Trial 0 is the
    preset as it is. Most others change one room of the best trial so far, most of these one that
    leaves the columns as they are: so most of their parts are found. The rest change all.

    Parameters
    ----------
    store : Store
    name : str
        Of the study.
    claimed : Claimed
    space : Space
    seed : int
        Of the study.
    best : mapping, optional
        Labels of the best trial so far.
    """
    number, known = claimed.trial.number, claimed.trial.params
    if number == 0:
        return space.preset
    study, own = store.study(name), np.random.SeedSequence([seed, number])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        sampler = TPESampler(
            n_startup_trials=STARTUP,
            seed=int(own.generate_state(1)[0]),
            multivariate=True,
            group=True,
            constant_liar=True,  # other workers may be at other trials
        )
    with store.answering():
        trial = store.optuna.get_trial(claimed.trial_id)
        joint = sampler.infer_relative_search_space(study, trial)
        labels = sampler.sample_relative(study, trial, joint)
        for key, distribution in space.distributions.items():
            if key not in labels:
                labels[key] = sampler.sample_independent(study, trial, key, distribution)
    return labels | _unchanged(labels, best or {}, np.random.default_rng([seed, number, 1])) | known


def _unchanged(
    labels: Mapping[str, Any], best: Mapping[str, Any], rng: np.random.Generator
) -> dict[str, Any]:
    """Return the labels of the best trial that a proposal leaves as they are."""
    rooms = sorted({room_of(key) for key in labels})
    drawn = ["", *rooms, *(room for room in rooms if room != COLUMNS)]  # of these twice as often
    room = drawn[int(rng.integers(len(drawn)))]
    return {key: label for key, label in best.items() if room and room_of(key) != room}
