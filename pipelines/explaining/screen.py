"""What the screen shows of an explained battle, within 80 columns."""

from collections.abc import Mapping
from typing import Literal

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pipelines.command.progress import tell
from pipelines.explaining.content import Column, Explained, Family, Words
from pipelines.report.importance import LOOKS

HEADINGS = {"z": "A or B", "t": "tie", "a": "A", "b": "B", "tie": "tie"}
SAID = {"model_a": "A", "model_b": "B", "tie": "tie"}
NAME_WIDTH, GRAMS = 44, 8  # columns of the screen; n-grams on each side


def show_explained(console: Console, found: Explained, top: int) -> None:
    """Print the probabilities, and what moved them: families, their columns, and words.

    Parameters
    ----------
    console : rich.console.Console
    found : Explained
    top : int
        Columns of each family, at most.
    """
    tell(console, f"this battle: {_probabilities(found['probabilities'])}")
    tell(console, f"the average battle of its length: {_probabilities(found['average'])}")
    console.print(_moved(found, top))
    tell(console, _legend(found))
    for name, logit in found["logits"].items():
        if logit["clipped"]:
            tell(console, f"{HEADINGS[name]}: beyond 30 on either side, and counts as 30.")
    if "words" in found:
        _show_words(console, found["words"])


def _probabilities(of: Mapping[str, float]) -> str:
    return ", ".join(f"{SAID[name]} {p:.4f}" for name, p in of.items())


def _legend(found: Explained) -> str:
    if "z" in found["logits"]:
        ties = ", and for a tie (below for a decision)" if "t" in found["logits"] else ""
        return f"Log odds: above 0 for A (below for B){ties}."
    return "Margins of the three classes before calibration; the greatest is the likeliest."


def _moved(found: Explained, top: int) -> Table:
    logits = found["logits"]
    table = Table(title="What moved it", **LOOKS)
    table.add_column("", overflow="fold", max_width=NAME_WIDTH)
    for heading in ("value", *(HEADINGS[name] for name in logits)):
        table.add_column(heading, justify="right", no_wrap=True)
    start = [_signed(of["average"]) for of in logits.values()]
    table.add_row("the average battle", "", *start)
    for family in found["families"]:
        table.add_row(Text(family["name"]), "", *_added(family), style="bold")
        for column in family["columns"][:top]:
            meaning = Padding(Text(column["meaning"]), (0, 0, 0, 2))
            table.add_row(meaning, f"{column['value']:.4g}", *_added(column))
        left = family["columns"][top:]
        if left:
            table.add_row(Text(f"  {len(left):,} more"), "", *_rest(left))
    end = [_signed(of["value"]) for of in logits.values()]
    table.add_row("this battle", "", *end, style="bold")
    return table


def _added(of: Family | Column) -> list[str]:
    return [_signed(value) for value in of["adds"].values()]


def _rest(columns: list[Column]) -> list[str]:
    return [_signed(sum(of["adds"][name] for of in columns)) for name in columns[0]["adds"]]


def _signed(value: float) -> str:
    """Return a number with its sign, which nothing has that would be shown as 0.

    >>> _signed(0.25), _signed(-0.00001)
    ('+0.250', '0.000')
    """
    shown = f"{value:+.3f}"
    return "0.000" if float(shown) == 0 else shown


def _show_words(console: Console, words: Words) -> None:
    if not words["grams"]:
        tell(console, "What the words say: nothing, no n-gram makes a difference between A and B.")
        return
    tell(console, f"What the words say: {_signed(words['score'])} for A, by n-gram")
    console.print(_words(words))
    tell(console, "These add up to one column, lexical__direction_diff.")


def _words(words: Words) -> Table:
    """Return the n-grams that move the score most, for A on the left and for B on the right."""
    table = Table(**LOOKS)
    for heading in ("for A", "", "for B", ""):
        side: Literal["left", "right"] = "left" if heading else "right"
        table.add_column(heading, justify=side, no_wrap=True, overflow="ellipsis", max_width=26)
    for_a = [of for of in words["grams"].items() if of[1] > 0][:GRAMS]
    for_b = [of for of in words["grams"].items() if of[1] < 0][:GRAMS]
    for place in range(max(len(for_a), len(for_b))):
        sides = [of[place] if place < len(of) else None for of in (for_a, for_b)]
        cells = [
            cell
            for side in sides
            for cell in ((Text(_shown(side[0])), _signed(side[1])) if side else ("", ""))
        ]
        table.add_row(*cells)
    return table


def _shown(gram: str) -> str:
    """Return an n-gram as a terminal may have it: spaces count, and nothing moves the cursor.

    >>> _shown("char:of "), _shown("word:it is")
    ('char:of␣', 'word:it is')
    """
    kind, _, letters = gram.partition(":")
    letters = letters.replace(" ", "␣") if kind == "char" else letters
    return f"{kind}:{''.join(c if c.isprintable() else '·' for c in letters)}"
