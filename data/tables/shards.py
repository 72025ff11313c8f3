"""Several files, or a folder of them, as one table."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from data.tables.chunk import DataError, shown
from data.tables.packed import bare_name
from data.tables.read import SUFFIXES

_NUMBERED = re.compile(r"(.*?)[-_.]?(\d+)-of-(\d+)")  # as data sets are cut: train-00000-of-00007

_ABOUT = ("dataset_info", "state.json")  # what Hugging Face writes beside a table


def files_of(given: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> tuple[Path, ...]:
    """Return the files that are read as one table, in order of name.

    Parameters
    ----------
    given : path, or sequence of paths
        Files and folders; of a folder the tables that lie in it, by their names.

    Returns
    -------
    tuple of Path
        Numbers within names count as numbers: ``part-2`` comes before ``part-10``.

    Raises
    ------
    DataError
        A folder without tables, or with those of several splits.
    """
    paths = [given] if isinstance(given, str | os.PathLike) else list(given)
    found = [file for path in map(Path, paths) for file in _listed(path)]
    if not found:
        raise DataError("Expected at least one file, found none.")
    return tuple(sorted(found, key=_order))


def name_of(files: Sequence[Path]) -> str:
    """Return what several files are called in messages.

    >>> name_of([Path("a/b.csv")]), name_of([Path("a/b.csv"), Path("a/c.csv"), Path("a/d.csv")])
    ('b.csv', 'b.csv … d.csv')
    """
    return files[0].name if len(files) == 1 else f"{files[0].name} … {files[-1].name}"


def _order(path: Path) -> tuple[list[tuple[int, str]], str]:
    pieces = re.split(r"(\d+)", path.name)
    return [(int(p), "") if p.isdigit() else (-1, p) for p in pieces], str(path)


def _listed(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    tables = [
        file
        for file in path.iterdir()
        if bare_name(file.name).endswith(SUFFIXES)
        and not file.name.startswith((".", "_", *_ABOUT))
        and file.is_file()
    ]
    if not tables:
        held = shown(", ".join(sorted(file.name for file in path.iterdir())))
        raise DataError(
            f"{path}: expected a folder with files that end in {', '.join(SUFFIXES)} (each also "
            f"compressed), found {held}. Name the files."
        )
    splits = {match[1] for file in tables if (match := _NUMBERED.match(file.name))}
    if len(splits) > 1:
        raise DataError(
            f"{path}: expected the files of one table, found those of several splits: "
            f"{', '.join(sorted(splits))}. Name the files of one."
        )
    return tables


def not_there(files: Sequence[Path]) -> list[str]:
    """Return a line for each set of so many files, as names say, of which some are not given.

    >>> not_there([Path("a/train-00000-of-00003.parquet"), Path("a/train-00002-of-00003.parquet")])
    ['2 of 3 files of train are read, as their names say']
    """
    matches = [match for file in files if (match := _NUMBERED.match(file.name))]
    given = Counter((match[1], int(match[3])) for match in matches)
    return [
        f"{number} of {total} files of {name} are read, as their names say"
        for (name, total), number in given.items()
        if number < total
    ]
