"""Pairs of a chosen and a rejected answer: UltraFeedback, Tulu 3, Anthropic's HH, and their kind.

Which of both comes first is drawn by a hash of the row, or else the first would always win.
"""

import re

from data.labels import A, B
from data.layouts.layout import Battle, Layout, Row, drawn
from data.layouts.messages import Dialogue, Message, dialogue

_SPEAKER = re.compile(r"\n\n(Human|Assistant):[ ]?")
_ROLES = {"Human": "user", "Assistant": "assistant"}


def read(row: Row) -> Battle:
    """Read a row: answers are messages with or without the prompt, HH's dialogues, or text."""
    chosen, rejected = (_side(row, name) for name in ("chosen", "rejected"))
    if chosen.prompt != rejected.prompt:
        raise row.error("rejected", "the questions that column chosen has")
    second = drawn(chosen.answers, rejected.answers)
    sides = [
        (chosen.answers, row.get("chosen_model")),
        (rejected.answers, row.get("rejected_model")),
    ]
    (answer_a, model_a), (answer_b, model_b) = reversed(sides) if second else sides
    vote = (B if second else A) if row.labelled else None
    return Battle(chosen.prompt, answer_a, answer_b, vote, model_a, model_b)


def _side(row: Row, name: str) -> Dialogue:
    """Return what was asked and answered, with the prompt's column where the answer lacks it."""
    cell = row[name]
    if isinstance(cell, str) and cell.startswith("\n\nHuman:"):
        return hh_dialogue(cell)
    answer = _messages(row, name)
    if any(message.role == "user" for message in answer):
        return dialogue(answer)
    asked = row.get("prompt")
    if isinstance(asked, str) and asked.startswith("\n\nHuman:"):
        return hh_dialogue(asked.removesuffix("\n\nAssistant:"), answer)
    return dialogue([*(_messages(row, "prompt", "user") if asked != "" else []), *answer])


def _messages(row: Row, name: str, role: str = "assistant") -> list[Message]:
    """Return a cell's messages; text is one, of this role."""
    cell = row[name]
    if isinstance(cell, list) or (isinstance(cell, str) and _looks_like_messages(cell)):
        return row.messages(name)
    return [Message(role, text) for text in row.text(name)]


def _looks_like_messages(text: str) -> bool:
    return re.match(r"""\s*\[\s*\{\s*["'](role|content)["']\s*:""", text) is not None


def hh_dialogue(text: str, more: list[Message] | None = None) -> Dialogue:
    r"""Return the turns of a dialogue as HH writes it.

    >>> hh_dialogue("\n\nHuman: Hi\n\nAssistant: Hello!\n\nHuman: 2+2?\n\nAssistant: 4")
    Dialogue(prompt=['Hi', '2+2?'], answers=['Hello!', '4'])
    """
    pieces = _SPEAKER.split(text)
    spoken = zip(pieces[1::2], pieces[2::2], strict=True)
    return dialogue([*(Message(_ROLES[who], said) for who, said in spoken), *(more or [])])


def _pairs(title: str, *columns: str) -> Layout:
    return Layout(
        title=title,
        read=read,
        columns=("chosen", "rejected", *columns),
        optional=("prompt", "chosen_model", "rejected_model"),
        ties=False,
    )


ULTRAFEEDBACK = _pairs("UltraFeedback", "prompt", "prompt_id", "score_chosen", "score_rejected")
TULU_3 = _pairs("Tulu 3 preferences", "prompt", "id", "source")
PAIRS = _pairs("chosen/rejected pairs", "prompt")
HH = _pairs("Anthropic HH")
