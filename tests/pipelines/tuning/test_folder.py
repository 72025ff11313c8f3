"""The folder of a study: what comes of it, and what it is refused for."""

import json
import tomllib

import pandas as pd
import pytest

from pipelines.config import load_config, read_source
from pipelines.run.folder import RunError
from pipelines.tuning.folder import StudyFolder, comment
from tests.pipelines.tuning.conftest import SMALL


def test_the_best_trial_becomes_a_plain_configuration_file(study, source):
    folder = study(8)
    table = pd.read_csv(folder / "trials.csv").set_index("trial")
    told = json.loads((folder / "study.json").read_text())
    best = table[~table["early"]]["log_loss"].idxmin()
    assert told["best"]["trial"] == best
    assert told["best"]["log_loss"] == table.loc[best, "log_loss"]
    assert told["preset"]["log_loss"] == table.loc[0, "log_loss"]
    tuned = load_config(file=folder / "tuned.toml")
    assert tuned.model.inner_folds == table.loc[best, "model.inner_folds"]
    assert tuned.model.calibrate == table.loc[best, "model.calibrate"]
    assert ("style" in tuned.families) == table.loc[best, "families.style"]
    assert "search" not in tomllib.loads((folder / "tuned.toml").read_text())


def test_the_file_says_where_it_is_from(study, files, source):
    folder = study(3, name="mine")
    head = (folder / "tuned.toml").read_text().split("families")[0]
    told = json.loads((folder / "study.json").read_text())
    assert f"study mine, trial {told['best']['trial']} of 3, from {source[1]}" in head
    assert f"{files / 'train.csv'} (SHA-256 {told['files'][0]['sha256'][:12]})" in head
    assert "--nested K" in head


def test_the_best_of_many_is_told_as_that():
    best = {"trial": 7, "log_loss": 1.01234, "gain": 0.00217}
    told = {"study": "s", "finished": 9, "from": "a.toml", "files": [], "nested": None}
    assert comment(told | {"best": best})[2] == (
        "Log loss 1.0123 over the study's own folds, +0.0022 better than where it began: the best "
        "of many, so part of that is luck."
    )


def test_trial_0_is_the_preset_as_it_is(study, quiet):
    folder = study(1, console=(console := quiet()))
    assert "small.toml as it is" in console.file.getvalue().replace("\n", "")
    head = (folder / "tuned.toml").read_text().split("families")[0]
    assert "over the study's own folds: none was better than where it began." in head
    assert load_config(file=folder / "tuned.toml") == load_config(settings=SMALL)


def test_finished_studies_keep_results_alone(study):
    folder = study(2)
    names = {path.name for path in folder.iterdir()}
    assert {"tuned.toml", "trials.csv", "study.json", "study.db", "key.json", "DONE"} <= names
    assert "kept" not in names


def test_time_that_is_up_leaves_an_unfinished_study(study, quiet):
    study(2, console=(console := quiet()), timeout=1e-9)
    assert "no trial is finished yet. The same command goes on." in console.file.getvalue()
    folder = study(1)
    study(4, console=(console := quiet()), timeout=1e-9)
    assert "1 of 4 trials are finished. The same command goes on." in console.file.getvalue()
    assert len(pd.read_csv(folder / "trials.csv")) == 1


def test_more_trials_are_asked_of_a_finished_study(study):
    folder = study(1)
    (folder / "DONE").unlink()
    study(2)
    assert (folder / "DONE").exists()
    assert json.loads((folder / "study.json").read_text())["finished"] == 2


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["model.bag=2"], r"study holds a study of other configuration\. Run the command"),
        (["search.model.bag=[1, 2]"], r"study of other search\. Run the command"),
    ],
)
def test_a_folder_of_another_study_is_refused(study, space_file, settings, words):
    study(1)
    other = read_source(file=space_file, settings=settings)
    with pytest.raises(RunError, match=words):
        study(1, space=other)


def test_other_data_under_the_same_name_is_refused_by_the_storage(study, files, tmp_path):
    url = f"journal:{tmp_path}/log"
    study(1, storage=url)
    with pytest.raises(RunError, match=r"study small in journal:.* is one of other files\."):
        study(1, "other", storage=url, extra=[files / "extra.csv"])
    study(1, "third", storage=url, extra=[files / "extra.csv"], name="another")


def test_another_version_under_the_same_name_is_refused(study, monkeypatch):
    study(1)
    monkeypatch.setattr("pipelines.fit.versions", lambda **_: {"numpy": "9.9"})
    with pytest.raises(RunError, match=r"study of other versions \(.*numpy: .* there, 9\.9 here"):
        study(1)


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path):
    (tmp_path / "train.csv").write_text("mine")
    with pytest.raises(RunError, match=r"holds no study, and is not empty\. Name another --output"):
        StudyFolder(tmp_path, {})
    assert [path.name for path in tmp_path.iterdir()] == ["train.csv"]


def test_a_folder_that_another_process_begins_just_now_is_shared(tmp_path):
    (tmp_path / "lock").touch()
    (tmp_path / "key.json.writing").touch()
    first, second = (StudyFolder(tmp_path, {"files": 1}) for _ in range(2))
    third = StudyFolder(tmp_path, {"files": 2})
    first.take()
    second.take()
    with pytest.raises(RunError, match=r"holds a study of other files\. Run the command"):
        third.take()
