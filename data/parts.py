"""What is read of a file: its chunks become battles frames, labels and counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.cells import MOST_TURNS, Conversation, join_turns
from data.faults import row_message, stopped
from data.frames import TEXT_COLUMNS, build_frame, concat_battles
from data.labels import CLASS_NAMES, TIE
from data.layouts.layout import BOTH_BAD, WEIGHT, Battle
from data.opened import Opened
from data.rows import RowError, check_fields
from data.soft import soft_votes
from data.tables.read import Chunk, uncollected
from data.votes import Votes
from data.weights import weight_of

COUNTS = {
    "rows": "rows in the file, header and blank lines not counted",
    "kept": "rows in the battles frame, where one of soft labels counts once",
    "soft_labels": "kept rows with three probabilities, which are weighted votes of one battle",
    "duplicates": "rows left out because texts, models and vote are those of an earlier one",
    "swapped_copies": "rows left out because they are an earlier one with A and B exchanged",
    "repeated_votes": "rows that are kept although an earlier one has their texts, models and vote "
    "(--repeated-votes keep)",
    "contradictory": "kept rows that have texts and models of an earlier one, and another vote",
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
    "cut_cells": "such cells that end at 32,767 characters, where a spreadsheet cut them",
    "other_messages": "messages left out: of a prompt those that are not the user's, of an answer "
    "those that are not the assistant's",
    "both_bad": "votes that both answers are bad: ties, or left out with --both-bad skip",
    "image_parts": "parts of messages that are images, left out",
    "audio_parts": "parts of messages that are sound, left out",
    "video_parts": "parts of messages that are films, left out",
    "file_parts": "parts of messages that are files, left out",
    "tool_parts": "calls of tools in messages, and what tools gave back, left out",
    "other_parts": "parts of messages of another kind that are no text, left out",
    "rows_in_train": "rows of an extra file whose three texts stand in the training file too, in "
    "either order: they train where their prompt is not held out, and are not scored",
    "repaired_characters": "undecodable bytes and lone surrogates that became U+FFFD",
}


def counted(counts: Mapping[str, int]) -> list[str]:
    """Return a line for each count that is not zero and tells of something out of the ordinary.

    >>> counted({"rows": 2, "kept": 2, "duplicate_ids": 1, "raw_cells": 0})
    ['duplicate_ids: 1 (kept rows of a training file whose id an earlier one has)']
    """
    told = {name: counts.get(name, 0) for name in COUNTS if name not in ("rows", "kept")}
    return [f"{name}: {number:,} ({COUNTS[name]})" for name, number in told.items() if number]


@dataclass(frozen=True)
class ReadBattles:
    """What one file, or one chunk of it, gave.

    Attributes
    ----------
    battles : DataFrame
        Columns `FRAME_COLUMNS` on Arrow: the three texts are lists of turns (a turn a string or
        null), the others strings (`model_a` and `model_b` null where unknown). Where the file has
        weights, `weight` as float64, and where it has soft labels, `share`, see `data.soft`.
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
    notes : list of str
        What a person is told of how the file is written, and was read.
    """

    battles: pd.DataFrame
    y: NDArray[np.int8] | None
    counts: dict[str, int]
    skipped: list[str]
    layout: str
    ties: bool
    notes: list[str] = field(default_factory=list)


@uncollected()
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
    row, layout = opened.row(chunk), opened.recognised.layout
    weighted = WEIGHT in chunk.columns
    judges = [chunk.columns[name] for name in layout.judges if name in chunk.columns]
    for at in range(chunk.n_rows):
        row.at, repaired = at, row.repaired
        try:
            check_fields(chunk, at)
            battle = layout.read(row)
            if weighted:
                battle = battle._replace(weight=weight_of(row))
        except RowError as error:
            if not skip_bad_rows:
                raise stopped(opened, chunk.start + at + 1, error) from None
            skipped.append(row_message(opened, chunk.start + at + 1, error))
            continue
        if battle.vote == BOTH_BAD:
            counts["both_bad"] += 1
            if skips_both_bad:
                continue
            battle = battle._replace(vote=TIE)
        status = votes.add(battle, [cells[at] for cells in judges])
        if status:
            counts[status] += 1
        if status not in ("duplicates", "swapped_copies"):
            kept.append(at)
            battles.append(battle)
            counts["repaired_characters"] += row.repaired - repaired
    counts += row.counts
    return _part(
        opened,
        chunk,
        battles,
        [ids[at] for at in kept],
        source,
        labelled=True,
        counts=counts,
        skipped=skipped,
        notes=row.notes,
    )


@uncollected()
def test_part(opened: Opened, chunk: Chunk, ids: Sequence[object]) -> ReadBattles:
    """Read the rows of a chunk of a test file."""
    row, battles = opened.row(chunk), []
    for row.at in range(chunk.n_rows):
        try:
            battles.append(opened.recognised.layout.read(row))
        except RowError as error:
            raise stopped(opened, chunk.start + row.at + 1, error) from None
    counts = Counter(
        repaired_characters=chunk.replaced + row.repaired,
        long_rows=len(chunk.long_rows),
        stray_quotes=len(chunk.stray_quotes),
        unclosed_quotes=chunk.unclosed,
    )
    counts += row.counts
    return _part(opened, chunk, battles, ids, "plain", counts=counts, notes=row.notes)


def _part(
    opened: Opened,
    chunk: Chunk,
    battles: Sequence[Battle],
    ids: Sequence[object],
    source: str,
    *,
    counts: Counter[str],
    labelled: bool = False,
    skipped: Sequence[str] = (),
    notes: Sequence[str] = (),
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
        weight=[b.weight for b in battles] if labelled and WEIGHT in chunk.columns else None,
    )
    frame, y = _labels(frame, battles) if labelled else (frame, None)
    counts.update(
        rows=chunk.n_rows,
        kept=len(battles),
        soft_labels=sum(battle.shares is not None for battle in battles),
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
        [f"{opened.name}: {one}" for one in (*chunk.notes, *opened.notes(), *notes)],
    )


def _labels(
    frame: pd.DataFrame, battles: Sequence[Battle]
) -> tuple[pd.DataFrame, NDArray[np.int8]]:
    """Return the labels, and as many rows as they need: soft ones are several votes of a battle."""
    y = np.array([battle.vote or 0 for battle in battles], dtype=np.int8)
    soft = [place for place, battle in enumerate(battles) if battle.shares is not None]
    if not soft:
        return frame, y
    probabilities = np.eye(len(CLASS_NAMES))[y]
    probabilities[soft] = [battles[place].shares for place in soft]
    return soft_votes(frame, probabilities)


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
        [note for part in parts for note in part.notes],
    )
