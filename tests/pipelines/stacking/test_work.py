"""The work of a stack: what it leaves, goes on with, and refuses."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.battles import WINNER_COLUMNS
from models.measures.metrics import log_loss
from models.stacking.members import StackError
from models.stacking.model import StackingModel
from pipelines.finetune import Given
from pipelines.run.folder import RunError, UnfinishedRun, file_hash
from pipelines.run.folds import read_folds
from pipelines.settings import ConfigError
from pipelines.stacking import work
from pipelines.stacking.predictor import StackPredictor

LEFT = {
    "DONE",
    "config.toml",
    "folds.csv",
    "importance.csv",
    "leaderboard.csv",
    "members",
    "models",
    "oof.csv",
    "report.json",
    "submission.csv",
}


def contents(folder):
    """All of a finished stack but its report and leaderboard, which tell seconds."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    named = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    return {
        name: told for name, told in named.items() if name not in ("report.json", "leaderboard.csv")
    }


def read(path):
    return pd.read_csv(path, dtype={"id": str}, keep_default_na=False)


def test_the_folder_holds_what_it_should(whole):
    assert {path.name for path in whole.iterdir()} == LEFT
    assert {path.name for path in (whole / "members").iterdir()} == {"length", "style", "tower"}
    for path in (path for path in whole.rglob("*") if path.is_file()):
        assert not path.read_bytes().startswith((b"\x80", b"PK", b"\x93NUMPY")), path.name


def test_out_of_fold_probabilities_are_those_of_the_plain_rows(whole, light_run, battles):
    oof, folds = read(whole / "oof.csv"), read_folds(light_run)
    assert oof["id"].tolist() == folds.id.tolist()
    assert (whole / "folds.csv").read_bytes() == (light_run / "folds.csv").read_bytes()
    report = json.loads((whole / "report.json").read_text())
    loss = log_loss(battles[1], oof[list(WINNER_COLUMNS)].to_numpy())
    assert report["scores"]["metrics"]["log_loss"]["value"] == pytest.approx(float(loss), abs=1e-12)
    assert report["leaderboard"]["stack"]["log_loss"]["value"] == pytest.approx(
        float(loss), abs=1e-12
    )


def test_the_report_tells_what_came_from_where(whole, files, light_run):
    report = json.loads((whole / "report.json").read_text())
    assert (report["format"], report["kind"]) == (1, "stack")
    assert report["inputs"]["train"]["sha256"] == file_hash(files / "train.csv")
    assert report["inputs"] == json.loads((light_run / "report.json").read_text())["inputs"]
    members = {member["name"]: member for member in report["members"]}
    assert members["length"]["sha256"] == file_hash(light_run / "oof.csv")
    assert members["length"]["path"] == str(whole.parent / "length")
    assert {one["kind"] for one in members.values()} == {"run", "tower"}
    assert all(one["proven"] for one in members.values())
    assert all(one["fit_seconds"] > 0 and one["predict_seconds"] > 0 for one in members.values())
    for name, known in report["files"].items():
        assert file_hash(whole / name) == known
    assert {"length alone", "class prior"} <= set(report["scores"]["baselines"])


def test_tables_beside_the_report_tell_the_same(whole):
    report = json.loads((whole / "report.json").read_text())
    board, weights = read(whole / "leaderboard.csv"), read(whole / "importance.csv")
    assert sorted(board["name"]) == ["length", "stack", "style", "tower"]
    assert board["log_loss"].is_monotonic_increasing
    for head in ("direction", "tie"):
        found = weights.set_index("member")[head].to_dict()
        assert found == report["weights"][head]
        assert sum(found.values()) == pytest.approx(1.0)
    assert weights["mean"].is_monotonic_decreasing


def test_one_member_alone_is_a_stack_too(light_run, stacked, tmp_path):
    found = stacked(tmp_path / "stack", light_run, settings=["calibrate=false"])
    stack, own = read(found / "oof.csv"), read(light_run / "oof.csv")
    np.testing.assert_allclose(
        stack[list(WINNER_COLUMNS)], own[list(WINNER_COLUMNS)], rtol=0, atol=1e-12
    )


def test_without_a_test_file_there_is_no_submission(files, refit, stacked, tmp_path):
    run = refit(tmp_path / "run")
    found = stacked(tmp_path / "stack", run)
    assert {path.name for path in found.iterdir()} == LEFT - {"submission.csv"}
    board = read(found / "leaderboard.csv")
    assert board["predict_seconds"].astype(str).isin(["", "nan"]).all()


def test_another_test_file_may_be_named(light_run, stacked, files, tmp_path):
    lines = (files / "test.csv").read_text().splitlines(keepends=True)
    (tmp_path / "one.csv").write_text("".join(lines[:2]))
    found = stacked(tmp_path / "stack", light_run, given=Given(test=tmp_path / "one.csv"))
    assert len(read(found / "submission.csv")) == 1


# Members that are tables.


