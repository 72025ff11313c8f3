"""Flags that commands share, and what comes of them."""

import argparse
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
def test_flags_say_where_counts_are_kept(flags, place, limit, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "xdg")
    parser = Parser()
    add_cache_flags(parser)
    cache = cache_from(parser.parse_args(flags))
    found = (str(cache.folder), cache.limit_bytes) if cache else (None, None)
    assert found == (place, limit)


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
