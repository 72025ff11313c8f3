"""The battle to explain: a row of a test file by its id, or three texts."""

import json
from collections.abc import Mapping
from difflib import get_close_matches
from typing import NamedTuple

import pandas as pd

from data.battles import DataError, Files, Named, iter_test, make_battles

TEXTS = ("prompt", "response_a", "response_b")
ALIKE = 3  # ids that are offered for one that is not there


class Found(NamedTuple):
    """A battle, and how its texts were taken.

    Attributes
    ----------
    battles : DataFrame
        Of one row.
    notes : list of str
    """

    battles: pd.DataFrame
    notes: list[str]


def battle_of_texts(texts: Mapping[str, str]) -> Found:
    """Make a battle of a prompt and two answers.

    Parameters
    ----------
    texts : mapping of str to str
        ``prompt``, ``response_a`` and ``response_b``: each a JSON list of turns (strings, or null
        for one without a text), or any other text, which is one turn as it stands.
    """
    turns = {name: _turns(texts[name]) for name in TEXTS}
    told = [
        f"{name} is {'plain text' if listed is None else f'JSON, turns: {len(listed)}'}"
        for name, listed in turns.items()
    ]
    note = f"{', '.join(told)}. Plain text is one turn, as it stands."
    columns = [[turns[name] or [texts[name]]] for name in TEXTS]
    return Found(make_battles(*columns), [note])


def _turns(text: str) -> list[str | None] | None:
    """Return the turns of a JSON list of them, None of what is anything else.

    >>> _turns('["Hi", null]'), _turns("[INST] Hi"), _turns("[]"), _turns("[1]")
    (['Hi', None], None, None, None)
    """
    if not text.lstrip().startswith("["):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    texts = bool(found) and all(turn is None or isinstance(turn, str) for turn in found)
    return found if texts else None


def battle_of_file(test: Named, wanted: str) -> Found:
    """Find the first battle of a test file that has an id.

    Raises
    ------
    DataError
        None has; names those that are most like it.
    """
    seen: list[str] = []
    for chunk in iter_test(test):
        ids = chunk.battles["id"].tolist()
        if wanted in ids:
            place = ids.index(wanted)
            return Found(chunk.battles.iloc[place : place + 1].reset_index(drop=True), [])
        seen += ids
    alike = get_close_matches(wanted, seen, n=ALIKE)
    offered = f"Most like it: {', '.join(alike)}" if alike else f"The first is {seen[0]}"
    raise DataError(
        f"{Files.of(test)}: expected a battle with the id {wanted!r}, found none among "
        f"{len(seen):,}. {offered}."
    )