def test_a_table_without_proof_needs_trust(light_run, table, stacked, tmp_path):
    path = table(change=lambda rows: rows.drop(columns="fold").iloc[::-1])
    with pytest.raises(StackError, match=r"other\.csv: expected proof .* found none.*--trust"):
        stacked(tmp_path / "stack", light_run, path)
    found = stacked(tmp_path / "stack", light_run, path, trust=True)
    members = json.loads((found / "report.json").read_text())["members"]
    assert [one["proven"] for one in members] == [True, False]
    assert not (found / "members" / "other").exists()


def test_rows_are_put_together_by_id(light_run, table, stacked, tmp_path):
    one = stacked(tmp_path / "one", light_run, table())
    other = stacked(tmp_path / "other", light_run, table(change=lambda rows: rows.iloc[::-1]))
    assert (one / "oof.csv").read_bytes() == (other / "oof.csv").read_bytes()


@pytest.mark.parametrize("told", [["fold"], []])
def test_a_member_that_knows_the_answers_is_refused(
    told, light_run, table, battles, stacked, tmp_path
):
    """Whatever it says of its folds: a column does not tell what its models have learned from."""

    def leak(rows):
        proba = 0.1 + 0.7 * np.eye(3)[battles[1]]
        named = dict(zip(WINNER_COLUMNS, proba.T, strict=True))
        return rows.assign(**named)[["id", *told, *WINNER_COLUMNS]]

    with pytest.raises(StackError, match=r"member other: its log loss of 0\.\d+ is better than"):
        stacked(tmp_path / "stack", light_run, table(change=leak), trust=True)
    assert not (tmp_path / "stack").exists()


def test_a_table_that_lacks_a_row_is_refused(light_run, table, stacked, tmp_path):
    path = table(change=lambda rows: rows.iloc[1:])
    with pytest.raises(
        StackError, match=r"other\.csv, column id: expected each row of .*folds\.csv, found none"
    ):
        stacked(tmp_path / "stack", light_run, path)


def test_the_runs_own_test_file_waits_where_a_table_cannot_predict(
    light_run, table, stacked, quiet, tmp_path
):
    console = quiet()
    found = stacked(tmp_path / "stack", light_run, table(), console=console)
    assert "no submission: a CSV cannot predict. See --test and --member." in (
        console.file.getvalue()
    )
    assert not (found / "submission.csv").exists()


def test_a_named_test_file_needs_the_tables_answers(
    light_run, table, oof, files, stacked, tmp_path
):
    test = tmp_path / "test.csv"
    pd.read_csv(files / "test.csv", dtype=str).iloc[:20].to_csv(test, index=False)
    answers = tmp_path / "answers.csv"
    ids = pd.read_csv(test, dtype=str)["id"]
    oof.drop(columns="fold").iloc[:20].assign(id=ids).to_csv(answers, index=False)
    given, sources = Given(test=test), (light_run, table())
    with pytest.raises(StackError, match=r"the stack: its member other is a CSV, .*--member other"):
        stacked(tmp_path / "stack", *sources, given=given)
    found = stacked(tmp_path / "stack", *sources, given=given, tables={"other": answers})
    assert read(found / "submission.csv")["id"].tolist() == ids.tolist()


def test_what_cannot_take_part_is_named(light_run, tower, stacked, quiet, tmp_path):
    console = quiet()
    made = stacked(tmp_path / "stack", light_run, tower, console=console)
    assert "without trees, which would jump where the last digits of tower move" in (
        console.file.getvalue()
    )
    told = json.loads((made / "report.json").read_text())["stack"]["final"]
    assert "trees" not in told["tie"]["losses"]


# Wrong uses.


def test_a_source_is_not_replaced(light_run, stacked, tmp_path):
    made = stacked(tmp_path / "stack", light_run)
    inside = made / "members" / light_run.name
    with pytest.raises(RunError, match=r"--force would replace .*stack, in which .* lies"):
        stacked(made, inside, force=True)
    assert inside.is_dir()


def test_what_a_source_lacks_is_told_before_there_is_a_folder(light_run, table, stacked, tmp_path):
    with pytest.raises(StackError, match="expected proof"):
        stacked(tmp_path / "stack", light_run, table(change=lambda rows: rows.drop(columns="fold")))
    assert not (tmp_path / "stack.partial").exists()


def test_answers_without_a_test_file_are_refused(refit, table, stacked, tmp_path):
    run = refit(tmp_path / "run")
    with pytest.raises(ConfigError, match=r"--member goes with --test"):
        stacked(tmp_path / "stack", run, table(), tables={"other": table()})


def test_a_member_of_other_folds_is_refused(light_run, light, refit, stacked, tmp_path):
    other = refit(tmp_path / "other", config=light.model_copy(update={"seed": 1}))
    with pytest.raises(StackError, match=r"other/folds\.csv: expected the folds of"):
        stacked(tmp_path / "stack", light_run, other)


