"""A look over all cells of a file, once one of them is not as expected: what its columns hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from functools import cached_property
from itertools import islice

from data.cells import vote
from data.layouts.notation import (
    CUT,
    EITHER,
    EMPTY,
    FLAG,
    LOOKS,
    MESSAGES,
    NESTED,
    OTHER,
    PYTHON,
    WAYS,
    flag_of,
    kind_of,
    shown_cell,
)
from data.tables.read import Chunk, DataError

SHARE = 0.99  # of the cells that are not empty
ROWS = 5
EXAMPLES = 3
READ_AS = {
    PYTHON: LOOKS[PYTHON],
    MESSAGES: LOOKS[MESSAGES],
    FLAG: "True and False, or 1 and 0 written otherwise",
}
_NOT_UNDERSTOOD = (PYTHON, MESSAGES, CUT, OTHER)


class Look:
    """What notations a file's columns are in; the file is read when that is first asked.

    Parameters
    ----------
    file : str
        For messages.
    chunks : callable
        Gives the file's rows.
    texts, votes : collection of str
        Its columns that are lists of turns or text, and those that are 1 and 0.
    strict : bool
        Whether a file is refused most of whose texts begin like lists and are not understood.
    """

    def __init__(
        self,
        file: str,
        chunks: Callable[[], Iterator[Chunk]],
        texts: Collection[str],
        votes: Collection[str] = (),
        *,
        strict: bool = False,
    ) -> None:
        self._file, self._chunks = file, chunks
        self._texts, self._votes = texts, votes
        self._strict = strict
        self._told = False
        self._n_rows = self._torn = 0

    @cached_property
    def _kinds(self) -> dict[str, Counter[str]]:
        """How many cells of each column are of which kind."""
        found: dict[str, Counter[str]] = {name: Counter() for name in (*self._texts, *self._votes)}
        for chunk in self._chunks():
            self._n_rows += chunk.n_rows
            self._torn += len(chunk.stray_quotes | chunk.long_rows)
            for name, cells in chunk.columns.items():
                if name in self._texts:
                    found[name].update(map(kind_of, cells))
                elif name in self._votes:
                    found[name].update(map(_kind_of_vote, cells))
        return found

    @cached_property
    def _of_columns(self) -> dict[str, str]:
        """The columns that are in another notation than JSON, or than 1 and 0, throughout."""
        found = {name: known for name, kinds in self._kinds.items() if (known := notation(kinds))}
        if self._strict:
            self._check(set(found.values()))
        return found

    def notations(self, name: str) -> set[str]:
        """Return the notations in which cells of a column are read, beside JSON, 1 and 0.

        Where one column of texts is in one, cells of the others may be as well.

        Raises
        ------
        DataError
            Names the notation of most cells, the way out, and three of the cells.
        """
        columns = self._texts if name in self._texts else (name,)
        return {known for one, known in self._of_columns.items() if one in columns}

    def is_mostly(self, name: str, kind: str) -> bool:
        """Whether most cells of a column are of a kind."""
        return 2 * self._kinds[name][kind] > _filled(self._kinds[name])

    def notes(self) -> list[str]:
        """Return what a person is told of the notations, once they are known and not told yet."""
        if self._told or "_of_columns" not in self.__dict__:
            return []
        self._told = True
        by_notation: dict[str, list[str]] = {}
        for name, known in self._of_columns.items():
            by_notation.setdefault(known, []).append(name)
        return [
            f"read {', '.join(names)} as {READ_AS[known]}" for known, names in by_notation.items()
        ]

    def _check(self, known: Collection[str]) -> None:
        strange = [kind for kind in _NOT_UNDERSTOOD if kind not in known]
        numbers = {name: sum(self._kinds[name][kind] for kind in strange) for name in self._texts}
        if sum(numbers.values()) < 2:
            return  # a single one is text
        if 2 * self._torn > self._n_rows:
            return  # cells of other columns: this is told once the file is read
        for name, number in numbers.items():
            whole = _filled(self._kinds[name])
            if 2 * number > whole:
                kind = max(strange, key=lambda one: self._kinds[name][one])
                raise DataError(
                    f"{self._file}, column {name}: expected JSON lists of strings or nulls, or "
                    f"text, found {LOOKS[kind]} in {number:,} of {whole:,} cells, such as "
                    f"{self._examples(name, kind)}. {WAYS[kind]} If they are text as they stand, "
                    "pass --raw."
                )

    def _examples(self, name: str, kind: str) -> str:
        cells = (
            f"row {chunk.start + at}: {shown_cell(cell)}"
            for chunk in self._chunks()
            for at, cell in enumerate(chunk.columns[name], start=1)
            if kind_of(cell) == kind
        )
        return "; ".join(islice(cells, EXAMPLES))


def notation(kinds: Counter[str]) -> str | None:
    """Return the notation that a column is in throughout, None for JSON, text and 1 and 0.

    >>> notation(Counter(Python=98, either=1, JSON=1)), notation(Counter(Python=98, JSON=2))
    ('Python', None)
    >>> notation(Counter(messages=4)), notation(Counter(messages=5, empty=9))
    (None, 'messages')
    """
    whole = _filled(kinds)
    for kind, also in ((PYTHON, EITHER), (MESSAGES, NESTED), (FLAG, "")):
        if kinds[kind] and whole >= ROWS and kinds[kind] + kinds[also] >= SHARE * whole:
            return kind
    return None


def _filled(kinds: Counter[str]) -> int:
    return kinds.total() - kinds[EMPTY]


def _kind_of_vote(cell: object) -> str:
    if cell == "":
        return EMPTY
    return EITHER if vote(cell) is not None else OTHER if flag_of(cell) is None else FLAG
