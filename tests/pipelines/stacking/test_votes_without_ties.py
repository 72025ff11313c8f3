"""Stacks of runs whose votes know no ties, and what does not go together."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from data.battles import DataError, read_training
from models.stacking.members import StackError
from pipelines.config import load_config
from pipelines.fit import fit
from pipelines.predict import predict
from pipelines.run.inputs import Inputs
from pipelines.settings import ConfigError
from pipelines.stacking.config import load_stack_config
from pipelines.stacking.fit import fit_stack
from tests.conftest import LIGHT

RUN = """
[members.NAME]
preset = "classical"
families = ["FAMILY"]
model = {members = ["linear"], inner_folds = 2}
learners.linear.penalties = [0.3, 0.03]
"""
COLUMNS = ["id", "winner_model_a", "winner_model_b"]


@pytest.fixture(scope="module")
def pairs(files, tmp_path_factory):
    """The decided rows of train.csv as pairs of a chosen and a rejected answer."""
    read = read_training(files / "train.csv")
    frame, y = read.battles[read.y != 2], read.y[read.y != 2]
    records = [
        {"id": id_, "prompt": prompt[0], "chosen": ab[won][0], "rejected": ab[1 - won][0]}
        for id_, prompt, *ab, won in zip(
            frame["id"], frame["prompt"], frame["response_a"], frame["response_b"], y, strict=True
        )
    ]
    whole = [record for record in records if all(record.values())]
    path = tmp_path_factory.mktemp("pairs") / "pairs.jsonl"
    path.write_text("\n".join(map(json.dumps, whole)))
    return path


@pytest.fixture(scope="module")
def runs(pairs, files, quiet, tmp_path_factory):
    """Two runs with the same folds. Not to be changed."""
    folder, inputs = tmp_path_factory.mktemp("runs"), Inputs(pairs, files / "test.csv")
    return [
        fit(
            load_config(settings=[*LIGHT, f'families=["{name}"]']),
            inputs,
            folder / name,
            device="cpu",
            console=quiet(),
        )
        for name in ("length", "style")
    ]


@pytest.fixture(scope="module")
def whole(runs, stacked, quiet, tmp_path_factory):
    """A stack of both, and what it told. Not to be changed."""
    console = quiet()
    return stacked(tmp_path_factory.mktemp("stacks") / "stack", *runs, console=console), console


def test_a_stack_gives_two_probabilities(whole, files, quiet, tmp_path):
    stack, console = whole
    for name in ("oof.csv", "submission.csv"):
        table = pd.read_csv(stack / name, dtype={"id": str})
        assert table.columns.tolist() == COLUMNS
        p = table[COLUMNS[1:]].to_numpy()
        assert 0.0 < p.min() < p.max() < 1.0
        np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=0, atol=3e-16)
    predict(stack, files / "test.csv", tmp_path / "out.csv", console=quiet())
    assert (tmp_path / "out.csv").read_bytes() == (stack / "submission.csv").read_bytes()
    told = console.file.getvalue()
    assert "weight" in told
    assert "tie" not in told.split("Out of fold")[1]


def test_its_scores_are_those_of_two_classes(whole, pairs):
    stack, _ = whole
    report = json.loads((stack / "report.json").read_text())
    p = pd.read_csv(stack / "oof.csv")[COLUMNS[1:]].to_numpy()
    y = read_training(pairs).y
    by_hand = -np.log(p[np.arange(len(y)), y]).mean()
    assert report["scores"]["metrics"]["log_loss"]["value"] == pytest.approx(by_hand, rel=1e-12)
    assert list(report["weights"]) == ["direction"]
    table = pd.read_csv(stack / "importance.csv")
    assert table.columns.tolist() == ["member", "mean", "direction"]


def test_a_sample_may_want_the_winner(whole, files, quiet, tmp_path):
    stack, _ = whole
    known = pd.read_csv(stack / "submission.csv", dtype={"id": str})
    pd.DataFrame({"id": known["id"], "winner": "model_a"}).to_csv(tmp_path / "s.csv", index=False)
    sample = {"sample_submission": tmp_path / "s.csv", "console": quiet()}
    predict(stack, files / "test.csv", tmp_path / "out.csv", **sample)
    likelier = known[COLUMNS[1:]].to_numpy().argmax(axis=1)
    found = pd.read_csv(tmp_path / "out.csv")["winner"]
    assert found.tolist() == np.where(likelier == 0, "model_a", "model_b").tolist()


def test_members_of_two_forms_are_refused(runs, stacked, tmp_path):
    oof = pd.read_csv(runs[1] / "oof.csv", dtype={"id": str})
    half = oof.assign(**{name: oof[name] / 2 for name in COLUMNS[1:]}, winner_tie=0.5)
    half.to_csv(tmp_path / "three.csv", index=False)
    words = r"member length: expected probabilities of A, B and tie, as three has them, found those"
    with pytest.raises(StackError, match=words):
        stacked(tmp_path / "stack", runs[0], tmp_path / "three.csv", trust=True)
    assert not (tmp_path / "stack.partial").exists()


def config_of(path, text):
    path.write_text("[folds]\nn_folds = 3\n" + text)
    return load_stack_config(file=path)


def run_of(name, family):
    return RUN.replace("NAME", name).replace("FAMILY", family)


def test_one_command_makes_the_members_in_that_form(pairs, files, whole, quiet, tmp_path):
    config = config_of(tmp_path / "s.toml", run_of("length", "length") + run_of("style", "style"))
    console = quiet()
    inputs = Inputs(pairs, files / "test.csv")
    stack = fit_stack(config, inputs, tmp_path / "stack", device="cpu", console=console)
    for name in ("oof.csv", "submission.csv"):
        assert (stack / name).read_bytes() == (whole[0] / name).read_bytes()
    lines = console.file.getvalue()
    assert lines.count("votes without ties: A or B alone") == 1
    assert load_stack_config(file=stack / "config.toml").members["style"].config.model.tie is None


def test_a_tower_beside_them_is_refused(pairs, quiet, tmp_path):
    text = run_of("length", "length") + '[members.tower]\npreset = "minilm_tower"\n'
    config = config_of(tmp_path / "s.toml", text)
    words = r"know no ties: the tower members\.tower learns A, B and tie\. Leave towers out, by a"
    with pytest.raises(DataError, match=words):
        fit_stack(config, Inputs(pairs), tmp_path / "stack", device="cpu", console=quiet())


def test_members_of_two_forms_are_refused_before_any_work(files, quiet, tmp_path):
    alone = run_of("alone", "style").replace("{members", '{form = "direction", members')
    config = config_of(tmp_path / "s.toml", run_of("length", "length") + alone)
    words = r"members\.alone\.model\.form: 'direction' knows no ties, and members\.length does"
    inputs = Inputs(files / "train.csv")
    with pytest.raises(ConfigError, match=words):
        fit_stack(config, inputs, tmp_path / "stack", device="cpu", console=quiet())


def test_kaggles_columns_without_a_tie_name_the_way_out(files, quiet, tmp_path):
    table = pd.read_csv(files / "train.csv", dtype=str, keep_default_na=False)
    table[table["winner_tie"] == "0"].to_csv(tmp_path / "train.csv", index=False)
    config = config_of(tmp_path / "s.toml", run_of("length", "length"))
    words = re.escape("by runs with --set members.NAME.model.form=direction. Beside data with ties")
    inputs = Inputs(tmp_path / "train.csv")
    with pytest.raises(DataError, match=words):
        fit_stack(config, inputs, tmp_path / "stack", device="cpu", console=quiet())
