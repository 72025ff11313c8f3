"""Where the time of a whole `neural` fit goes: ``python -m benchmarks.neural_fit [--cache DIR]``.

One ``pipelines.fit`` on ``arena/train.csv`` and ``arena/extra.csv`` of the folder that
``ARENABOOST_DATA`` names, or on the bundled sample. On a GPU the encoder is DeBERTa-v3-base's
architecture with random weights and its real tokenizer (from the folder that ``ARENABOOST_MODELS``
names), which tells the time, not how good it is; else `minilm`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from benchmarks.encoder import random_deberta
from models.device import find_device


def main() -> int:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.neural_fit", description=__doc__)
    parser.add_argument("--cache", type=Path, metavar="DIR", help="empty by default")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place, on_gpu = Path(folder), find_device("auto").name == "cuda"
        encoder = str(random_deberta(place / "deberta")) if on_gpu else "minilm"
        command = [sys.executable, "-m", "pipelines.fit", "--preset", "neural"]
        command += ["--set", f"encoder.name={encoder}"]
        command += ["--set", "encoder.length=512"] if on_gpu else []
        command += ["--cache", str(options.cache or place / "cache"), "--cache-limit", "50"]
        command += [*_files(), "--output", str(place / "run")]
        subprocess.run(command, check=True, stdout=sys.stderr)
        report = json.loads((place / "run" / "report.json").read_text())
    card = torch.cuda.get_device_name() if on_gpu else "no GPU"
    sys.stdout.write(f"{Path(encoder).name}, {card}, {report['peak_memory_mb']:,} MB\n\n")
    sys.stdout.write("| step | part | seconds |\n|---|---|---|\n")
    for step, seconds in report["seconds"].items():
        sys.stdout.write(f"| **{step}** | | {seconds:.1f} |\n")
        for name, part in _flat(report["parts"].get(step, {})):
            sys.stdout.write(f"| | {name} | {part:.1f} |\n")
    return 0


def _files() -> list[str]:
    folder = os.environ.get("ARENABOOST_DATA")
    if not folder:
        return []
    arena = Path(folder) / "arena"
    return ["--train", str(arena / "train.csv"), "--extra", str(arena / "extra.csv")]


def _flat(parts: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for name, value in parts.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}: {inner}", seconds) for inner, seconds in _flat(value))
        else:
            yield name, value


if __name__ == "__main__":
    sys.exit(main())
