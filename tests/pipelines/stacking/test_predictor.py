"""What predicts with a stack: any number of rows, either order, from the folder alone."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest

from data.battles import WINNER_COLUMNS, make_battles, read_test, swap_battles
from models.stacking.members import StackError
from pipelines.predict import load_pipeline, load_stack
from pipelines.run.folder import RunError
from tests.commands import predict

MANY = 5_000  # battles: more than are read, or held by a tower, at once


def written(stack, test, output, *more):
    assert predict([str(stack), "--test", str(test), "--output", str(output), *more]) == 0
    table = pd.read_csv(output, dtype={"id": str}, keep_default_na=False)
    return table["id"].tolist(), table[list(WINNER_COLUMNS)].to_numpy()


@pytest.fixture(scope="module")
def many(files, tmp_path_factory):
    """Many battles, the first of which are those of the small test file."""
    rows = [
        pd.read_csv(files / name, dtype=str, keep_default_na=False)
        for name in ("test.csv", "train.csv")
    ]
    table = pd.concat(rows)[["id", "prompt", "response_a", "response_b"]]
    table = pd.concat([table] * -(-MANY // len(table))).iloc[:MANY]
    table = table.assign(id=[f"{row:05d}" for row in range(MANY)])
    folder = tmp_path_factory.mktemp("many")
    for number in (1, 3, MANY):
        table.iloc[:number].to_csv(folder / f"{number}.csv", index=False)
    swapped = table.rename(columns={"response_a": "response_b", "response_b": "response_a"})
    swapped.to_csv(folder / "swapped.csv", index=False)
    return folder


def test_a_row_does_not_depend_on_how_many_there_are(whole, many, tmp_path):
    """By two runs and a tower."""
    found = {n: written(whole, many / f"{n}.csv", tmp_path / f"{n}.csv") for n in (1, 3, MANY)}
    for n in (1, 3):
        assert found[n][0] == found[MANY][0][:n]
        np.testing.assert_allclose(found[n][1], found[MANY][1][:n], rtol=0, atol=1e-12)
    assert np.ptp(found[MANY][1], axis=0).min() > 0.01


@pytest.mark.parametrize("name", ["length", "style", "tower"])
def test_so_it_is_with_each_member(name, whole, many):
    """Whatever its weight is."""
    member = load_stack(whole).members[name]
    battles = {n: read_test(many / f"{n}.csv").battles for n in (1, 3, MANY)}
    found = {n: np.column_stack(member.logits(of)) for n, of in battles.items()}
    for n in (1, 3):
        np.testing.assert_allclose(found[n], found[MANY][:n], rtol=0, atol=1e-12)
    swapped = np.column_stack(member.logits(swap_battles(battles[MANY])))
    np.testing.assert_array_equal(swapped, found[MANY] * [-1.0, 1.0])
    assert np.ptp(found[MANY], axis=0).min() > 0.01


def test_swapped_answers_have_swapped_bits(whole, many, tmp_path):
    _, plain = written(whole, many / f"{MANY}.csv", tmp_path / "plain.csv")
    _, swapped = written(whole, many / "swapped.csv", tmp_path / "swapped.csv")
    np.testing.assert_array_equal(swapped, plain[:, [1, 0, 2]])
    assert (plain[:, 0] != plain[:, 1]).any()


def test_the_submission_is_what_predict_writes(whole, files, tmp_path):
    written(whole, files / "test.csv", tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == (whole / "submission.csv").read_bytes()


def test_a_stack_predicts_battles_from_python(whole):
    battles = make_battles(["Hi", "Name a prime."], ["Hello!", "Seven."], ["Hey", "7\n\n- So"])
    proba = load_stack(whole).predict_proba(battles)
    np.testing.assert_allclose(proba.sum(axis=1), 1.0, atol=1e-15)
    swapped = load_stack(whole).predict_proba(swap_battles(battles))
    np.testing.assert_array_equal(swapped, proba[:, [1, 0, 2]])


def test_every_member_has_its_say(whole, light_run, files):
    """The one that a stack of one consists of says what it says by itself, but for calibration."""
    battles = read_test(files / "test.csv").battles
    run = load_stack(whole).members["length"]
    p = load_pipeline(light_run).predict_proba(battles)
    np.testing.assert_array_equal(run.logits(battles)[0], np.log(p[:, 0]) - np.log(p[:, 1]))


@pytest.mark.parametrize(
    "name",
    [
        "config.toml",
        "models/model.json",
        "members/length/models/linear_tie.json",
        "members/style/report.json",
        "members/tower/tower/model.safetensors",
        "members/tower/tower/config.json",
    ],
)
@pytest.mark.parametrize("harm", ["changed", "missing"])
def test_a_file_that_is_not_the_stacks_is_refused(name, harm, whole, tmp_path):
    stack = shutil.copytree(whole, tmp_path / "stack")
    if harm == "changed":
        (stack / name).write_bytes((stack / name).read_bytes() + b" ")
    else:
        (stack / name).unlink()
    words = rf"{name}: expected the file that the run wrote.*changed since"
    if harm == "missing":
        words = rf"expected the files that the run wrote, not there: {name}\. Copy the folder whole"
    with pytest.raises(RunError, match=words):
        load_stack(stack)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": 9}, r"stack of format 9, made by arenaboost 0.*reads format 1\. Stack its"),
        ({"device": {"name": "abacus"}}, r"report\.json: .*found no valid device\.name"),
        ({"members": [{"name": "x"}]}, r"found no valid members\.0\.kind"),
        ({"files": None}, r"found no valid files"),
    ],
)
def test_a_report_that_is_not_the_stacks_is_refused(changes, words, whole, tmp_path):
    stack = shutil.copytree(whole, tmp_path / "stack")
    path = stack / "report.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(RunError, match=words):
        load_stack(stack)


def test_a_model_that_cannot_be_read_is_refused(whole, tmp_path):
    stack = shutil.copytree(whole, tmp_path / "stack")
    path = stack / "report.json"
    report = json.loads(path.read_text())
    del report["files"]["models/model.json"]
    path.write_text(json.dumps(report))
    with pytest.raises(RunError, match=r"models: .*cannot be read \(KeyError"):
        load_stack(stack)


def test_a_stack_is_no_single_estimator(whole):
    with pytest.raises(RunError, match=r"is a stack: .*pipelines\.predict, or name one of"):
        load_pipeline(whole)


def test_a_members_folder_is_a_run_of_its_own(whole, light_run, files, tmp_path):
    written(whole / "members" / "length", files / "test.csv", tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == (light_run / "submission.csv").read_bytes()


# A member that is a table.


@pytest.fixture(scope="module")
def with_table(light_run, oof, stacked, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stacks")
    oof.to_csv(folder / "other.csv", index=False)
    settings = ['candidates=["mean"]']
    return stacked(folder / "stack", light_run, folder / "other.csv", settings=settings)


@pytest.fixture
def answers(files, oof, tmp_path):
    """Write the table's predictions of a test file with ids of its own, changed as asked for."""
    test = pd.read_csv(files / "test.csv", dtype=str, keep_default_na=False).iloc[:20]
    test.to_csv(tmp_path / "test.csv", index=False)

    def write(change=lambda table: table):
        found = oof.drop(columns="fold").iloc[:20].assign(id=test["id"].to_numpy())
        change(found).to_csv(tmp_path / "answers.csv", index=False)
        return tmp_path / "test.csv", tmp_path / "answers.csv"

    return write


