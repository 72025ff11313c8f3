"""Names in a whole run: two predictions out of fold, and what is told of a test file's names."""

import json

import numpy as np
import pandas as pd
import pytest

from data.battles import WINNER_COLUMNS, make_battles, read_test, read_training, swap_battles
from features.families.names import NAMES
from pipelines.config import load_config
from pipelines.estimator.build import build_pipeline
from pipelines.estimator.names import NAMELESS, WRITTEN, NamesSeen, beside, put_together
from pipelines.fit import Inputs, fit
from pipelines.predict import load_pipeline
from tests.commands import predict

NAMED = (
    'families=["length", "fingerprint", "names"]',
    'model.members=["linear"]',
    "model.inner_folds=2",
    "folds.n_folds=3",
    "learners.linear.penalties=[0.3, 0.03]",
    "features.fingerprint.words=100",
    "features.fingerprint.characters=0",
    "features.fingerprint.openings=0",
)


@pytest.fixture(scope="module")
def named_files(files, tmp_path_factory):
    """train.csv, and test files: with the training file's names, with strange ones, without any."""
    folder = tmp_path_factory.mktemp("named")
    train = pd.read_csv(files / "train.csv", dtype=str, keep_default_na=False)
    train.to_csv(folder / "train.csv", index=False)
    test = pd.read_csv(files / "test.csv", dtype=str, keep_default_na=False)
    known = train[list(NAMES)].iloc[: len(test)].reset_index(drop=True)
    test.to_csv(folder / "bare.csv", index=False)
    test.assign(**known).to_csv(folder / "named.csv", index=False)
    strange = known.apply(lambda names: names.str.upper())
    test.assign(**strange).to_csv(folder / "strange.csv", index=False)
    train[train["winner_tie"] == "0"].to_csv(folder / "decided.csv", index=False)
    soft = np.tile([[0.6, 0.3, 0.1], [0.2, 0.8, 0.0], [0.1, 0.2, 0.7]], (len(train), 1))
    train.assign(**dict(zip(WINNER_COLUMNS, soft[: len(train)].T, strict=True))).to_csv(
        folder / "soft.csv", index=False
    )
    return folder


@pytest.fixture(scope="module")
def run(named_files, quiet, tmp_path_factory):
    console = quiet()
    inputs = Inputs(named_files / "train.csv", named_files / "named.csv")
    target = tmp_path_factory.mktemp("runs") / "run"
    config = load_config(settings=NAMED)
    return fit(config, inputs, target, device="cpu", console=console), console.file.getvalue()


def asked(run, file, tmp_path, capsys):
    output = tmp_path / "out.csv"
    assert predict([str(run), "--test", str(file), "--output", str(output)]) == 0
    proba = pd.read_csv(output).iloc[:, 1:].to_numpy()
    return output, proba, capsys.readouterr().out


def test_predict_reads_names_and_writes_the_submission_byte_for_byte(
    run, named_files, tmp_path, capsys
):
    output, proba, text = asked(run[0], named_files / "named.csv", tmp_path, capsys)
    assert output.read_bytes() == (run[0] / "submission.csv").read_bytes()
    assert "names:" not in text
    assert "names:" not in run[1].replace("names: A/B AUC", "")
    _, bare, text = asked(run[0], named_files / "bare.csv", tmp_path, capsys)
    assert "names: bare.csv has none in model_a and model_b; predicted without them" in text
    assert np.abs(bare - proba).max() > 0.02


def test_strange_names_are_told_of_with_the_nearest(run, named_files, tmp_path, capsys):
    _, bare, _ = asked(run[0], named_files / "bare.csv", tmp_path, capsys)
    _, strange, text = asked(run[0], named_files / "strange.csv", tmp_path, capsys)
    np.testing.assert_array_equal(strange, bare)
    assert "names: 60 of 60 answers of strange.csv are by models that no training row" in text
    names = pd.read_csv(named_files / "named.csv")[list(NAMES)].to_numpy().ravel().tolist()
    frequent = max(sorted(set(names)), key=names.count)
    assert f"{frequent.upper()} ({names.count(frequent)}, nearest: {frequent})" in text


def test_a_run_without_the_family_does_not_see_names(light_run, named_files, tmp_path, capsys):
    said = []
    for name in ("bare", "named"):
        output, _, text = asked(light_run, named_files / f"{name}.csv", tmp_path, capsys)
        said.append(output.read_bytes())
        assert "names:" not in text
    assert said[0] == said[1]


def test_the_fingerprint_does_not_see_a_test_files_names(named_files):
    read = read_training(named_files / "train.csv")
    settings = ['families=["length", "fingerprint"]', *NAMED[1:]]
    model = build_pipeline(load_config(settings=settings)).fit(read.battles, read.y)
    named, bare = (read_test(named_files / f"{name}.csv").battles for name in ("named", "bare"))
    assert named[list(NAMES)].notna().all(axis=None)
    np.testing.assert_array_equal(model.predict_proba(named), model.predict_proba(bare))


