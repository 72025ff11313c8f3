"""Importance and `explain` of runs of every kind: soft labels, weights, no ties, three classes."""

import json

import numpy as np
import pandas as pd
import pytest

from data.battles import WINNER_COLUMNS, read_test, swap_battles
from data.soft import soft_votes
from pipelines.config import load_config
from pipelines.estimator.importance import held, kept, measure
from pipelines.estimator.reading import load_pipeline
from pipelines.explaining.content import explained
from pipelines.fit import Inputs, fit
from pipelines.stacking.config import load_stack_config
from pipelines.stacking.fit import fit_stack
from tests.commands import explain
from tests.conftest import LIGHT
from tests.models.importance.conftest import NAMES, fit_model, make_table

VOTES, KINDS = list(WINNER_COLUMNS), ("soft", "direction", "multiclass")
MEASURED = ("permutation", "permutation_low", "permutation_high", "pair", "pair_low", "pair_high")


@pytest.fixture(scope="module")
def table(files):
    """The rows of train.csv, which weigh 0.5 and 2; each third of them is a soft label."""
    table = pd.read_csv(files / "train.csv", dtype=str, keep_default_na=False)
    votes = table[VOTES].to_numpy(dtype=float)
    drawn = np.random.default_rng(0).dirichlet([1, 1, 1], size=len(votes)).round(3)
    drawn[:, 2] = 1 - drawn[:, 0] - drawn[:, 1]
    votes[::3] = (votes[::3] + drawn[::3]) / 2
    weight = np.where(np.arange(len(table)) % 2, 0.5, 2.0)
    return table.assign(**dict(zip(VOTES, votes.T, strict=True)), weight=weight)


@pytest.fixture(scope="module")
def trains(table, files, tmp_path_factory):
    """Training files by kind."""
    folder = tmp_path_factory.mktemp("kinds")
    plain = pd.read_csv(files / "train.csv", dtype=str, keep_default_na=False)
    decided = plain[plain["winner_tie"] != "1"]
    for kind, rows in {"soft": table, "direction": decided, "multiclass": plain}.items():
        rows.to_csv(folder / f"{kind}.csv", index=False)
    return {kind: folder / f"{kind}.csv" for kind in KINDS}


@pytest.fixture(scope="module")
def make(trains, files, quiet):
    """Fit a run of a kind, of which everything is told."""

    def made(kind, target):
        more = ['model.members=["lightgbm", "linear"]', "learners.lightgbm.max_rounds=10"]
        form = f"model.form={'heads' if kind == 'soft' else kind}"
        config = load_config(settings=[*LIGHT, *more, form])
        inputs = Inputs(trains[kind], files / "test.csv")
        return fit(config, inputs, target, device="cpu", console=quiet(), importance="full")

    return made


@pytest.fixture(scope="module")
def runs(make, tmp_path_factory):
    """Finished runs by kind. Not to be changed."""
    return {kind: make(kind, tmp_path_factory.mktemp("runs") / kind) for kind in KINDS}


@pytest.fixture(scope="module")
def battle(files):
    return read_test(files / "test.csv").battles.iloc[3:4].reset_index(drop=True)


def fold_of_soft_labels(share):
    """Columns, votes and prompts of soft labels of 60 battles, and a model that knows none."""
    X, _ = make_table(60, seed=5)
    frame, y = soft_votes(X.assign(id=[f"i{row}" for row in range(60)]), share)
    return fit_model(), frame, y


def test_a_soft_label_is_one_battle_with_a_loss_of_its_shares():
    share = np.random.default_rng(3).dirichlet([1, 2, 1], size=60)
    share[::4] = np.eye(3)[np.arange(15) % 3]
    model, frame, y = fold_of_soft_labels(share)
    assert len(frame) == 15 + 45 * 3
    first = np.flatnonzero(~frame.duplicated("id"))
    parts = kept(~frame.duplicated("id").to_numpy(), model, frame, np.arange(len(frame)))
    np.testing.assert_array_equal(parts["rows"], first)
    (of,) = held(model, [parts], (frame, y))
    np.testing.assert_allclose(of.votes, share, atol=1e-15)
    found = measure(dict.fromkeys(NAMES, 0.1), [of], lambda done: None)
    assert found.rows == 60
    order = np.random.default_rng(model.seed).permutation(60)
    X = frame.iloc[first].reset_index(drop=True)
    dealt = X.assign(f__gap_diff=X["f__gap_diff"].to_numpy()[order])
    before, without = (np.log(model.predict_proba(one)) for one in (X, dealt))
    lost = (share * (before - without)).sum(axis=1)
    row = found.table.set_index(["kind", "name"]).loc[("column", "f__gap_diff")]
    assert row["permutation"] == pytest.approx(lost.mean(), abs=1e-12)
    by_prompt = pd.Series(lost - lost.mean()).groupby(X["group"].to_numpy()).sum()
    half = 1.959964 * np.sqrt((by_prompt**2).sum()) / 60
    assert row["permutation_high"] - row["permutation"] == pytest.approx(half, rel=1e-9)


