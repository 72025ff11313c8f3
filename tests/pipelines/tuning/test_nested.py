"""What tuning gains on rows that no study saw."""

import json

import numpy as np
import pytest

from models.measures.evaluation import paired_difference
from pipelines.config import load_config
from pipelines.estimator.build import build_pipeline, fit_pipeline
from pipelines.run.inputs import Inputs, read_inputs
from pipelines.tuning.nested import gain_of, nested_jobs
from pipelines.tuning.space import Space
from pipelines.tuning.study import Done
from pipelines.tuning.work import Job
from tests.pipelines.tuning.conftest import SMALL


@pytest.fixture
def job(files, source, tmp_path):
    inputs = Inputs(files / "train.csv", None, (files / "extra.csv",))
    url = f"sqlite:///{tmp_path}/s.db"
    key = {"files": 1, "device": "cpu"}
    return Job(*source, inputs, False, "cpu", None, tmp_path, url, "s", key, 2, n_jobs=1)


@pytest.fixture
def space(source):
    return Space(*source)


def test_a_nested_study_sees_no_row_of_its_split_and_no_extra_row_of_its_prompts(job, space):
    jobs = nested_jobs(job, 3)
    outer = jobs[0].evaluator(space, job.read(), outer=True)
    whole = outer.battles.plain[0]
    seen_by = []
    for fold, one in enumerate(jobs):
        inner = one.evaluator(space, job.read())
        frame = inner.battles.frame
        held = whole[outer.folds.fold == fold]
        assert not set(frame["group"]) & set(held["group"])
        assert inner.battles.n_plain == len(whole) - len(held)
        assert (frame["source"].iloc[: inner.battles.n_plain] == "plain").all()
        assert (frame["source"].iloc[inner.battles.n_plain :] == "extra").all()
        assert len(frame) > inner.battles.n_plain
        assert set(inner.folds.fold.tolist()) == {0, 1, 2}
        seen_by.append(set(frame["id"]))
    assert set.intersection(*seen_by) <= set(read_inputs(job.inputs).frame["id"])
    assert set(whole["id"]) == set().union(*(set(whole["id"]) - seen for seen in seen_by))


def test_the_gain_is_that_of_plain_fits_on_the_rest(job, space):
    jobs = nested_jobs(job, 2)
    labels = [space.preset | {"learners.linear.penalties": "[10.0]"}, space.preset]
    found = [
        (Done(0, space.preset, 1.0, {}, {"folds": 3}, ""), Done(1, one, 0.9, {}, {"folds": 3}, ""))
        for one in labels
    ]
    told = gain_of(jobs, found, space, job.read())
    outer = jobs[0].evaluator(space, job.read(), outer=True)
    frame, y = outer.battles.frame, outer.battles.y
    held = np.zeros(len(y), dtype=bool)
    held[: outer.battles.n_plain] = outer.folds.fold == 0
    prompts = frame["group"].isin(frame["group"][held]).to_numpy()
    train = ~held & ~(prompts & (frame["source"] == "extra").to_numpy())

    def proba(*change):
        pipeline = build_pipeline(load_config(settings=[*SMALL, *change]))
        return fit_pipeline(pipeline, frame[train], y[train]).predict_proba(frame[held])

    group = frame["group"][held].to_numpy(dtype=object)
    tuned = proba("learners.linear.penalties=[10.0]")
    gap = paired_difference(y[held], proba(), tuned, group, n_bootstrap=1)
    first, second = told["splits"]
    assert first["held_gain"] == pytest.approx(gap["value"], abs=1e-12)
    assert first["gain"] == pytest.approx(0.1)
    assert second["held_gain"] == 0.0
    share = held[: outer.battles.n_plain].mean()
    assert told["gain"]["value"] == pytest.approx(share * gap["value"], abs=1e-12)
    assert told["gain"]["low"] <= told["gain"]["value"] <= told["gain"]["high"]


def test_the_command_tells_what_is_left_of_the_gain(study, quiet, monkeypatch):
    folder = study(2, nested=2, console=(console := quiet()))
    told = json.loads((folder / "study.json").read_text())["nested"]
    assert len(told["splits"]) == 2
    assert "on rows that no study saw: " in console.file.getvalue()
    head = (folder / "tuned.toml").read_text().split("families")[0]
    assert "On rows that no study saw (2 outer splits, each with a study of its own): " in head
    before = (folder / "study.json").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr("pipelines.tune.gain_of", lambda *_: pytest.fail("it is known"))
        study(2, nested=2)  # and the same command changes nothing
    assert (folder / "study.json").read_bytes() == before
    study(2, nested=3)
    assert len(json.loads((folder / "study.json").read_text())["nested"]["splits"]) == 3
