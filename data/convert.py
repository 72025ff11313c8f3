"""``python -m data.convert FILE … --output train.csv``: votes of any layout in Kaggle's format."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import compress
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from data.battles import (
    TEXT_COLUMNS,
    WINNER_COLUMNS,
    DataError,
    ReadBattles,
    counted,
    iter_test,
    iter_training,
)
from data.layouts.flags import add_reading_flags, add_skip_flags, reading_from
from data.layouts.layout import WEIGHT
from data.soft import battle_starts
from data.weights import shares

MODELS = ("model_a", "model_b")
WRITING = ".writing"
WRONG_USE = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Convert, and say what was counted.

    Returns
    -------
    int
        0, or 2 where a file is not what it should be.
    """
    parser = argparse.ArgumentParser(
        prog="python -m data.convert", description="Write votes of any layout in Kaggle's format."
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="or a folder of files")
    parser.add_argument("--output", type=Path, required=True, metavar="CSV")
    parser.add_argument("--no-votes", action="store_true", help="a test file: leave votes out")
    add_skip_flags(parser)
    add_reading_flags(parser)
    options = parser.parse_args(argv)
    try:
        reading = reading_from(options)
        parts = (
            iter_test(options.files, reading=reading)
            if options.no_votes
            else iter_training(options.files, reading=reading, skip_bad_rows=options.skip_bad_rows)
        )
        _tell(convert(parts, options.output))
    except (DataError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return WRONG_USE
    return 0


class Converted(NamedTuple):
    """What files were read as, what was counted (`data.battles.COUNTS`), and what else is told."""

    layouts: list[str]
    counts: Counter[str]
    notes: list[str]


def convert(parts: Iterable[ReadBattles], output: Path) -> Converted:
    """Write what was read as a CSV file of Kaggle's, a chunk at a time.

    Parameters
    ----------
    parts : iterable of ReadBattles
        As `iter_training` or `iter_test` give them.
    output : Path
        The file to write; it appears when it is whole.

    Returns
    -------
    Converted
        What is told of it.
    """
    counts: Counter[str] = Counter()
    layouts: dict[str, None] = {}
    notes: list[str] = []
    with _whole_file(output) as file:
        writer = csv.writer(file, lineterminator="\n")
        for number, part in enumerate(parts):
            if number == 0:
                writer.writerow(_header(part))
            writer.writerows(_rows(part))
            counts.update(part.counts)
            layouts[part.layout] = None
            notes += part.notes
    return Converted(list(layouts), counts, notes)


def _header(part: ReadBattles) -> list[str]:
    if part.y is None:
        return ["id", *TEXT_COLUMNS]
    weight = [WEIGHT] if WEIGHT in part.battles else []
    return ["id", *MODELS, *TEXT_COLUMNS, *WINNER_COLUMNS, *weight]


def _rows(part: ReadBattles) -> Iterator[list[Any]]:
    """Yield the rows: texts as JSON lists, votes as three numbers, weights where there are any."""
    texts = [[_as_json(cell) for cell in part.battles[name]] for name in TEXT_COLUMNS]
    ids = part.battles["id"]
    if part.y is None:
        yield from ([*row] for row in zip(ids, *texts, strict=True))
        return
    models = [part.battles[name].astype(object).fillna("") for name in MODELS]
    weights = [part.battles[WEIGHT]] if WEIGHT in part.battles else []
    cells = zip(ids, *models, *texts, *_votes(part), *weights, strict=True)
    yield from ([*row] for row in compress(cells, battle_starts(part.battles, part.y)))


def _votes(part: ReadBattles) -> list[list[float]]:
    """Return the three winner columns; soft labels stand in the first row of their battle."""
    share, y = shares(part.battles), np.asarray(part.y)
    if share is None:
        return [(y == place).astype(int).tolist() for place in range(len(WINNER_COLUMNS))]
    votes = np.eye(len(WINNER_COLUMNS))[y]
    first = np.flatnonzero(battle_starts(part.battles, y))
    votes[first] = np.add.reduceat(votes * share[:, None], first)
    return [column.tolist() for column in votes.T]


def _as_json(turns: Iterable[str | None]) -> str:
    return json.dumps(list(turns), ensure_ascii=False)


@contextmanager
def _whole_file(path: Path) -> Iterator[IO[str]]:
    """Open a file that appears under its name when it is whole."""
    aside = path.with_name(path.name + WRITING)
    try:
        with aside.open("w", encoding="utf-8", newline="") as file:
            yield file
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _tell(done: Converted) -> None:
    layouts = ", ".join(done.layouts)
    sys.stdout.write(f"read as {layouts}: {done.counts['kept']:,} battles written\n")
    lines = [*done.notes, *counted(done.counts)]
    sys.stdout.writelines(f"{line}\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
