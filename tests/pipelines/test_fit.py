"""A run from files to its folder, and what becomes of it when it is stopped."""

import json
import re
import shutil
from pathlib import Path
from statistics import median_high

import numpy as np
import pandas as pd
import pytest

from data.battles import WINNER_COLUMNS, read_training
from data.source import source_hash
from features.sides import SIDES
from pipelines import fit as fit_module
from pipelines.config import load_config
from pipelines.estimator.out_of_fold import true_probabilities
from pipelines.fit import SAMPLE
from pipelines.report.content import versions
from pipelines.run.folder import RunError, UnfinishedRun, digest

NAMED = {
    "DONE",
    "config.toml",
    "features.json",
    "folds.csv",
    "importance.csv",
    "models",
    "oof.csv",
    "report.json",
    "submission.csv",
}


def report_of(run):
    return json.loads((run / "report.json").read_text())


def table(path):
    read = pd.read_csv(path, dtype=str)
    return read.astype({name: np.float64 for name in read if name.startswith("winner")})


def test_the_folder_holds_what_the_design_names(run):
    assert {path.name for path in run.iterdir()} == NAMED
    assert [path.name for path in run.parent.iterdir()] == [run.name]


def test_nothing_in_it_is_a_pickle(run):
    for path in (path for path in run.rglob("*") if path.is_file()):
        content = path.read_bytes()
        assert not content.startswith((b"\x80", b"PK", b"\x93NUMPY")), path.name
        assert path.suffix in {".toml", ".json", ".csv", ".txt", ".ubj", ""}
    assert list((run / "models").iterdir())


def test_done_is_written_last(refit, tmp_path, monkeypatch):
    written = []
    write = UnfinishedRun.write

    def recorded(self, name, content):
        written.append(name)
        write(self, name, content)

    monkeypatch.setattr(UnfinishedRun, "write", recorded)
    refit(tmp_path / "run")
    assert written[-1] == "DONE"
    assert written.count("DONE") == 1


def test_the_configuration_reads_back(run, config):
    assert load_config(file=run / "config.toml") == config


def test_oof_and_folds_hold_the_plain_rows_in_their_order(run, battles):
    oof, folds = table(run / "oof.csv"), table(run / "folds.csv")
    assert oof.columns.tolist() == ["id", *WINNER_COLUMNS]
    assert oof["id"].tolist() == folds["id"].tolist() == battles[0]["id"].tolist()
    p = oof[list(WINNER_COLUMNS)].to_numpy()
    assert p.min() > 0
    assert p.max() < 1
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=0, atol=4e-16)
    assert sorted(folds["fold"].unique()) == ["0", "1", "2"]
    assert folds.groupby("group")["fold"].nunique().max() == 1


def test_features_json_maps_places_to_names(run):
    columns = json.loads((run / "features.json").read_text())
    assert [column["position"] for column in columns] == list(range(len(columns)))
    assert {column["family"] for column in columns} == {"length", "turns", "style"}
    assert {column["side"] for column in columns} <= set(SIDES)
    for column in columns:
        assert column["name"].startswith(column["family"] + "__")
        assert column["name"].endswith("_" + column["side"])
        assert column["documentation"]


def test_importance_holds_a_share_of_every_column_for_every_part(run):
    shares = pd.read_csv(run / "importance.csv", index_col="feature")
    columns = json.loads((run / "features.json").read_text())
    docs = {column["name"]: column["documentation"] for column in columns}
    assert sorted(shares.index) == sorted(docs)
    assert shares["mean"].is_monotonic_decreasing
    assert {"lightgbm_direction", "lightgbm_tie", "linear_direction"} <= set(shares)
    words = shares[["family", "meaning"]]
    shares = shares.drop(columns=list(words))
    assert words.loc["length__words_sum_a"].tolist() == ["length", docs["length__words_sum_a"]]
    assert (shares.min() >= 0).all()
    np.testing.assert_allclose(shares.drop(columns="mean").sum(), 1.0, atol=1e-9)


