"""Where the time of a whole fit goes: ``python -m benchmarks.speed.fit [--preset NAME]``.

One ``pipelines.fit`` on ``arena/train.csv`` and ``arena/extra.csv`` of the folder that
``ARENABOOST_DATA`` names, or on the bundled sample, in a process of its own. ``--run RUN`` tells
the same of a run that was made.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from os import environ
from pathlib import Path
from typing import Any

from benchmarks import real
from benchmarks.tables import write, write_header, write_row


def main() -> int:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.fit")
    parser.add_argument("--preset", default="neural", metavar="NAME")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="none by default")
    parser.add_argument("--run", type=Path, metavar="RUN", help="fit nothing, tell of this run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = options.run or Path(folder) / "run"
        if not options.run:
            cache = ["--cache", str(options.cache)] if options.cache else ["--no-cache"]
            command = ["--preset", options.preset, *cache, *_files(), "--output", str(run)]
            subprocess.run(
                [sys.executable, "-m", "pipelines.fit", *command], check=True, stdout=sys.stderr
            )
        write_steps(json.loads((run / "report.json").read_text()))
    return 0


def _files() -> list[str]:
    if real.VARIABLE not in environ:
        return []
    return ["--train", str(real.train_file()), "--extra", str(real.extra_file())]


def write_steps(report: Mapping[str, Any]) -> None:
    """Print the seconds of each step and its parts, which may work side by side."""
    write_header(("step", "part", "seconds"))
    for step, seconds in report["seconds"].items():
        write_row([f"**{step}**", "", f"{seconds:.1f}"])
        for name, part in _flat(report["parts"].get(step, {})):
            write_row(["", name, f"{part:.1f}"])
    write(f"\n{report['device']['reason']}; {report['peak_memory_mb']:,} MB")


def _flat(parts: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for name, value in parts.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}: {inner}", seconds) for inner, seconds in _flat(value))
        else:
            yield name, value


if __name__ == "__main__":
    sys.exit(main())
