"""Arrays on disk: whole or not there, bounded, and never the reason why a run stops."""

import errno
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from features.storage.cache import Cache

ARRAYS = {
    "counts": np.arange(6, dtype=np.int32).reshape(2, 3),
    "empty": np.zeros(0, np.uint8),
    "single": np.array(0.1),
}
LIMIT = 1_000_000


def same(found, expected=ARRAYS):
    return list(found) == list(expected) and all(
        found[name].dtype == array.dtype
        and found[name].shape == array.shape
        and (found[name] == array).all()
        for name, array in expected.items()
    )


def block(kilobytes, value=0):
    return {"block": np.full(1000 * kilobytes, value, np.uint8)}


def names(folder):
    return sorted(file.name for file in folder.iterdir())


def age(cache, key, seconds):
    path = next(cache.folder.glob(f"{key}.*"))
    then = path.stat().st_mtime - seconds
    os.utime(path, (then, then))


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache", LIMIT)


def test_what_was_put_comes_back(cache):
    assert cache.get("a1") is None
    cache.put("a1", ARRAYS)
    assert same(cache.get("a1"))
    assert cache.get("a2") is None
    assert names(cache.folder) == ["a1.arrays"]


def test_the_last_put_counts(cache):
    cache.put("a", block(1, 1))
    cache.put("a", block(2, 2))
    assert same(cache.get("a"), block(2, 2))


def test_another_process_reads_the_same(cache):
    cache.put("a", ARRAYS)
    program = (
        "import sys; from pathlib import Path; from features.storage.cache import Cache;"
        "print(Cache(Path(sys.argv[1]), 1).get('a')['counts'].tolist())"
    )
    command = [sys.executable, "-c", program, str(cache.folder)]
    root = Path(__file__).parents[3]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout == "[[0, 1, 2], [3, 4, 5]]\n"


@pytest.mark.parametrize("key", ["", "../a", "a/b", "a.b", "é"])
def test_a_key_that_is_no_name(cache, key):
    with pytest.raises(ValueError, match=r"key must consist of letters and digits\. Got "):
        cache.get(key)
    with pytest.raises(ValueError, match=r"key must consist of letters and digits\. Got "):
        cache.put(key, ARRAYS)


def test_objects_are_refused(cache):
    with pytest.raises(ValueError, match=r"array 'x' must hold numbers\. Got object"):
        cache.put("a", {"x": np.array([{}], dtype=object)})
    assert not cache.folder.exists()


def test_each_altered_byte_is_noticed(cache):
    cache.put("a", ARRAYS)
    path = cache.folder / "a.arrays"
    content = path.read_bytes()
    for place in range(0, len(content), 7):
        path.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        with pytest.warns(RuntimeWarning, match=r"a\.arrays: damaged, and removed"):
            assert cache.get("a") is None
        assert not path.exists()


@pytest.mark.parametrize("length", [0, 1, 31, 32, 33, 100, -1])
def test_a_truncated_file_is_noticed(cache, length):
    cache.put("a", ARRAYS)
    path = cache.folder / "a.arrays"
    path.write_bytes(path.read_bytes()[:length])
    with pytest.warns(RuntimeWarning, match=r"a\.arrays: damaged, and removed"):
        assert cache.get("a") is None
    assert names(cache.folder) == []


def test_a_longer_file_is_noticed(cache):
    cache.put("a", ARRAYS)
    with (cache.folder / "a.arrays").open("ab") as file:
        file.write(b"\0")
    with pytest.warns(RuntimeWarning, match=r"a\.arrays: damaged, and removed"):
        assert cache.get("a") is None


def test_what_is_not_used_goes_first(cache):
    for seconds, key in enumerate("abc"):
        cache.put(key, block(300))
        age(cache, key, 100 - seconds)
    assert cache.get("a") is not None  # used again: b is the oldest now
    cache.put("d", block(300))
    assert names(cache.folder) == ["a.arrays", "c.arrays", "d.arrays"]


def test_the_size_stays_below_the_limit(cache):
    for number in range(12):
        cache.put(f"{number}", block(150 + 10 * number))
        assert sum(file.stat().st_size for file in cache.folder.iterdir()) <= LIMIT
    assert len(names(cache.folder)) > 2


def test_what_is_too_large_is_not_kept_and_removes_nothing(cache):
    cache.put("a", block(900))
    with pytest.warns(RuntimeWarning, match=r"not kept, its 1,001,000 bytes pass the limit"):
        cache.put("b", block(1001))
    assert names(cache.folder) == ["a.arrays"]


