"""Faults of a whole file, which show in many of its rows: one message, and the way out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple, Self

from data.layouts.notation import LOOKS, OTHER, WAYS, kind_of, shown_cell
from data.opened import Opened, likely_of
from data.rows import ALL_COLUMNS, RowError, check_fields
from data.tables.encodings import undecodable_lines
from data.tables.read import Chunk, DataError, is_text, shown
from data.tables.texts import TextFile
from data.weights import weight_of

FEW, MANY, SHARE = 5, 20, 0.01  # rows that fail alike: more are a fault of the file
EXAMPLES = 3
AROUND = 20  # characters before what cannot be decoded
QUOTES = (
    'Write a quote within a cell twice (""), and quotes around cells that hold commas, quotes or '
    "line breaks, as Python's csv and pandas do."
)
VOTES = (
    "Write 1 and 0, or three probabilities that add up to 1, or name the column that says who won, "
    "and its words: --columns winner=COLUMN "
    "--votes a=WORD,b=WORD,tie=WORD."
)
WEIGHTS = (
    "Write a number in each row, such as 1 or 0.5, and leave out rows that are to count for "
    "nothing. If the column is not what rows weigh in training, rename it."
)
WORDS = "Say what stands for which vote: --votes a=WORD,b=WORD,tie=WORD."
# What was expected → the way out, where many rows hold something else.
WAYS_OUT = {
    "1 or 0": VOTES,
    "exactly one 1 and two 0": VOTES,
    "a finite number above 0": WEIGHTS,
    "one 1 and two 0, or": "Write probabilities that add up to 1, as numbers from 0 to 1.",
    "one of": WORDS,
    "a comma or the end": QUOTES,
    "as many fields": f"Write a name in the header for each field. {QUOTES}",
}


def is_whole(number: int, rows: int) -> bool:
    """Whether so many of a file's rows are no chance.

    >>> is_whole(4, 10), is_whole(5, 499), is_whole(5, 500), is_whole(20, 10**6)
    (False, True, False, True)
    """
    return number >= MANY or (number >= FEW and number > SHARE * rows)


class Kind(NamedTuple):
    """What rows that fail alike have in common.

    Attributes
    ----------
    where, expected : str
    found : str
        What it looks like.
    way_out : str
    """

    where: str
    expected: str
    found: str
    way_out: str

    @classmethod
    def of(cls, error: RowError) -> Self:
        """Return the kind of a row's fault."""
        expected = error.expected.partition(" (")[0]
        if expected.startswith("a JSON list"):
            kind = kind_of(error.cell)
            kind = kind if kind in LOOKS else OTHER
            return cls(error.where, expected, LOOKS[kind], WAYS[kind])
        found = error.found if error.where == ALL_COLUMNS else "something else"
        ways = (way for start, way in WAYS_OUT.items() if expected.startswith(start))
        return cls(error.where, expected, found, next(ways, "Write the column anew."))


@dataclass
class Faults:
    """The rows of a file that cannot be read, by what is wrong.

    Attributes
    ----------
    opened : Opened
    n_rows : int
    numbers : Counter of Kind
    examples : dict of Kind to list of str
    """

    opened: Opened
    n_rows: int = 0
    numbers: Counter[Kind] = field(default_factory=Counter)
    examples: dict[Kind, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, opened: Opened) -> Self:
        """Read a file through.

        Raises
        ------
        DataError
            Much of it cannot be decoded, which explains the rest.
        """
        found, undecodable = cls(opened), Undecodable(opened)
        for chunk in opened.chunks(close_quotes=not opened.labelled):
            undecodable.add(chunk)
            for at, error in _errors(opened, chunk):
                found.add(chunk.start + at + 1, error)
            found.n_rows += chunk.n_rows
        undecodable.check()
        return found

    def add(self, row: int, error: RowError) -> None:
        """Count a row."""
        key = Kind.of(error)
        self.numbers[key] += 1
        examples = self.examples.setdefault(key, [])
        if len(examples) < EXAMPLES:
            examples.append(f"row {row}: {shown_cell(error.cell) if error.cell else error.found}")

    def message(self) -> str:
        """Return what most of these rows have in common, and the way out."""
        (key, number), *_ = self.numbers.most_common(1)
        return (
            f"{self.opened.name}, {key.where}: expected {key.expected}, found {key.found} in "
            f"{number:,} of {self.n_rows:,} rows, such as {'; '.join(self.examples[key])}. "
            f"{key.way_out}"
        )

    @property
    def are_of_the_file(self) -> bool:
        """Whether so many rows fail alike that it is the file that is at fault."""
        return any(is_whole(number, self.n_rows) for number in self.numbers.values())


def _errors(opened: Opened, chunk: Chunk) -> Iterator[tuple[int, RowError]]:
    row = opened.row(chunk)
    for row.at in range(chunk.n_rows):
        try:
            if opened.labelled:
                check_fields(chunk, row.at)
            opened.recognised.layout.read(row)
            if opened.labelled:
                weight_of(row)
        except RowError as error:
            if error.where == ALL_COLUMNS:
                error.cell = _run_together(chunk, row.at)
            yield row.at, error


def _run_together(chunk: Chunk, at: int) -> str:
    return ", ".join(str(cells[at]) for cells in chunk.columns.values())


