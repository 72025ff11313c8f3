"""`pipelines.fit --preset stack`: its folder, and what becomes of it when the work is stopped."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from data.folds import folds_digest
from features.encoding import files as encoder_files
from pipelines.command.launcher import launch
from pipelines.finetune import Given, Origin, finetune
from pipelines.fit import fit
from pipelines.predict import predict
from pipelines.run.folder import RunError, UnfinishedRun, digest
from pipelines.run.inputs import Inputs
from pipelines.stacking import fitting
from pipelines.stacking.config import load_stack_config
from pipelines.stacking.fit import fit_stack
from pipelines.stacking.predictor import StackPredictor
from pipelines.tower.told import Told
from tests import commands
from tests.conftest import TOWER

PLAIN = """
[members.plain]
preset = "classical"
families = ["length"]
model = {members = ["linear"], inner_folds = 2}
learners.linear.penalties = [0.3, 0.03]
"""
HEAD = "[folds]\nn_folds = 3\n"
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


@pytest.fixture(scope="module")
def written(tmp_path_factory, tiny_encoder):
    """Files of configurations: of a run and a tower, and of two runs."""
    folder = tmp_path_factory.mktemp("stacks")
    keys = [key for key in TOWER if not key.startswith("n_folds")]
    settings = "\n".join(re.sub("=(cross_entropy)", r'="\1"', key) for key in keys)
    tower = f'[members.tower]\npreset = "minilm_tower"\nbackbone = "{tiny_encoder}"\n{settings}\n'
    (folder / "small.toml").write_text(HEAD + PLAIN + tower)
    runs = PLAIN.replace("plain", "other").replace('"length"', '"style"')
    (folder / "runs.toml").write_text(HEAD + PLAIN + runs)
    return folder


@pytest.fixture(scope="module")
def build(files, written, quiet):
    """Make a stack of the small files."""

    def make(target, *settings, of="small", inputs=None, console=None, **options):
        config = load_stack_config(file=written / f"{of}.toml", settings=settings)
        inputs = inputs or Inputs(files / "train.csv", files / "test.csv")
        return fit_stack(
            config, inputs, target, device="cpu", console=console or quiet(), **options
        )

    return make


@pytest.fixture(scope="module")
def whole(build, tmp_path_factory):
    """A finished stack of a run and a tower. Not to be changed."""
    return build(tmp_path_factory.mktemp("stacks") / "stack")


@pytest.fixture
def made(monkeypatch):
    """Which finished parts were saved, as the folder's name and theirs."""
    parts = []
    save = UnfinishedRun.save

    def recorded(self, name, arrays):
        parts.append((self.target.name, name))
        save(self, name, arrays)

    monkeypatch.setattr(UnfinishedRun, "save", recorded)
    return parts


def report_of(run):
    return json.loads((run / "report.json").read_text())


def contents(run):
    """What must be the same whenever the same stack is made."""
    telling = ("report.json", "logits.json", "leaderboard.csv")  # of seconds and places
    return {
        path.relative_to(run).as_posix(): path.read_bytes()
        for path in run.rglob("*")
        if path.is_file() and path.name not in telling
    }


def test_the_folder_is_one_run_with_its_members(whole):
    assert {path.name for path in whole.iterdir()} == LEFT
    assert [path.name for path in whole.parent.iterdir()] == [whole.name]
    assert {path.name for path in (whole / "members").iterdir()} == {"plain", "tower"}
    for name, more in (("plain", {"oof.csv", "report.json"}), ("tower", {"oof_logits.csv"})):
        member = {path.name for path in (whole / "members" / name).iterdir()}
        assert {"DONE", "config.toml", "folds.csv", *more} <= member
        assert not member & {"key.json", "lock", "checkpoints", "submission.csv"}
    for path in (path for path in whole.rglob("*") if path.is_file()):
        assert not path.read_bytes().startswith((b"\x80", b"PK", b"\x93NUMPY")), path.name


def test_the_configuration_reads_back(whole, written):
    known = load_stack_config(file=written / "small.toml")
    assert load_stack_config(file=whole / "config.toml") == known


def test_the_report_names_members_by_their_place_and_files_by_their_hash(whole):
    report = report_of(whole)
    assert report["kind"] == "stack"
    assert [(one["name"], one["path"], one["proven"]) for one in report["members"]] == [
        ("plain", "members/plain", True),
        ("tower", "members/tower", True),
    ]
    assert min(one["fit_seconds"] for one in report["members"]) > 0
    assert {"torch", "lightgbm"} <= set(report["versions"])
    assert "config.toml" in report["files"]
    for name, known in report["files"].items():
        assert digest((whole / name).read_bytes()) == known
    assert report["inputs"]["test"]["file"].endswith("test.csv")


