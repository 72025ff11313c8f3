"""Towers from files to their folder, and what becomes of it when the work is stopped."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.battles import read_training
from data.folds import folds_digest
from models.heads import MulticlassHead
from pipelines.finetune import Given, Origin, finetune
from pipelines.fit import fit
from pipelines.run.folder import RunError, UnfinishedRun, file_hash
from pipelines.tower.settings import load_settings
from pipelines.tower.told import Told

LEFT = {
    "DONE",
    "config.toml",
    "folds.csv",
    "history.csv",
    "logits.json",
    "oof_logits.csv",
    "test_logits.csv",
    "tower",
}
SAME = ("config.toml", "folds.csv", "history.csv", "oof_logits.csv", "test_logits.csv")


@pytest.fixture
def tune(files, tower_settings, quiet):
    """Fine-tune a small tower on the small files."""

    def make(target, *more, given=None, run=None, console=None, **options):
        given = given or Given(files / "train.csv", files / "test.csv")
        origin = Origin.of(given, run)
        shown = console or quiet()
        return finetune(
            tower_settings(*more), origin, target, device="cpu", console=shown, **options
        )

    return make


@pytest.fixture(scope="module")
def tower(files, tower_settings, quiet, tmp_path_factory):
    """A finished folder. Not to be changed."""
    origin = Origin.of(Given(files / "train.csv", files / "test.csv"))
    target = tmp_path_factory.mktemp("towers") / "tower"
    return finetune(tower_settings(), origin, target, device="cpu", console=quiet())


def contents(folder):
    paths = [folder / name for name in SAME] + sorted((folder / "tower").iterdir())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def table(path):
    return pd.read_csv(path, dtype={"id": str}, keep_default_na=False)


def test_the_folder_holds_what_it_should(tower):
    assert {path.name for path in tower.iterdir()} == LEFT
    assert [path.name for path in tower.parent.iterdir()] == [tower.name]
    assert {"config.json", "model.safetensors"} <= {p.name for p in (tower / "tower").iterdir()}
    for path in (path for path in tower.rglob("*") if path.is_file()):
        assert not path.read_bytes().startswith((b"\x80", b"PK", b"\x93NUMPY")), path.name


def test_folds_are_those_of_a_fit_with_the_same_seed(tower, light_run, tune, refit, tmp_path):
    assert (tower / "folds.csv").read_bytes() == (light_run / "folds.csv").read_bytes()
    other = tune(tmp_path / "tower", "seed=1")
    assert (other / "folds.csv").read_bytes() != (light_run / "folds.csv").read_bytes()


def test_logits_are_those_of_the_plain_rows_in_their_order(tower, files):
    oof, folds = table(tower / "oof_logits.csv"), table(tower / "folds.csv")
    ids = read_training(files / "train.csv").battles["id"].tolist()
    assert oof["id"].tolist() == ids
    assert oof["fold"].tolist() == folds["fold"].tolist()
    assert np.isfinite(oof.drop(columns="id").to_numpy(float)).all()
    assert table(tower / "test_logits.csv")["id"].tolist() == (
        pd.read_csv(files / "test.csv", dtype=str)["id"].tolist()
    )


@pytest.mark.parametrize("name", ["oof_logits.csv", "test_logits.csv"])
def test_z_and_t_are_those_of_the_raw_scores_in_both_orders(name, tower):
    logits = table(tower / name)
    first = logits[["ab_a", "ab_b", "ab_tie"]].to_numpy()
    second = logits[["ba_b", "ba_a", "ba_tie"]].to_numpy()
    expected = MulticlassHead().logits(first, second)
    for of in ("z", "t"):
        assert logits[of].to_numpy() == pytest.approx(expected[of], abs=1e-12)


def test_the_record_names_folds_files_and_what_was_chosen(tower, files):
    record = json.loads((tower / "logits.json").read_text())
    folds = table(tower / "folds.csv")
    assert record["folds"]["sha256"] == folds_digest(folds["id"], folds["fold"])
    assert record["inputs"]["train"]["sha256"] == file_hash(files / "train.csv")
    assert record["epochs"] == [1.0, 1.0, 1.0]
    assert len(record["tokens"]) == 3
    assert min(record["tokens"]) > 0
    assert {"torch", "transformers", "tokenizers"} <= set(record["versions"])
    assert {"oof_logits.csv", "test_logits.csv", "tower/model.safetensors"} <= set(record["files"])
    for name, known in record["files"].items():
        assert file_hash(tower / name) == known
    assert 0 < record["scores"]["metrics"]["log_loss"]["value"] < 2


def test_the_history_has_a_row_for_each_evaluation(tower):
    history = table(tower / "history.csv")
    assert list(history) == [
        "fold", "step", "epoch", "loss", "log_loss", "accuracy", "precision", "recall", "f1",
    ]  # fmt: skip
    assert set(history["fold"].astype(str)) >= {"0", "1", "2"}


def test_the_settings_read_back(tower, tower_settings):
    found = load_settings(file=tower / "config.toml")
    assert found.model_dump() == tower_settings().model_dump()


def test_the_tower_that_is_left_gives_the_logits_of_the_test_file(tower, files):
    from data.battles import read_test
    from models.tower.tower import Tower

    logits = Tower.from_folder(tower / "tower").logits(read_test(files / "test.csv").battles)
    assert table(tower / "test_logits.csv")["z"].tolist() == logits.z.tolist()


def test_a_test_file_of_one_row_gets_the_same_logits(tower, tune, files, sample_test, tmp_path):
    one = table(tower / "test_logits.csv").iloc[:1]
    lines = (files / "test.csv").read_text().splitlines(keepends=True)
    (tmp_path / "one.csv").write_text("".join(lines[:2]))
    for path, rows in ((tmp_path / "one.csv", 1), (sample_test, 500)):
        given = Given(files / "train.csv", path)
        found = table(tune(tmp_path / path.stem, given=given) / "test_logits.csv")
        assert len(found) == rows
        numbers = found.iloc[:1].drop(columns="id").to_numpy(float)
        assert numbers == pytest.approx(one.drop(columns="id").to_numpy(float), abs=1e-12)


@pytest.fixture
def sample_test(files, tmp_path):
    """500 test rows, the first of which is that of the small file."""
    read = pd.read_csv(files / "test.csv", dtype=str, keep_default_na=False)
    many = pd.concat([read] * 17)[:500]
    many.assign(id=[f"{row:05d}" for row in range(500)]).to_csv(tmp_path / "many.csv", index=False)
    return tmp_path / "many.csv"


def test_without_a_test_file_there_are_no_logits_of_one(tune, files, tmp_path):
    found = tune(tmp_path / "tower", given=Given(files / "train.csv"))
    assert {path.name for path in found.iterdir()} == LEFT - {"test_logits.csv"}


def test_no_tower_trains_on_what_it_is_scored_on(tune, files, tmp_path, monkeypatch):
    from models.tower import training

    seen = []
    train = training.train

    def spy(material, y, rows, **options):
        seen.append(rows)
        return train(material, y, rows, **options)

    monkeypatch.setattr(training, "train", spy)
    given = Given(files / "train.csv", extra=(files / "extra.csv",))
    found = tune(tmp_path / "tower", given=given)
    group = np.concatenate(
        [read_training(files / name).battles["group"] for name in ("train.csv", "extra.csv")]
    )
    fold = table(found / "folds.csv")["fold"].to_numpy()
    assert len(seen) == 4
    for number, rows in enumerate(seen[:3]):
        held_out = np.flatnonzero(fold == number)
        assert not set(rows) & set(held_out)
        assert not set(group[rows]) & set(group[held_out])
        assert (rows >= 300).any()
    assert len(seen[3]) == 420
    assert len(table(found / "oof_logits.csv")) == 300


# With the folds of a run.


@pytest.fixture
def own_run(refit, files, tmp_path):
    """A run whose files lie in a folder of their own."""
    (tmp_path / "data").mkdir()
    for name in ("train.csv", "extra.csv"):
        shutil.copy(files / name, tmp_path / "data" / name)
    extra = [tmp_path / "data" / "extra.csv"]
    return refit(tmp_path / "run", train=tmp_path / "data" / "train.csv", extra=extra)


def test_a_run_gives_its_files_and_folds(tune, own_run, tmp_path):
    settings = ("seed=7",)  # which would cut other folds
    found = tune(tmp_path / "tower", *settings, given=Given(), run=own_run, folds=[0, 1, 2])
    assert (found / "folds.csv").read_bytes() == (own_run / "folds.csv").read_bytes()
    record = json.loads((found / "logits.json").read_text())
    report = json.loads((own_run / "report.json").read_text())
    assert record["inputs"] == report["inputs"]
    again = Origin.of(Given(), found)  # and so does a tower
    assert again.inputs == Origin.of(Given(), own_run).inputs


def test_another_number_of_folds_than_the_runs_is_refused(tune, own_run, tmp_path):
    from pipelines.settings import ConfigError

    with pytest.raises(ConfigError, match=r"n_folds: .*run has 3 folds\. Got 4\. Leave the key"):
        tune(tmp_path / "tower", "n_folds=4", given=Given(), run=own_run)


def test_folds_of_other_rows_are_refused(tune, own_run, tmp_path):
    path = own_run / "folds.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([lines[0], lines[2], lines[1], *lines[3:]]))
    with pytest.raises(RunError, match=r"folds\.csv, row 1, column id: expected that of row 1"):
        tune(tmp_path / "tower", given=Given(), run=own_run)
    path.write_text("".join(lines[:-1]))
    with pytest.raises(RunError, match=r"row 300, column id: .*found no such row"):
        tune(tmp_path / "tower2", given=Given(), run=own_run)


# Stopped, gone on with, refused, forced.


def test_some_folds_then_the_rest_are_a_whole_folder(tower, tune, tmp_path, quiet):
    target, console = tmp_path / "tower", quiet()
    assert tune(target, folds=[2], console=console) is None
    assert "folds left: 0,1. The same command with --folds 0,1" in console.file.getvalue()
    assert not target.exists()
    assert tune(target, folds=[2, 0]) is None
    assert tune(target, folds=[1]) == target
    assert contents(target) == contents(tower)


@pytest.mark.parametrize(("place", "step"), [("fold 0", 2), ("fold 1", 7), ("all rows", 5)])
def test_interrupted_it_goes_on_to_the_same_bytes(place, step, tower, tune, tmp_path, monkeypatch):
    """From the checkpoint of the step before."""
    from models.tower import training

    target, told, trained = tmp_path / "tower", [], Told.trained

    def interrupt(self, *given):
        if (self.step.title, given[0]) == (place, step):
            raise KeyboardInterrupt

    def hear(self, *given):
        told.append((self.step.title, given[0]))
        trained(self, *given)

    with monkeypatch.context() as patch:
        patch.setattr(training, "KEEP_EVERY", -1.0)
        patch.setattr(Told, "trained", interrupt)
        with pytest.raises(KeyboardInterrupt):
            tune(target)
    assert not target.exists()
    monkeypatch.setattr(Told, "trained", hear)
    assert tune(target) == target
    assert told[0] == (place, step)
    assert contents(target) == contents(tower)
    assert {path.name for path in target.iterdir()} == LEFT


def test_a_finished_folder_is_refused_and_forced(tune, tmp_path):
    target = tune(tmp_path / "tower")
    with pytest.raises(RunError, match=r"is a finished run\. .*--force"):
        tune(target)
    before = (target / "logits.json").read_bytes()
    assert tune(target, force=True) == target
    assert (target / "logits.json").read_bytes() != before  # it tells seconds


def test_other_settings_do_not_go_on_with_unfinished_folds(tune, tmp_path):
    assert tune(tmp_path / "tower", folds=[0]) is None
    with pytest.raises(RunError, match=r"unfinished work of other settings\. .*--force"):
        tune(tmp_path / "tower", "epochs=2")


def test_the_default_folder_is_the_unfinished_one_of_towers_alone(
    tune, files, light, quiet, tmp_path, monkeypatch
):
    """Runs of `pipelines.fit` may have the same name."""
    monkeypatch.chdir(tmp_path)

    def interrupt(*_):
        raise KeyboardInterrupt

    origin = Origin.of(Given(files / "train.csv"))
    with monkeypatch.context() as patch:
        patch.setattr(UnfinishedRun, "finish", interrupt)
        with pytest.raises(KeyboardInterrupt):
            fit(light, origin.inputs, name="twin", device="cpu", console=quiet())
    (of_fit,) = Path("runs").iterdir()
    of_fit = of_fit.rename(Path("runs") / "twin-20000101-000000.partial")
    assert tune(None, name="twin", folds=[0], given=Given(files / "train.csv")) is None
    assert len(list(Path("runs").iterdir())) == 2
    found = tune(None, name="twin", given=Given(files / "train.csv"))
    assert sorted(Path("runs").iterdir()) == [of_fit, found]
    assert fit(light, origin.inputs, name="twin", device="cpu", console=quiet()) == (
        of_fit.with_suffix("")
    )


def test_a_tower_with_adapters_leaves_those_and_not_its_backbone(tune, files, tmp_path):
    from data.battles import read_test
    from models.tower.tower import Tower

    found = tune(tmp_path / "adapted", "lora_rank=2", "lora_alpha=64", "learning_rate=0.01")
    names = {path.name for path in (found / "tower").iterdir()}
    assert {"adapter_config.json", "adapter_model.safetensors", "head.safetensors"} <= names
    assert "model.safetensors" not in names
    told = json.loads((found / "logits.json").read_text())
    assert "peft" in told["versions"]
    assert {f"tower/{name}" for name in names} <= set(told["files"])
    tower = Tower.from_folder(found / "tower")
    logits = tower.logits(read_test(files / "test.csv").battles)
    np.testing.assert_array_equal(logits.z, table(found / "test_logits.csv")["z"])


def test_adapters_without_their_library_are_told_of_before_any_work(tune, tmp_path, monkeypatch):
    from models.tower import lora
    from models.tower.errors import TowerError

    monkeypatch.setattr(lora, "find_spec", lambda name: None)
    with pytest.raises(TowerError, match=r"lora_rank needs peft.* The extra lora brings it"):
        tune(tmp_path / "adapted", "lora_rank=2")
    assert not list(tmp_path.iterdir())


# Soft labels.


@pytest.fixture
def soft_labels(light_run, tmp_path):
    """A run's predictions, the first row apart."""
    lines = (light_run / "oof.csv").read_text().splitlines(keepends=True)
    (tmp_path / "soft.csv").write_text("".join([lines[0], *lines[2:]]))
    return tmp_path / "soft.csv"