def test_two_folds_are_too_few(light, refit, stacked, tmp_path):
    folds = light.folds.model_copy(update={"n_folds": 2})
    run = refit(tmp_path / "run", config=light.model_copy(update={"folds": folds}))
    with pytest.raises(StackError, match=r"needs at least 3 folds.*Found 2"):
        stacked(tmp_path / "stack", run)


def test_training_rows_of_one_id_are_refused(files, light, refit, stacked, tmp_path):
    table = pd.read_csv(files / "train.csv", dtype=str, keep_default_na=False)
    table.loc[7, "id"] = table.loc[3, "id"]
    table.to_csv(tmp_path / "train.csv", index=False)
    run = refit(tmp_path / "run", train=tmp_path / "train.csv")
    with pytest.raises(StackError, match=r"train\.csv, column id: expected each id once, for a"):
        stacked(tmp_path / "stack", run)


def test_a_model_that_was_changed_before_it_was_copied_is_refused(light_run, stacked, tmp_path):
    run = Path(shutil.copytree(light_run, tmp_path / "run"))
    path = run / "models" / "linear_tie.json"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(RunError, match=r"linear_tie\.json: expected the file .*changed since"):
        stacked(tmp_path / "stack", run)
    path.unlink()
    with pytest.raises(RunError, match=r"linear_tie\.json: expected the file .*no such file"):
        stacked(tmp_path / "stack", run)


# Stopped, gone on with, refused, forced.


@pytest.fixture(scope="module")
def expected(light_run, style_run, stacked, tmp_path_factory):
    """What an uninterrupted command leaves."""
    return contents(stacked(tmp_path_factory.mktemp("expected") / "stack", light_run, style_run))


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (work, "_check_in_sample"),
        (UnfinishedRun, "save"),
        (work, "_own_files"),
        (work, "_copy"),
        (StackPredictor, "predict_proba"),
        (work, "write_report"),
        (UnfinishedRun, "finish"),
    ],
)
def test_interrupted_it_goes_on_to_the_same_bytes(
    owner, name, expected, light_run, style_run, stacked, tmp_path, monkeypatch
):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, interrupt)
        with pytest.raises(KeyboardInterrupt):
            stacked(tmp_path / "stack", light_run, style_run)
    assert not (tmp_path / "stack").exists()
    assert contents(stacked(tmp_path / "stack", light_run, style_run)) == expected


def test_a_fit_that_is_there_is_not_done_again(
    light_run, style_run, stacked, tmp_path, monkeypatch
):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(work, "_copy", interrupt)
        with pytest.raises(KeyboardInterrupt):
            stacked(tmp_path / "stack", light_run, style_run)
    monkeypatch.setattr(StackingModel, "fit", interrupt)
    assert stacked(tmp_path / "stack", light_run, style_run).is_dir()


def test_a_finished_stack_is_refused_and_forced(light_run, style_run, stacked, tmp_path):
    target = stacked(tmp_path / "stack", light_run)
    with pytest.raises(RunError, match=r"is a finished run\. .*--force"):
        stacked(target, light_run, style_run)
    assert stacked(target, light_run, style_run, force=True) == target
    assert {path.name for path in (target / "members").iterdir()} == {light_run.name, "style"}


def test_other_sources_do_not_go_on_with_unfinished_work(
    light_run, style_run, stacked, tmp_path, monkeypatch
):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(UnfinishedRun, "finish", interrupt)
        with pytest.raises(KeyboardInterrupt):
            stacked(tmp_path / "stack", light_run)
    with pytest.raises(RunError, match=r"unfinished work of other sources\. .*--force"):
        stacked(tmp_path / "stack", light_run, style_run)


def test_members_that_lie_in_the_folder_already_are_not_copied(
    light_run, style_run, files, quiet, tmp_path, monkeypatch
):
    """As where one command fits them there and stacks them."""
    from models.device import Device
    from pipelines.command.progress import Steps
    from pipelines.run.inputs import Inputs, read_inputs
    from pipelines.stacking.settings import StackSettings
    from pipelines.stacking.sources import RunSource

    def refuse(*_):
        raise AssertionError("copied")

    monkeypatch.setattr(work, "_copy", refuse)
    inputs = Inputs(files / "train.csv", files / "test.csv")
    with UnfinishedRun(tmp_path / "stack", {}) as run:
        sources = [
            RunSource(name, Path(shutil.copytree(origin, run.path / "members" / name)))
            for name, origin in (("length", light_run), ("style", style_run))
        ]
        report = work.stack_sources(
            sources,
            read_inputs(inputs),
            read_folds(light_run),
            StackSettings(),
            run,
            Steps(quiet()),
            inputs=inputs,
            told=inputs.told(inputs.hashes(), skip_bad_rows=False),
            made_with={"versions": {}, "source": ""},
            device=Device("cpu", "as asked for"),
        )
        finished = run.finish()
    assert [one["path"] for one in report["members"]] == ["members/length", "members/style"]
    assert len(read(finished / "submission.csv")) == 30
