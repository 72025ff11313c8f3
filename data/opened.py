"""Files whose layout is known, as chunks of rows in which columns have the layout's names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from data.files import Files
from data.frames import TEXT_COLUMNS, as_text
from data.layouts.kaggle import BOTH_BAD_COLUMNS
from data.layouts.layout import WEIGHT, Row
from data.layouts.look import Look
from data.layouts.reading import Reading
from data.layouts.recognition import Recognised, recognise
from data.rows import WINNER_COLUMNS
from data.tables.encodings import Likely, likely_encoding
from data.tables.packed import unpacked
from data.tables.read import (
    Chunk,
    DataError,
    are_odd,
    column_names,
    is_text,
    read_chunks,
    shown,
)


class Opened(NamedTuple):
    """A file, and how it is read.

    Attributes
    ----------
    path : Path
    recognised : Recognised
    reading : Reading
    labelled : bool
        Whether votes are read.
    look : Look, optional
        Tells, once it is asked, which notations the columns are in.
    """

    path: Path
    recognised: Recognised
    reading: Reading
    labelled: bool
    look: Look | None = None

    @property
    def name(self) -> str:
        """What the file is called in messages."""
        return self.path.name

    @property
    def ties(self) -> bool:
        """Whether a vote may be a tie."""
        words_count = "winner" in self.recognised.layout.votes
        return self.recognised.layout.ties and (self.reading.knows_ties or not words_count)

    @property
    def id_column(self) -> str:
        """The column that names battles, by the layout's name for it; "" where there is none."""
        named = ("id", self.recognised.layout.id)
        return next((name for name in named if name in self.recognised.own), "")

    def chunks(self, **options: Any) -> Iterator[Chunk]:
        """Yield the rows in order, see `data.tables.read.read_chunks`."""
        layout, own = self.recognised
        skipped = () if self.labelled else (*layout.votes, WEIGHT)
        known = {name: called for name, called in own.items() if name not in skipped}
        required = [known[name] for name in layout.columns if name in known]
        wanted = tuple(known.values())
        renamed = {called: name for name, called in known.items() if called != name}
        options["encoding"] = self.reading.encoding
        for chunk in read_chunks(self.path, required=required, wanted=wanted, **options):
            if renamed:
                columns = {renamed.get(name, name): c for name, c in chunk.columns.items()}
                chunk = replace(chunk, columns=columns)
            yield chunk

    def ids_alone(self) -> Iterator[Chunk]:
        """Yield chunks of the column that names battles, or of no column where there is none."""
        called = self.recognised.own.get(self.id_column)
        wanted = () if called is None else (called,)
        options: Any = {"close_quotes": True, "encoding": self.reading.encoding}
        for chunk in read_chunks(self.path, required=(), wanted=wanted, **options):
            ids = {} if called is None else {self.id_column: chunk.columns[called]}
            yield replace(chunk, columns=ids)

    def with_look(self) -> Opened:
        """Return the same with a look over its columns, which is taken once a cell is odd."""
        votes = (*WINNER_COLUMNS, *BOTH_BAD_COLUMNS)
        known = [name for name in self.recognised.layout.looked_at() if name in self.recognised.own]
        look = Look(
            self.name,
            lambda: self.chunks(close_quotes=not self.labelled),
            [name for name in TEXT_COLUMNS if name in known],
            [name for name in votes if name in known and self.labelled],
            strict=not (self.labelled or self.reading.raw),
        )
        return self._replace(look=look)

    def notes(self) -> list[str]:
        """Return what a person is told of the columns' notations, once."""
        return self.look.notes() if self.look else []

    def row(self, chunk: Chunk) -> Row:
        """Return a row that can be moved through a chunk."""
        own = {name: called for name, called in self.recognised.own.items() if name != called}
        return Row(
            chunk,
            labelled=self.labelled,
            raw=not self.labelled,
            words=self.reading.words,
            own=own,
            look=self.look,
        )


def open_files(files: Files, *, labelled: bool, optional: bool = False) -> list[Opened]:
    """Find the layout of each file, before any of them is read; see `recognise`."""
    how = {"labelled": labelled, "optional": optional}
    return [
        Opened(path, _recognised(path, files.reading, **how), files.reading, labelled).with_look()
        for path in files.paths
    ]


def _recognised(path: Path, reading: Reading, *, labelled: bool, optional: bool) -> Recognised:
    names = column_names(path, reading.encoding)
    likely = likely_of(path) if are_odd(names) else None
    return recognise(
        path.name,
        names,
        reading,
        labelled=labelled,
        optional=optional,
        likely=likely and likely.name,
    )


def likely_of(path: Path) -> Likely | None:
    """Return which encoding a file of text is likely in that is no UTF-8."""
    if not is_text(path):
        return None
    with unpacked(path) as raw:
        return likely_encoding(raw)


class Ids:
    """The names of battles of one file after the other: row numbers run on, names differ.

    Parameters
    ----------
    files : sequence of Opened
    """

    def __init__(self, files: Sequence[Opened]) -> None:
        self._several = len(files) > 1
        self._seen: dict[str, str] = {}
        self._path: Path | None = None
        self._before = self._rows = 0

    def of(self, opened: Opened, chunk: Chunk) -> Sequence[object]:
        """Return the names of a chunk's rows.

        Raises
        ------
        DataError
            A name that stands in an earlier file.
        """
        if opened.path != self._path:
            self._path, self._before = opened.path, self._before + self._rows
        self._rows = chunk.start + chunk.n_rows
        cells = chunk.columns.get(opened.id_column)
        if cells is None:
            return range(self._before + chunk.start, self._before + self._rows)
        if self._several:
            self._check(cells, opened.path, chunk.start)
        return cells

    def _check(self, cells: Sequence[object], path: Path, start: int) -> None:
        for row, cell in enumerate(cells, start=start + 1):
            earlier = self._seen.setdefault(as_text(cell), str(path))
            if earlier != str(path):
                raise DataError(
                    f"{path.name}, row {row}, column id: expected another id in each file, found "
                    f"{shown(cell)}, which stands in {Path(earlier).name} as well. Give each file "
                    "once, and ids that differ."
                )