def test_the_report_scores_the_oof_beside_the_baselines(run, battles):
    scores = report_of(run)["scores"]
    p, y = table(run / "oof.csv")[list(WINNER_COLUMNS)].to_numpy(), battles[1]
    loss = -np.log(p[np.arange(len(y)), y]).mean()
    assert scores["metrics"]["log_loss"]["value"] == pytest.approx(loss, rel=1e-12)
    assert scores["rows"] == len(y)
    assert {"class prior", "length alone"} <= set(scores["baselines"])
    for baseline in scores["baselines"].values():
        gap = baseline["difference"]["log_loss"]["value"]
        assert gap == pytest.approx(loss - baseline["metrics"]["log_loss"]["value"])


def test_the_report_tells_what_was_read_and_chosen(run):
    report = report_of(run)
    (train,) = report["files_read"]
    assert (Path(train["file"]).name, train["source"]) == ("train.csv", "plain")
    assert train["rows"] == train["kept"] == 300
    assert report["final"]["swap_error"] == 0.0
    assert len(report["folds"]) == 3
    assert sum(fold["rows"] for fold in report["folds"]) == 300
    assert report["seconds"]
    for step, at_once in (("folds", 3), ("final fit", 1)):  # folds go on side by side
        parts = report["parts"][step]
        took = parts["features"] + parts["model"]
        assert 0 < took <= report["seconds"][step] * at_once, step
        assert set(parts["members"]) == set(report["device"]["used"])
        assert min(parts["members"].values()) > 0
    assert report["parts"]["encode"] == report["parts"]["predict"] == {}
    assert report["versions"]["numpy"] == np.__version__
    assert report["source"] == source_hash("pipelines", "models", "features", "data")


def test_the_model_of_all_rows_takes_its_rounds_and_calibration_from_the_outer_folds(run, battles):
    report, final = report_of(run), report_of(run)["final"]
    for part, rounds in final["complexity"].items():
        assert rounds == median_high(fold["complexity"][part] for fold in report["folds"])
    assert final["calibration"] not in [fold["calibration"] for fold in report["folds"]]
    told = json.loads((run / "models" / "preference.json").read_text())
    assert {name: told[name] for name in ("complexity", "calibration")} == {
        name: final[name] for name in ("complexity", "calibration")
    }


def test_the_report_knows_the_hash_of_every_file_that_is_loaded(run):
    hashes = report_of(run)["files"]
    models = {f"models/{path.name}" for path in (run / "models").iterdir()}
    assert set(hashes) == {"config.toml", *models}
    for name, known in hashes.items():
        assert digest((run / name).read_bytes()) == known


def test_the_report_tells_what_makes_it_reproducible(run, light_run):
    final = report_of(run)["final"]
    assert final["seed"] == 0
    assert final["lightgbm"] == {"deterministic": True, "num_threads": 1, "force_col_wise": True}
    assert "lightgbm" not in report_of(light_run)["final"]


def test_the_same_inputs_give_the_same_bytes(run, config, files, refit, tmp_path):
    again = refit(tmp_path / "again", config=config, test=files / "test.csv")
    for name in NAMED - {"models", "report.json"}:
        assert (again / name).read_bytes() == (run / name).read_bytes(), name
    assert report_of(again)["files"] == report_of(run)["files"]


def test_the_seed_changes_folds_and_models(light_run, light, refit, tmp_path):
    other = refit(tmp_path / "other", config=light.model_copy(update={"seed": 1}))
    assert (other / "folds.csv").read_bytes() != (light_run / "folds.csv").read_bytes()
    assert report_of(other)["files"] != report_of(light_run)["files"]


def test_extra_rows_are_never_scored(light_run, files, refit, battles, tmp_path):
    with_extra = refit(tmp_path / "run", extra=[files / "extra.csv"])
    assert (with_extra / "folds.csv").read_bytes() == (light_run / "folds.csv").read_bytes()
    assert table(with_extra / "oof.csv")["id"].tolist() == battles[0]["id"].tolist()
    assert (with_extra / "oof.csv").read_bytes() != (light_run / "oof.csv").read_bytes()
    assert report_of(with_extra)["scores"]["rows"] == 300
    assert not (with_extra / "submission.csv").exists()


