"""Run folders: nothing half-finished under the name of a run, nothing lost without --force."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from pipelines.run import folder as runs
from pipelines.run.folder import (
    RunError,
    UnfinishedRun,
    check_run,
    default_target,
    file_hash,
    is_run,
)

KEY = {"configuration": "abc", "files": {"train": "1"}}


def make(target, key=KEY, **files):
    with UnfinishedRun(target, key) as run:
        for name, content in files.items():
            run.write(name, content)
        return run.finish()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_finished_run_holds_what_was_written_and_done(tmp_path):
    done = make(tmp_path / "run", result=b"1")
    assert done == tmp_path / "run"
    assert names(done) == ["DONE", "result"]
    assert names(tmp_path) == ["run"]
    assert is_run(done)
    check_run(done)


def test_nothing_stands_under_the_name_before_the_end(tmp_path):
    with UnfinishedRun(tmp_path / "run", KEY) as run:
        run.write("deep/result", b"1")
        assert run.path == tmp_path / "run.partial"
        assert names(tmp_path) == ["run.partial"]
        assert not is_run(run.path)


def test_a_finished_run_is_refused_with_the_way_out(tmp_path):
    make(tmp_path / "run", result=b"1")
    with (
        pytest.raises(RunError, match=r"run is a finished run\. Name another --output.*--force"),
        UnfinishedRun(tmp_path / "run", KEY),
    ):
        pass
    assert (tmp_path / "run" / "result").read_bytes() == b"1"
    assert names(tmp_path) == ["run"]


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.png").write_bytes(b"1")
    with (
        pytest.raises(
            RunError, match=r"photos exists and is no run: .* holds cat\.png\. .*empty folder"
        ),
        UnfinishedRun(tmp_path / "photos", KEY),
    ):
        pass


def test_the_same_key_goes_on(tmp_path):
    with UnfinishedRun(tmp_path / "run", KEY) as run:
        assert not run.resumed
        run.write("first", b"1")
        run.save("fold-0", {"p": np.arange(3.0)})
    with UnfinishedRun(tmp_path / "run", dict(KEY)) as run:
        assert run.resumed
        assert run.read("first") == b"1"
        np.testing.assert_array_equal(run.saved("fold-0")["p"], [0.0, 1.0, 2.0])
        assert run.saved("fold-1") is None
        assert run.read("second") is None
        run.finish()
    assert names(tmp_path / "run") == ["DONE", "first"]


@pytest.mark.parametrize(
    ("key", "what"),
    [
        ({**KEY, "configuration": "other"}, "other configuration"),
        ({**KEY, "versions": {"numpy": "9"}}, r"other versions \(numpy: none there, 9 here\)"),
        ({**KEY, "source": "5"}, r"other source \(arenaboost's own files were edited since\)"),
        ({**KEY, "files": {"train": "2"}}, "other files"),
        ({"configuration": "x", "files": {}}, "other configuration and other files"),
    ],
)
def test_another_key_is_refused_with_the_way_out(key, what, tmp_path):
    with UnfinishedRun(tmp_path / "run", KEY) as run:
        run.write("first", b"1")
        run.save("fold-0", {"p": np.zeros(3)})
    message = rf"run\.partial holds unfinished work of {what}\. .*--force to discard"
    with pytest.raises(RunError, match=message), UnfinishedRun(tmp_path / "run", key):
        pass
    with UnfinishedRun(tmp_path / "run", KEY) as run:  # nothing was lost, and the lock is free
        assert run.read("first") == b"1"


def test_force_discards_unfinished_work_at_once(tmp_path):
    with UnfinishedRun(tmp_path / "run", KEY) as run:
        run.write("first", b"1")
        run.save("fold-0", {"p": np.arange(3.0)})
    with UnfinishedRun(tmp_path / "run", {"configuration": "other"}, force=True) as run:
        assert not run.resumed
        assert run.read("first") is None
        assert run.saved("fold-0") is None


def test_force_keeps_the_finished_run_until_the_new_one_is_whole(tmp_path):
    make(tmp_path / "run", old=b"1")
    with UnfinishedRun(tmp_path / "run", KEY, force=True) as run:
        run.write("new", b"2")
        assert names(tmp_path / "run") == ["DONE", "old"]
        run.finish()
    assert names(tmp_path / "run") == ["DONE", "new"]
    assert names(tmp_path) == ["run"]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_force_does_not_replace_what_is_no_run(kind, tmp_path):
    """A wrong --output must not cost anybody their files."""
    target = tmp_path / "thesis"
    if kind == "folder":
        target.mkdir()
    (target / "chapter" if kind == "folder" else target).write_text("years of work")
    with (
        pytest.raises(RunError, match="is no run: it is not replaced"),
        UnfinishedRun(target, KEY, force=True),
    ):
        pass
    assert names(tmp_path) == ["thesis"]


@pytest.mark.parametrize("output", [".", ".."])
def test_the_current_folder_is_refused_as_any_other(output, tmp_path, monkeypatch):
    (tmp_path / "here" / "photos").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(RunError, match="is no run"), UnfinishedRun(Path(output), KEY):
        pass


def test_a_second_writer_is_refused(tmp_path):
    with UnfinishedRun(tmp_path / "run", KEY) as run:
        run.write("first", b"1")
        for force in (False, True):
            with (
                pytest.raises(RunError, match=r"being written by another process"),
                UnfinishedRun(tmp_path / "run", KEY, force=force),
            ):
                pass
        assert run.read("first") == b"1"
    with UnfinishedRun(tmp_path / "run", KEY) as run:
        assert run.resumed


def killed_at_the_end(target, monkeypatch):
    """Make a run, and stop it where its folder would get its name."""

    def rename(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", rename)
        with pytest.raises(KeyboardInterrupt):
            make(target, **{"submission.csv": b"old"})


def test_a_kill_at_the_very_end_leaves_work_that_others_are_refused(tmp_path, monkeypatch):
    """What lies there belongs to a configuration: another run must not take it over."""
    killed_at_the_end(tmp_path / "run", monkeypatch)
    other = {**KEY, "configuration": "other"}
    with pytest.raises(RunError, match="--force"), UnfinishedRun(tmp_path / "run", other):
        pass


def test_a_kill_at_the_very_end_can_be_gone_on_from(tmp_path, monkeypatch):
    killed_at_the_end(tmp_path / "run", monkeypatch)
    with UnfinishedRun(tmp_path / "run", KEY) as run:
        assert run.resumed
        run.finish()
    assert names(tmp_path / "run") == ["DONE", "submission.csv"]


def test_unfinished_work_is_no_run_even_if_it_was_killed_at_the_very_end(tmp_path, monkeypatch):
    killed_at_the_end(tmp_path / "run", monkeypatch)
    with pytest.raises(RunError, match="unfinished run"):
        check_run(tmp_path / "run.partial")


@pytest.mark.parametrize(
    ("name", "found"), [("missing", "nothing"), ("folder", "no run"), ("x.partial", "unfinished")]
)
def test_check_run_says_what_it_found(name, found, tmp_path):
    if name != "missing":
        (tmp_path / name).mkdir()
    with pytest.raises(RunError, match=rf"expected a finished run folder, found .*{found}"):
        check_run(tmp_path / name)


def test_the_default_target_is_the_unfinished_run_of_the_same_key(tmp_path):
    for name, key in (("classical-1", {"a": 1}), ("classical-2", {"a": 2}), ("other-3", {"a": 3})):
        with UnfinishedRun(tmp_path / name, key):
            pass
    make(tmp_path / "classical-0", {"a": 4})
    assert default_target(tmp_path, "classical", {"a": 2}) == tmp_path / "classical-2"
    for key in ({"a": 3}, {"a": 4}, {}):  # another preset's, finished, unknown
        fresh = default_target(tmp_path, "classical", key)
        assert re.fullmatch(r"classical-\d{8}-\d{6}", fresh.name)
        assert fresh.parent == tmp_path


def test_a_name_with_signs_of_a_pattern_is_a_name(tmp_path):
    with UnfinishedRun(tmp_path / "a-1", {"a": 1}), UnfinishedRun(tmp_path / "[ab]-2", {"a": 2}):
        pass
    assert default_target(tmp_path, "[ab]", {"a": 2}) == tmp_path / "[ab]-2"
    assert default_target(tmp_path, "[ab]", {"a": 1}) != tmp_path / "a-1"


def test_checkpoints_are_no_pickles(tmp_path):
    with UnfinishedRun(tmp_path / "run", KEY) as run:
        with pytest.raises(ValueError, match="Object arrays cannot be saved"):
            run.save("fold-0", {"p": np.array([{}], dtype=object)})
        run.save("fold-0", {"p": np.zeros(2), "text": np.array("a")})
        assert json.loads(run.read("key.json")) == KEY


def test_the_hash_of_a_file_is_that_of_its_bytes(tmp_path):
    (tmp_path / "file").write_bytes(b"abc" * 3_000_000)  # more than one block
    (tmp_path / "other").write_bytes(b"abc" * 3_000_000 + b"d")
    assert len(file_hash(tmp_path / "file")) == 64
    assert file_hash(tmp_path / "file") != file_hash(tmp_path / "other")
    (tmp_path / "short").write_bytes(b"abc")
    assert file_hash(tmp_path / "short").startswith("ba7816bf8f01cfea")


def test_a_file_that_cannot_be_read_is_named():
    unreadable = Path("/proc/self/mem")
    if not unreadable.exists():
        pytest.skip("no file here that opens and cannot be read")
    with pytest.raises(OSError, match="Input/output error") as failed:
        file_hash(unreadable)
    assert failed.value.filename == str(unreadable)


def test_a_mended_input_goes_ahead_where_no_fold_was_finished(tmp_path):
    """The error said to fix the row: the same command then must not ask for --force."""
    with UnfinishedRun(tmp_path / "run", KEY) as run:
        run.write("folds.csv", b"old")
    with UnfinishedRun(tmp_path / "run", {**KEY, "files": {"train": "mended"}}) as run:
        assert not run.resumed
        assert run.read("folds.csv") is None


def test_a_neighbour_of_a_like_name_is_left_alone(tmp_path):
    (tmp_path / "run.replaced").mkdir()
    make(tmp_path / "run", old=b"1")
    with UnfinishedRun(tmp_path / "run", KEY, force=True) as run:
        run.finish()
    assert names(tmp_path) == ["run", "run.replaced"]


def test_the_name_of_unfinished_work_is_not_for_runs(tmp_path):
    with pytest.raises(RunError, match=r"ends in \.partial is kept for unfinished work"):
        UnfinishedRun(tmp_path / "run.partial", KEY)


def test_a_symbolic_link_that_leads_nowhere_is_refused_before_the_work(tmp_path):
    (tmp_path / "run").symlink_to(tmp_path / "nowhere")
    with (
        pytest.raises(RunError, match="exists and is no run"),
        UnfinishedRun(tmp_path / "run", KEY),
    ):
        pass


def test_a_run_without_a_name_is_refused():
    with pytest.raises(RunError, match=r"/: a run cannot have this name\. Name another --output"):
        UnfinishedRun(Path("/"), KEY)


@pytest.mark.parametrize("harm", ["cut", "changed", "emptied"])
def test_a_checkpoint_that_was_altered_is_none(harm, tmp_path):
    with UnfinishedRun(tmp_path / "run", KEY) as run:
        run.save("fold-0", {"p": np.arange(100.0)})
        path = run.path / "checkpoints" / "fold-0"
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes({"cut": content[:-9], "changed": content, "emptied": b""}[harm])
        assert run.saved("fold-0") is None
        run.save("fold-0", {"p": np.arange(100.0)})
        np.testing.assert_array_equal(run.saved("fold-0")["p"], np.arange(100.0))


@pytest.mark.parametrize("key", ["{", "[" * 100_000], ids=["cut", "deep"])
def test_a_key_that_is_no_json_is_refused_with_the_way_out(key, tmp_path):
    with UnfinishedRun(tmp_path / "runs-1", KEY) as run:
        run.save("fold-0", {"p": np.zeros(3)})
        (run.path / "key.json").write_text(key)
    with pytest.raises(RunError, match="--force to discard"), UnfinishedRun(run.target, KEY):
        pass
    assert default_target(tmp_path, "runs", KEY) != run.target


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("name", ["thesis.txt", "checkpoints/fold-0"])
def test_a_folder_of_the_name_that_is_no_unfinished_run_is_left_alone(name, force, tmp_path):
    path = tmp_path / "run.partial" / name
    path.parent.mkdir(parents=True)
    path.write_text("years of work")
    message = rf"run\.partial holds {path.parts[-1 if '/' not in name else -2]}, and no key\.json"
    with pytest.raises(RunError, match=message), UnfinishedRun(tmp_path / "run", KEY, force=force):
        pass
    assert path.read_text() == "years of work"
    assert names(tmp_path / "run.partial") == [name.partition("/")[0]]


def test_a_symbolic_link_in_the_place_of_unfinished_work_is_not_followed(tmp_path):
    with UnfinishedRun(tmp_path / "other", KEY) as run:
        run.write("first", b"1")
    (tmp_path / "run.partial").symlink_to(tmp_path / "other.partial")
    with (
        pytest.raises(RunError, match=r"run\.partial is a symbolic link\. Remove it, or name"),
        UnfinishedRun(tmp_path / "run", {"configuration": "other"}, force=True),
    ):
        pass
    assert "first" in names(tmp_path / "other.partial")


def test_work_that_was_killed_before_it_had_a_key_begins_anew(tmp_path):
    (tmp_path / "run.partial").mkdir()
    for name in ("lock", "forced", "key.json.writing"):
        (tmp_path / "run.partial" / name).touch()
    with UnfinishedRun(tmp_path / "run", KEY) as run:
        assert not run.resumed
        run.finish()
    assert names(tmp_path / "run") == ["DONE"]


def test_the_key_goes_last_when_work_is_discarded(tmp_path, monkeypatch):
    """Killed in the middle of it, the same command goes ahead."""
    removed = []
    original = runs._remove
    monkeypatch.setattr(runs, "_remove", lambda path: (removed.append(path.name), original(path)))
    with UnfinishedRun(tmp_path / "run", KEY) as run:
        for name in ("a", "z"):
            run.write(name, b"1")
    with UnfinishedRun(tmp_path / "run", KEY, force=True):
        pass
    assert removed.index("key.json") > max(removed.index("a"), removed.index("z"))


def test_forced_work_goes_on_without_force(tmp_path):
    """With --force it would begin anew; the finished run stands until the end."""
    make(tmp_path / "run", old=b"1")
    with UnfinishedRun(tmp_path / "run", KEY, force=True) as run:
        run.save("fold-0", {"p": np.zeros(3)})
    with (
        pytest.raises(RunError, match="is a finished run"),
        UnfinishedRun(tmp_path / "run", {"configuration": "other"}),
    ):
        pass
    with UnfinishedRun(tmp_path / "run", KEY) as run:
        assert run.resumed
        assert names(run.target) == ["DONE", "old"]
        run.write("new", b"2")
        run.finish()
    assert names(tmp_path / "run") == ["DONE", "new"]
    assert names(tmp_path) == ["run"]


def test_a_finished_run_is_tidied_where_a_kill_left_something(tmp_path):
    make(tmp_path / "run", old=b"1")
    (tmp_path / "run" / "checkpoints").mkdir()
    (tmp_path / "run" / "key.json").write_text("{}")
    with pytest.raises(RunError, match="is a finished run"), UnfinishedRun(tmp_path / "run", KEY):
        pass
    assert names(tmp_path / "run") == ["DONE", "old"]
