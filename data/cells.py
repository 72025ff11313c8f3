"""Single cells: a cell of text into turns, three winner cells into a label, turns into a group.

Pure functions; they know neither files nor frames. Nothing here evaluates what it reads.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import polars as pl
import pyarrow as pa

from data.tables.utf8 import repair_surrogates

Conversation = list[str | None]

# A line break inside a JSON string is not valid JSON, but there is only one way to read it.
_DECODER = json.JSONDecoder(strict=False)
# True == 1 == 1.0 and so on: the numbers also stand for Parquet's booleans and floats.
_VOTES: dict[str | float, int] = {"1": 1, "1.0": 1, 1: 1, "0": 0, "0.0": 0, 0: 0}
_VOTE_TYPES = (str, int, float)
_TURN_TYPES = {str, type(None)}
_LONG = 4096
MOST_TURNS = 10_000


def parse_cell(cell: object) -> tuple[Conversation, int]:
    r"""Read one text cell as the turns of a conversation.

    Parameters
    ----------
    cell : object
        Text, or a list from Parquet. Text whose first character after white space and byte-order
        marks is ``[`` or ``{`` must be a JSON list of strings and nulls. Any other text is one
        turn as it stands.

    Returns
    -------
    turns : list of str or None
    repaired : int
        Lone surrogates that became U+FFFD.

    Raises
    ------
    ValueError
        The cell starts as JSON and is not a list of strings and nulls.

    Examples
    --------
    >>> parse_cell('["Hi", null]')
    (['Hi', None], 0)
    >>> parse_cell("__import__('os')")
    (["__import__('os')"], 0)
    >>> parse_cell('["\\ud83d!"]')
    (['�!'], 1)
    """
    if isinstance(cell, list):
        return repair_turns(checked_turns(cell))
    text = str(cell)
    stripped = text.strip().lstrip("\ufeff").lstrip()
    if not stripped.startswith(("[", "{")):
        return [text], 0
    try:
        found, end = _DECODER.raw_decode(stripped)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if end != len(stripped):
        raise ValueError("Extra data")
    turns = checked_turns(found)
    # A surrogate can come from an escape only: the text itself was decoded from UTF-8.
    return repair_turns(turns) if "\\ud" in text or "\\uD" in text else (turns, 0)


def checked_turns(turns: object) -> Conversation:
    """Return a list of strings and nulls as it is.

    Raises
    ------
    ValueError
        It is none.
    """
    if not isinstance(turns, list) or not _TURN_TYPES.issuperset(map(type, turns)):
        raise ValueError("not a list of strings and nulls")
    return turns


def join_turns(turns: Conversation, most: int = MOST_TURNS) -> Conversation:
    r"""Join the turns beyond the most there may be into the last one, null as empty.

    No conversation has so many, but every formula is paid for by the turn.

    >>> join_turns(["a", None, "b", None, "c"], most=3)
    ['a', None, 'b\n\nc']
    """
    if len(turns) <= most:
        return turns
    return [*turns[: most - 1], "\n".join(turn or "" for turn in turns[most - 1 :])]


def repair_turns(turns: Sequence[str | None]) -> tuple[Conversation, int]:
    r"""Replace the lone surrogates of all turns, and count them.

    >>> repair_turns(["a\ud83d", None, "\ud83d\ude00"])
    (['a�', None, '😀'], 1)
    """
    repaired: Conversation = []
    count = 0
    for turn in turns:
        fixed, lone = (None, 0) if turn is None else repair_surrogates(turn)
        repaired.append(fixed)
        count += lone
    return repaired, count


def vote(cell: object) -> int | None:
    """Return a winner cell's number, 0 or 1, or None where the cell says neither.

    >>> vote("1.0"), vote(False), vote(""), vote("yes"), vote("0.5")
    (1, 0, None, None, None)
    """
    return _VOTES.get(cell) if isinstance(cell, _VOTE_TYPES) else None


def prompt_group(turns: Sequence[str | None]) -> str:
    r"""Hash a prompt so that prompts a reader would call the same get the same group.

    All turns joined by line breaks (null as empty), NFKC, casefolded, white space collapsed.

    Parameters
    ----------
    turns : sequence of str or None

    Returns
    -------
    str
        16 hexadecimal characters of BLAKE2b.

    Examples
    --------
    >>> prompt_group(["What is  HTTP?"]) == prompt_group([" what", "is \uff28TTP?", None])
    True
    >>> prompt_group(["What is HTTP?"])
    '7c709fd5fce41f80'
    """
    return blake2b(normal_prompt(turns).encode(), digest_size=8).hexdigest()


def normal_prompt(turns: Sequence[str | None]) -> str:
    r"""Return what `prompt_group` hashes.

    >>> normal_prompt([" what", "is \uff28TTP?", None])
    'what is http?'
    """
    return " ".join(_nfkc("\n".join(turn or "" for turn in turns)).casefold().split())


def _nfkc(text: str) -> str:
    if text.isascii():
        return text
    if len(text) <= _LONG:
        return unicodedata.normalize("NFKC", text)
    # Python orders a run of combining marks in quadratic time, the Rust library does not.
    return str(pl.Series([text], dtype=pl.String).str.normalize("NFKC").item())


def conversations_array(conversations: Sequence[Sequence[str | None]]) -> pa.LargeListArray:
    """Build an Arrow column of conversations from flat turns and offsets.

    >>> conversations_array([["Hi", None], []]).to_pylist()
    [['Hi', None], []]
    """
    lengths = [len(turns) for turns in conversations]
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64)
    flat = [turn for turns in conversations for turn in turns]
    return pa.LargeListArray.from_arrays(offsets, pa.array(flat, pa.large_string()))
