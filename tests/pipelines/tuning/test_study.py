"""A study is held to what it is of, and its proposals to its seed, its trials and a number."""

import json
from collections import Counter

import pytest

from pipelines.run.folder import RunError
from pipelines.tuning.slots import Slots
from pipelines.tuning.space import Space
from pipelines.tuning.storage import Store
from pipelines.tuning.study import (
    BLOCKS,
    STARTUP,
    TOLD,
    Done,
    best_of,
    finished,
    make_study,
    propose,
    room_of,
)

KEY = {"files": 1, "versions": {"numpy": "2"}, "search": "a"}


@pytest.fixture
def space(source):
    return Space(*source)


def run_through(folder, space, number, seed=0, storing="sqlite:///{}/s.db"):
    """Make a study of some trials whose value is known of their labels; return its slots."""
    folder.mkdir()
    store = Store(storing.format(folder))
    make_study(store, "s", KEY)
    slots = Slots(store, "s")
    for _ in range(number):
        claimed = slots.claim(number)
        labels = propose(store, "s", claimed, space, seed)
        active = {key: labels[key] for key in space.settle(labels).active}
        slots.write(claimed, active, space.distributions)
        value = active["model.inner_folds"] + 0.1 * active["families.style"]
        slots.finish(claimed.trial_id, value, {BLOCKS: json.dumps({0: value}), TOLD: {"folds": 3}})
    return slots


def labels_of(slots):
    return [trial.params for trial in slots.trials()]


def test_proposals_are_the_same_in_every_storage_and_another_seeds_are_others(space, tmp_path):
    first = labels_of(run_through(tmp_path / "a", space, 14))
    again = labels_of(run_through(tmp_path / "b", space, 14, storing="journal:{}/log"))
    other = labels_of(run_through(tmp_path / "c", space, 14, seed=1))
    assert first == again
    assert first[0] == other[0] == space.preset
    assert first[1:STARTUP] != other[1:STARTUP]
    assert len({json.dumps(labels) for labels in first[:STARTUP]}) > 3


def test_the_sampler_learns_from_what_has_been_seen(space, tmp_path):
    """Few inner folds are best here: later trials have fewer than the first, drawn at random."""
    folds = [
        labels["model.inner_folds"] for labels in labels_of(run_through(tmp_path / "a", space, 40))
    ]
    assert sum(folds[20:]) / 20 < sum(folds[1:STARTUP]) / (STARTUP - 1)


def test_what_a_trial_has_already_stays(space, tmp_path):
    slots = run_through(tmp_path / "a", space, 3)
    claimed = slots.claim(4)
    whole = propose(slots.store, "s", claimed, space, 0)
    some = {"model.inner_folds": 2 if whole["model.inner_folds"] != 2 else 3}
    part = claimed._replace(trial=claimed.trial)
    part.trial.params = some
    assert propose(slots.store, "s", part, space, 0) == whole | some


def test_most_trials_change_one_room_of_the_best_and_some_change_all(space, tmp_path):
    slots = run_through(tmp_path / "a", space, 1)
    best = space.preset | {"model.inner_folds": 4, "learners.linear.penalties": "[10.0]"}
    changed = Counter()
    for number in range(2, 62):
        claimed = slots.claim(number)
        labels = propose(slots.store, "s", claimed, space, 0, best)
        assert labels == propose(slots.store, "s", claimed, space, 0, best)
        rooms = frozenset(room_of(key) for key in labels if labels[key] != best[key])
        changed["some" if len(rooms) < 2 else "all"] += 1
        changed.update(rooms if len(rooms) == 1 else [])
        slots.write(claimed, labels, space.distributions)
        slots.finish(claimed.trial_id, 1.0, {TOLD: {"folds": 1}})
    assert changed["some"] > 2 * changed["all"] > 0
    assert min(changed[room] for room in ("columns", "model", "learners.linear")) > 0


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ({"files": 2}, r"study s in sqlite:.* is one of other files\. Run the command that it was"),
        ({"search": "b", "files": 3}, r"other files and other search\."),
        ({"versions": {"numpy": "3"}}, r"other versions \(numpy: 2 there, 3 here\)"),
    ],
)
def test_a_study_of_something_else_is_refused(key, words, tmp_path):
    store = Store(f"sqlite:///{tmp_path}/s.db")
    make_study(store, "s", KEY)
    make_study(store, "s", KEY)
    with pytest.raises(RunError, match=words):
        make_study(store, "s", KEY | key)
    make_study(store, "another", KEY | key)


def done(number, value, folds):
    return Done(number, {}, value, {}, {"folds": folds}, "")


def test_the_best_went_through_all_folds_and_is_the_first_of_equals():
    trials = [done(0, 1.2, 5), done(1, 0.9, 1), done(2, 1.1, 5), done(3, 1.1, 5), done(4, None, 0)]
    assert best_of(trials, 5).number == 2
    assert best_of(trials[4:], 5) is None


def test_only_the_first_trials_count_and_those_that_ended(space, tmp_path):
    slots = run_through(tmp_path / "a", space, 3)
    slots.claim(5)
    assert [one.number for one in finished(slots.trials(), 2)] == [0, 1]
    assert [one.number for one in finished(slots.trials(), 5)] == [0, 1, 2]
