"""What people bring: each file with what is read of it, or with the words that say why it is not.

Every file is made here. `Read` holds what must come out; a string must be found in the error.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from data.battles import DataError, Files, read_test, read_training
from data.layouts.flags import add_reading_flags, reading_from
from tests.brought import (
    FIRST,
    LABELS,
    NAMES,
    as_csv,
    excel,
    file,
    judged,
    judges,
    messages,
    mixed,
    numpy_repr,
    numpy_str,
    of,
    parquet,
    published,
    spark,
    swapped,
    table,
    without_votes,
    zipped,
)
from tests.published import write_table


class Read(NamedTuple):
    """What is read: the first battle's three texts, labels, and what is counted."""

    first: Sequence[object] | None = None
    y: Sequence[int] | None = None
    rows: int | None = None
    counts: dict[str, int] = {}


class Situation(NamedTuple):
    """A file, the flags it is read with, and the outcome: what is read, or a part of the error."""

    make: Callable[[Path], Path]
    outcome: Read | str
    flags: Sequence[str] = ()
    test: bool = False


WHOLE = Read(FIRST, LABELS, 12)
CHINESE = table(lambda turns: json.dumps([f"你好，请问这是什么？{turns[0]}"], ensure_ascii=False))
FRENCH = table(lambda turns: json.dumps([f"déjà vu à Nîmes {turns[0]}"], ensure_ascii=False))
KAGGLE = as_csv(table())
SITUATIONS: dict[str, Situation] = {
    # One notation through a whole file.
    "JSON lists": Situation(file(KAGGLE), WHOLE),
    "Python's lists": Situation(of(table(repr)), WHOLE),
    "Python's lists to predict": Situation(of(without_votes(table(repr))), Read(FIRST), test=True),
    "NumPy's arrays": Situation(of(table(numpy_repr)), WHOLE),
    "NumPy's arrays to predict": Situation(of(table(numpy_repr)), Read(FIRST), test=True),
    "NumPy's lists without commas": Situation(of(table(numpy_str)), WHOLE),
    "Python's lists in Parquet": Situation(
        lambda folder: parquet(folder, table(repr)), WHOLE
    ),
    "Python's lists late in a file": Situation(
        of(mixed(repr, 0.995, 1000)), Read(FIRST, rows=1000)
    ),
    "Python's lists in a few rows": Situation(
        of(mixed(repr, 0.03, 300)), "9 of 300"
    ),
    "a Python list in one row": Situation(
        of(mixed(repr, 1 / 300, 300)), "row 300, column prompt: expected a JSON list"
    ),
    "a Python list in one row, left out": Situation(
        of(mixed(repr, 1 / 300, 300)), Read(FIRST, rows=299, counts={"skipped_rows": 1}),
        ["--skip-bad-rows"],
    ),
    "messages as JSON": Situation(of(messages(json.dumps)), WHOLE),
    "messages as Python shows them": Situation(of(messages(repr)), WHOLE),
    "messages to predict": Situation(of(messages(repr)), Read(FIRST), test=True),
    "Spark's backslashes": Situation(file(spark(table())), WHOLE),
    "Spark's backslashes to predict": Situation(file(spark(table())), Read(FIRST), test=True),
    "True and False": Situation(of(table(vote=bool)), WHOLE),
    "TRUE and FALSE": Situation(of(table(vote=lambda won: str(bool(won)).upper())), WHOLE),
    "true and false": Situation(of(table(vote=lambda won: str(bool(won)).lower())), WHOLE),
    "decimals": Situation(of(table(vote=float)), WHOLE),
    "longer decimals": Situation(of(table(vote=lambda won: f"{won:.2f}")), WHOLE),
    "quoted numbers": Situation(of(table(vote=lambda won: f'"{int(won)}"')), WHOLE),
    "votes of two notations": Situation(
        of(table(vote=bool, n=3) + table(n=6)[3:]), "column winner_model_a: expected 1 or 0"
    ),
    "a cell that a spreadsheet cut": Situation(
        of(table(response_a=excel)), "32,767 characters"
    ),
    "lists that no notation has": Situation(of(table(lambda turns: f"[{turns[0]}")), "json.dumps"),
    "the same to predict": Situation(
        of(table(lambda turns: f"[{turns[0]}")), "--raw", test=True
    ),
    "the same as text": Situation(
        of(table(lambda turns: f"[{turns[0]}")),
        Read([["[It's \"0\"?"], ["[a0"], ["[it's b0"]]), ["--raw"], test=True,
    ),
    "one such cell to predict": Situation(
        of([*table()[:-1], {**table()[-1], "prompt": "[oops"}]),
        Read(FIRST, rows=12, counts={"raw_cells": 1}), test=True,
    ),
    "plain text that starts as a list": Situation(
        of([{**dict.fromkeys(NAMES, "['x']"), "winner": "model_a", "language": "en"}] * 3
           + [{**dict.fromkeys(NAMES, f"['{k}']"), "winner": "model_b", "language": "en"}
              for k in range(9)]),
        Read([["['x']"]] * 3, rows=10),
    ),
    # Nothing lost without a word.
    "GBK": Situation(file(as_csv(CHINESE, "gbk")), "--encoding gb"),
    "GBK that is named": Situation(
        file(as_csv(CHINESE, "gbk")), Read([["你好，请问这是什么？It's \"0\"?"]]),
        ["--encoding", "gbk"],
    ),
    "CP1252": Situation(file(as_csv(FRENCH, "cp1252")), "--encoding"),
    "CP1252 that is named": Situation(
        file(as_csv(FRENCH, "cp1252")), Read([["déjà vu à Nîmes It's \"0\"?"]]),
        ["--encoding", "cp1252"],
    ),
    "UTF-16 that is named": Situation(
        file(as_csv(FRENCH, "utf-16")), Read([["déjà vu à Nîmes It's \"0\"?"]]),
        ["--encoding", "utf-16"],
    ),
    "an encoding that there is not": Situation(file(KAGGLE), "utf-9", ["--encoding", "utf-9"]),
    "one byte that is none": Situation(
        file(KAGGLE.replace(b"a3", b"a\xe9", 1)), Read(FIRST, counts={"repaired_characters": 1})
    ),
    "copies": Situation(
        of(table() + table()[:2]), Read(FIRST, rows=12, counts={"duplicates": 2})
    ),
    "copies with another time": Situation(
        of(table(time=int) + table(time=lambda k: k + 99)[:2]),
        Read(FIRST, rows=12, counts={"duplicates": 2}),
    ),
    "swapped copies": Situation(
        of(table() + [swapped(one) for one in table()[:2]]),
        Read(FIRST, rows=12, counts={"duplicates": 0, "swapped_copies": 2}),
    ),
    "all rows and their swapped copies": Situation(
        of(table() + [swapped(one) for one in table()]),
        Read(FIRST, LABELS, 12, {"duplicates": 0, "swapped_copies": 12}),
    ),
    "votes of several people": Situation(of(judged()), "--repeated-votes keep"),
    "votes of several people, with a time": Situation(of(judged("time")), "--repeated-votes once"),
    "votes of several people, kept": Situation(
        of(judged()), Read(rows=60, y=[0] * 8 + [1, 2]), ["--repeated-votes", "keep"]
    ),
    "votes of several people, once": Situation(
        of(judged()), Read(rows=18, counts={"duplicates": 42}), ["--repeated-votes", "once"]
    ),
    "votes of several judges": Situation(
        lambda folder: write_table(folder / "t.jsonl", judges()), Read(rows=20)
    ),
    "weights": Situation(of(table(weight=lambda k: 1 + k)), WHOLE),
    "a weight below 0": Situation(of(table(weight=lambda k: 1 - k)), "column weight"),
    "a weight that is none": Situation(of(table(weight=lambda _: "much")), "column weight"),
    "probabilities for votes": Situation(
        of(table(vote=lambda won: 0.5 if won else 0.25)), Read(FIRST, counts={"soft_labels": 12})
    ),
    "probabilities that do not add up": Situation(
        of(table(vote=lambda won: 0.5 if won else 0.3)), "column"
    ),
    "no votes at all": Situation(of(table(vote=lambda _: "")), "winner_model_a"),
    # Layouts, as they are published and packed.
    **{
        f"{layout} as {suffix[1:]}": Situation(published(layout, suffix), Read(rows=6))
        for layout, suffix in (
            ("wsdm", ".csv"), ("lmarena-100k", ".parquet"), ("lmarena-140k", ".parquet"),
            ("lmarena-expert-5k", ".csv"), ("mt-bench", ".parquet"), ("comparia", ".jsonl"),
            ("helpsteer3", ".jsonl"), ("ultrafeedback", ".parquet"), ("tulu-3", ".json"),
            ("pairs", ".csv"), ("hh", ".jsonl"),
        )
    },
    "compressed": Situation(file(gzip.compress(KAGGLE), "t.csv.gz"), WHOLE),
    "compressed without a word": Situation(file(gzip.compress(KAGGLE)), WHOLE),
    "an archive that is called CSV": Situation(file(zipped(KAGGLE, "train.csv")), WHOLE),
    "a folder": Situation(lambda folder: file(KAGGLE)(folder).parent, WHOLE),
    "semicolons": Situation(file(as_csv(table(), delimiter=";")), "expected the columns"),
    "other names": Situation(
        of([{"q": "x", "out1": f"y{k}", "out2": "z", "won": "left"} for k in range(3)]),
        "--columns prompt=q",
    ),
    "other names, told": Situation(
        of([{"q": "x", "out1": f"y{k}", "out2": "z", "won": "left"} for k in range(3)]),
        Read([["x"], ["y0"], ["z"]], [0, 0, 0]),
        ["--columns", "prompt=q,response_a=out1,response_b=out2,winner=won",
         "--votes", "a=left,b=right"],
    ),
    "both bad": Situation(
        of([{**dict.fromkeys(NAMES, f"x{k}"), "winner": "tie (bothbad)"} for k in range(3)]),
        Read(y=[2, 2, 2], counts={"both_bad": 3}),
    ),
}  # fmt: skip


def test_there_are_enough_of_them() -> None:
    assert len(SITUATIONS) >= 60


@pytest.mark.parametrize("name", SITUATIONS)
def test_what_becomes_of_it(name: str, tmp_path: Path) -> None:
    make, outcome, flags, test = SITUATIONS[name]
    parser = argparse.ArgumentParser()
    add_reading_flags(parser)
    parser.add_argument("--skip-bad-rows", action="store_true")
    options = parser.parse_args(flags)
    path = make(tmp_path)

    def read() -> Any:
        files = Files.of(path, reading_from(options))
        if test:
            return read_test(files)
        return read_training(files, skip_bad_rows=options.skip_bad_rows)

    if isinstance(outcome, str):
        with pytest.raises(DataError) as raised:
            read()
        assert outcome in str(raised.value)
        return
    found = read()
    frame = found.battles
    if outcome.rows is not None:
        assert len(frame) == outcome.rows
    for column, cell in zip(NAMES, outcome.first or (), strict=False):
        assert frame[column].tolist()[0] == cell
    if outcome.y is not None:
        assert found.y.tolist()[: len(outcome.y)] == list(outcome.y)
    assert {count: found.counts[count] for count in outcome.counts} == outcome.counts