def test_a_swap_swaps_the_probabilities_bit_for_bit(run, named_files):
    battles = read_test(named_files / "named.csv").battles
    pipeline = load_pipeline(run[0])
    proba = pipeline.predict_proba(battles)
    swapped = pipeline.predict_proba(swap_battles(battles))
    np.testing.assert_array_equal(swapped, proba[:, [1, 0, 2]])


def test_the_report_tells_both_cases_and_the_models(run):
    scores = json.loads((run[0] / "report.json").read_text())["scores"]
    other = scores["baselines"]["names not given"]
    assert other["metrics"]["log_loss"]["value"] != scores["metrics"]["log_loss"]["value"]
    assert scores["ratings"]["models"]
    assert "log loss against names not given:" in run[1]
    assert "How strong the models are" in run[1]


@pytest.mark.parametrize(("train", "form"), [("decided", ['model.form="direction"']), ("soft", [])])
def test_votes_of_other_kinds(train, form, named_files, quiet, tmp_path, capsys):
    """Votes without ties have two classes, and of soft labels several rows are one battle."""
    inputs, console = Inputs(named_files / f"{train}.csv", named_files / "named.csv"), quiet()
    config = load_config(settings=[*NAMED, *form])
    run = fit(config, inputs, tmp_path / "run", device="cpu", console=console)
    scores = json.loads((run / "report.json").read_text())["scores"]
    other = scores["baselines"]["names not given"]["metrics"]["log_loss"]["value"]
    assert 0 < abs(other - scores["metrics"]["log_loss"]["value"]) < 0.5
    ratings, n_battles = scores["ratings"], len(pd.read_csv(named_files / f"{train}.csv"))
    assert ratings["battles"] == scores["rows"] == n_battles
    assert all((row["ties"] is None) == bool(form) for row in ratings["models"])
    columns = json.loads((run / "features.json").read_text())
    assert any("tie_rate" in column["name"] for column in columns) == (not form)
    output, proba, _ = asked(run, named_files / "named.csv", tmp_path, capsys)
    assert proba.shape[1] == (2 if form else 3)
    assert output.read_bytes() == (run / "submission.csv").read_bytes()


def test_without_names_is_what_the_same_models_say_of_bare_rows(named_files):
    read = read_training(named_files / "train.csv")
    model = build_pipeline(load_config(settings=NAMED)).fit(read.battles[:200], read.y[:200])
    held = read.battles[200:].reset_index(drop=True)
    columns = model.named_steps["features"].transform(held)
    found = beside(model, held, columns)
    bare = held.assign(model_a=None, model_b=None)
    np.testing.assert_array_equal(found[NAMELESS], model.predict_proba(bare))
    assert (found[NAMELESS] != model.predict_proba(held)).any()
    written = columns[["fingerprint__strength_a", "fingerprint__strength_b"]].to_numpy()
    np.testing.assert_array_equal(found[WRITTEN], written)


def test_without_the_family_there_is_one_case(battles, light):
    model = build_pipeline(light).fit(*battles)
    assert beside(model, battles[0], model.named_steps["features"].transform(battles[0])) == {}
    assert put_together([{"proba": np.ones((2, 3))}], np.zeros(2, np.int8)) == {}


def test_folds_are_put_into_the_order_of_the_rows():
    folds = np.array([1, 0, 1], dtype=np.int8)
    parts = [{NAMELESS: np.full((1, 3), 0.1)}, {NAMELESS: np.array([[1.0] * 3, [2.0] * 3])}]
    whole = put_together(parts, folds)
    assert whole[NAMELESS][:, 0].tolist() == [1.0, 0.1, 2.0]


def test_half_of_the_names_may_be_strange(tmp_path):
    def told(names):
        seen = NamesSeen(["ant", "gpt-4-0613"])
        texts = ["x"] * len(names)
        seen.add(make_battles(texts, texts, texts, model_a=names))
        return seen.told(tmp_path / "t.csv")

    assert told(["ant", "GPT-4-0613"]) == []
    (line,) = told(["ant", "GPT-4-0613", "zz"])
    assert "2 of 3 answers of t.csv" in line
    assert "GPT-4-0613 (1, nearest: gpt-4-0613), zz (1)." in line
    (line,) = told(["p", "q", "r", "s"])
    assert line.count("(1)") == 3
    assert ", …. Write names" in line
    (line,) = told([None, None])
    assert line.startswith("names: t.csv has none")
    assert told([]) == NamesSeen([]).told(tmp_path / "t.csv") == []
