"""How fast battles are read, by kind of file: ``python -m benchmarks.speed.reading``.

57,477 generated battles are written as CSV, Parquet and JSONL in Kaggle's columns, and in those of
LMArena's 140k (nested messages; in CSV as JSON text). Each file is read in a process of its own,
one after the other, several times, and the best of its times counts: battles a second of the
processor, from the file to a battles frame. ``--against`` reads the first CSV with a commit's
reader too, in the same turns.
"""

import argparse
import csv
import json
import sys
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.quality.versions import Version, checked_out, this_tree
from benchmarks.speed.texts import BATTLES, SEED
from benchmarks.tables import write_header, write_row
from data.battles import ReadBattles, iter_training
from data.frames import TEXT_COLUMNS
from data.rows import WINNER_COLUMNS
from data.synthetic.generate import write_battles

Record = dict[str, Any]
WINNERS = ("model_a", "model_b", "tie")
# Runs in the folder of a version: the least of the seconds of all that was read of a file.
READ = """
import sys, time
from pathlib import Path
from data.battles import read_training
read_training(Path(sys.argv[1]))  # compiles
best = float("inf")
for _ in range(int(sys.argv[3])):
    start = time.process_time()
    rows = len(read_training(Path(sys.argv[2])).battles)
    best = min(best, time.process_time() - start)
print(rows / best)
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line for each kind of file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.reading")
    parser.add_argument("--rows", type=int, default=BATTLES, metavar="N")
    parser.add_argument("--repeats", type=int, default=3, metavar="N")
    parser.add_argument("--against", metavar="COMMIT", help="whose reader to time as well")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        files = written(Path(name), options.rows)
        runs = [(f"{kind}", this_tree(), file) for kind, file in files.items()]
        if options.against:
            other = stack.enter_context(checked_out(options.against))
            runs.insert(1, (f"CSV, {options.against}", other, files["CSV"]))
        rates = dict.fromkeys((kind for kind, *_ in runs), 0.0)
        for _ in range(options.repeats):
            for kind, version, file in runs:
                rates[kind] = max(rates[kind], rate(version, file))
    write_header(["file", "battles a second", "of the CSV's"])
    for kind, found in rates.items():
        write_row([kind, f"{found:,.0f}", f"{found / rates['CSV']:.2f}"])
    return 0


def rate(version: Version, file: Path, repeats: int = 1) -> float:
    """Return how many battles a second a version reads."""
    small = Path(version.folder) / "data" / "sample" / "train.csv"
    return float(version.output("-c", READ, str(small), str(file), str(repeats)))


def written(folder: Path, rows: int) -> dict[str, Path]:
    """Write the same battles in each kind of file."""
    write_battles(folder, rows, SEED)
    files = {
        "CSV": folder / "train.csv",
        "Parquet": folder / "train.parquet",
        "JSONL": folder / "train.jsonl",
        "LMArena 140k, CSV": folder / "arena.csv",
        "LMArena 140k, Parquet": folder / "arena.parquet",
        "LMArena 140k, JSONL": folder / "arena.jsonl",
    }
    for shape, kind in ((kaggle, ""), (arena, "LMArena 140k, ")):
        with ExitStack() as stack:
            table = stack.enter_context(files[f"{kind}Parquet"].open("wb"))
            lines = stack.enter_context(files[f"{kind}JSONL"].open("w", encoding="utf-8"))
            _write(map(shape, iter_training(files["CSV"])), table, lines)
    _write_csv(files["LMArena 140k, JSONL"], files["LMArena 140k, CSV"])
    return files


def _write(parts: Iterable[list[Record]], table: IO[bytes], lines: IO[str]) -> None:
    """Write records as Parquet and, one a line, as JSON."""
    writer = None
    for records in parts:
        batch = pa.Table.from_pylist(records)
        writer = writer or pq.ParquetWriter(table, batch.schema)
        writer.write_table(batch)
        lines.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    if writer:
        writer.close()


def _write_csv(lines: Path, table: Path) -> None:
    """Write the records of a file, what is no text as JSON."""
    with (
        lines.open(encoding="utf-8") as file,
        table.open("w", encoding="utf-8", newline="") as out,
    ):
        writer = csv.writer(out)
        for number, line in enumerate(file):
            record = json.loads(line)
            if number == 0:
                writer.writerow(record)
            cells = record.values()
            writer.writerow(c if isinstance(c, str) else json.dumps(c) for c in cells)


def kaggle(part: ReadBattles) -> list[Record]:
    """Return battles in Kaggle's columns, with lists of turns."""
    columns = ["id", "model_a", "model_b", *TEXT_COLUMNS]
    cells = zip(*(part.battles[name] for name in columns), strict=True)
    rows: list[Record] = [dict(zip(columns, row, strict=True)) for row in cells]
    for row, vote in zip(rows, part.y if part.y is not None else (), strict=True):
        row |= {name: int(vote == place) for place, name in enumerate(WINNER_COLUMNS)}
    return rows


def arena(part: ReadBattles) -> list[Record]:
    """Return battles as LMArena's 140k nests them."""
    return [
        {
            "id": row["id"],
            "model_a": row["model_a"],
            "model_b": row["model_b"],
            "winner": next(
                who for who, name in zip(WINNERS, WINNER_COLUMNS, strict=True) if row[name]
            ),
            "evaluation_session_id": "s",
            "evaluation_order": 1,
            "conversation_a": _messages(row["prompt"], row["response_a"]),
            "conversation_b": _messages(row["prompt"], row["response_b"]),
        }
        for row in kaggle(part)
    ]


def _messages(prompt: Sequence[str | None], answers: Sequence[str | None]) -> list[Record]:
    return [
        {"role": role, "content": [{"type": "text", "text": text, "image": None, "mimeType": None}]}
        for turn in zip(prompt, answers, strict=True)
        for role, text in zip(("user", "assistant"), turn, strict=True)
    ]


if __name__ == "__main__":
    sys.exit(main())
