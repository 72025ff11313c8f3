"""Votes of every kind: a trial's value is the log loss that a run of its configuration reports."""

import json

import numpy as np
import pandas as pd
import pytest

from data.battles import DataError, Files, Reading
from pipelines.config import load_config, read_source
from pipelines.fit import fit, prepare
from pipelines.run.inputs import Inputs
from pipelines.tuning.nested import gain_of, nested_jobs
from pipelines.tuning.space import Space
from pipelines.tuning.study import Done
from pipelines.tuning.work import Job
from tests.kinds_of_votes import KINDS, soft, soft_and_weighted, weighted, without_ties

SPACE = """
families = ["length", "lexical"]
[folds]
n_folds = 3
[model]
members = ["linear"]
inner_folds = 2
extra_weight = 0.5
[features.lexical]
words = [1, 1]
characters = []
components = 2
penalties = [1.0]
[learners.linear]
penalties = [0.3, 0.03]
[search]
"model.form" = ["heads", "multiclass"]
"model.calibrate" = [true, false]
"model.tie" = [["linear"]]
"""


@pytest.fixture
def kinds(study, tmp_path):
    """Tune over a space of keys that not every form has."""
    (tmp_path / "kinds.toml").write_text(SPACE)
    space = read_source(file=tmp_path / "kinds.toml")
    return lambda trials, train, **more: study(trials, train=train, **{"space": space} | more)


@pytest.fixture(params=KINDS)
def inputs(request, files, tmp_path):
    """A training file of one kind, and extra rows."""
    table = pd.read_csv(files / "train.csv", dtype=str, keep_default_na=False)
    request.param(table).to_csv(tmp_path / "train.csv", index=False)
    return Inputs(tmp_path / "train.csv", None, (files / "extra.csv",))


def test_a_trial_is_worth_what_a_run_reports(inputs, kinds, quiet, tmp_path):
    folder = kinds(1, inputs.train, extra=inputs.extra)
    (trial,) = pd.read_csv(folder / "trials.csv").itertuples()
    options = {"device": "cpu", "console": quiet()}
    run = fit(load_config(file=tmp_path / "kinds.toml"), inputs, tmp_path / "run", **options)
    reported = json.loads((run / "report.json").read_text())["scores"]["metrics"]["log_loss"]
    assert trial.log_loss == pytest.approx(reported["value"], abs=1e-12)
    tuned = (folder / "tuned.toml").read_text().partition("families")[2]
    assert tuned == (run / "config.toml").read_text().partition("families")[2]


SELECTED = ["length__words_sum_diff", "length__characters_sum_a", "lexical__component*"]


def test_a_trial_of_selected_columns_is_worth_what_a_run_of_them_reports(
    files, kinds, quiet, tmp_path
):
    table = pd.read_csv(files / "train.csv", dtype=str, keep_default_na=False)
    soft_and_weighted(table).to_csv(tmp_path / "train.csv", index=False)
    inputs = Inputs(tmp_path / "train.csv", None, (files / "extra.csv",))
    space = read_source(file=tmp_path / "kinds.toml", settings=[f"model.select={SELECTED}"])
    folder = kinds(1, inputs.train, extra=inputs.extra, space=space)
    (trial,) = pd.read_csv(folder / "trials.csv").itertuples()
    config = load_config(file=folder / "tuned.toml")
    assert config.model.select == SELECTED
    run = fit(config, inputs, tmp_path / "run", device="cpu", console=quiet())
    assert len(json.loads((run / "features.json").read_text())) == 3 + 4
    reported = json.loads((run / "report.json").read_text())["scores"]["metrics"]["log_loss"]
    assert trial.log_loss == pytest.approx(reported["value"], abs=1e-12)