def row_message(opened: Opened, row: int, error: RowError) -> str:
    """Return what is said of one row that cannot be read."""
    way = (
        "Fix the row, or pass --skip-bad-rows to leave out such rows and list them."
        if opened.labelled
        else "Fix the row: each needs its prediction."
    )
    return f"{opened.name}, row {row}, {error}. {way}"


def stopped(opened: Opened, row: int, error: RowError) -> DataError:
    """Return the error of a row that cannot be read, or that of the file where many are alike."""
    faults = Faults.of(opened)
    whole = faults.are_of_the_file
    return DataError(faults.message() if whole else row_message(opened, row, error))


class Undecodable:
    """The rows of a file that hold bytes which are no text in its encoding."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._n_rows = self._number = 0
        self._examples: list[str] = []

    def add(self, chunk: Chunk) -> None:
        """Count those of a chunk, at most: U+FFFD may have stood in the file."""
        self._n_rows += chunk.n_rows
        if not chunk.replaced:
            return
        rows = {
            at: _around(cell)
            for cells in reversed(chunk.columns.values())  # of a row its first one is shown
            for at, cell in enumerate(cells)
            if "\ufffd" in str(cell)
        }
        self._number += min(len(rows), chunk.replaced)
        shown_rows = (f"row {chunk.start + at + 1}: {rows[at]}" for at in sorted(rows))
        self._examples += islice(shown_rows, EXAMPLES - len(self._examples))

    def check(self) -> None:
        """Refuse a file of which much cannot be decoded, unless it was said to be UTF-8.

        Raises
        ------
        DataError
            Names the encoding that it is likely in.
        """
        named = self._opened.reading.encoding
        if named == "utf-8" or not self._are_many(self._number):
            return
        number = min(self._number, self._by_lines())
        if not self._are_many(number):
            return
        raise DataError(
            f"{self._opened.name}: expected text in {(named or 'utf-8').upper()}, found bytes that "
            f"are none in {number:,} of {self._n_rows:,} rows, such as "
            f"{'; '.join(self._examples)}. {self._way_out()} --encoding utf-8 takes it "
            "as it is, each bad byte as U+FFFD."
        )

    def _are_many(self, number: int) -> bool:
        return number >= FEW and number > SHARE * self._n_rows

    def _by_lines(self) -> int:
        """Return how many rows these are at most, by the bytes of the file.

        U+FFFD stands for lone surrogates as well, and may have stood in the file.
        """
        if not is_text(self._opened.path):
            return self._n_rows
        with TextFile(self._opened.path, self._opened.reading.encoding).open() as raw:
            bad, whole = undecodable_lines(raw)
        return bad if whole >= self._n_rows or not bad else self._n_rows

    def _way_out(self) -> str:
        likely = likely_of(self._opened.path)
        if likely is None:
            return "Write the file in UTF-8, or pass --encoding NAME."
        if likely.mixed:
            return f"They are likely {likely.called}, amid UTF-8: write all in one encoding."
        return f"It is likely {likely.called}: pass --encoding {likely.name}."


def _around(cell: object) -> str:
    text = str(cell)
    return shown(text[max(text.find("\ufffd") - AROUND, 0) :])


def _rounded_up(share: float) -> float:
    """Return a share in whole hundredths that is no less.

    >>> _rounded_up(57 / 100), _rounded_up(1 / 3), _rounded_up(1.0)
    (0.57, 0.34, 1.0)
    """
    return min(number / 100 for number in range(101) if number / 100 >= share)


class Whole:
    """What is known of a file once it is read to its end.

    Parameters
    ----------
    opened : Opened
    """

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._undecodable = Undecodable(opened)
        self._n_rows = self._skipped = self._torn = 0
        self._examples: list[str] = []

    def add(self, chunk: Chunk, skipped: int = 0) -> None:
        """Take note of a chunk, and of how many of its rows were left out."""
        self._undecodable.add(chunk)
        self._n_rows += chunk.n_rows
        self._skipped += skipped
        torn = sorted(chunk.stray_quotes | chunk.long_rows)
        self._torn += len(torn)
        for at in torn[: EXAMPLES - len(self._examples)]:
            self._examples.append(f"row {chunk.start + at + 1}: {shown(_run_together(chunk, at))}")

    def check(self) -> None:
        """Refuse a file much of which was repaired, torn or left out.

        Raises
        ------
        DataError
            Says how much, and the way out.
        """
        self._undecodable.check()
        if not self._opened.labelled:
            self._check_torn()
        limit = self._opened.reading.skip_at_most
        share = self._skipped / max(self._n_rows, 1)
        if share > limit:
            raise DataError(
                f"{self._opened.name}: {self._skipped:,} of {self._n_rows:,} rows "
                f"({share:.1%}) cannot be read, and --skip-bad-rows leaves out "
                f"{100 * limit:.4g}% at most. {Faults.of(self._opened).message()} Or leave so many "
                f"out, by --skip-at-most {_rounded_up(share):g}."
            )

    def _check_torn(self) -> None:
        most = self._torn > 1 and 2 * self._torn > self._n_rows
        if most or is_whole(self._torn, self._n_rows):
            raise DataError(
                f"{self._opened.name}: expected as many fields in each row as the header has, and "
                f"a comma or the row's end after a closing quote, found other rows, torn apart, in "
                f"{self._torn:,} of {self._n_rows:,}, such as {'; '.join(self._examples)}. {QUOTES}"
            )
