"""Runs on votes that know no ties: A against B alone, from the file to the submission."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict

from data.battles import read_test, read_training, swap_battles
from pipelines import fit as fitting
from pipelines.config import load_config
from pipelines.estimator import out_of_fold
from pipelines.estimator.build import build_pipeline
from pipelines.estimator.reading import load_pipeline
from tests.commands import finetune, fit, predict

COLUMNS = ["id", "winner_model_a", "winner_model_b"]


def wsdm_of(read, rows, labels=None):
    """Rows as the WSDM Cup has them: plain text of one turn."""
    frame = read.battles[rows]
    table = pd.DataFrame({"id": frame["id"].astype(str)})
    for name in ("prompt", "response_a", "response_b"):
        table[name] = ["\n".join(filter(None, cell)) for cell in frame[name]]
    if labels is None:
        return table.assign(scored=False)
    names = {name: frame[name].astype(str) for name in ("model_a", "model_b")}
    winner = np.where(labels[rows] == 0, "model_a", "model_b")
    return table.assign(**names, winner=winner, language="English")


@pytest.fixture(scope="module")
def wsdm(files, tmp_path_factory):
    """Folder with train.csv and test.csv as the WSDM Cup has them, and the former as Kaggle's."""
    folder = tmp_path_factory.mktemp("wsdm")
    train, test = read_training(files / "train.csv"), read_test(files / "test.csv")
    decided = wsdm_of(train, train.y != 2, train.y)
    decided.to_csv(folder / "train.csv", index=False)
    wsdm_of(test, slice(None)).to_csv(folder / "test.csv", index=False)
    a = (decided["winner"] == "model_a").astype(int)
    kaggle = decided.drop(columns=["winner", "language"])
    for name in ("prompt", "response_a", "response_b"):
        kaggle[name] = [json.dumps([text]) for text in kaggle[name]]
    kaggle = kaggle.assign(winner_model_a=a, winner_model_b=1 - a, winner_tie=0)
    kaggle.to_csv(folder / "kaggle.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def flags(light_flags):
    """The light configuration, with a family that learns beside the length."""
    return [*light_flags, "--set", 'families=["length", "lexical"]', "--no-cache"]


@pytest.fixture(scope="module")
def fitted(wsdm, flags, tmp_path_factory):
    """A finished run. Not to be changed."""
    run = tmp_path_factory.mktemp("runs") / "run"
    named = ["--train", str(wsdm / "train.csv"), "--test", str(wsdm / "test.csv")]
    assert fit([*named, *flags, "--output", str(run)]) == 0
    return run


def probabilities(path):
    table = pd.read_csv(path, dtype={"id": str})
    return table, table.drop(columns="id").to_numpy()


def test_both_tables_have_two_probabilities(fitted, wsdm):
    for name, of in (("oof.csv", "train.csv"), ("submission.csv", "test.csv")):
        table, p = probabilities(fitted / name)
        assert table.columns.tolist() == COLUMNS
        assert table["id"].tolist() == pd.read_csv(wsdm / of, dtype=str)["id"].tolist()
        assert 0.0 < p.min() < p.max() < 1.0
        np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=0, atol=3e-16)


def test_scores_are_those_of_two_classes(fitted, wsdm):
    scores = json.loads((fitted / "report.json").read_text())["scores"]
    won = (pd.read_csv(wsdm / "train.csv")["winner"] == "model_a").to_numpy()
    _, p = probabilities(fitted / "oof.csv")
    by_hand = -np.log(np.where(won, p[:, 0], p[:, 1])).mean()
    assert scores["metrics"]["log_loss"]["value"] == pytest.approx(by_hand, rel=1e-12)
    assert scores["metrics"]["log_loss_tie"]["value"] is None
    folds = pd.read_csv(fitted / "folds.csv")["fold"].to_numpy()
    prior = np.array([won[folds != fold].mean() for fold in folds])
    by_hand = -np.log(np.where(won, prior, 1 - prior)).mean()
    known = scores["baselines"]["class prior"]["metrics"]["log_loss"]["value"]
    assert known == pytest.approx(by_hand, rel=1e-12)
    assert scores["baselines"]["length alone"]["metrics"]["log_loss"]["value"] < known
    assert scores["analysis"]["reliability"]["after_calibration"]["tie"] == []
    assert scores["analysis"]["style_control"]["coefficients"]["length"]["value"] is not None


def test_the_run_is_of_one_head(fitted):
    report = json.loads((fitted / "report.json").read_text())
    assert set(report["final"]["complexity"]) == {"linear_direction"}
    assert report["final"]["calibration"]["tie_slope"] == [1.0]
    assert report["final"]["swap_error"] == 0.0
    config = load_config(file=fitted / "config.toml")
    assert (config.model.form, config.model.tie) == ("direction", None)
    table = pd.read_csv(fitted / "importance.csv")
    assert table.columns.tolist() == ["feature", "mean", "linear_direction", "family", "meaning"]


