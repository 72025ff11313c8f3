"""Files: all of them or nothing, one writer at a time, and the disk named that is full."""

import csv
import errno
import io
import os
import resource
import signal
import stat
from contextlib import contextmanager

import pandas as pd
import pytest

from data.battles import DataError
from pipelines.run.files import check_ordinary, csv_bytes, whole_file, write_whole


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def write_half(path, error):
    with whole_file(path) as file:
        file.write(b"half")
        raise error


def test_files_appear_whole_or_not_at_all(tmp_path):
    path = tmp_path / "deep" / "file.csv"
    with pytest.raises(KeyboardInterrupt):
        write_half(path, KeyboardInterrupt)
    assert list(path.parent.iterdir()) == []
    with whole_file(path) as file:
        file.write(b"a\nb\r\n")
        assert not path.exists()
    assert path.read_bytes() == b"a\nb\r\n"
    write_whole(path, b"other")
    assert path.read_bytes() == b"other"
    assert names(path.parent) == ["file.csv"]


def test_the_folder_is_brought_to_disk_after_the_rename(tmp_path, monkeypatch):
    synced = []

    def sync(file):
        ordinary = stat.S_ISREG(os.fstat(file).st_mode)
        synced.append("file" if ordinary else sorted(os.listdir(file)))

    monkeypatch.setattr(os, "fsync", sync)
    write_whole(tmp_path / "file", b"new")
    assert synced == ["file", ["file"]]


def test_a_folder_that_cannot_be_brought_to_disk_does_no_harm(tmp_path, monkeypatch):
    sync = os.fsync

    def refuse(file):
        if stat.S_ISDIR(os.fstat(file).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        sync(file)

    monkeypatch.setattr(os, "fsync", refuse)
    write_whole(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


def test_a_broken_write_leaves_the_old_file(tmp_path):
    write_whole(tmp_path / "file", b"old")
    with pytest.raises(ValueError, match="stop"):
        write_half(tmp_path / "file", ValueError("stop"))
    assert (tmp_path / "file").read_bytes() == b"old"


def test_what_a_kill_left_aside_is_not_taken_up(tmp_path):
    (tmp_path / "file.writing").write_bytes(b"half of something long")
    write_whole(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"
    assert names(tmp_path) == ["file"]


def test_a_second_writer_is_refused_and_harms_nothing(tmp_path):
    with whole_file(tmp_path / "file") as first:
        first.write(b"first")
        with pytest.raises(BlockingIOError) as refused, whole_file(tmp_path / "file"):
            pass
        assert refused.value.filename == str(tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"first"
    assert names(tmp_path) == ["file"]


@contextmanager
def small_files():
    """Let no file grow beyond 4096 bytes: as a disk that is full, but allowed everywhere."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def write_in_small_files(path, size):
    with small_files():
        write_whole(path, b"x" * size)


@pytest.mark.parametrize("size", [4097, 1_000_000], ids=["found when closed", "found when written"])
def test_a_file_for_which_there_is_no_room_is_named(size, tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(OSError, match="File too large") as failed:
        write_in_small_files(tmp_path / "file", size)
    assert failed.value.errno == errno.EFBIG
    assert failed.value.filename == str(tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_pipes_and_devices_are_no_inputs(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(DataError, match=r"pipe\.csv: expected a file on disk, found a pipe"):
        check_ordinary(tmp_path / "pipe.csv")
    check_ordinary(tmp_path)  # said better where it is opened
    check_ordinary(tmp_path / "missing")


@pytest.mark.parametrize("id", ["a\rb", "a\r\nb", 'a"b', "a,b", "=1+1", " a ", "a\nb", ""])
def test_any_id_reads_back_as_it_was(id):
    table = pd.DataFrame({"id": [id, "1"], "p": [0.1 + 0.2, 1e-17]})
    for header in (True, False):
        text = csv_bytes(table, header=header).decode()
        rows = list(csv.reader(io.StringIO(text, newline="")))
        assert rows[:-2] == ([["id", "p"]] if header else [])
        assert [(row[0], float(row[1])) for row in rows[-2:]] == [(id, 0.1 + 0.2), ("1", 1e-17)]
