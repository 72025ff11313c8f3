"""Conversations as lists of messages, ``{"role": …, "content": …}``, become turns."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from data.cells import Conversation, repair_surrogates
from data.layouts.literals import parse_literal

# What a part of a message is called → the key of `data.battles.COUNTS` that counts it.
PART_COUNTS = {
    **dict.fromkeys(("image", "image_url", "input_image"), "image_parts"),
    **dict.fromkeys(("audio", "input_audio", "audio_url"), "audio_parts"),
    **dict.fromkeys(("video", "video_url", "input_video"), "video_parts"),
    **dict.fromkeys(("file", "document", "input_file"), "file_parts"),
    **dict.fromkeys(("tool", "tool_use", "tool_result", "tool_call", "function"), "tool_parts"),
}
OTHER_PARTS = "other_parts"
_TEXT = ("text", "input_text", "output_text", None, "")
_ROLES = {
    **dict.fromkeys(("user", "human"), "user"),
    **dict.fromkeys(("assistant", "gpt", "model"), "assistant"),
    **dict.fromkeys(("system", "developer"), "system"),
}
_CALLS = ("tool_calls", "function_call")
_DECODE = json.JSONDecoder(strict=False).decode


class Message(NamedTuple):
    """Who speaks (``user``, ``assistant`` or ``system``), and what, null where there is no text."""

    role: str
    text: str | None


Messages = list[Message]


class Dialogue(NamedTuple):
    """The turns of a conversation: what was asked, and what was answered to it."""

    prompt: Conversation
    answers: Conversation


def messages_of(cell: object, left_out: Counter[str]) -> tuple[Messages, int]:
    """Read a cell as messages.

    Parameters
    ----------
    cell : object
        A list of objects with `role` and `content` (text, null, or a list of parts), or the same
        as text: JSON, or the text that Python or NumPy shows of it.
    left_out : Counter
        Parts that are no text are counted here, by kind.

    Returns
    -------
    messages : list of Message
    repaired : int
        Lone surrogates that became U+FFFD.

    Raises
    ------
    ValueError
        The cell is none of this; the message says what was found.

    Examples
    --------
    >>> messages_of([{"role": "user", "content": [{"type": "text", "text": "Hi"}]}], Counter())[0]
    [Message(role='user', text='Hi')]
    >>> messages_of("[{'role': 'user', 'content': None}]", Counter())[0]
    [Message(role='user', text=None)]
    """
    messages: Messages = []
    repaired = 0
    # A surrogate can come from an escape only, as in `data.cells.parse_cell`.
    escaped = isinstance(cell, str) and ("\\ud" in cell or "\\uD" in cell)
    for entry in _entries(cell):
        role = _role(entry)
        if role is None:  # what a tool gives back
            left_out["tool_parts"] += 1
            continue
        text = _content(entry.get("content"), left_out)
        for name in _CALLS:
            if entry.get(name):
                left_out["tool_parts"] += _n_calls(entry[name])
        if escaped and text is not None:
            text, lone = repair_surrogates(text)
            repaired += lone
        messages.append(Message(role, text))
    return messages, repaired


def _n_calls(found: object) -> int:
    return len(found) if isinstance(found, list) else 1


def _entries(cell: object) -> list[Any]:
    found = _parsed(cell) if isinstance(cell, str) else cell
    if not isinstance(found, list):
        raise ValueError(f"found {type(found).__name__}")
    return found


def _parsed(text: str) -> object:
    """Read text as JSON, and if it is none as what Python shows; nothing is evaluated."""
    stripped = text.strip().lstrip("\ufeff").lstrip()
    try:
        return _DECODE(stripped)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    except ValueError:
        return parse_literal(stripped)


def _role(entry: object) -> str | None:
    if not isinstance(entry, dict) or "role" not in entry:
        raise ValueError("a message without a role")
    role = str(entry["role"])
    known = _ROLES.get(role) or _ROLES.get(role.lower())
    if known is None and role.lower() not in PART_COUNTS:
        raise ValueError(f"unknown role {role!r}")
    return known


def _content(content: object, left_out: Counter[str]) -> str | None:
    """Return a message's text: of several parts those that are text, a line break between."""
    if content is None or isinstance(content, str):
        return content
    parts = [content] if isinstance(content, dict) else content
    if not isinstance(parts, list):
        raise ValueError(f"content is {type(content).__name__}")
    if len(parts) == 1:
        return _part(parts[0], left_out)
    texts = [text for part in parts if (text := _part(part, left_out)) is not None]
    return "\n".join(texts) if texts else None


def _part(part: object, left_out: Counter[str]) -> str | None:
    if part is None or isinstance(part, str):
        return part
    if not isinstance(part, dict):
        raise ValueError(f"a part of content is {type(part).__name__}")
    kind, text = part.get("type"), part.get("text")
    if (kind == "text" or kind in _TEXT) and (text is None or isinstance(text, str)):
        return text
    left_out[PART_COUNTS.get(str(kind), OTHER_PARTS)] += 1
    return None


def dialogue(messages: Sequence[Message]) -> Dialogue:
    r"""Put questions and answers side by side, a turn each; what has no counterpart faces null.

    System messages stand before the question that follows them. Answers that follow one another
    are one.

    >>> dialogue([Message("system", "Hm."), Message("user", "2+2?"), Message("assistant", "4")])
    Dialogue(prompt=['Hm.\n\n2+2?'], answers=['4'])
    >>> dialogue([Message("user", "Hi"), Message("user", "There?"), Message("assistant", "Yes")])
    Dialogue(prompt=['Hi', 'There?'], answers=[None, 'Yes'])
    """
    prompt: Conversation = []
    answers: Conversation = []
    before: list[str] = []
    answered = True  # there is no question yet
    for role, text in messages:
        if role == "system":
            before += [text] if text else []
        elif role == "user":
            prompt.append(_joined([*before, text]))
            answers.append(None)
            before, answered = [], False
        elif answered and prompt:
            answers[-1] = _joined([answers[-1], text])
        else:
            if not prompt:  # the assistant speaks first
                prompt.append(_joined([*before, None]))
                answers.append(None)
                before = []
            answers[-1], answered = text, True
    return Dialogue(prompt, answers)


def _joined(texts: Sequence[str | None]) -> str | None:
    found = [text for text in texts if text is not None]
    return "\n\n".join(found) if found else None