def test_extra_rows_may_come_in_several_files(files, refit, tmp_path):
    extra = pd.read_csv(files / "extra.csv", dtype=str, keep_default_na=False)
    extra[:70].to_csv(tmp_path / "one.csv", index=False)
    extra[70:].to_csv(tmp_path / "two.csv", index=False)
    one = refit(tmp_path / "one", extra=[files / "extra.csv"])
    two = refit(tmp_path / "two", extra=[tmp_path / "one.csv", tmp_path / "two.csv"])
    assert (one / "oof.csv").read_bytes() == (two / "oof.csv").read_bytes()


# Stopped, gone on with, refused, forced.


class StopError(Exception):
    """Stands for a kill."""


@pytest.fixture
def stopped(refit, tmp_path, monkeypatch):
    """The folder of a run that was stopped when its first fold was finished."""
    save = UnfinishedRun.save

    def save_and_stop(self, name, arrays):
        save(self, name, arrays)
        raise StopError

    with monkeypatch.context() as patch:
        patch.setattr(UnfinishedRun, "save", save_and_stop)
        with pytest.raises(StopError):
            refit(tmp_path / "stopped")
    assert [path.name for path in tmp_path.iterdir()] == ["stopped.partial"]
    return tmp_path / "stopped"


def test_a_stopped_run_goes_on_and_gives_the_same_bytes(stopped, light_run, refit, monkeypatch):
    saved = []
    save = UnfinishedRun.save

    def recorded(self, name, arrays):
        saved.append(name)
        save(self, name, arrays)

    monkeypatch.setattr(UnfinishedRun, "save", recorded)
    finished = refit(stopped)
    assert len(saved) == 2  # of three folds
    assert {path.name for path in finished.iterdir()} == NAMED - {"submission.csv"}
    for name in ("oof.csv", "folds.csv", "importance.csv"):
        assert (finished / name).read_bytes() == (light_run / name).read_bytes()
    assert report_of(finished)["files"] == report_of(light_run)["files"]
    assert [path.name for path in stopped.parent.iterdir()] == ["stopped"]


@pytest.mark.parametrize("harm", ["cut", "changed"])
def test_a_fold_whose_checkpoint_was_altered_is_fitted_again(harm, stopped, light_run, refit):
    (path,) = (stopped.with_name("stopped.partial") / "checkpoints").iterdir()
    content = bytearray(path.read_bytes())
    content[-500] ^= 1
    path.write_bytes(content if harm == "changed" else content[:-500])
    finished = refit(stopped)
    assert (finished / "oof.csv").read_bytes() == (light_run / "oof.csv").read_bytes()


def test_a_stopped_run_of_other_versions_is_refused(stopped, refit, monkeypatch):
    """Another version of a library may give other bytes."""
    here = {**versions(), "lightgbm": "99.0"}
    monkeypatch.setattr(fit_module, "versions", lambda **_: here)
    with pytest.raises(RunError) as refused:
        refit(stopped)
    assert re.search(
        r"stopped\.partial holds unfinished work of other versions "
        r"\(lightgbm: \d\S* there, 99\.0 here\)\. Install those to go on, or pass --force",
        str(refused.value),
    )


def test_a_stopped_run_of_other_source_is_refused(stopped, refit, monkeypatch):
    """An edited family gives other columns: old folds are never mixed with new ones."""
    monkeypatch.setattr(fit_module, "source_hash", lambda *rooms: "5eed")
    with pytest.raises(RunError, match=r"unfinished work of other source .*--force"):
        refit(stopped)


def test_a_stopped_run_of_another_configuration_is_refused(stopped, light, refit):
    other = light.model_copy(update={"seed": 1})
    with pytest.raises(RunError, match=r"unfinished work of other configuration.*--force"):
        refit(stopped, config=other)
    refit(stopped, config=other, force=True)
    assert load_config(file=stopped / "config.toml").seed == 1


