"""What is read of a file: its chunks become battles frames, labels and counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.cells import MOST_TURNS, Conversation, join_turns
from data.frames import TEXT_COLUMNS, build_frame, concat_battles
from data.labels import TIE
from data.layouts.layout import BOTH_BAD, Battle
from data.opened import Opened
from data.rows import RowError, Votes, check_fields
from data.tables.read import Chunk, DataError

COUNTS = {
    "rows": "rows in the file, header and blank lines not counted",
    "kept": "rows in the battles frame",
    "duplicates": "rows left out because an earlier one equals them in every column but id",
    "contradictory": "kept rows that equal an earlier one in every column but id and label",
    "duplicate_ids": "kept rows of a training file whose id an earlier one has",
    "skipped_rows": "rows left out because they could not be read (--skip-bad-rows)",
    "null_turns": "turns that are null, in the kept rows",
    "empty_cells": "text cells that are empty or an empty list, in the kept rows",
    "unequal_turns": "kept rows whose prompt and answers differ in their number of turns",
    "joined_turns": f"text cells whose turns from number {MOST_TURNS:,} on were joined into one",
    "long_rows": "rows of a test file with more fields than the header (the rest is ignored)",
    "stray_quotes": "rows of a test file in which text follows a closing quote: where a quote is "
    "missing, rows have run together",
    "unclosed_quotes": "test files with a quote that is never closed: it was closed at the end of "
    "the file, or left out where other lines follow",
    "raw_cells": "text cells of a test file that are no list of turns: their raw text is one turn",
    "both_bad": "votes that both answers are bad: ties, or left out with --both-bad skip",
    "image_parts": "parts of messages that are images, left out",
    "audio_parts": "parts of messages that are sound, left out",
    "video_parts": "parts of messages that are films, left out",
    "file_parts": "parts of messages that are files, left out",
    "tool_parts": "calls of tools in messages, and what tools gave back, left out",
    "other_parts": "parts of messages of another kind that are no text, left out",
    "repaired_characters": "undecodable bytes and lone surrogates that became U+FFFD",
}


@dataclass(frozen=True)
class ReadBattles:
    """What one file, or one chunk of it, gave.

    Attributes
    ----------
    battles : DataFrame
        Columns `FRAME_COLUMNS` on Arrow: the three texts are lists of turns (a turn a string or
        null), the others strings (`model_a` and `model_b` null where unknown).
    y : ndarray of int8, shape (n_rows,), or None
        0 A, 1 B, 2 tie; None for a test file.
    counts : dict of str to int
        One number for each key of `COUNTS`, which says what is counted.
    skipped : list of str
        The messages of the rows that `skip_bad_rows` left out.
    layout : str
        What the file was read as.
    ties : bool
        Whether votes of its kind know ties.
    """

    battles: pd.DataFrame
    y: NDArray[np.int8] | None
    counts: dict[str, int]
    skipped: list[str]
    layout: str
    ties: bool


def training_part(
    opened: Opened,
    chunk: Chunk,
    ids: Sequence[object],
    source: str,
    votes: Votes,
    skip_bad_rows: bool,
) -> ReadBattles:
    """Read the rows of a chunk of a training file; `votes` are those read before."""
    counts = Counter(repaired_characters=chunk.replaced)
    kept: list[int] = []
    battles: list[Battle] = []
    skipped: list[str] = []
    skips_both_bad = opened.reading.both_bad == "skip"
    row, content = opened.row(chunk), _Content(opened, chunk)
    for at in range(chunk.n_rows):
        row.at, repaired = at, row.repaired
        try:
            check_fields(chunk, at)
            battle = opened.recognised.layout.read(row)
        except RowError as error:
            skipped.append(
                f"{opened.path.name}, row {chunk.start + at + 1}, {error}. Fix the row, or pass "
                "--skip-bad-rows to leave out such rows and list them."
            )
            if not skip_bad_rows:
                raise DataError(skipped[-1]) from None
            continue
        if battle.vote == BOTH_BAD:
            counts["both_bad"] += 1
            if skips_both_bad:
                continue
            battle = battle._replace(vote=TIE)
        status = votes.add(content.of(at, battle), int(battle.vote or 0))
        if status:
            counts[status] += 1
        if status != "duplicates":
            kept.append(at)
            battles.append(battle)
            counts["repaired_characters"] += row.repaired - repaired
    y = np.array([battle.vote for battle in battles], dtype=np.int8)
    counts += row.counts
    return _part(
        opened,
        chunk,
        battles,
        [ids[at] for at in kept],
        source,
        y=y,
        counts=counts,
        skipped=skipped,
    )


class _Content:
    """What makes a vote another one, beside what it says."""

    def __init__(self, opened: Opened, chunk: Chunk) -> None:
        layout, own = opened.recognised
        no_content = {opened.id_column, *layout.votes}
        judges = [name for name in layout.judges if name in own]
        self._of_battle = not opened.compares_cells
        self._compared = [
            cells
            for name, cells in chunk.columns.items()
            if (name in judges if self._of_battle else name not in no_content)
        ]

    def of(self, at: int, battle: Battle) -> Iterable[object]:
        """Yield it for a row."""
        if self._of_battle:
            yield from battle[:3]
            yield from (battle.model_a, battle.model_b)
        for cells in self._compared:
            yield cells[at]


def test_part(opened: Opened, chunk: Chunk, ids: Sequence[object]) -> ReadBattles:
    """Read the rows of a chunk of a test file."""
    row, battles = opened.row(chunk), []
    for row.at in range(chunk.n_rows):
        try:
            battles.append(opened.recognised.layout.read(row))
        except RowError as error:
            where = f"{opened.path.name}, row {chunk.start + row.at + 1}"
            raise DataError(f"{where}, {error}. Fix the row: each needs its prediction.") from None
    counts = Counter(
        repaired_characters=chunk.replaced + row.repaired,
        long_rows=len(chunk.long_rows),
        stray_quotes=len(chunk.stray_quotes),
        unclosed_quotes=chunk.unclosed,
    )
    return _part(opened, chunk, battles, ids, "plain", y=None, counts=counts + row.counts)


def _part(
    opened: Opened,
    chunk: Chunk,
    battles: Sequence[Battle],
    ids: Sequence[object],
    source: str,
    *,
    y: NDArray[np.int8] | None,
    counts: Counter[str],
    skipped: Sequence[str] = (),
) -> ReadBattles:
    """Put the kept rows of a chunk into a frame, and count what is in them."""
    texts: list[Sequence[Conversation]] = [battle[:3] for battle in battles]
    counts["joined_turns"] = sum(len(cell) > MOST_TURNS for turns in texts for cell in turns)
    if counts["joined_turns"]:
        texts = [[join_turns(cell) for cell in turns] for turns in texts]
    frame = build_frame(
        {name: [turns[place] for turns in texts] for place, name in enumerate(TEXT_COLUMNS)},
        id=ids,
        model_a=[battle.model_a for battle in battles],
        model_b=[battle.model_b for battle in battles],
        source=source,
    )
    counts.update(
        rows=chunk.n_rows,
        kept=len(battles),
        skipped_rows=len(skipped),
        null_turns=sum(cell.count(None) for turns in texts for cell in turns),
        empty_cells=sum(cell in ([], [""]) for turns in texts for cell in turns),
        unequal_turns=sum(len(set(map(len, turns))) > 1 for turns in texts),
    )
    return ReadBattles(
        frame,
        y,
        {name: counts[name] for name in COUNTS},
        list(skipped),
        opened.recognised.layout.title,
        opened.ties,
    )


def merged(parts: Sequence[ReadBattles]) -> ReadBattles:
    """Put what was read of one file, or of several that are one, together."""
    labels = [part.y for part in parts if part.y is not None]
    return ReadBattles(
        concat_battles(part.battles for part in parts),
        np.concatenate(labels) if labels else None,
        {name: sum(part.counts[name] for part in parts) for name in COUNTS},
        [message for part in parts for message in part.skipped],
        ", ".join(dict.fromkeys(part.layout for part in parts)),
        any(part.ties for part in parts),
    )