def test_it_is_told_on_the_screen(wsdm, flags, tmp_path, capsys):
    named = ["--train", str(wsdm / "train.csv"), *flags]
    assert fit([*named, "--output", str(tmp_path / "run")]) == 0
    told = capsys.readouterr().out
    line = 'votes without ties: A or B alone (model.form = "direction")'
    assert told.splitlines().count(line) == 1
    assert "A/B AUC" in told
    assert "tie AUC" not in told


def test_predict_gives_the_submission(fitted, wsdm, tmp_path):
    test = ["--test", str(wsdm / "test.csv"), "--output", str(tmp_path / "out.csv")]
    assert predict([str(fitted), *test, "--no-cache"]) == 0
    assert (tmp_path / "out.csv").read_bytes() == (fitted / "submission.csv").read_bytes()


def test_a_swap_changes_the_places_bit_for_bit(fitted, wsdm):
    model, battles = load_pipeline(fitted), read_test(wsdm / "test.csv").battles
    p = model.predict_proba(battles)
    np.testing.assert_array_equal(model.predict_proba(swap_battles(battles)), p[:, ::-1])
    assert np.abs(p[:, 0] - p[:, 1]).max() > 0.1
    assert model.classes_.tolist() == [0, 1]


def test_kaggles_columns_without_a_tie_name_the_way_out(wsdm, fitted, flags, tmp_path, capsys):
    kaggle = str(wsdm / "kaggle.csv")
    command = ["--train", kaggle, *flags, "--output", str(tmp_path / "run")]
    assert fit(command) == 2
    told = capsys.readouterr().err
    assert "found none of class tie (winner_tie)" in told
    assert "by --set model.form=direction. Beside data with ties give the file as --extra" in told
    assert fit([*command, "--set", "model.form=direction"]) == 0
    assert (tmp_path / "run" / "oof.csv").read_bytes() == (fitted / "oof.csv").read_bytes()


@pytest.mark.parametrize("form", ["heads", "multiclass"])
def test_a_form_that_is_asked_for_holds(form, wsdm, flags, tmp_path, capsys):
    command = ["--train", str(wsdm / "train.csv"), *flags, "--set", f"model.form={form}"]
    assert fit([*command, "--output", str(tmp_path / "run")]) == 2
    told = capsys.readouterr().err
    assert f"read as WSDM Cup, whose votes know no ties: nothing tells the form '{form}'" in told
    assert "Leave --set model.form out, and A against B alone is fitted, or give the file" in told
    assert not (tmp_path / "run.partial").exists()


def test_ties_have_no_place_in_it(files, flags, tmp_path, capsys):
    command = ["--train", str(files / "train.csv"), *flags, "--set", "model.form=direction"]
    assert fit([*command, "--output", str(tmp_path / "run")]) == 2
    told = capsys.readouterr().err
    assert "of 300 votes are ties, for which the form 'direction' has no place. Leave" in told


def test_no_table_has_both_kinds(files, wsdm, flags, tmp_path, capsys):
    both = [str(files / "train.csv"), str(wsdm / "train.csv")]
    assert fit(["--train", *both, *flags, "--output", str(tmp_path / "run")]) == 2
    told = capsys.readouterr().err
    assert f"{both[1]}: read as WSDM Cup, whose votes know no ties" in told
    assert f"Give it apart: --train {both[0]} --extra {both[1]}." in told


def test_extra_rows_with_ties_teach_by_the_others(files, wsdm, flags, tmp_path):
    extra = read_training(files / "extra.csv")
    rows = pd.read_csv(files / "extra.csv", dtype=str, keep_default_na=False)
    rows[extra.y != 2].to_csv(tmp_path / "decided.csv", index=False)
    # A family that counts texts, ties' texts included, would tell the two apart.
    flags = [*flags, "--set", 'families=["length"]', "--train", str(wsdm / "train.csv")]
    for name, path in (("all", files / "extra.csv"), ("decided", tmp_path / "decided.csv")):
        assert fit([*flags, "--extra", str(path), "--output", str(tmp_path / name)]) == 0
    assert fit([*flags, "--output", str(tmp_path / "none")]) == 0
    known = {name: (tmp_path / name / "oof.csv").read_bytes() for name in ("all", "decided")}
    assert known["all"] == known["decided"] != (tmp_path / "none" / "oof.csv").read_bytes()


def test_it_goes_on_with_its_folds_and_is_replaced_by_force(
    fitted, wsdm, flags, tmp_path, monkeypatch, capsys
):
    def stop(*_, **__):
        raise OSError(28, "No space left on device")

    def refit(*_):
        raise AssertionError("the folds are there")

    named = ["--train", str(wsdm / "train.csv"), "--test", str(wsdm / "test.csv"), *flags]
    command = [*named, "--output", str(tmp_path / "run")]
    with monkeypatch.context() as patch:
        patch.setattr(fitting, "report_of", stop)
        assert fit(command) == 1
    with monkeypatch.context() as patch:
        patch.setattr(out_of_fold, "_fit_fold", refit)
        assert fit(command) == 0
    assert "going on with" in capsys.readouterr().out
    assert fit([*command, "--force"]) == 0
    for name in ("oof.csv", "submission.csv", "models/preference.json"):
        assert (tmp_path / "run" / name).read_bytes() == (fitted / name).read_bytes()


