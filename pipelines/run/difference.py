"""What two keys of unfinished work differ in, in words."""

from collections.abc import Mapping
from typing import Any


def difference(known: Any, key: Mapping[str, Any]) -> str:
    """Say what two keys differ in, and the way out.

    >>> difference({"files": 1, "versions": {"numpy": "2"}}, {"files": 1, "versions": {}})
    'other versions (numpy: 2 there, none here). Install those to go on, or pass --force to \
discard it.'
    """
    known = known if isinstance(known, dict) else {}
    names = [name for name in sorted({*known, *key}) if known.get(name) != key.get(name)]
    ways = {"versions": "Install those to go on", "source": "Take that back to go on"}
    way = ways.get(" ".join(names), "Run the command it was started with to go on")
    return f"other {changed(known, key)}. {way}, or pass --force to discard it."


def changed(known: Mapping[str, Any], key: Mapping[str, Any]) -> str:
    """Say what two keys differ in, in more words where it is one thing.

    >>> changed({"files": 1, "search": 2}, {"files": 2, "search": 3})
    'files and other search'
    """
    names = [name for name in sorted({*known, *key}) if known.get(name) != key.get(name)]
    if names == ["versions"]:
        there, here = known.get("versions") or {}, key.get("versions") or {}
        differ = [name for name in sorted({*there, *here}) if there.get(name) != here.get(name)]
        listed = (f"{n}: {there.get(n, 'none')} there, {here.get(n, 'none')} here" for n in differ)
        return f"versions ({'; '.join(listed)})"
    if names == ["source"]:
        return "source (arenaboost's own files were edited since)"
    return " and other ".join(names)
