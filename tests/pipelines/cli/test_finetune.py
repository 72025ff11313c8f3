"""`pipelines.finetune` as a command: what it refuses, and what it shows."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from tests.commands import finetune


def said(capsys):
    """Return the one line that says what is wrong."""
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert len(err) < 1000
    return err


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--preset", "nope"], r"--preset nope: no such preset\. Allowed: .*minilm_tower"),
        (
            ["--preset", "classical"],
            r"--preset classical: no such preset\. Allowed: dpo, dual_base",
        ),
        (["--set", "model.x=1"], r"preset minilm_tower: model: unknown key\. Allowed: backbone"),
        (["--set", "epochs=0"], r"epochs: should be greater than or equal to 1\. Got 0\."),
        (
            ["--set", "task=ranking", "--set", "loss=cross_entropy"],
            r"preset minilm_tower: task 'ranking' goes with loss bradley_terry or squared_error\.$",
        ),
        (["--config", "missing.toml"], r"missing\.toml: cannot be read"),
        (["--train", "missing.csv"], r"missing\.csv: no such file"),
        (["--train", "pipe"], r"pipe: expected a file on disk, found a pipe"),
        (["--test", "missing.csv"], r"--test and --extra go with --train or RUN"),
        (["--folds", "9"], r"--folds 9: there are the folds 0 to 4\."),
        (["--folds", "0,-1"], r"--folds -1: there are the folds 0 to 4\."),
        (["--set", "beta=2.0"], r"preset minilm_tower: beta goes with loss 'dpo'\.$"),
        (["--set", "awp_from=1"], r"awp_from goes with awp: set awp above 0, or leave it out\.$"),
        (["--set", "vat=1.0"], r"vat goes with train_layers 'all': it moves the embeddings"),
        (["--set", "distill=0.5"], r"distill=0\.5 needs soft labels: .*--soft-labels CSV, or"),
        (["--soft-labels", "missing.csv"], r"--soft-labels missing\.csv: nothing reads them wh"),
        (["--soft-labels", "missing.csv", "--set", "distill=1"], r"missing\.csv: no such file"),
        (["--soft-labels", "pipe"], r"pipe: expected a file on disk, found a pipe"),
        (["--set", "backbone=./none"], r"backbone \./none: no such folder\. Name one, or a name"),
        (["--set", "train_layers=99"], r"train_layers: expected at most 6.*Got 99"),
        (["--set", "precision=fp16"], r"precision: cpu has no fp16\. Set precision to auto"),
        (["norun"], r"norun: expected a finished run folder, found nothing"),
        (["--output", "a.partial"], r"a\.partial: a name that ends in \.partial is kept"),
    ],
)
def test_finetune_refuses_wrong_use(argv, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    output = [] if "--output" in argv else ["--output", "tower"]
    assert finetune([*argv, "--device", "cpu", *output]) == 2
    assert re.match(f"error: .*{words}", said(capsys))
    assert not Path("tower").exists()


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--folds", "x"], r"argument --folds: expected folds such as 0,2, found 'x'\."),
        (["--folds", ""], r"argument --folds: expected folds such as 0,2, found ''\."),
        (["--states-limit", "0"], r"--states-limit: expected gigabytes above 0"),
        (["--device", "abacus"], r"argument --device: invalid choice"),
        (["one", "two"], r"unrecognized arguments: two"),
    ],
)
def test_finetune_refuses_wrong_flags(argv, words, capsys):
    with pytest.raises(SystemExit) as stopped:
        finetune(argv)
    assert stopped.value.code == 2
    assert re.match(f"error: .*{words}", said(capsys))


def test_cuda_that_is_not_there_is_refused(files, capsys, tmp_path):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is one")
    argv = ["--train", str(files / "train.csv"), "--output", str(tmp_path / "tower")]
    assert finetune([*argv, "--device", "cuda"]) == 2
    assert re.match(r"error: --device cuda: .*torch.* Pass --device cpu", said(capsys))
    assert list(tmp_path.iterdir()) == []


def test_finetune_shows_how_it_goes_and_where_everything_lies(files, tower_flags, tmp_path, capsys):
    output = tmp_path / "tower"
    argv = ["--train", str(files / "train.csv"), "--test", str(files / "test.csv"), *tower_flags]
    argv += ["--output", str(output), "--states", str(tmp_path / "states")]
    assert finetune([*argv, "--folds", "1"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "folds left: 0,2. The same command with --folds 0,2, or without --folds" in out
    assert f"{output}.partial" in out
    assert finetune(argv) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "\x1b" not in out
    assert f"going on with {output}.partial" in out
    assert re.search(r"^fold 0: epoch 1\.00, step \d+: inner log loss \d\.\d{4}", out, re.MULTILINE)
    assert not re.search(r"^fold 1: ", out, re.MULTILINE)
    for name in ("this run", "class prior", "length alone"):
        assert re.search(rf"{name} +\d\.\d{{4}} +\d\.\d{{3}}–\d\.\d{{3}}", out)
    assert re.search(r"^trained [\d,]+ tokens a second, \d+ s a fold, 1 epochs", out, re.MULTILINE)
    assert f"folder: {output}" in out
    assert list((tmp_path / "states").iterdir())
    assert finetune(argv) == 2
    assert re.search(r"is a finished run\. .*--force", said(capsys))


def test_an_interrupted_one_says_how_to_go_on(files, tower_flags, tmp_path, capsys, monkeypatch):
    from pipelines.run.folder import UnfinishedRun

    def interrupt(*_):
        raise KeyboardInterrupt

    argv = ["--train", str(files / "train.csv"), *tower_flags, "--output", str(tmp_path / "tower")]
    with monkeypatch.context() as patch:
        patch.setattr(UnfinishedRun, "save", interrupt)
        assert finetune(argv) == 130
    assert "without --force, goes on from here" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["tower.partial"]
    assert finetune(argv) == 0
    assert "going on with" in capsys.readouterr().out


# With the folds of a run whose files are not where or what they were.


@pytest.fixture(scope="module")
def made(files, light, quiet, tmp_path_factory):
    """Folder of a run, and of the files beside it that it was made from."""
    from pipelines.fit import Inputs, fit

    folder = tmp_path_factory.mktemp("made")
    paths = [Path(shutil.copy(files / f"{of}.csv", folder)) for of in ("train", "test", "extra")]
    inputs = Inputs(paths[0], paths[1], (paths[2],))
    fit(light, inputs, folder / "run", device="cpu", console=quiet())
    return folder


@pytest.fixture
def run_of(made, tmp_path):
    """The same, in a folder of the test's own."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    report = tmp_path / "run" / "report.json"
    report.write_text(report.read_text().replace(str(made), str(tmp_path)))
    return tmp_path / "run"


