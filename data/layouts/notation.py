"""The notations of cells that are lists of turns, or votes: JSON, Python's, NumPy's, messages.

Which one a column is in is decided over the whole file, in `data.layouts.look`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection
from typing import Any

from data.cells import Conversation, checked_turns, repair_turns, vote
from data.layouts.literals import parse_literal
from data.layouts.messages import messages_of
from data.tables.read import shown

# Kinds of cells.
EMPTY, TEXT, JSON, EITHER, PYTHON = "empty", "text", "JSON", "either", "Python"
MESSAGES, NESTED, CUT, OTHER, FLAG = "messages", "nested", "cut", "other", "flag"
# What a person is told of a kind that is no JSON list, and how to write such a column instead.
LOOKS = {
    PYTHON: "lists as Python or NumPy show them",
    MESSAGES: "text of messages with role and content",
    CUT: "lists that a spreadsheet cut at 32,767 characters",
    OTHER: "text that begins like a list and is none",
}
WAYS = {
    PYTHON: "Write each list by json.dumps(turns), None as null.",
    MESSAGES: "Write each conversation as a JSON list of its texts, by json.dumps(turns).",
    CUT: "Write the file again without a spreadsheet, whose cells hold no more.",
    OTHER: "Write each text as a JSON list, by json.dumps([text]).",
}
MOST_IN_CELL = 32_767  # characters, of a spreadsheet; it counts in UTF-16
_SHOWN = 40
OTHER_MESSAGES = "other_messages"
CALLS = ("array(", "np.array(", "numpy.array(")
_DECODE = json.JSONDecoder(strict=False).decode
_FLAGS = {"true": 1, "false": 0}


def kind_of(cell: object) -> str:
    r"""Return what kind of cell of turns this is.

    Returns
    -------
    str
        `JSON`: a list of strings and nulls. `EITHER`: one that Python would write alike.
        `PYTHON`: one as Python or NumPy show it. `MESSAGES`: messages in text; `NESTED`: messages
        that are no text. `CUT`: the text of a list that a spreadsheet cut. `OTHER`: what starts
        as a list, and is none of these.

    Examples
    --------
    >>> [kind_of(cell) for cell in ("['a', None]", '["a", null]', '["it\'s"]', "[Hm] Hi", "Hi")]
    ['Python', 'JSON', 'either', 'other', 'text']
    >>> kind_of("array(['a'], dtype=object)"), kind_of("[{'role': 'user', 'content': 'Hi'}]")
    ('Python', 'messages')
    """
    if isinstance(cell, list):
        return (
            (JSON if cell else EMPTY)
            if _is_turns(cell)
            else NESTED
            if _is_messages(cell)
            else OTHER
        )
    text = str(cell).strip().lstrip("\ufeff").lstrip()
    if not text or text == "[]":
        return EMPTY
    if not text.startswith(("[", "{", *CALLS)):
        return TEXT
    found, is_json = _value(text)
    if _is_turns(found):
        return PYTHON if not is_json else EITHER if _is_written_by_python(found) else JSON
    if _is_messages(found):
        return MESSAGES
    return TEXT if text.startswith(CALLS) else CUT if is_cut(cell) else OTHER


def _value(text: str) -> tuple[Any, bool]:
    """Return what a text holds, None where it is in no notation; and whether it is JSON."""
    try:
        return _DECODE(text), True
    except (ValueError, RecursionError):
        pass
    try:
        return parse_literal(text), False
    except ValueError:
        return None, False


def is_cut(cell: object) -> bool:
    """Whether a cell is exactly as long as a spreadsheet's longest.

    >>> is_cut("x" * 32_767), is_cut("x" * 32_768), is_cut("😀" + "x" * 32_765)
    (True, False, True)
    """
    if not isinstance(cell, str) or not MOST_IN_CELL // 2 <= len(cell) <= MOST_IN_CELL:
        return False
    return len(cell) == MOST_IN_CELL or len(cell.encode("utf-16-le", "replace")) == 2 * MOST_IN_CELL


def shown_cell(cell: object) -> str:
    """Return a cell as messages show it; of one that a spreadsheet cut its end, where it lacks."""
    if not (isinstance(cell, str) and is_cut(cell)):
        return shown(cell)
    end = repr(cell[-_SHOWN:])
    return f"...{end}, cut by a spreadsheet at {MOST_IN_CELL:,} characters"


def _is_turns(found: object) -> bool:
    return isinstance(found, list) and all(turn is None or type(turn) is str for turn in found)


def _is_written_by_python(turns: list[str | None]) -> bool:
    """Whether Python would show these turns with the double quotes of JSON."""
    return all(turn is not None and "'" in turn and '"' not in turn for turn in turns)


def _is_messages(found: object) -> bool:
    messages = [found] if isinstance(found, dict) else found
    return (
        isinstance(messages, list)
        and bool(messages)
        and all(isinstance(one, dict) and "role" in one and "content" in one for one in messages)
    )


def turns_in(
    cell: object, notations: Collection[str], *, answers: bool, left_out: Counter[str]
) -> tuple[Conversation, int]:
    """Read a cell that is no JSON list of turns.

    Parameters
    ----------
    cell : object
    notations : collection of str
        Of the file: `PYTHON`, `MESSAGES`. Messages that are no text are read in any case.
    answers : bool
        Whether the turns are those of the assistant, rather than of who asks.
    left_out : Counter
        Messages and parts of them that are left out are counted here, by kind.

    Returns
    -------
    turns : list of str or None
    repaired : int

    Raises
    ------
    ValueError
        It is in none of them.
    """
    found = cell
    if isinstance(cell, str):
        kind = kind_of(cell)
        if kind not in notations:
            raise ValueError(f"found {kind}")
        text = cell.strip().lstrip("\ufeff").lstrip()
        if kind == PYTHON:
            return repair_turns(checked_turns(parse_literal(text)))
        found = _value(text)[0]
    elif not _is_messages(cell):
        raise ValueError("no messages")
    return _spoken(found, answers=answers, left_out=left_out)


def _spoken(found: Any, *, answers: bool, left_out: Counter[str]) -> tuple[Conversation, int]:
    """Return the turns of one who speaks in messages; what others say is counted."""
    messages, _ = messages_of([found] if isinstance(found, dict) else found, left_out)
    speaker = "assistant" if answers else "user"
    spoken = [message.text for message in messages if message.role == speaker]
    left_out[OTHER_MESSAGES] += len(messages) - len(spoken)
    return repair_turns(spoken)


def flag_of(cell: object) -> int | None:
    """Return the number that a winner's cell stands for, in any notation; None for neither.

    >>> [flag_of(cell) for cell in ("True", "false", '"1"', " 1.00", True, "", "yes", "0.5")]
    [1, 0, 1, 1, 1, None, None, None]
    """
    known = vote(cell)
    if known is not None or not isinstance(cell, str):
        return known
    word = cell.strip().strip("\"'").strip().lower().removeprefix("np.").removesuffix("_")
    if word in _FLAGS:
        return _FLAGS[word]
    try:
        return vote(float(word))
    except ValueError:
        return None
