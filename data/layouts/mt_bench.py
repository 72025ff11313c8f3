"""MT-Bench's votes: several judges, and a vote on the first turns of a conversation."""

from data.layouts.layout import Battle, Layout, Row


def read(row: Row) -> Battle:
    """Read a row: `turn` says how many turns the judge saw of conversations of two."""
    prompt, answers_a, answers_b = row.two_dialogues("conversation_a", "conversation_b")
    turns = _turns(row)
    return Battle(
        prompt[:turns],
        answers_a[:turns],
        answers_b[:turns],
        row.vote("winner"),
        row.get("model_a"),
        row.get("model_b"),
    )


def _turns(row: Row) -> int:
    try:
        turns = int(float(row["turn"]))
    except (TypeError, ValueError, OverflowError):
        turns = 0
    if turns < 1:
        raise row.error("turn", "the number of turns that were judged")
    return turns


MT_BENCH = Layout(
    title="MT-Bench votes",
    read=read,
    columns=(
        *("question_id", "model_a", "model_b", "winner", "judge"),
        *("conversation_a", "conversation_b", "turn"),
    ),
    votes=("winner",),
    id="",  # question_id names a question, of which there are many battles
    judges=("judge",),
)