def test_the_submission_is_what_predict_writes(whole, files, tmp_path, quiet):
    predict(whole, files / "test.csv", tmp_path / "again.csv", console=quiet())
    assert (tmp_path / "again.csv").read_bytes() == (whole / "submission.csv").read_bytes()


def test_members_are_what_their_own_commands_make(whole, files, written, quiet, tmp_path):
    parts = load_stack_config(file=written / "small.toml").members
    inputs, console = Inputs(files / "train.csv"), quiet()
    run = fit(parts["plain"].config, inputs, tmp_path / "run", device="cpu", console=console)
    origin = Origin.of(Given(), run)
    settings = parts["tower"].settings
    tower = finetune(settings, origin, tmp_path / "tower", device="cpu", console=console)
    for alone, member in ((run, "plain"), (tower, "tower")):
        assert contents(alone)
        assert contents(alone) == contents(whole / "members" / member)


def test_one_seed_gives_all_members_other_folds(whole, build, tmp_path):
    other = build(tmp_path / "stack", "seed=1", of="runs")
    folds = {(path / "folds.csv").read_bytes() for path in (other, *(other / "members").iterdir())}
    assert len(folds) == 1
    assert folds != {(whole / "folds.csv").read_bytes()}
    for name in ("plain", "other"):
        assert report_of(other / "members" / name)["final"]["seed"] == 1
    table = pd.read_csv(other / "folds.csv", dtype={"id": str})
    assert sorted(table["fold"].unique()) == [0, 1, 2]
    assert report_of(other)["members"][1]["proven"]
    assert folds_digest(table["id"], table["fold"])


def test_extra_rows_and_bad_ones_reach_every_member(build, files, tmp_path):
    broken = pd.read_csv(files / "train.csv", dtype=str, keep_default_na=False)
    broken.loc[7, "response_a"] = "[oops"
    broken.to_csv(tmp_path / "broken.csv", index=False)
    inputs = Inputs(tmp_path / "broken.csv", extra=(files / "extra.csv",))
    with pytest.raises(ValueError, match=r"broken\.csv, row 8, column response_a: .*\[oops"):
        build(tmp_path / "stack", of="runs", inputs=inputs)
    assert not (tmp_path / "stack.partial" / "members").exists()
    found = build(tmp_path / "stack", of="runs", inputs=inputs, skip_bad_rows=True)
    for run in (found, *(found / "members").iterdir()):
        counts = report_of(run)["files_read"]
        assert [one["kept"] for one in counts] == [299, 120], run.name
    assert not (found / "submission.csv").exists()


# Stopped, gone on with, refused, forced.


class StopError(Exception):
    """Stands for a kill."""


def stop(*_, **__):
    raise StopError


def after_a_member(patch):
    """Stop when the first member has its name."""
    finish = UnfinishedRun.finish

    def finish_and_stop(self):
        finish(self)
        raise StopError

    patch.setattr(UnfinishedRun, "finish", finish_and_stop)


def in_the_tower(patch):
    """Stop in the third step of the second fold."""
    from models.tower import training

    trained = Told.trained

    def trained_or_stop(self, *given):
        if (self.step.title, given[0]) == ("tower: fold 1", 3):
            raise StopError
        trained(self, *given)

    patch.setattr(training, "KEEP_EVERY", -1.0)
    patch.setattr(Told, "trained", trained_or_stop)


def before_the_stack(patch):
    patch.setattr(fitting, "StackingModel", stop)


def in_the_submission(patch):
    patch.setattr(StackPredictor, "predict_proba", stop)


def before_its_name(patch):
    finish = UnfinishedRun.finish

    def finish_or_stop(self):
        if self.target.name == "stack":
            raise StopError
        return finish(self)

    patch.setattr(UnfinishedRun, "finish", finish_or_stop)


PLAIN_PARTS = [("plain", f"fold-{fold}") for fold in range(3)]
TOWER_PARTS = [*(("tower", f"fold-{fold}") for fold in range(3)), ("tower", "tower")]
STACK_PARTS = [("stack", "stack")]