def test_a_table_speaks_by_id_in_any_order_and_of_more(with_table, answers, tmp_path):
    test, table = answers()
    _, one = written(with_table, test, tmp_path / "o.csv", "--member", f"other={table}")
    more = pd.DataFrame({"id": ["unheard"], **{name: [1 / 3] for name in WINNER_COLUMNS}})
    answers(lambda table: pd.concat([more, table.iloc[::-1]]))
    _, other = written(with_table, test, tmp_path / "o.csv", "--member", f"other={table}")
    np.testing.assert_array_equal(one, other)
    answers(lambda table: table.assign(id=table["id"].to_numpy()[::-1]))
    _, wrong = written(with_table, test, tmp_path / "o.csv", "--member", f"other={table}")
    assert (wrong != one).any(axis=1).all()


def test_without_its_table_a_member_cannot_predict(with_table, files):
    with pytest.raises(
        StackError, match=r"member other is a CSV, which cannot predict\. Pass --member other=CSV"
    ):
        load_stack(with_table)


def test_a_table_that_lacks_a_row_is_refused_before_any_output(
    with_table, answers, tmp_path, capsys
):
    test, table = answers(lambda table: table.iloc[1:])
    flags = ["--test", str(test), "--output", str(tmp_path / "o.csv"), "--member", f"other={table}"]
    assert predict([str(with_table), *flags]) == 2
    assert "answers.csv, column id: expected each row of" in capsys.readouterr().err
    assert not (tmp_path / "o.csv").exists()


