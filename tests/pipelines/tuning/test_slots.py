"""Slots: as many as were asked for, each to one worker, and taken over as they stand."""

import pytest
from optuna.distributions import IntDistribution
from optuna.trial import TrialState

from pipelines.run.folder import RunError
from pipelines.tuning import slots as module
from pipelines.tuning.slots import MOST_ATTEMPTS, WORKER, Slots
from pipelines.tuning.storage import Store
from pipelines.tuning.study import make_study
from pipelines.tuning.workers import Watch, Worker


@pytest.fixture(params=["sqlite:///{}/s.db", "journal:{}/log"])
def opened(request, tmp_path):
    """Open the same study, as another process would."""
    url = request.param.format(tmp_path)
    make_study(Store(url), "s", {})

    def make(gone=()):
        watch = Watch()
        watch.is_gone = lambda worker, beat: worker.token in gone
        return Slots(Store(url), "s", watch)

    return make


def states(slots):
    return [trial.state.name for trial in slots.trials()]


def token_of(claimed):
    return Worker.read(claimed.trial.user_attrs[WORKER]).token


def test_slots_are_made_as_they_are_taken(opened):
    for number in range(3):
        assert opened().claim(3).trial.number == number
        assert states(opened()) == ["RUNNING"] * (number + 1)
    assert opened().claim(3) is None
    assert opened().claim(4).trial.number == 3


def test_no_more_trials_run_than_were_asked_for(opened):
    """As when several processes have made a slot at the same moment."""
    for _ in range(4):
        opened()._add()
    taken = [opened().claim(2) for _ in range(3)]
    assert [claimed and claimed.trial.number for claimed in taken] == [0, 1, None]
    assert states(opened()) == ["RUNNING", "RUNNING", "WAITING", "WAITING"]


def test_what_a_living_worker_has_is_left_to_him(opened):
    assert opened().claim(1) is not None
    assert opened().claim(1) is None


def test_a_trial_of_who_is_gone_is_taken_over_as_it_stands(opened):
    slots = opened()
    first = slots.claim(1)
    slots.write(first, {"x": 3}, {"x": IntDistribution(1, 9)})
    later = opened(gone={token_of(first)}).claim(1)
    assert (later.trial.number, later.trial.params) == (0, {"x": 3})
    assert Worker.read(later.trial.user_attrs[WORKER]).attempt == 2
    opened().finish(later.trial_id, 1.5, {"told": {}})
    assert [trial.value for trial in opened().trials()] == [1.5]


def test_of_two_who_see_that_he_is_gone_one_takes_it(opened):
    gone = {token_of(opened().claim(1))}
    one, other = opened(gone), opened(gone)
    seen = other.trials()
    other.trials = lambda: seen  # it looked before the other one took it
    assert one.claim(1) is not None
    assert other.claim(1) is None


def test_a_kill_before_the_trial_runs_leaves_it_to_take(opened, monkeypatch):
    slots = opened()
    with monkeypatch.context() as patch:
        patch.setattr(type(slots.store.optuna), "set_trial_state_values", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            slots.claim(1)
    assert states(opened()) == ["WAITING"]
    assert opened().claim(1) is None
    token = Worker.read(opened().trials()[0].user_attrs[WORKER]).token
    assert opened(gone={token}).claim(1).trial.state == TrialState.RUNNING


def test_parameters_that_are_there_are_not_written_again(opened):
    space = {"x": IntDistribution(1, 9), "y": IntDistribution(1, 9)}
    slots = opened()
    first = slots.claim(1)
    slots.write(first, {"x": 3}, space)
    later = opened(gone={token_of(first)})
    later.write(later.claim(1), {"x": 4, "y": 5}, space)
    assert opened().trials()[0].params == {"x": 3, "y": 5}


def test_a_trial_that_kills_its_processes_fails_alone(opened, monkeypatch):
    slots, gone = opened(), set()
    for _ in range(MOST_ATTEMPTS):
        claimed = opened(gone).claim(1)
        assert claimed is not None
        gone.add(token_of(claimed))
    assert opened(gone).claim(1) is None
    trial = slots.trials()[0]
    assert trial.state == TrialState.FAIL
    assert trial.user_attrs[module.WHY] == f"its process was killed {MOST_ATTEMPTS} times"
    assert opened(gone).claim(2).trial.number == 1


def test_who_was_taken_for_gone_may_end_his_trial_late(opened):
    slots = opened()
    claimed = slots.claim(1)
    opened().finish(claimed.trial_id, 1.5, {"told": {}})
    slots.finish(claimed.trial_id, 1.5, {"told": {}})
    assert [trial.value for trial in opened().trials()] == [1.5]


def test_a_study_with_trials_of_others_is_refused(opened, tmp_path):
    slots = opened()
    slots.store.study("s").ask()
    with pytest.raises(RunError, match=r"study s in .*: trial 0 was not made by pipelines\.tune"):
        slots.claim(1)
