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
    changed = [name for name in sorted({*known, *key}) if known.get(name) != key.get(name)]
    way = "Run the command it was started with to go on"
    if changed == ["versions"]:
        there, here = known.get("versions") or {}, key.get("versions") or {}
        differ = [name for name in sorted({*there, *here}) if there.get(name) != here.get(name)]
        listed = (f"{n}: {there.get(n, 'none')} there, {here.get(n, 'none')} here" for n in differ)
        changed, way = [f"versions ({'; '.join(listed)})"], "Install those to go on"
    elif changed == ["source"]:
        changed = ["source (arenaboost's own files were edited since)"]
        way = "Take that back to go on"
    return f"other {' and other '.join(changed)}. {way}, or pass --force to discard it."
