"""A table of anyone's: three texts and one column that says who won; also after ``--columns``."""

from data.frames import TEXT_COLUMNS
from data.layouts.layout import Battle, Layout, Row


def read(row: Row) -> Battle:
    """Read a row: text cells are JSON lists, one string or null a turn, or text."""
    return Battle(
        row.turns("prompt"),
        row.turns("response_a"),
        row.turns("response_b"),
        row.vote("winner"),
        row.get("model_a"),
        row.get("model_b"),
    )


PLAIN = Layout(
    title="plain table",
    read=read,
    columns=(*TEXT_COLUMNS, "winner"),
    votes=("winner",),
    judges=("judge",),
)
