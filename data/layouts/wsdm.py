"""Kaggle's WSDM Cup, Multilingual Chatbot Arena: plain text of one turn, and no ties."""

from data.frames import TEXT_COLUMNS
from data.labels import A, B
from data.layouts.layout import Battle, Layout, Row

WINNERS = {"model_a": A, "model_b": B}


def read(row: Row) -> Battle:
    """Read a row: a cell is one turn as it stands, also where it looks like JSON."""
    return Battle(
        row.text("prompt"),
        row.text("response_a"),
        row.text("response_b"),
        row.vote("winner", WINNERS),
        row.get("model_a"),
        row.get("model_b"),
    )


WSDM = Layout(
    title="WSDM Cup",
    read=read,
    columns=(*TEXT_COLUMNS, "winner", "language"),
    votes=("winner",),
    test_columns=(*TEXT_COLUMNS, "scored"),
    ties=False,
)