def test_a_table_cannot_speak_for_rows_without_ids(with_table, answers, tmp_path, capsys):
    """Their numbers would take the place of ids."""
    test, table = answers(lambda table: table.assign(id=range(20)))
    pd.read_csv(test, dtype=str).drop(columns="id").to_csv(test, index=False)
    flags = ["--test", str(test), "--output", str(tmp_path / "o.csv"), "--member", f"other={table}"]
    assert predict([str(with_table), *flags]) == 2
    assert "test.csv: expected a column id; not there: id" in capsys.readouterr().err


def test_a_table_cannot_speak_for_rows_of_one_id(with_table, files, answers, tmp_path, capsys):
    _, table = answers()
    flags = ["--output", str(tmp_path / "o.csv"), "--member", f"other={table}"]
    assert predict([str(with_table), "--test", str(files / "test.csv"), *flags]) == 2
    assert "test.csv, row 30, column id: expected each id once" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("member", "words"),
    [
        (["length=answers.csv"], r"--member length=…: .* has no member of this name that is a CSV"),
        (["other"], r"--member other: expected NAME=CSV"),
        (["other=answers.csv"] * 2, r"--member other=answers\.csv: there is one of other already"),
        (["other=none.csv"], r"none\.csv: no such file"),
    ],
)
def test_a_table_of_no_member_is_refused(
    member, words, with_table, answers, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    test, _ = answers()
    flags = [flag for one in member for flag in ("--member", one)]
    asked = [str(with_table), "--test", str(test), "--output", "o.csv", *flags]
    assert predict(asked) == 2
    assert re.search(words, capsys.readouterr().err)


def test_a_run_takes_no_table(light_run, answers, tmp_path, capsys):
    test, table = answers()
    flags = ["--test", str(test), "--output", str(tmp_path / "o.csv"), "--member", f"other={table}"]
    assert predict([str(light_run), *flags]) == 2
    assert "is no stack. Leave the flag out" in capsys.readouterr().err


def test_the_table_is_not_written_over(with_table, answers, capsys):
    test, table = answers()
    flags = ["--test", str(test), "--output", str(table), "--member", f"other={table}"]
    assert predict([str(with_table), *flags]) == 2
    assert "is the table of other itself" in capsys.readouterr().err


# A frozen encoder that lies elsewhere.


def test_the_encoder_may_lie_elsewhere_for_runs_that_read_with_one(
    light_run, tiny_encoder, files, quiet, stacked, tmp_path, capsys
):
    from pipelines.config import load_config
    from pipelines.fit import Inputs, fit
    from tests.conftest import LIGHT
    from tests.encoders import make_bert

    weights = shutil.copytree(tiny_encoder, tmp_path / "encoder")
    other = make_bert(tmp_path / "other", seed=1)
    families = ('families=["embedding"]', "features.embedding.components=3")
    inputs = Inputs(files / "train.csv", files / "test.csv")
    runs = [
        fit(
            load_config(settings=[*LIGHT, *families, f"encoder.name={encoder}"]),
            inputs,
            tmp_path / f"with_{encoder.name}",
            device="cpu",
            console=quiet(),
        )
        for encoder in (weights, other)
    ]
    stack = stacked(tmp_path / "stack", light_run, *runs)
    weights.rename(tmp_path / "moved")
    asked = [str(stack), "--test", str(files / "test.csv"), "--output", str(tmp_path / "o.csv")]
    asked.append("--no-cache")
    assert predict(asked) == 2
    assert str(weights) in capsys.readouterr().err
    assert predict([*asked, "--encoder", str(tmp_path / "moved")]) == 0
    assert (tmp_path / "o.csv").read_bytes() == (stack / "submission.csv").read_bytes()


def test_an_encoder_that_nobody_reads_with_is_refused(whole, tiny_encoder):
    with pytest.raises(RunError, match=r"--encoder .*: no member of .*stack was fitted with this"):
        load_stack(whole, encoder=str(tiny_encoder))
