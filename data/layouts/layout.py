"""The contract of a layout: one function from a row of a table to a battle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

from data.cells import Conversation, checked_turns, parse_cell, repair_surrogates, vote
from data.labels import TIE, A, B
from data.layouts.look import Look
from data.layouts.messages import Dialogue, Messages, dialogue, messages_of
from data.layouts.notation import CALLS, FLAG, PYTHON, flag_of, is_cut, shown_cell, turns_in
from data.rows import RowError
from data.tables.read import Chunk

WEIGHT = "weight"  # what a row weighs in training: a column that a table of any layout may have
_EXAMPLES = 3  # of what is told of a chunk's cells
BOTH_BAD = 3  # a vote beside A, B and TIE: neither answer will do
Vote = int

# What people write for a vote, in small letters.
WORDS: dict[str, Vote] = {
    **dict.fromkeys(("a", "model_a", "response_a", "left"), A),
    **dict.fromkeys(("b", "model_b", "response_b", "right"), B),
    **dict.fromkeys(("tie", "tie (inconsistent)", "draw", "same", "both"), TIE),
    **dict.fromkeys(("tie (bothbad)", "both_bad", "bothbad", "both bad"), BOTH_BAD),
}


class Battle(NamedTuple):
    """A row as it was read.

    Attributes
    ----------
    prompt, response_a, response_b : list of str or None
        One string, or null, a turn.
    vote : int or None
        `A`, `B`, `TIE` or `BOTH_BAD`; None where the table's votes are not read, or are `shares`.
    model_a, model_b : object
        The names of the models, empty where they are unknown.
    weight : float
        Of the row in training.
    shares : tuple of float, optional
        Probabilities of A, B and tie, where those are given for a vote.
    """

    prompt: Conversation
    response_a: Conversation
    response_b: Conversation
    vote: Vote | None
    model_a: object = ""
    model_b: object = ""
    weight: float = 1.0
    shares: tuple[float, float, float] | None = None


class Row:
    """A row of a table, for the function of a layout; `at` is moved from row to row.

    Parameters
    ----------
    chunk : Chunk
        Its columns have the layout's names.
    labelled : bool
        Whether votes are read.
    raw : bool
        Whether text that starts as JSON and is none is a turn as it stands, rather than a fault.
    words : mapping of str to int
        What stands for which vote.
    own : mapping of str to str
        What the file calls columns that it does not call as the layout does.
    look : Look, optional
        Tells of notations other than JSON, once a cell is none.
    """

    def __init__(
        self,
        chunk: Chunk,
        *,
        labelled: bool,
        raw: bool = False,
        words: Mapping[str, Vote] = WORDS,
        own: Mapping[str, str] | None = None,
        look: Look | None = None,
    ) -> None:
        self.labelled = labelled
        self.at = 0
        self.repaired = 0
        self.counts: Counter[str] = Counter()
        self.notes: list[str] = []
        self._start = chunk.start
        self._look = look
        self._raw = raw
        self._columns = chunk.columns
        self._words = words
        self._own = own or {}

    def __getitem__(self, name: str) -> Any:
        return self._columns[name][self.at]

    def get(self, name: str, default: Any = "") -> Any:
        """Return a cell of a column that a table may lack, and what else is said where it does."""
        cells = self._columns.get(name)
        return default if cells is None else cells[self.at]

    def error(self, name: str, expected: str) -> RowError:
        """Return what is to be raised where a cell is not as expected."""
        cell = self[name]
        return RowError(self._column(name), expected, shown_cell(cell), cell)

    def _column(self, name: str) -> str:
        return f"column {self._own.get(name, name)}"

    def turns(self, name: str) -> Conversation:
        """Return a cell's turns: a JSON list of strings and nulls, or text, which is one turn.

        Where the whole file is in another notation, a cell that is no such list is read in it.
        """
        cell = self[name]
        try:
            if isinstance(cell, list):  # what is no text was repaired where it was read
                return checked_turns(cell)
            turns, repaired = parse_cell(cell)
            understood = type(cell) is not str or not cell.startswith(CALLS)
        except ValueError:
            understood = False
        if not understood:
            turns, repaired = self._otherwise(name, cell)
        self.repaired += repaired
        return turns

    def _otherwise(self, name: str, cell: Any) -> tuple[Conversation, int]:
        """Return the turns of a cell that is no JSON list, and how many characters were mended."""
        notations = self._look.notations(name) if self._look else ()
        try:
            return turns_in(cell, notations, answers=name != "prompt", left_out=self.counts)
        except ValueError:
            called = isinstance(cell, str) and cell.startswith(CALLS)
        if called and not (self._look and self._look.is_mostly(name, PYTHON)):
            return [cell], 0
        if not self._raw:
            raise self.error(name, "a JSON list of strings or nulls") from None
        self.counts["raw_cells"] += 1
        if is_cut(cell):
            self.counts["cut_cells"] += 1
            where = f"row {self._start + self.at + 1}, {self._column(name)}"
            self.notes += [f"{where}: {shown_cell(cell)}"] if len(self.notes) < _EXAMPLES else []
        text, repaired = repair_surrogates(str(cell))
        return [text], repaired

    def one_or_zero(self, name: str) -> Any:
        """Return a winner's cell; as a number where the whole column is in another notation."""
        cell = self.get(name)
        if cell == "" or vote(cell) is not None or not self._look:
            return cell
        found = flag_of(cell) if FLAG in self._look.notations(name) else None
        return cell if found is None else found

    def text(self, name: str) -> Conversation:
        """Return a cell of plain text as one turn, as it stands."""
        cell = self[name]
        if not isinstance(cell, str):
            raise self.error(name, "text")
        return [cell]

    def messages(self, name: str) -> Messages:
        """Return a cell's messages; parts that are no text are counted and left out."""
        try:
            messages, repaired = messages_of(self[name], self.counts)
        except ValueError as error:
            expected = f"a list of messages with role and content ({error})"
            raise self.error(name, expected) from None
        self.repaired += repaired
        return messages

    def dialogue(self, name: str) -> Dialogue:
        """Return the turns of a cell of messages: what was asked, and what was answered."""
        return dialogue(self.messages(name))

    def two_dialogues(self, a: str, b: str) -> tuple[Conversation, Conversation, Conversation]:
        """Return prompt and answers of two conversations in which the same was asked."""
        one, other = self.dialogue(a), self.dialogue(b)
        if one.prompt != other.prompt:
            raise self.error(b, f"the questions that column {self._own.get(a, a)} has")
        return one.prompt, one.answers, other.answers

    def vote(self, name: str, words: Mapping[str, Vote] | None = None) -> Vote | None:
        """Return what a cell says in words; None where votes are not read."""
        if not self.labelled:
            return None
        known = self._words if words is None or self._words is not WORDS else words
        found = known.get(as_word(self[name]))
        if found is None:
            raise self.error(name, f"one of {', '.join(known)}")
        return found


