"""A disk of 20 MB that is full or read-only: one clear line, the old run untouched."""

import re
import shutil
import subprocess

import pytest

from tests.commands import fit, predict

SIZE = 20 << 20


def mount(*options):
    done = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stderr.strip() or "mount failed"


@pytest.fixture
def disk(tmp_path):
    """A file system of 20 MB in memory."""
    if shutil.which("mount") is None:
        pytest.skip("there is no mount here")
    folder = tmp_path / "disk"
    folder.mkdir()
    refused = mount("-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder))
    if refused:
        pytest.skip(f"mounting is not allowed here: {refused}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(disk, left):
    """Leave so many bytes free; whole pages only."""
    free = shutil.disk_usage(disk).free
    with (disk / "ballast").open("wb") as file:
        file.write(b"x" * (free - left))
    assert shutil.disk_usage(disk).free == left


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("left", [0, 16, 64, 96], ids=lambda left: f"{left} KiB left")
def test_a_run_that_does_not_fit_leaves_the_old_one(
    left, disk, light_run, files, light_flags, capsys
):
    target = disk / "run"
    shutil.copytree(light_run, target)
    old = contents(target)
    fill(disk, left << 10)
    flags = ["--train", str(files / "train.csv"), "--test", str(files / "test.csv"), *light_flags]
    flags += ["--seed", "1", "--output", str(target)]
    assert fit([*flags, "--force"]) == 1
    err = capsys.readouterr().err
    assert re.fullmatch(
        r"error: \S+/run\.partial\S*: the disk is full\. Free some space\. "
        r"The same command, without --force, goes on from here\.\n",
        err,
    )
    assert contents(target) == old
    assert not list(disk.rglob("*.writing"))
    (disk / "ballast").unlink()
    begun = (disk / "run.partial" / "key.json").exists()
    assert fit(flags if begun else [*flags, "--force"]) == 0
    assert contents(target)["oof.csv"] != old["oof.csv"]


def test_predictions_that_do_not_fit_leave_the_old_ones(disk, light_run, files, capsys):
    output = disk / "out.csv"
    output.write_bytes(b"old")
    fill(disk, 0)
    flags = [str(light_run), "--test", str(files / "test.csv"), "--output", str(output)]
    assert predict(flags) == 1
    assert capsys.readouterr().err == (
        f"error: {output}: the disk is full. Free some space. Run the same command again.\n"
    )
    assert output.read_bytes() == b"old"
    assert sorted(path.name for path in disk.iterdir()) == ["ballast", "out.csv"]


def test_a_read_only_disk_is_refused(disk, light_run, files, light_flags, capsys):
    shutil.copytree(light_run, disk / "run")
    old = contents(disk)
    refused = mount("-o", "remount,ro", str(disk))
    if refused:
        pytest.skip(f"mounting is not allowed here: {refused}")
    test = ["--test", str(files / "test.csv")]
    flags = ["--train", str(files / "train.csv"), *light_flags, "--output"]
    for command, status in (
        (lambda: fit([*flags, str(disk / "new")]), 2),
        (lambda: fit([*flags, str(disk / "run"), "--force"]), 2),
        (lambda: predict([str(light_run), *test, "--output", str(disk / "o.csv")]), 2),
    ):
        assert command() == status
        err = capsys.readouterr().err
        assert re.fullmatch(
            r"error: \S+/(new|run|o)\S*: it lies on a read-only disk\. Name another place\.\n", err
        )
    assert fit([*flags, str(disk / "run")]) == 2
    assert "is a finished run" in capsys.readouterr().err
    assert contents(disk) == old


def test_a_run_on_a_read_only_disk_predicts(disk, light_run, files, tmp_path):
    """As the input folders of a notebook are."""
    shutil.copytree(light_run, disk / "run")
    refused = mount("-o", "remount,ro", str(disk))
    if refused:
        pytest.skip(f"mounting is not allowed here: {refused}")
    output = tmp_path / "out.csv"
    flags = [str(disk / "run"), "--test", str(files / "test.csv"), "--output", str(output)]
    assert predict(flags) == 0
    assert output.read_bytes() == (light_run / "submission.csv").read_bytes()