@pytest.mark.parametrize(
    ("place", "left"),
    [
        (after_a_member, [*TOWER_PARTS, *STACK_PARTS]),
        (in_the_tower, [*TOWER_PARTS[1:], *STACK_PARTS]),
        (before_the_stack, STACK_PARTS),
        (in_the_submission, []),
        (before_its_name, []),
    ],
)
def test_stopped_anywhere_it_goes_on_with_what_is_left(
    place, left, whole, build, made, tmp_path, monkeypatch, quiet
):
    target, console = tmp_path / "stack", quiet()
    with monkeypatch.context() as patch:
        place(patch)
        with pytest.raises(StopError):
            build(target)
    assert [path.name for path in tmp_path.iterdir()] == ["stack.partial"]
    made.clear()
    assert build(target, console=console) == target
    assert made == left
    assert contents(target) == contents(whole)
    assert {path.name for path in target.iterdir()} == LEFT
    assert "going on with" in console.file.getvalue()
    if place is in_the_tower:
        assert "tower: going on with" in console.file.getvalue()


@pytest.fixture
def stopped(build, tmp_path, monkeypatch):
    """The folder of a stack of runs that was stopped when its first member was finished."""
    with monkeypatch.context() as patch:
        after_a_member(patch)
        with pytest.raises(StopError):
            build(tmp_path / "stack", of="runs")
    return tmp_path / "stack"


def test_another_test_file_goes_on_with_the_members(stopped, build, files, made):
    inputs = Inputs(files / "train.csv")
    found = build(stopped, of="runs", inputs=inputs)
    assert {member for member, _ in made} == {"other", "stack"}
    assert not (found / "submission.csv").exists()


def test_other_settings_do_not_go_on_and_lose_nothing(stopped, build, files):
    with pytest.raises(RunError, match=r"unfinished work of other configuration\. .*--force"):
        build(stopped, "stack.calibrate=false", of="runs")
    with pytest.raises(RunError, match=r"unfinished work of other files\. .*--force"):
        build(stopped, of="runs", inputs=Inputs(files / "train.csv", extra=(files / "extra.csv",)))
    unfinished = stopped.with_name("stack.partial")
    assert (unfinished / "members" / "plain" / "DONE").is_file()


def test_force_discards_members(stopped, build, made):
    found = build(stopped, "seed=1", of="runs", force=True)
    assert {member for member, _ in made} == {"plain", "other", "stack"}
    assert load_stack_config(file=found / "config.toml").seed == 1
    with pytest.raises(RunError, match=r"is a finished run\. .*--force"):
        build(stopped, of="runs")


def test_the_default_folder_is_the_unfinished_stack(stopped, build, monkeypatch):
    runs = stopped.parent / "runs"
    runs.mkdir()
    stopped.with_name("stack.partial").rename(runs / "stack-20200101-000000.partial")
    monkeypatch.chdir(stopped.parent)
    assert build(None, of="runs").name == "stack-20200101-000000"


@pytest.mark.parametrize("kept", [True, False])
def test_states_of_frozen_layers_are_kept_where_the_cache_is_or_for_this_time(
    kept, build, tmp_path, monkeypatch
):
    """A tower with two trained layers has no frozen one of which states could be kept."""
    states = []
    from models.tower.states import StateStore

    new = StateStore.__new__

    def recorded(cls, folder, limit):
        states.append(folder)
        return new(cls, folder, limit)

    monkeypatch.setattr(StateStore, "__new__", recorded)
    folder = tmp_path / "states" if kept else None
    target = build(tmp_path / "stack", states=folder)
    unfinished = tmp_path / "stack.partial" / "checkpoints" / "states"
    assert states == [folder or unfinished]
    assert {path.name for path in target.iterdir()} == LEFT
    assert (tmp_path / "states").is_dir() == kept


# What is told before any work.


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("members.tower.backbone=./nowhere", r"backbone \./nowhere: no such folder"),
        ("members.tower.train_layers=9", r"train_layers: expected at most 3, the layers of"),
        ("members.tower.length=4000", r"length: backbone .* takes at most \d+ tokens\. Got 4,000"),
        ("members.tower.precision=fp16", r"precision: cpu has no fp16"),
        ("members.neural.encoder.name=./nowhere", r"encoder \./nowhere: no such folder"),
        ("members.neural.encoder.length=4000", r"its length must be \d+ to \d+ tokens\. Got 4000"),
    ],
)
def test_a_setting_that_will_not_do_is_told_before_any_work(
    setting, words, build, made, tiny_encoder, tmp_path
):
    settings = [setting]
    if "neural" in setting:
        settings = ["members.neural.preset=neural", f"members.neural.encoder.name={tiny_encoder}"]
        settings += [setting]
    with pytest.raises(ValueError, match=words):
        build(tmp_path / "stack", *settings)
    assert made == []
    assert not (tmp_path / "stack.partial" / "members").exists()


