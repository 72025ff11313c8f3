"""The battle to explain: a row of a test file by its id, or three texts."""

import json
from collections import Counter
from collections.abc import Mapping
from difflib import get_close_matches
from typing import NamedTuple

import pandas as pd

from data.battles import DataError, Files, Named, counted, iter_test, make_battles

TEXTS = ("prompt", "response_a", "response_b")
ALIKE = 3  # ids that are offered for one that is not there


class Found(NamedTuple):
    """A battle, and how its texts or its file were read.

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
        f"{name}: {'plain text' if listed is None else f'JSON (turns: {len(listed)})'}"
        for name, listed in turns.items()
    ]
    notes = ["; ".join(told)]
    if None in turns.values():
        notes.append("Plain text is one turn, as it stands.")
    columns = [[turns[name] or [texts[name]]] for name in TEXTS]
    return Found(make_battles(*columns), notes)


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
    """Find the first battle of a test file that has an id; the file is read to its end.

    Raises
    ------
    DataError
        None has; names those that are most like it.
    """
    found: list[pd.DataFrame] = []
    seen: list[str] = []
    layouts: dict[str, None] = {}
    notes: list[str] = []
    counts: Counter[str] = Counter()
    for chunk in iter_test(test):
        ids = chunk.battles["id"]
        seen += ids.tolist()
        found.append(chunk.battles[(ids == wanted).to_numpy(dtype=bool)])
        layouts[chunk.layout] = None
        notes += chunk.notes
        counts.update(chunk.counts)
    of_it = pd.concat(found)
    if of_it.empty:
        raise _unknown(test, wanted, seen)
    notes = [f"{Files.of(test)}: read as {', '.join(layouts)}", *notes, *counted(counts)]
    if len(of_it) > 1:
        notes.append(f"{len(of_it):,} rows have the id {wanted}: the first of them is explained.")
    return Found(of_it.head(1).reset_index(drop=True), notes)


def _unknown(test: Named, wanted: str, seen: list[str]) -> DataError:
    alike = get_close_matches(wanted, dict.fromkeys(seen), n=ALIKE)
    offered = f"Most like it: {', '.join(alike)}" if alike else f"The first is {seen[0]}"
    return DataError(
        f"{Files.of(test)}: expected a battle with the id {wanted!r}, found none among "
        f"{len(seen):,}. {offered}."
    )
