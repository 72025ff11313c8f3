"""Kaggle's LMSYS and LLM Classification Finetuning: JSON lists in cells, three winner columns."""

from data.cells import vote
from data.frames import TEXT_COLUMNS
from data.labels import TIE, A, B
from data.layouts.layout import BOTH_BAD, Battle, Layout, Row, Vote
from data.rows import WINNER_COLUMNS, label_of
from data.soft import Shares, soft_label

# In what is made of the Arena's own table a fourth column stands beside the tie.
BOTH_BAD_COLUMNS = (
    "winner_tie (bothbad)",
    "winner_tie(bothbad)",
    "winner_tie_bothbad",
    "winner_tie_both_bad",
    "winner_bothbad",
    "winner_both_bad",
)

# What nearly all rows say, without a look at each cell.
_USUAL = [
    *((("1", "0", "0"), A), (("0", "1", "0"), B), (("0", "0", "1"), TIE)),
    *(((1, 0, 0), A), ((0, 1, 0), B), ((0, 0, 1), TIE)),
]


def read(row: Row) -> Battle:
    """Read a row: text cells are JSON lists, one string or null a turn, or text."""
    prompt, response_a, response_b = (row.turns(name) for name in TEXT_COLUMNS)
    vote = _vote(row) if row.labelled else None
    shares, one = (vote, None) if isinstance(vote, tuple) else (None, vote)
    models = row.get("model_a"), row.get("model_b")
    return Battle(prompt, response_a, response_b, one, *models, shares=shares)


def _vote(row: Row) -> Vote | Shares:
    cells = row["winner_model_a"], row["winner_model_b"], row["winner_tie"]
    for usual, found in _USUAL:
        if cells == usual:
            return found
    cells = tuple(map(row.one_or_zero, WINNER_COLUMNS))
    both_bad = any(vote(row.one_or_zero(name)) == 1 for name in BOTH_BAD_COLUMNS)
    if both_bad and [vote(cell) for cell in cells] == [0, 0, 0]:
        return BOTH_BAD
    return soft_label(cells) or label_of(cells)


KAGGLE = Layout(
    title="Kaggle LMSYS",
    read=read,
    columns=(*TEXT_COLUMNS, *WINNER_COLUMNS),
    votes=WINNER_COLUMNS,
    optional=("model_a", "model_b", *BOTH_BAD_COLUMNS),
)