def test_a_missing_library_is_told_before_any_work_with_what_installs_it(
    build, tmp_path, monkeypatch
):
    found = encoder_files.find_spec

    def without_torch(name):
        return None if name == "torch" else found(name)

    monkeypatch.setattr(encoder_files, "find_spec", without_torch)
    with pytest.raises(ValueError, match=r"needs torch, found none.*make fit PRESET=neural"):
        build(tmp_path / "stack")
    assert list(tmp_path.iterdir()) == []
    build(tmp_path / "stack", of="runs")  # which needs none


def test_files_that_will_not_do_are_told_before_any_work(build, files, made, tmp_path):
    train = pd.read_csv(files / "train.csv", dtype=str, keep_default_na=False)
    train.assign(id=["x", "x", *train["id"][2:]]).to_csv(tmp_path / "doubled.csv", index=False)
    with pytest.raises(ValueError, match=r"doubled\.csv, column id: expected each id once, .*'x'"):
        build(tmp_path / "stack", inputs=Inputs(tmp_path / "doubled.csv"))
    train.drop(columns="response_b").to_csv(tmp_path / "test.csv", index=False)
    with pytest.raises(ValueError, match=r"test\.csv: .*response_b"):
        build(tmp_path / "other", inputs=Inputs(files / "train.csv", tmp_path / "test.csv"))
    train.iloc[:2].to_csv(tmp_path / "sample.csv", index=False)
    inputs = Inputs(files / "train.csv", files / "test.csv")
    with pytest.raises(ValueError, match=r"sample\.csv: expected the columns id, winner_model_a"):
        build(tmp_path / "third", inputs=inputs, sample_submission=tmp_path / "sample.csv")
    assert made == []


# As a command.


def flags(files, written, target, of="runs"):
    given = ["--train", str(files / "train.csv"), "--test", str(files / "test.csv")]
    return [*given, "--config", str(written / f"{of}.toml"), "--output", str(target)]


def test_one_progress_names_the_member_and_ends_in_the_leaderboard(
    files, written, tmp_path, capsys
):
    argv = [*flags(files, written, tmp_path / "run", "small"), "--device", "cpu"]
    assert commands.fit([*argv, "--seed", "3", "--cache", str(tmp_path / "cache")]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    for step in ("read", "check", "plain: folds", "plain: final fit", "tower: fold 2"):
        assert re.search(rf"^{step}: .* s", out, flags=re.MULTILINE), step
    for step in ("tower: all rows", "stack", "predict"):
        assert re.search(rf"^{step}: .* s", out, flags=re.MULTILINE), step
    assert out.count("Out of fold, on the plain rows") == 1
    assert "What style is worth" not in out
    cells = r" +\d\.\d{4} +\d\.\d{3}–\d\.\d{3}(?: +(?:\d\.\d\d|–)){2}(?: +\d+\.\d s){2}"
    for name in ("plain", "tower", "stack"):  # none of it cut off by a narrow screen
        assert re.search(rf"^{name}{cells}", out, flags=re.MULTILINE), name
    flat = out.replace("\n", "")
    assert f"run folder: {tmp_path / 'run'}" in flat
    assert f"submission: {tmp_path / 'run' / 'submission.csv'}" in flat
    assert load_stack_config(file=tmp_path / "run" / "config.toml").seed == 3
    assert (tmp_path / "cache" / "states").is_dir()


def test_an_interrupted_stack_says_how_to_go_on(files, written, tmp_path, capsys, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    argv = [*flags(files, written, tmp_path / "run"), "--device", "cpu", "--no-cache"]
    with monkeypatch.context() as patch:
        patch.setattr(UnfinishedRun, "save", interrupt)
        assert commands.fit(argv) == 130
    assert "without --force, goes on from here" in capsys.readouterr().err
    assert commands.fit(argv) == 0
    assert "going on with" in capsys.readouterr().out
    assert commands.fit(argv) == 2
    assert re.search(r"is a finished run\. .*--force", capsys.readouterr().err)


def test_the_preset_is_named_where_presets_are(capsys):
    with pytest.raises(SystemExit):
        launch("fit", ["--help"])
    assert re.search(r"one\s+of\s+classical,.*,\s+stack\b", capsys.readouterr().out, re.DOTALL)
    assert commands.fit(["--preset", "nope"]) == 2
    assert re.search(r"no such preset\. Allowed: .*stack\.", capsys.readouterr().err)
    assert commands.fit(["--preset", "stack", "--set", "members.tower.bogus=1"]) == 2
    assert "members.tower: bogus: unknown key" in capsys.readouterr().err


def test_the_runs_own_folder_is_not_written_over(whole, files, quiet):
    with pytest.raises(RunError, match=r"belongs to the run\."):
        predict(whole, files / "test.csv", whole / "members" / "plain" / "oof.csv", console=quiet())
    assert Path(whole / "members" / "plain" / "oof.csv").is_file()