def test_other_files_are_left_alone(cache):
    cache.folder.mkdir()
    other = cache.folder / "notes.txt"
    other.write_bytes(bytes(2 * LIMIT))
    cache.put("a", block(900))
    cache.put("b", block(900))
    assert names(cache.folder) == ["b.arrays", "notes.txt"]


def test_what_a_killed_process_left_goes_in_its_time(cache):
    cache.folder.mkdir()
    left = cache.folder / "x.arrays-writing"
    left.write_bytes(bytes(300_000))
    cache.put("a", block(600))
    assert names(cache.folder) == ["a.arrays", left.name]  # it may be another process at work
    os.utime(left, (0, 0))
    cache.put("b", block(200))
    assert names(cache.folder) == ["a.arrays", "b.arrays"]


def test_a_full_disk_is_a_warning(cache, monkeypatch):
    cache.put("a", ARRAYS)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("features.storage.cache.os.fsync", full)
    with pytest.warns(RuntimeWarning, match=r"b\.arrays: not kept \(.*No space left on device"):
        cache.put("b", ARRAYS)
    assert names(cache.folder) == ["a.arrays"]


def test_a_limit_of_the_file_size_is_a_warning(cache):
    program = (
        "import resource, signal, sys, warnings; from pathlib import Path; import numpy as np;"
        "from features.storage.cache import Cache;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000));"
        "warnings.simplefilter('always');"
        "Cache(Path(sys.argv[1]), 10**9).put('a', {'x': np.zeros(10**6)}); print('goes on')"
    )
    command = [sys.executable, "-B", "-c", program, str(cache.folder)]
    root = Path(__file__).parents[3]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout == "goes on\n"
    assert "a.arrays: not kept (" in done.stderr
    assert names(cache.folder) == []


def test_a_folder_that_cannot_be_written_is_a_warning(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    cache = Cache(blocked / "cache", LIMIT)
    with pytest.warns(RuntimeWarning, match=r"a\.arrays: not kept \("):
        cache.put("a", ARRAYS)


def test_one_warning_is_enough(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    cache = Cache(tmp_path / "file" / "cache", LIMIT)
    with pytest.warns(RuntimeWarning) as warned:
        assert [cache.put(key, ARRAYS) for key in "abc"] == [False] * 3
    assert len(warned) == 1


def test_a_read_only_folder_is_still_read(cache, monkeypatch):
    cache.put("a", ARRAYS)

    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("features.storage.cache.os.utime", refuse)
    monkeypatch.setattr("features.storage.cache.tempfile.mkstemp", refuse)
    assert same(cache.get("a"))
    with pytest.warns(RuntimeWarning, match=r"b\.arrays: not kept \(.*Permission denied"):
        cache.put("b", ARRAYS)
    assert names(cache.folder) == ["a.arrays"]


def test_a_file_that_cannot_be_read_is_a_warning(cache):
    (cache.folder / "a.arrays").mkdir(parents=True)
    with pytest.warns(RuntimeWarning, match=r"a\.arrays: cannot be read \("):
        assert cache.get("a") is None


def _busy(folder, seed):
    """Put and get in turn, and return what came back wrong."""
    cache = Cache(folder, 40_000)
    rng = np.random.default_rng(seed)
    wrong = 0
    for _ in range(150):
        key = int(rng.integers(8))
        cache.put(f"{key}", block(5 + key, key))
        found = cache.get(f"{rng.integers(8)}")
        wrong += found is not None and len(set(found["block"].tolist())) != 1
    return wrong


def test_processes_share_a_folder(tmp_path):
    with ProcessPoolExecutor(3) as pool:
        assert sum(pool.map(_busy, [tmp_path] * 3, range(3))) == 0
    Cache(tmp_path, 40_000).put("9", block(1))
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 40_000
    assert all(name.endswith(".arrays") for name in names(tmp_path))


def test_who_can_do_without_does_not_wait_for_the_disk(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr("features.storage.cache.os.fsync", synced.append)
    Cache(tmp_path, 1_000, sync=False).put("a", {"x": np.arange(3)})
    assert not synced
    assert Cache(tmp_path, 1_000).get("a")["x"].tolist() == [0, 1, 2]
    Cache(tmp_path, 1_000).put("b", {"x": np.arange(3)})
    assert len(synced) == 1