def test_as_many_battles_are_kept_as_are_asked_for_however_many_rows_they_have(monkeypatch):
    monkeypatch.setattr("pipelines.estimator.importance.ROWS", 20)
    model, frame, y = fold_of_soft_labels(np.full((60, 3), 1 / 3))
    starts, rows = np.arange(len(frame)) % 3 == 0, np.arange(30, len(frame))  # another fold's first
    parts = kept(starts, model, frame.iloc[rows], rows)
    (of,) = held(model, [parts], (frame, y))
    assert len(set(parts["rows"])) == len(of.votes) == 20
    assert starts[parts["rows"]].all()
    assert parts["rows"].min() >= 30
    np.testing.assert_array_equal(of.X["characters"], frame["characters"][parts["rows"]])


@pytest.mark.parametrize(
    ("kind", "logits"),
    [("soft", ("z", "t")), ("direction", ("z",)), ("multiclass", ("a", "b", "tie"))],
)
def test_a_run_of_each_kind_tells_of_its_logits(kind, logits, runs):
    columns = pd.read_csv(runs[kind] / "importance.csv", index_col="feature")
    groups = pd.read_csv(runs[kind] / "importance_groups.csv")
    for found in (columns, groups):
        shap = [f"shap_{name}" for name in logits]
        assert [name for name in found if name.startswith("shap_")] == shap
        np.testing.assert_allclose(found[shap].sum(axis=1), found["shap"], atol=1e-9)
    assert not columns[list(MEASURED)].isna().any(axis=None)
    told = json.loads((runs[kind] / "report.json").read_text())
    battles = pd.read_csv(runs[kind] / "oof.csv")
    assert told["importance"]["rows"] == told["scores"]["rows"] == len(battles)
    assert told["importance"]["families"][0]["permutation"] > 0.01
    assert not {"weight", "share"} & set(columns.index)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_explained_adds_up_and_follows_a_swap(kind, runs, battle):
    pipeline = load_pipeline(runs[kind])
    found, other = (explained(pipeline, of) for of in (battle, swap_battles(battle)))
    proba = pipeline.predict_proba(battle)[0]
    assert list(found["probabilities"].values()) == proba.tolist()
    assert sum(found["average"].values()) == pytest.approx(1.0)
    value = {name: of["value"] for name, of in found["logits"].items()}
    for name, logit in found["logits"].items():
        adds = [of["adds"][name] for family in found["families"] for of in family["columns"]]
        assert logit["average"] + sum(adds) == pytest.approx(logit["value"], abs=1e-9)
        turned = {"a": "b", "b": "a"}.get(name, name)
        sign = -1 if name == "z" else 1
        assert other["logits"][turned]["value"] == pytest.approx(sign * logit["value"], abs=1e-12)
    X = pipeline.named_steps["features"].transform(battle)
    model = pipeline.named_steps["model"]
    z, t = model.logits(X, calibrated=kind != "multiclass")
    direction = value["a"] - value["b"] if kind == "multiclass" else value["z"]
    assert direction == pytest.approx(z[0], abs=1e-5)
    if kind == "soft":
        assert value["t"] == pytest.approx(t[0], abs=1e-5)
    if kind == "direction":
        assert list(found["average"].items()) == [("model_a", 0.5), ("model_b", 0.5)]


def test_votes_without_ties_are_explained_on_the_screen_and_as_json(runs, files, capsys):
    command = [str(runs["direction"]), "--test", str(files / "test.csv"), "--id", "00015"]
    assert explain(command) == 0
    out = capsys.readouterr().out
    assert "tie" not in out.replace("direction", "")
    assert "Log odds: above 0 for A (below for B)." in out
    assert explain([*command, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert list(told["probabilities"]) == ["model_a", "model_b"]
    assert list(told["logits"]) == ["z"]


def test_work_on_soft_labels_goes_on_to_the_same_tables(runs, make, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("pipelines.fit.fit_final", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            make("soft", tmp_path / "run")
    monkeypatch.setattr("pipelines.estimator.out_of_fold._fit_fold", lambda *_: 1 / 0)
    again = make("soft", tmp_path / "run")
    for name in ("importance.csv", "importance_groups.csv"):
        assert (again / name).read_bytes() == (runs["soft"] / name).read_bytes()


STACK = """
folds.n_folds = 3
members.plain = {preset = "classical", families = ["length"]}
members.other = {preset = "classical", families = ["style"]}
"""


def test_the_runs_of_a_stack_are_measured_and_explained_by_themselves(
    files, quiet, tmp_path, capsys
):
    (tmp_path / "stack.toml").write_text(STACK)
    small = ('model.members=["linear"]', "model.inner_folds=2")
    settings = [f"members.{name}.{setting}" for name in ("plain", "other") for setting in small]
    config = load_stack_config(file=tmp_path / "stack.toml", settings=settings)
    inputs = Inputs(files / "train.csv")
    stack = fit_stack(
        config, inputs, tmp_path / "run", device="cpu", console=quiet(), importance="full"
    )
    members = [stack / "members" / name for name in ("other", "plain")]
    for member, family in zip(members, ("style", "length"), strict=True):
        groups = pd.read_csv(member / "importance_groups.csv")
        assert groups.loc[groups["kind"] == "family", "name"].tolist() == [family]
    command = ["--test", str(files / "test.csv"), "--id", "00015", "--json"]
    assert explain([str(stack), *command]) == 2
    err = capsys.readouterr().err
    assert f"Explain a member that is a run: {members[0]}, {members[1]}." in err
    assert explain([str(members[0]), *command]) == 0
    assert [of["name"] for of in json.loads(capsys.readouterr().out)["families"]] == ["style"]
