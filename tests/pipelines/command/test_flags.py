"""Flags that commands share, and what comes of them."""

import argparse
import re
from pathlib import Path

import pytest

from pipelines.command.flags import (
    Parser,
    add_cache_flags,
    add_config_flags,
    cache_from,
    config_from,
)

ROOT = Path(__file__).parents[3]


def test_flags_become_the_configuration(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('families = ["turns"]\nseed = 3\n')

    def config(*argv):
        parser = argparse.ArgumentParser()
        add_config_flags(parser)
        return config_from(parser.parse_args(argv))

    assert config("--config", str(path)).seed == 3
    assert config("--config", str(path), "--seed", "5", "--set", "seed=4").seed == 5
    assert config("--set", "model.inner_folds=3", "--set", "seed=2").model.inner_folds == 3
    assert config("--preset", "classical") == config()


@pytest.mark.parametrize(
    ("flags", "place", "limit"),
    [
        ([], "xdg/arenaboost", 5e9),
        (["--cache", "here", "--cache-limit", "0.5"], "here", 5e8),
        (["--no-cache"], None, None),
    ],
)
def test_flags_say_where_counts_are_kept(flags, place, limit, monkeypatch, quiet):
    monkeypatch.setenv("XDG_CACHE_HOME", "xdg")
    parser = Parser()
    add_cache_flags(parser)
    cache = cache_from(parser.parse_args(flags), quiet())
    found = (str(cache.folder), cache.limit_bytes) if cache else (None, None)
    assert found == (place, limit)


def no_home(monkeypatch, tmp_path):
    """A user id without a line in /etc/passwd, as docker -u gives one."""

    def unknown(_):
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)


def home_in_a_file(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "file" / "home"))


def home_on_a_read_only_disk(monkeypatch, tmp_path):
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/proc/home")
    monkeypatch.setattr("data.home.os.access", lambda place, mode: str(place) != "/proc")


@pytest.mark.parametrize(
    ("surround", "found"),
    [
        (no_home, r"no home folder is known"),
        (home_in_a_file, r".*file/home/\.cache/arenaboost cannot be made"),
        (home_on_a_read_only_disk, r"/proc/home/\.cache/arenaboost cannot be made"),
    ],
)
def test_without_a_place_for_it_a_line_is_said_and_nothing_kept(
    surround, found, monkeypatch, tmp_path, quiet
):
    surround(monkeypatch, tmp_path)
    parser, console = Parser(), quiet()
    add_cache_flags(parser)
    assert cache_from(parser.parse_args([]), console) is None
    line = console.file.getvalue()
    assert re.fullmatch(
        rf"nothing is kept for the next run: {found}\. Name a folder with --cache DIR\.\n", line
    )
    assert cache_from(parser.parse_args(["--cache", str(tmp_path / "kept")]), console) is not None


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--cache-limit", "0"], "expected gigabytes above 0, found '0'"),
        (["--cache-limit", "much"], "expected gigabytes above 0, found 'much'"),
        (["--cache", "x", "--no-cache"], "not allowed with argument --cache"),
    ],
)
def test_wrong_cache_flags_are_one_line(flags, words, capsys):
    parser = Parser()
    add_cache_flags(parser)
    with pytest.raises(SystemExit, match="2"):
        parser.parse_args(flags)
    line = capsys.readouterr().err
    assert words in line
    assert line.count("\n") == 1