def test_a_stopped_run_of_other_files_is_refused(stopped, files, refit):
    with pytest.raises(RunError, match=r"unfinished work of other files.*--force"):
        refit(stopped, extra=[files / "extra.csv"])


def test_a_finished_run_is_refused_and_forced(light_run, light, refit, tmp_path):
    target = tmp_path / "run"
    shutil.copytree(light_run, target)
    other = light.model_copy(update={"seed": 1})
    with pytest.raises(RunError, match=r"is a finished run.*--force"):
        refit(target, config=other)
    assert (target / "oof.csv").read_bytes() == (light_run / "oof.csv").read_bytes()
    refit(target, config=other, force=True)
    assert not (target / "submission.csv").exists()  # nothing of the old run is left
    assert load_config(file=target / "config.toml").seed == 1
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_the_default_folder_is_the_unfinished_run(stopped, refit, monkeypatch):
    """Found by its key, whatever its time: the same command goes on."""
    runs = stopped.parent / "runs"
    runs.mkdir()
    (stopped.parent / "stopped.partial").rename(runs / "run-20200101-000000.partial")
    monkeypatch.chdir(stopped.parent)
    assert refit(None).name == "run-20200101-000000"
    assert refit(None).name != "run-20200101-000000"  # that one is finished now


def test_a_fault_in_the_data_leaves_no_run(refit, files, tmp_path):
    broken = pd.read_csv(files / "train.csv", dtype=str, keep_default_na=False)
    broken.loc[7, "response_a"] = "[oops"
    broken.to_csv(tmp_path / "broken.csv", index=False)
    with pytest.raises(ValueError, match=r"broken\.csv, row 8, column response_a: .*\[oops"):
        refit(tmp_path / "run", train=tmp_path / "broken.csv")
    assert not (tmp_path / "run").exists()
    finished = refit(tmp_path / "run", train=tmp_path / "broken.csv", skip_bad_rows=True)
    (counts,) = report_of(finished)["files_read"]
    assert counts["kept"] == 299
    assert "row 8" in counts["skipped"][0]


# The generated battles' true probabilities.


def test_the_truth_stands_among_the_baselines_where_it_is_known(files, refit, tmp_path):
    shutil.copy(files / "train.csv", tmp_path / "train.csv")
    shutil.copy(SAMPLE / "train_probabilities.csv", tmp_path)
    scores = report_of(refit(tmp_path / "run", train=tmp_path / "train.csv"))["scores"]
    truth = scores["baselines"]["truth (Bayes)"]["metrics"]["log_loss"]["value"]
    assert truth < scores["metrics"]["log_loss"]["value"]
    read = read_training(files / "train.csv")
    p = true_probabilities(SAMPLE / "train.csv", read.battles["id"])
    expected = -np.log(p[np.arange(300), read.y]).mean()
    assert truth == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    "content",
    [
        "id,winner_model_a,winner_model_b,winner_tie\nsomebody,0.5,0.25,0.25\n",
        "id,probability\n36,0.5\n",
    ],
    ids=["other ids", "other columns"],
)
def test_another_file_of_that_name_does_not_stop_a_run(content, files, refit, tmp_path):
    shutil.copy(files / "train.csv", tmp_path / "train.csv")
    (tmp_path / "train_probabilities.csv").write_text(content)
    finished = refit(tmp_path / "run", train=tmp_path / "train.csv")
    assert "truth (Bayes)" not in report_of(finished)["scores"]["baselines"]


def test_a_file_given_twice_is_refused(refit, files, tmp_path):
    shutil.copy(files / "extra.csv", tmp_path / "copy.csv")
    with pytest.raises(ValueError, match=r"copy\.csv: the same battles as .*extra\.csv"):
        refit(tmp_path / "run", extra=[files / "extra.csv", tmp_path / "copy.csv"])
