"""compar:IA's votes: the name of the chosen model, or none where both are equal."""

from data.cells import vote
from data.labels import TIE, A, B
from data.layouts.layout import Battle, Layout, Row, Vote


def read(row: Row) -> Battle:
    """Read a row: both conversations ask the same."""
    return Battle(
        *row.two_dialogues("conversation_a", "conversation_b"),
        _vote(row) if row.labelled else None,
        row["model_a_name"],
        row["model_b_name"],
    )


def _vote(row: Row) -> Vote:
    if _is_true(row["both_equal"]):
        return TIE
    sides = [row["chosen_model_name"] == row[name] for name in ("model_a_name", "model_b_name")]
    if sum(sides) != 1:
        raise row.error("chosen_model_name", "the name of one of two models, or both_equal")
    return A if sides[0] else B


def _is_true(cell: object) -> bool:
    return vote(cell) == 1 or str(cell).strip().lower() == "true"


COMPARIA = Layout(
    title="compar:IA",
    read=read,
    columns=(
        *("conversation_a", "conversation_b", "model_a_name", "model_b_name"),
        *("chosen_model_name", "both_equal"),
    ),
    votes=("chosen_model_name", "both_equal"),
    optional=(),
)