def tuned(run, *flags, tower_flags):
    output = run.with_name("tower")
    return finetune([str(run), *tower_flags, "--folds", "0", "--output", str(output), *flags])


@pytest.mark.parametrize(("name", "flag"), [("train", "--train"), ("extra", "--extra")])
def test_a_file_that_is_gone_is_named_and_may_be_named(
    name, flag, run_of, files, tower_flags, capsys
):
    path = run_of.with_name(f"{name}.csv")
    path.unlink()
    assert tuned(run_of, tower_flags=tower_flags) == 2
    assert re.fullmatch(
        rf"error: {path}: expected the file that {run_of} was made from \(SHA-256 [0-9a-f]{{12}}"
        rf"\), found no such file\. Name where it lies now: {flag} CSV\.\n",
        said(capsys),
    )
    assert tuned(run_of, flag, str(files / f"{name}.csv"), tower_flags=tower_flags) == 0


@pytest.mark.parametrize(
    ("name", "flag"), [("train", "--train"), ("extra", "--extra"), ("test", "--test")]
)
def test_a_file_that_was_changed_is_named(name, flag, run_of, tower_flags, capsys):
    path = run_of.with_name(f"{name}.csv")
    path.write_bytes(path.read_bytes() + b"\n")
    assert tuned(run_of, tower_flags=tower_flags) == 2
    assert re.match(
        rf"error: {path}: .* found another \(.*Name where it lies now: {flag}", said(capsys)
    )


@pytest.mark.parametrize("flag", ["--train", "--extra"])
def test_another_file_than_the_runs_is_refused(flag, run_of, files, tower_flags, capsys):
    assert tuned(run_of, flag, str(files / "test.csv"), tower_flags=tower_flags) == 2
    words = rf"error: {flag} .*test\.csv: expected a file that .* was made from .*found another"
    assert re.match(words, said(capsys))


def test_another_test_file_is_taken(run_of, files, tower_flags, tmp_path):
    """Nothing that was learned depends on it."""
    lines = (files / "test.csv").read_text().splitlines(keepends=True)
    (tmp_path / "one.csv").write_text("".join(lines[:2]))
    assert tuned(run_of, "--test", str(tmp_path / "one.csv"), tower_flags=tower_flags) == 0


def test_a_run_that_does_not_tell_its_files_needs_them_named(run_of, tower_flags, capsys):
    path = run_of / "report.json"
    report = json.loads(path.read_text())
    del report["inputs"]
    path.write_text(json.dumps(report))
    assert tuned(run_of, tower_flags=tower_flags) == 2
    assert re.search(r"does not tell which files .*: --train CSV", said(capsys))
    named = ["--train", str(run_of.with_name("train.csv"))]
    assert tuned(run_of, *named, tower_flags=tower_flags) == 0


@pytest.mark.parametrize("content", ["[1]", "x", '{"inputs": {"train": 3}}'])
def test_a_report_that_was_changed_is_refused(content, run_of, tower_flags, capsys):
    (run_of / "report.json").write_text(content)
    assert tuned(run_of, tower_flags=tower_flags) == 2
    assert re.search(r"report\.json: expected the file that the run wrote", said(capsys))


@pytest.mark.parametrize(
    "content", [None, "", "id,group\n1,2\n", "id,group,fold\n1,2,x\n", "id,group,fold\n1,2,7\n"]
)
def test_folds_that_are_none_are_refused(content, run_of, tower_flags, capsys):
    path = run_of / "folds.csv"
    path.unlink()
    if content is not None:
        path.write_text(content)
    assert tuned(run_of, tower_flags=tower_flags) == 2
    words = r"folds\.csv: expected the columns id, group, fold"
    if content is None:
        words = r"not there: folds\.csv\. Copy the folder whole"
    assert re.search(words, said(capsys))


def test_bad_rows_are_skipped_as_the_run_skipped_them(refit, files, tower_flags, tmp_path):
    lines = (files / "train.csv").read_text()
    (tmp_path / "train.csv").write_text(lines + 'x,a,b,"[""p",q,r,1,0,0\n')
    run = refit(tmp_path / "run", train=tmp_path / "train.csv", skip_bad_rows=True)
    assert tuned(run, tower_flags=tower_flags) == 0
