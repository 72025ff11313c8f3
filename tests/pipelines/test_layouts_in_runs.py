"""Runs on what people bring: other layouts, other kinds of files, several as one."""

from dataclasses import replace

import pandas as pd
import pytest

from data.battles import WINNER_COLUMNS, Files, Reading, read_test, read_training
from pipelines.fit import fit as fit_run
from pipelines.run.inputs import Inputs
from pipelines.settings import ConfigError
from pipelines.tower.origin import Given, Origin
from tests.commands import predict
from tests.published import Vote, records_of, write_table


def votes_of(path):
    read = read_training(path)
    rows = zip(
        *(read.battles[name] for name in ("prompt", "response_a", "response_b")), strict=True
    )
    names = read.battles[["model_a", "model_b"]].to_numpy().tolist()
    return read.battles["id"].tolist(), [
        Vote(*map(list, row), int(label), *who)
        for row, label, who in zip(rows, read.y, names, strict=True)
    ]


@pytest.fixture(scope="module")
def brought(files, tmp_path_factory):
    """The rows of train.csv in two shards of a plain table, with names and votes of their own."""
    folder = tmp_path_factory.mktemp("brought")
    ids, votes = votes_of(files / "train.csv")
    records = [
        {"question" if name == "prompt" else name: cell for name, cell in record.items()}
        | {"id": key, "winner": ("left", "right", "same")[vote.label]}
        for key, record, vote in zip(ids, records_of("plain", votes), votes, strict=True)
    ]
    write_table(folder / "train-00000-of-00002.jsonl", records[:200])
    write_table(folder / "train-00001-of-00002.parquet", records[200:])
    return folder


READING = Reading(columns={"prompt": "question"}, votes={"left": 0, "right": 1, "same": 2})


@pytest.fixture(scope="module")
def brought_run(brought, files, light, quiet, tmp_path_factory):
    console = quiet()
    inputs = Inputs(Files.of(brought, READING), files / "test.csv")
    target = tmp_path_factory.mktemp("runs") / "run"
    return fit_run(light, inputs, target, device="cpu", console=console), console


def test_the_same_battles_in_another_layout_make_the_same_run(brought_run, light_run):
    for name in ("oof.csv", "folds.csv", "submission.csv"):
        assert (brought_run[0] / name).read_bytes() == (light_run / name).read_bytes()


def test_a_run_says_what_its_files_were_read_as(brought_run, files):
    told = brought_run[1].file.getvalue()
    assert "train-00001-of-00002.parquet: read as plain table" in " ".join(told.split())
    assert f"{files / 'test.csv'}: read as Kaggle LMSYS" in " ".join(told.split())


def test_files_of_a_run_are_found_again_and_read_alike(brought_run, brought):
    inputs = Origin.of(Given(), brought_run[0]).inputs
    assert Files.of(inputs.train) == Files.of(brought, READING)
    again = Origin.of(Given(train=brought), brought_run[0]).inputs
    assert again.hashes() == inputs.hashes()
    assert again.hashes() != Inputs(brought).hashes()  # read otherwise, it is another run


def test_files_of_a_run_are_not_read_in_another_way(brought_run, files):
    run = brought_run[0]
    for reading in (READING, replace(READING, raw=True, skip_at_most=0.5), Reading()):
        assert Origin.of(Given(reading=reading), run).inputs == Origin.of(Given(), run).inputs
    other = replace(READING, repeated_votes="once")
    with pytest.raises(ConfigError, match=r"read as it read them, not by other .*Leave these flag"):
        Origin.of(Given(reading=other), run)
    test = Files.of(files / "test.csv", other)
    assert Origin.of(Given(test=test, reading=other), run).inputs.test == test


def test_neither_a_test_file_nor_how_it_is_read_binds_a_run(files, brought):
    without = Inputs(files / "train.csv")
    assert without._replace(test=Files.of(brought, READING)).hashes() == without.hashes()


@pytest.fixture
def in_parts(files, tmp_path):
    """The rows of test.csv with an id of their own, and flags that name their two shards."""
    test = read_test(files / "test.csv").battles
    test = test[~test["id"].duplicated()]
    for number, part in enumerate((test.iloc[:10], test.iloc[10:])):
        rows = part[["id", "prompt", "response_a", "response_b"]].to_dict("records")
        write_table(
            tmp_path / f"t{number}.jsonl",
            [{k: v if k == "id" else list(v) for k, v in r.items()} for r in rows],
        )
    return test, [flag for n in (1, 0) for flag in ("--test", str(tmp_path / f"t{n}.jsonl"))]


def test_several_test_files_are_predicted_as_one(light_run, in_parts, tmp_path, capsys):
    test, flags = in_parts
    output = tmp_path / "out.csv"
    assert predict([str(light_run), *flags, "--output", str(output), "--no-cache"]) == 0
    table = pd.read_csv(output, dtype={"id": str})
    assert table["id"].tolist() == test["id"].tolist()
    assert capsys.readouterr().out.count("read as Kaggle LMSYS") == 1  # told before the work, once


def test_predictions_of_several_files_come_in_the_order_of_a_sample(light_run, in_parts, tmp_path):
    test, flags = in_parts
    backwards = [*reversed(test["id"].tolist())]
    sample = tmp_path / "sample.csv"
    pd.DataFrame({"id": backwards, **dict.fromkeys(WINNER_COLUMNS, 0.3)}).to_csv(
        sample, index=False
    )
    flags = [str(light_run), *flags, "--no-cache"]
    assert predict([*flags, "--output", str(tmp_path / "a.csv")]) == 0
    ordered = ["--sample-submission", str(sample), "--output", str(tmp_path / "b.csv")]
    assert predict([*flags, *ordered]) == 0
    in_place = pd.read_csv(tmp_path / "a.csv", dtype={"id": str})
    found = pd.read_csv(tmp_path / "b.csv", dtype={"id": str})
    assert found["id"].tolist() == backwards
    pd.testing.assert_frame_equal(found, in_place[::-1].reset_index(drop=True))
