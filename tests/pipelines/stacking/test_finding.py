"""Sources of a command: named, told apart, and proven to have the first one's folds."""

import json
import os
import shutil
from pathlib import Path

import pytest

from models.stacking.members import StackError
from pipelines.run.folder import RunError
from pipelines.run.folds import read_folds
from pipelines.stacking.finding import find_sources, is_stack


def found(*named):
    return find_sources([str(one) for one in named])


def test_a_source_is_what_lies_there(light_run, tower, table):
    sources = found(f"first={light_run}", tower, f"x_1={table()}")
    assert [(one.name, one.kind) for one in sources] == [
        ("first", "run"),
        ("tower", "tower"),
        ("x_1", "csv"),
    ]
    assert [one.path for one in sources[:2]] == [light_run, tower]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Classical-2026", "classical_2026"), ("0 tower.v2", "tower_v2"), ("été", "t")],
)
def test_a_name_is_made_fit(name, expected, light_run, tmp_path):
    shutil.copytree(light_run, tmp_path / name)
    assert found(tmp_path / name)[0].name == expected


def test_a_folder_with_an_equals_sign_is_a_path_first(light_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(light_run, "a=b")
    (tmp_path / "b").symlink_to(light_run)
    assert found("a=b")[0].path == Path("a=b")
    shutil.rmtree("a=b")
    assert found("a=b")[0].path == Path("b")


def test_only_files_that_predict_or_tell_are_needed(light_run, tower):
    run, of_tower = found(light_run, tower)
    assert {"config.toml", "models/preference.json", "oof.csv", "report.json"} <= set(run.files())
    assert not {"submission.csv", "importance.csv"} & set(run.files())
    assert {"tower/model.safetensors", "oof_logits.csv", "logits.json"} <= set(of_tower.files())
    assert not {"test_logits.csv", "history.csv"} & set(of_tower.files())
    assert run.seconds > 0
    assert of_tower.seconds > 0
    assert (run.inexact, of_tower.inexact) == (False, True)


@pytest.mark.parametrize(
    ("named", "words"),
    [
        (["none"], r"none: no such file or folder"),
        (["run", "none.csv"], r"none\.csv: no such file or folder"),
        (["run", "notes.txt"], r"notes\.txt: expected the folder of a run .* \.csv\.gz, \.csv, "),
        (["other.csv", "run"], r"other\.csv: expected a finished run .* as the first source"),
        (["run", "run"], r"run: the same predictions as run\. Give each source once"),
        (["run", "x=copy"], r"copy: the same predictions as run\. Give each source once"),
        (["run", "x=run/oof.csv"], r"oof\.csv: the same predictions as run"),
        (["x=run", "x=tower"], r"tower: .* have the name x, as that of run\. .*: NAME=tower"),
        (["stack=run"], r"run: stack is the name of the whole\. Give it another: NAME=run"),
        (["run", "12.csv"], r"12\.csv: no name of a member can be made .*: NAME=12\.csv"),
    ],
)
def test_what_is_no_set_of_sources_is_refused(
    named, words, light_run, tower, table, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    os.symlink(light_run, "run")
    os.symlink(tower, "tower")
    shutil.copytree(light_run, "copy")
    Path("notes.txt").write_text("x")
    table()
    table("12.csv")
    with pytest.raises(StackError, match=words):
        found(*named)


def test_an_unfinished_run_is_refused(light_run, tmp_path):
    shutil.copytree(light_run, tmp_path / "run.partial")
    with pytest.raises(RunError, match="expected a finished run folder, found an unfinished run"):
        found(tmp_path / "run.partial")


def test_a_stack_is_no_member_and_its_members_are(whole, light_run):
    assert is_stack(whole)
    assert not is_stack(light_run)
    with pytest.raises(StackError, match=r"is a stack, .* Name its members instead: .*/length, "):
        found(light_run, whole)
    names = ("length", "style", "tower")
    assert [one.name for one in found(*(whole / "members" / n for n in names))] == list(names)


def proven(source, run):
    return source.proven(source.table(), read_folds(run), run)


def test_runs_and_towers_prove_their_folds(light_run, style_run, tower):
    for source in found(light_run, style_run, tower):
        assert proven(source, light_run)


def test_a_run_of_other_folds_is_refused(light_run, light, refit, tmp_path):
    other = refit(tmp_path / "other", config=light.model_copy(update={"seed": 1}))
    with pytest.raises(
        StackError, match=r"other/folds\.csv: expected the folds of .*found others .*seed"
    ):
        proven(found(other)[0], light_run)


def test_a_tower_of_other_folds_is_told_how_to_have_them(light_run, tower, tmp_path):
    copy = shutil.copytree(tower, tmp_path / "tower")
    lines = (copy / "folds.csv").read_text().replace(",2\n", ",9\n").replace(",1\n", ",2\n")
    (copy / "folds.csv").write_text(lines.replace(",9\n", ",1\n"))
    with pytest.raises(StackError, match=rf"others .*: python -m pipelines\.finetune {light_run}$"):
        proven(found(copy)[0], light_run)


def test_logits_that_were_changed_are_refused(tower, tmp_path):
    copy = shutil.copytree(tower, tmp_path / "tower")
    (copy / "oof_logits.csv").write_bytes((copy / "oof_logits.csv").read_bytes() + b"\n")
    with pytest.raises(RunError, match=r"oof_logits\.csv: expected the file .*changed since"):
        found(copy)[0].table()


@pytest.mark.parametrize("content", ["{", "[]", '{"format": 5, "files": 1}'])
def test_a_report_that_was_changed_is_refused(content, light_run, tmp_path):
    copy = shutil.copytree(light_run, tmp_path / "run")
    (copy / "report.json").write_text(content)
    with pytest.raises(RunError, match=r"report\.json: expected the file that the run wrote"):
        found(copy)[0].files()


def test_a_table_proves_its_folds_by_a_column_or_a_record(light_run, table):
    digest = read_folds(light_run).digest

    def without(rows):
        return rows.drop(columns="fold")

    by_column, by_record, by_nothing = (
        table("a.csv"),
        table("b.csv", without, digest),
        table("c.csv", lambda rows: without(rows).iloc[::-1]),
    )
    sources = found(light_run, by_column, by_record, by_nothing)[1:]
    assert [proven(one, light_run) for one in sources] == [True, True, False]
    assert str(sources[2].unproven(light_run)) == (
        f"{by_nothing}: expected proof that it has the folds of {light_run}, found none. Add a "
        "column fold, or a file c.json beside it with the folds' sha256 as logits.json has it; or "
        "pass --trust, if you know that no model predicted rows that it had learned from."
    )


def test_rows_of_other_ids_do_not_matter_to_the_folds(light_run, table, oof):
    import pandas as pd

    more = oof.iloc[:1].assign(id="a copy that was left out")
    source = found(light_run, table(change=lambda rows: pd.concat([rows, more])))[1]
    assert proven(source, light_run)


def test_a_table_of_other_folds_is_refused(light_run, table):
    moved = table("a.csv", lambda rows: rows.assign(fold=(rows["fold"] + 1) % 3))
    recorded = table("b.csv", lambda rows: rows.drop(columns="fold"), "0" * 64)
    both = table("c.csv", lambda rows: rows.iloc[::-1], "0" * 64)
    words = [r"a\.csv, column fold: expected", r"b\.json: expected", r"c\.json: expected"]
    for source, where in zip(found(light_run, moved, recorded, both)[1:], words, strict=True):
        with pytest.raises(StackError, match=rf"{where} the folds of .* others .* Predict each"):
            proven(source, light_run)


def test_a_record_that_tells_of_no_folds_is_refused(light_run, table):
    path = table()
    path.with_suffix(".json").write_text('{"folds": 5}')
    with pytest.raises(StackError, match=r"other\.json: expected a record of folds, \{"):
        proven(found(light_run, path)[1], light_run)


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("run", "report.json", r"with format 0, this one reads format 5\. Fit the run again"),
        ("tower", "logits.json", r"folder of format 0, this version reads 1\. Fine-tune it again"),
    ],
)
def test_a_source_of_another_version_is_refused(kind, name, words, light_run, tower, tmp_path):
    copy = shutil.copytree({"run": light_run, "tower": tower}[kind], tmp_path / "copy")
    told = json.loads((copy / name).read_text())
    (copy / name).write_text(json.dumps(told | {"format": 0}))
    with pytest.raises(RunError, match=words):
        found(copy)[0].files()