# Sample submissions.


def sample(path, ids, columns):
    table = pd.DataFrame({"id": ids})
    table.assign(**dict.fromkeys(columns, "model_a")).to_csv(path, index=False)
    return ["--sample-submission", str(path)]


@pytest.mark.parametrize("kind", ["direction", "heads"])
def test_a_sample_that_wants_the_winner_gets_the_likelier(
    kind, fitted, light_run, wsdm, tmp_path, capsys
):
    run = fitted if kind == "direction" else light_run
    command = [str(run), "--test", str(wsdm / "test.csv"), "--no-cache"]
    assert predict([*command, "--output", str(tmp_path / "p.csv")]) == 0
    known, p = probabilities(tmp_path / "p.csv")
    for order in (known["id"], known["id"][::-1]):
        wanted = sample(tmp_path / "sample.csv", order, ["winner"])
        assert predict([*command, *wanted, "--output", str(tmp_path / "out.csv")]) == 0
        found = pd.read_csv(tmp_path / "out.csv", dtype=str)
        assert found.columns.tolist() == ["id", "winner"]
        assert found["id"].tolist() == order.tolist()
        likelier = np.where(p[:, 0] >= p[:, 1], "model_a", "model_b")
        assert found["winner"].tolist() == likelier[order.index].tolist()
    assert set(found["winner"]) == {"model_a", "model_b"}


def test_fit_writes_the_winner_where_the_sample_wants_it(fitted, wsdm, flags, tmp_path):
    known, p = probabilities(fitted / "submission.csv")
    wanted = sample(tmp_path / "sample.csv", known["id"], ["winner"])
    named = ["--train", str(wsdm / "train.csv"), "--test", str(wsdm / "test.csv"), *wanted]
    assert fit([*named, *flags, "--output", str(tmp_path / "run")]) == 0
    found = pd.read_csv(tmp_path / "run" / "submission.csv", dtype=str)
    assert found["winner"].tolist() == np.where(p[:, 0] >= p[:, 1], "model_a", "model_b").tolist()


def test_a_sample_of_the_runs_own_probabilities_is_taken(fitted, wsdm, tmp_path):
    command = [str(fitted), "--test", str(wsdm / "test.csv"), "--output", str(tmp_path / "out.csv")]
    own = ["--sample-submission", str(fitted / "submission.csv")]
    assert predict([*command, *own, "--no-cache"]) == 0
    assert (tmp_path / "out.csv").read_bytes() == (fitted / "submission.csv").read_bytes()


def test_a_sample_of_other_classes_is_refused(fitted, light_run, wsdm, flags, tmp_path, capsys):
    ids = pd.read_csv(wsdm / "test.csv", dtype=str)["id"]
    three = sample(tmp_path / "three.csv", ids, [*COLUMNS[1:], "winner_tie"])
    two = sample(tmp_path / "two.csv", ids, COLUMNS[1:])
    test = ["--test", str(wsdm / "test.csv")]
    output = ["--output", str(tmp_path / "out.csv"), "--no-cache"]
    assert predict([str(fitted), *test, *three, *output]) == 2
    told = capsys.readouterr().err
    assert "three.csv: expected the columns id, winner_model_a, winner_model_b, in this" in told
    assert "know no ties, so these have no probability: give such votes as --extra beside" in told
    assert predict([str(light_run), *test, *two, *output]) == 2
    assert "learned from know ties, which have a probability as well" in capsys.readouterr().err
    train = ["--train", str(wsdm / "train.csv"), *flags]
    assert fit([*train, *test, *three, "--output", str(tmp_path / "run")]) == 2
    assert "so these have no probability" in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"three.csv", "two.csv"}


# Elsewhere.


def test_the_estimator_works_in_cross_val_predict(wsdm):
    read = read_training(wsdm / "train.csv")
    settings = ['families=["length"]', 'model.members=["linear"]', "model.form=direction"]
    model = build_pipeline(load_config(settings=settings))
    groups = read.battles["group"].to_numpy(dtype=object)
    p = cross_val_predict(
        model, read.battles, read.y, cv=GroupKFold(3), groups=groups, method="predict_proba"
    )
    assert p.shape == (len(read.y), 2)
    assert roc_auc_score(read.y == 0, p[:, 0]) > 0.55


def test_a_tower_refuses_them(fitted, wsdm, tower_flags, tmp_path, capsys):
    output = ["--output", str(tmp_path / "tower")]
    way_out = "Give the file as --extra beside a --train with ties."
    for named in (["--train", str(wsdm / "train.csv")], [str(fitted)]):
        assert finetune([*named, *tower_flags, *output]) == 2
        told = capsys.readouterr().err
        assert "whose votes know no ties: a tower learns A, B and tie" in told
        assert way_out in told
    assert finetune(["--train", str(wsdm / "kaggle.csv"), *tower_flags, *output]) == 2
    assert "found none of class tie (winner_tie)" in capsys.readouterr().err
