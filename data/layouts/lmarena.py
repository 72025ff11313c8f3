"""The Arena's own tables: two conversations, each a list of messages, and a winner.

LMArena's 140k holds each message's content as a list of parts; its expert-5k holds the same as text
that Python shows. The 100k and the 33k before it hold content as text.
"""

from data.layouts.layout import Battle, Layout, Row

CONVERSATIONS = ("conversation_a", "conversation_b", "winner")
MODELS = ("model_a", "model_b")


def read(row: Row) -> Battle:
    """Read a row: both conversations ask the same."""
    return Battle(
        *row.two_dialogues("conversation_a", "conversation_b"),
        row.vote("winner"),
        row.get("model_a"),
        row.get("model_b"),
    )


LMARENA_140K = Layout(
    title="LMArena 140k",
    read=read,
    columns=(*CONVERSATIONS, "evaluation_session_id", "evaluation_order"),
    votes=("winner",),
)
LMARENA_100K = Layout(
    title="LMArena 100k",
    read=read,
    columns=(*CONVERSATIONS, *MODELS, "question_id", "language", "tstamp"),
    votes=("winner",),
    id="question_id",
    judges=("judge", "judge_hash"),
)
CONVERSATION_PAIRS = Layout(
    title="two conversations",
    read=read,
    columns=CONVERSATIONS,
    votes=("winner",),
    judges=("judge",),
)
