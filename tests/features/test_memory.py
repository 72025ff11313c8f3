"""How much memory there is, told from files as Linux writes them."""

import os
from pathlib import Path

import numpy as np
import pytest

from features import memory
from features.memory import Memory, find_memory, held, jobs_that_fit

MIB = 2**20
MEMINFO = "MemTotal:       1024 kB\nMemFree: 1 kB\nMemAvailable:  {available} kB\nCached: 2 kB\n"
UNLIMITED = str(2**63 - 4096)  # as version 1 writes it


@pytest.fixture
def system(tmp_path, monkeypatch):
    """Make a machine of 1,000 MiB, 800 of them available, with some files of control groups."""
    monkeypatch.setattr(memory, "PROC", tmp_path / "proc")
    monkeypatch.setattr(memory, "GROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(
        os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 1000 * MIB // 4096}.get
    )

    def make(groups=None, available=800, **files):
        write(tmp_path / "proc/meminfo", MEMINFO.format(available=available * 1024))
        if groups is not None:
            write(tmp_path / "proc/self/cgroup", groups)
        for path, values in files.items():
            for name, value in values.items():
                write(tmp_path / "cgroup" / path / name, str(value))

    return make


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def version_2(limit, used, reclaimed=0):
    stat = f"anon 5\nactive_file 7\ninactive_file {reclaimed * MIB}\n"
    limit = limit if limit == "max" else limit * MIB
    return {"memory.max": limit, "memory.current": used * MIB, "memory.stat": stat}


def version_1(limit, used, reclaimed=0):
    stat = f"inactive_file 3\ntotal_cache 4\ntotal_inactive_file {reclaimed * MIB}\n"
    limit = limit if limit == UNLIMITED else limit * MIB
    return {
        "memory.limit_in_bytes": limit,
        "memory.usage_in_bytes": used * MIB,
        "memory.stat": stat,
    }


def found():
    return [value and value / MIB for value in find_memory()]


def test_without_groups_it_is_the_machine(system):
    system()
    assert found() == [1000, 800]


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        # A container sees its own group as the root.
        ("0::/\n", {"": version_2(500, 100)}, [500, 400]),
        ("0::/\n", {"": version_2("max", 100)}, [1000, 800]),
        ("4:memory:/\n1:cpu:/\n", {"memory": version_1(500, 100)}, [500, 400]),
        ("4:memory:/\n0::/\n", {"memory": version_1(UNLIMITED, 100)}, [1000, 800]),
        # Or it is told the host's path, which it does not see.
        ("4:memory,hugetlb:/docker/5eed\n", {"memory": version_1(500, 100)}, [500, 400]),
        # A service in a slice: the lowest limit counts, and what is least left.
        (
            "0::/slice/one.service\n",
            {"slice": version_2(300, 290), "slice/one.service": version_2(600, 10)},
            [300, 10],
        ),
        ("0::/slice\n", {"slice": version_2("max", 9), "other": version_2(1, 1)}, [1000, 800]),
        # Pages of files are given back.
        ("0::/\n", {"": version_2(500, 480, reclaimed=300)}, [500, 320]),
        ("4:memory:/\n", {"memory": version_1(500, 480, reclaimed=300)}, [500, 320]),
        # A limit above what the machine has, and one that is passed.
        ("0::/\n", {"": version_2(5000, 100)}, [1000, 800]),
        ("0::/\n", {"": version_2(500, 510)}, [500, 0]),
        # Other controllers' groups have no limit on memory, whatever lies there.
        ("1:cpu:/\n2:name=systemd:/\n", {"": version_2(1, 1)}, [1000, 800]),
        ("0::/../..\n", {"": version_2(500, 100)}, [500, 400]),
    ],
)
def test_groups_lower_it(groups, files, expected, system):
    system(groups, **files)
    assert found() == expected


def test_what_others_hold_counts_where_the_group_would_allow_more(system):
    system("0::/\n", available=50, **{"": version_2(500, 100)})
    assert found() == [500, 50]


def test_elsewhere_nothing_is_known(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "PROC", tmp_path)
    monkeypatch.setattr(memory, "GROUPS", tmp_path)
    assert find_memory().left is None
    monkeypatch.delattr(os, "sysconf")
    assert find_memory() == (None, None)
    assert jobs_that_fit(1e18, 7) == 7


def test_here_it_is_known():
    total, left = find_memory()
    assert 0 < left <= total


@pytest.mark.parametrize(
    ("each", "n_jobs", "expected"),
    [(100, 8, 8), (100.1, 8, 7), (400, 8, 2), (401, 8, 1), (900, 8, 1), (900, 1, 1), (0, 8, 8)],
)
def test_as_many_jobs_as_fit_and_at_least_one(each, n_jobs, expected, monkeypatch):
    monkeypatch.setattr(memory, "find_memory", lambda: Memory(1000, 800))
    assert jobs_that_fit(each, n_jobs) == expected


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell")
def test_what_a_process_holds_grows_with_what_it_takes():
    before = held()
    taken = np.ones(64 * MIB, dtype=np.int8)
    assert 60 * MIB < held() - before < 100 * MIB
    assert taken.all()


def test_nothing_is_held_where_the_system_does_not_tell(system):
    system()
    assert held() == 0
