"""HelpSteer3's preferences: a context that both answers go on from, and a vote from -3 to 3."""

import math

from data.labels import TIE, A, B
from data.layouts.layout import Battle, Layout, Row, Vote
from data.layouts.messages import Message, dialogue


def read(row: Row) -> Battle:
    """Read a row: answers within the context stand on both sides."""
    context = row.messages("context")
    sides = [
        dialogue([*context, Message("assistant", row.text(name)[0])])
        for name in ("response1", "response2")
    ]
    return Battle(
        sides[0].prompt,
        sides[0].answers,
        sides[1].answers,
        _vote(row) if row.labelled else None,
    )


def _vote(row: Row) -> Vote:
    """Return the sign: how much better an answer is said to be is not used."""
    try:
        preference = float(row["overall_preference"])
    except (TypeError, ValueError):
        preference = math.nan
    if not -3 <= preference <= 3:
        raise row.error("overall_preference", "a number from -3 (response1) to 3 (response2)")
    return TIE if preference == 0 else A if preference < 0 else B


HELPSTEER3 = Layout(
    title="HelpSteer3",
    read=read,
    columns=("context", "response1", "response2", "overall_preference"),
    votes=("overall_preference",),
    optional=(),
)
