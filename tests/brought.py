"""Files of votes as people bring them, in bytes: notations, encodings, judges, copies."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.published import Vote, records_of, write_table

NAMES = ("prompt", "response_a", "response_b")
WINNERS = ("winner_model_a", "winner_model_b", "winner_tie")
Record = dict[str, Any]


def battles(n: int = 12) -> list[Vote]:
    """Conversations of two turns that any notation must carry: quotes, a null, a line break."""
    return [
        Vote([f'It\'s "{k}"?', "and\nthen"], [f"a{k}", None], [f"it's b{k}", "no"], k % 3)
        for k in range(n)
    ]


FIRST = [['It\'s "0"?', "and\nthen"], ["a0", None], ["it's b0", "no"]]
LABELS = [k % 3 for k in range(12)]


def table(
    text: Callable[[list[str | None]], object] = json.dumps,
    vote: Callable[[int], object] = int,
    n: int = 12,
    **more: Callable[[int], object],
) -> list[Record]:
    """Kaggle's columns, with texts and votes in a notation, and more columns made by number."""
    records = []
    for k, battle in enumerate(battles(n)):
        texts = {name: text(getattr(battle, name)) for name in NAMES}
        votes = {name: vote(place == battle.label) for place, name in enumerate(WINNERS)}
        records.append({"id": k, **texts, **votes, **{name: of(k) for name, of in more.items()}})
    return records


def as_csv(records: Sequence[Record], encoding: str = "utf-8", **dialect: Any) -> bytes:
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, list(records[0]), lineterminator="\n", **dialect)
    writer.writeheader()
    writer.writerows(records)
    return file.getvalue().encode(encoding)


def file(content: bytes, name: str = "t.csv") -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return make


def of(records: Sequence[Record], **how: Any) -> Callable[[Path], Path]:
    return file(as_csv(records, **how))


def published(layout: str, suffix: str = ".jsonl") -> Callable[[Path], Path]:
    alone = [Vote([f"q{k}"], [f"a{k}"], [f"b{k}"], k % 2) for k in range(6)]
    return lambda folder: write_table(folder / f"t{suffix}", records_of(layout, alone))


def numpy_repr(turns: list[str | None]) -> str:
    return repr(np.array(turns, dtype=object))


def numpy_str(turns: list[str | None]) -> str:
    return str(np.array(turns, dtype=object))


def said(role: str) -> Callable[[list[str | None]], list[Record]]:
    return lambda turns: [{"role": role, "content": turn} for turn in turns]


def messages(write: Callable[[object], str]) -> list[Record]:
    """Kaggle's columns with role and content in each: the prompt's of the user."""
    records = table(list)
    for record in records:
        record["prompt"] = write(said("user")(record["prompt"]))
        for name in NAMES[1:]:
            record[name] = write(said("assistant")(record[name]))
    return records


def without_votes(records: Sequence[Record]) -> list[Record]:
    return [{name: cell for name, cell in one.items() if name not in WINNERS} for one in records]


def mixed(other: Callable[[list[str | None]], object], share: float, n: int) -> list[Record]:
    """The first rows JSON, the rest another notation."""
    changed = table(other, n=n)[-round(share * n) :]
    return table(n=n)[: n - len(changed)] + changed


def spark(records: Sequence[Record]) -> bytes:
    """What Spark writes: every text quoted, a quote within escaped by a backslash."""
    return as_csv(records, quoting=csv.QUOTE_ALL, doublequote=False, escapechar="\\")


def judged(column: str | None = None) -> list[Record]:
    """Six battles that ten people voted on, 8:1:1."""
    records = []
    for k in range(6):
        for judge in range(10):
            label = max(0, judge - 7)
            votes = {name: int(place == label) for place, name in enumerate(WINNERS)}
            record = {"id": len(records), "prompt": f"q{k}", "response_a": f"a{k}"}
            record |= {"response_b": f"b{k}", **votes}
            records.append({**record, **({column: f"{k} {judge}"} if column else {})})
    return records


def swapped(record: Record) -> Record:
    a, b = ("response_a", "winner_model_a"), ("response_b", "winner_model_b")
    return {**record, "id": f"{record['id']}s", **{
        to: record[of] for one, other in ((a, b), (b, a)) for to, of in zip(one, other, strict=True)
    }}  # fmt: skip


def excel(k: int, cut: int = 32_767) -> str:
    return json.dumps(["x" * 40_000])[:cut] if k == 3 else json.dumps([f"a{k}"])


def zipped(content: bytes, name: str) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr(name, content)
    return held.getvalue()


def parquet(folder: Path, records: Sequence[Record]) -> Path:
    pq.write_table(pa.Table.from_pylist(list(records)), folder / "t.parquet")
    return folder / "t.parquet"


def judges() -> list[Record]:
    """Two battles of MT-Bench, the same vote of ten experts each."""
    votes = [Vote([f"q{k}"], ["a"], ["b"], 0) for k in (0, 1) for _ in range(10)]
    return records_of("mt-bench", votes)
