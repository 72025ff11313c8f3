"""A study truly goes on: SIGKILL at any place, and the same command ends as if nothing had been."""

import signal

import pandas as pd
import pytest

from pipelines.tuning.storage import Store
from tests.pipelines.tuning.processes import started

TRIALS = 12  # two of them after the sampler has begun to learn
COST = ["seconds", "columns_asked", "columns_found", "parts_asked", "parts_found"]


def flags(tune_flags, folder, *more):
    return [*tune_flags, "--output", str(folder), "--trials", str(TRIALS), *more]


def results(folder):
    """Return what came of the trials, without what they cost."""
    return pd.read_csv(folder / "trials.csv", keep_default_na=False).drop(columns=COST)


def states(folder, url=None, name="small"):
    with Store(url or f"sqlite:///{folder}/study.db") as store:
        return [trial.state.name for trial in store.study(name).trials]


@pytest.fixture(scope="module")
def undisturbed(tune_flags, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    code, _, err = started(flags(tune_flags, folder / "study"), folder).ended()
    assert (code, err) == (0, "")
    return folder / "study"


@pytest.mark.parametrize(
    "kills",
    [
        [("before a fit", 5), ("between two folds", 4)],
        [("with some parameters", 6), ("with its name in a slot", 3)],
        [("before the outcome", 11), ("after the outcome", 1), ("before the results", 1)],
    ],
)
def test_after_kills_the_same_command_ends_as_undisturbed(tune_flags, undisturbed, tmp_path, kills):
    given = flags(tune_flags, tmp_path / "study")
    for number, (place, times) in enumerate(kills):
        code, _, err = started(given, tmp_path, place, times, number).ended()
        assert (code, err) == (-signal.SIGKILL, "")
        assert not (tmp_path / "study/DONE").exists()
    code, _, err = started(given, tmp_path, number=9).ended()
    assert (code, err) == (0, "")
    assert states(tmp_path / "study") == ["COMPLETE"] * TRIALS
    pd.testing.assert_frame_equal(results(tmp_path / "study"), results(undisturbed))
    tuned = [(folder / "tuned.toml").read_text() for folder in (undisturbed, tmp_path / "study")]
    assert tuned[0] == tuned[1]


def test_a_journal_goes_on_as_well(tune_flags, undisturbed, tmp_path):
    url = f"journal:{tmp_path}/journal.log"
    given = flags(tune_flags, tmp_path / "study", "--storage", url)
    for number, (place, time) in enumerate([("before a fit", 5), ("with some parameters", 15)]):
        assert started(given, tmp_path, place, time, number).ended()[0] == -signal.SIGKILL
    assert started(given, tmp_path, number=9).ended()[0] == 0
    assert states(tmp_path, url) == ["COMPLETE"] * TRIALS
    pd.testing.assert_frame_equal(results(tmp_path / "study"), results(undisturbed))


def test_more_trials_later_are_those_of_one_call(tune_flags, undisturbed, tmp_path):
    few = [*flags(tune_flags, tmp_path / "study")[:-1], "5"]
    assert started(few, tmp_path).ended()[0] == 0
    assert (tmp_path / "study/DONE").exists()
    assert len(results(tmp_path / "study")) == 5
    assert started(flags(tune_flags, tmp_path / "study"), tmp_path, number=1).ended()[0] == 0
    pd.testing.assert_frame_equal(results(tmp_path / "study"), results(undisturbed))


def test_a_finished_study_is_not_begun_again(tune_flags, undisturbed, tmp_path):
    before = (undisturbed / "study.db").read_bytes()
    code, out, _ = started(flags(tune_flags, undisturbed), tmp_path).ended()
    assert code == 0
    assert f"best of {TRIALS} trials" in out
    assert "are left" not in out
    assert (undisturbed / "study.db").read_bytes() == before