def test_a_tower_learns_from_soft_labels(tower, tune, files, soft_labels, tmp_path, quiet):
    given, console = Given(files / "train.csv", soft_labels=soft_labels), quiet()
    found = tune(tmp_path / "tower", "distill=0.5", given=given, console=console)
    said = " ".join(console.file.getvalue().split())
    assert "of 299 of 300 plain rows; 1 have none, and learn from their votes alone" in said
    assert (found / "oof_logits.csv").read_bytes() != (tower / "oof_logits.csv").read_bytes()
    record = json.loads((found / "logits.json").read_text())
    assert record["soft_labels"] == {
        "file": str(soft_labels),
        "sha256": file_hash(soft_labels),
        "rows": 299,
        "rows_without": 1,
    }
    assert json.loads((tower / "logits.json").read_text())["soft_labels"] is None


def test_other_soft_labels_do_not_go_on_with_unfinished_folds(tune, files, soft_labels, tmp_path):
    given = Given(files / "train.csv", soft_labels=soft_labels)
    assert tune(tmp_path / "tower", "distill=0.5", given=given, folds=[0]) is None
    soft_labels.write_text("".join(soft_labels.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(RunError, match=r"unfinished work of other soft_labels\. .*--force"):
        tune(tmp_path / "tower", "distill=0.5", given=given, folds=[0])