def test_what_was_read_is_told_as_fit_tells_it(files, kinds, quiet, tmp_path):
    table = pd.read_csv(files / "train.csv", dtype=str, keep_default_na=False)
    without_ties(pd.concat([table, table[:2]])).to_csv(tmp_path / "train.csv", index=False)
    console = quiet()
    folder = kinds(2, tmp_path / "train.csv", console=console)
    said = console.file.getvalue()
    for words in (
        'votes without ties: A or B alone (model.form = "direction")',
        "not searched, for these votes have one: model.form",
        "not searched, for nothing reads them: model.tie",
        "read as WSDM Cup",
    ):
        assert said.count(words) == 1, words
    assert pd.read_csv(folder / "trials.csv")["log_loss"].notna().all()
    console = quiet()
    kinds(2, tmp_path / "train.csv", console=console)
    assert "read as" not in console.file.getvalue()  # nothing is left: nothing is read


def test_the_form_that_was_asked_for_by_name_is_kept(files, kinds, tmp_path):
    table = pd.read_csv(files / "train.csv", dtype=str, keep_default_na=False)
    without_ties(table).to_csv(tmp_path / "train.csv", index=False)
    with pytest.raises(DataError, match="whose votes know no ties: nothing tells the form 'heads'"):
        kinds(1, tmp_path / "train.csv", keep_form=True)


def test_votes_of_one_side_take_no_folder(files, kinds, tmp_path):
    table = pd.read_csv(files / "train.csv", dtype=str, keep_default_na=False)
    table[table["winner_tie"] == "0"].to_csv(tmp_path / "train.csv", index=False)
    with pytest.raises(DataError, match=r"found none of class tie .* --set model\.form=direction"):
        kinds(1, tmp_path / "train.csv")
    assert not (tmp_path / "study").exists()


def test_the_gain_of_tuning_counts_battles_and_not_rows(files, source, tmp_path):
    table = pd.read_csv(files / "train.csv", dtype=str, keep_default_na=False)
    soft(table).to_csv(tmp_path / "train.csv", index=False)
    space, inputs = Space(*source), Inputs(tmp_path / "train.csv")
    key = {"files": 1, "device": "cpu"}
    job = Job(*source, inputs, False, "cpu", None, tmp_path, "", "s", key, 2, n_jobs=1)
    jobs, battles = nested_jobs(job, 2), job.read()
    other = space.preset | {"learners.linear.penalties": "[10.0]"}
    first, best = (Done(0, one, 1.0, {}, {"folds": 3}, "") for one in (space.preset, other))
    told = gain_of(jobs, [(first, best)] * 2, space, battles)
    outer = jobs[0].evaluator(space, battles, outer=True)
    rows, sizes = np.bincount(outer.fold), np.bincount(outer.folds.fold)
    gains = [split["held_gain"] for split in told["splits"]]
    assert sizes.sum() == len(table) < rows.sum()
    assert told["gain"]["value"] == pytest.approx(np.average(gains, weights=sizes), abs=1e-12)
    assert told["gain"]["value"] != pytest.approx(np.average(gains, weights=rows), abs=1e-9)
    held = outer.fold == 0
    assert jobs[0].evaluator(space, battles).battles.n_plain == (~held).sum()


def test_what_is_kept_is_of_these_weights_and_of_this_reading(files, source, tmp_path):
    table = pd.read_csv(files / "train.csv", dtype=str, keep_default_na=False)
    weighted(table).to_csv(tmp_path / "weighted.csv", index=False)
    space = Space(*source)

    def found(train):
        inputs = Inputs(train)
        key = prepare(space.base, inputs, "cpu", None).key
        job = Job(*source, inputs, False, "cpu", None, tmp_path, "", "s", key, 2, n_jobs=1)
        told = job.evaluator(space, job.read()).evaluate(space.base, [0, 1, 2], None).told
        return told["found"].get("parts", 0)

    train = files / "train.csv"
    assert (found(train), found(train)) == (0, 6)
    assert found(tmp_path / "weighted.csv") == 0
    assert found(Files.of(train, Reading(repeated_votes="keep"))) == 0