def as_word(cell: object) -> str:
    """Return a cell as a word for a vote: small letters, no quotes, whole numbers as such.

    >>> as_word(" Model_A "), as_word('"tie"'), as_word(1.0), as_word("1.0"), as_word(True)
    ('model_a', 'tie', '1', '1', 'true')
    """
    text = str(cell).strip().strip("\"'").strip().lower()
    return text[:-2] if text.endswith(".0") and text[:-2].lstrip("-").isdigit() else text


class Layout(NamedTuple):
    """A layout in which votes are published.

    Attributes
    ----------
    title : str
        Its name on the screen.
    read : callable
        From a row to a battle; raises `RowError` (see `Row.error`) where the row is at fault.
    columns : tuple of str
        The columns by which a training file is known; of several layouts that a file has the
        columns of, the one with most of them is taken, then the first of the registry.
    votes : tuple of str
        Those of them that hold the vote.
    test_columns : tuple of str
        The columns by which a file without votes is known; by default `columns` but `votes`.
    optional : tuple of str
        Further columns that `read` looks at.
    id : str
        The column that names a battle; where a file has none, rows are numbered.
    judges : tuple of str
        Columns of those who voted: another judge's vote of the same battle is another vote.
    ties : bool
        Whether a vote may be a tie.
    """

    title: str
    read: Callable[[Row], Battle]
    columns: tuple[str, ...]
    votes: tuple[str, ...] = ()
    test_columns: tuple[str, ...] = ()
    optional: tuple[str, ...] = ("model_a", "model_b")
    id: str = "id"
    judges: tuple[str, ...] = ()
    ties: bool = True

    def needed(self, *, labelled: bool) -> tuple[str, ...]:
        """Return the columns by which a file of this kind is known."""
        if labelled:
            return self.columns
        return self.test_columns or tuple(name for name in self.columns if name not in self.votes)

    def looked_at(self) -> tuple[str, ...]:
        """Return all columns that may be read."""
        known = (*self.columns, *self.test_columns, *self.optional, *self.judges, WEIGHT)
        return tuple(dict.fromkeys(filter(None, ("id", self.id, *known))))


def drawn(chosen: Sequence[str | None], rejected: Sequence[str | None]) -> bool:
    """Whether the chosen answer comes second: a bit of a hash of what the row holds.

    >>> [drawn(["yes"], [text]) for text in ("no", "not so", "never")]
    [True, False, True]
    """
    digest = blake2b(digest_size=1)
    for turns in (chosen, rejected):
        for turn in turns:
            text = "" if turn is None else turn
            digest.update(f"{len(text)}:{text}".encode("utf-8", "surrogatepass"))
        digest.update(b"|")
    return bool(digest.digest()[0] & 1)
