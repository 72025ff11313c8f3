"""From what a command names, ``PATH`` or ``NAME=PATH``, to sources, each once."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from models.stacking.members import NAME, StackError
from pipelines.run.copies import check_copy
from pipelines.run.files import check_ordinary
from pipelines.run.folder import file_hash
from pipelines.stacking.sources import ENDINGS, KINDS, REPORT, STACK, Kind, Source, stem
from pipelines.tower.leaves import RECORD


def find_sources(named: Sequence[str]) -> list[Source]:
    """Return the sources of a command, of which the first gives the folds.

    Parameters
    ----------
    named : sequence of str
        Each ``PATH`` or ``NAME=PATH``; without a name it is the folder's or the file's, made fit.

    Raises
    ------
    StackError
        One is no source, is there twice, or has the name of another; or the first has no folds.
    RunError
        A folder is no finished run.
    """
    found = [_source(*_parted(text)) for text in named]
    if found[0].kind == "csv":
        raise StackError(
            f"{found[0].path}: expected a finished run or a tower's folder as the first source, "
            "whose folds are the stack's, found a table. Name one before it."
        )
    _check_each_once(found)
    return found


def is_stack(path: Path) -> bool:
    """Whether a finished run is a stack, by its report."""
    try:
        told = json.loads((path / REPORT).read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(told, dict) and told.get("kind") == STACK


def named_tables(given: Sequence[str]) -> dict[str, Path]:
    """Return the tables of ``--member NAME=CSV``, by the name of the member that they speak for.

    Raises
    ------
    StackError
        One is not of this form, or a name stands twice.
    """
    tables: dict[str, Path] = {}
    for text in given:
        name, equals, path = text.partition("=")
        if not equals or not path or not NAME.fullmatch(name):
            raise StackError(f"--member {text}: expected NAME=CSV, such as other=predictions.csv.")
        if name in tables:
            raise StackError(f"--member {text}: there is one of {name} already. Name one of them.")
        tables[name] = Path(path)
        check_ordinary(tables[name])
    return tables


def check_tables(tables: Mapping[str, Path], kinds: Mapping[str, Kind], whose: object) -> None:
    """Refuse tables of what predicts by itself, and tables that lack.

    Parameters
    ----------
    tables : mapping of str to Path
        Of ``--member``.
    kinds : mapping of str to str
        Of each member.
    whose : object
        Says in an error which stack it is.

    Raises
    ------
    StackError
        Says what to pass.
    """
    csv = [name for name, kind in kinds.items() if kind == "csv"]
    for name in tables:
        if name not in csv:
            allowed = f"Allowed: {', '.join(csv)}." if csv else "Leave the flag out: it has none."
            raise StackError(
                f"--member {name}=…: {whose} has no member of this name that is a CSV. {allowed}"
            )
    for name in csv:
        if name not in tables:
            raise StackError(
                f"{whose}: its member {name} is a CSV, which cannot predict. Pass --member "
                f"{name}=CSV, a table of its predictions of the test file by id."
            )


def _parted(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if equals and path and NAME.fullmatch(name) and not os.path.lexists(text):
        return name, Path(path)
    return "", Path(text)


def _source(name: str, path: Path) -> Source:
    kind = _kind_of(path)
    name = name or _made_fit(path)
    if name == STACK:
        raise StackError(f"{path}: {STACK} is the name of the whole. Give it another: NAME={path}.")
    if not name:
        raise StackError(
            f"{path}: no name of a member can be made of this one. Give it one: NAME={path}, in "
            "lower-case letters, digits and _."
        )
    return KINDS[kind](name, path)


def _made_fit(path: Path) -> str:
    """Return a member's name for a path, empty where it gives none.

    >>> _made_fit(Path("runs/Classical-2026")), _made_fit(Path("oof/minilm_tower-0.csv"))
    ('classical_2026', 'minilm_tower_0')
    """
    base = stem(Path(os.path.realpath(path)))
    return re.sub(r"[^a-z0-9]+", "_", base.lower()).strip("_").lstrip("0123456789_")


def _kind_of(path: Path) -> Kind:
    if not path.exists():
        raise StackError(f"{path}: no such file or folder. Name a run, a tower's folder or a CSV.")
    if not path.is_dir():
        check_ordinary(path)
        if not path.name.lower().endswith(ENDINGS):
            raise StackError(
                f"{path}: expected the folder of a run or of a tower, or a table whose name ends "
                f"in {', '.join(ENDINGS)}, found another file."
            )
        return "csv"
    check_copy(path)
    if is_stack(path):
        raise _no_member(path)
    return "tower" if (path / RECORD).is_file() else "run"


def _no_member(path: Path) -> StackError:
    inside = sorted(str(one) for one in (path / "members").glob("*") if one.is_dir())
    return StackError(
        f"{path} is a stack, which is no member of another one. Name its members instead"
        f"{': ' if inside else ''}{', '.join(inside)}."
    )


def _check_each_once(sources: Sequence[Source]) -> None:
    names: dict[str, Path] = {}
    hashes: dict[str, Path] = {}
    for one in sources:
        same = hashes.setdefault(file_hash(one.out_of_fold), one.path)
        if same is not one.path:
            raise StackError(f"{one.path}: the same predictions as {same}. Give each source once.")
        other = names.setdefault(one.name, one.path)
        if other is not one.path:
            raise StackError(
                f"{one.path}: its member would have the name {one.name}, as that of {other}. "
                f"Give it another one: NAME={one.path}."
            )
