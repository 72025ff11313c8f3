"""What tuning gains: ``python -m benchmarks.quality tuning --keep DIR``.

A study of the real battles, and outer splits with a study of their own each, which say what is left
of the gain on rows that no study saw. The same command goes on from what lies in ``DIR``.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import real
from benchmarks.tables import difference, write, write_header, write_row
from pipelines.config import read_source
from pipelines.tune import Inputs, tune


def main(argv: Sequence[str]) -> int:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality tuning")
    add = parser.add_argument
    add("--preset", default="classical", metavar="NAME")
    add("--set", action="append", default=[], metavar="KEY=VALUE")
    add("--trials", type=int, default=60, metavar="N", help="of each study")
    add("--nested", type=int, default=4, metavar="K", help="outer splits")
    add("--timeout", type=float, metavar="S", help="seconds of this call")
    add("--jobs", type=int, default=1, metavar="K")
    add("--keep", type=Path, required=True, metavar="DIR", help="the study's folder")
    options = parser.parse_args(argv)
    if not real.at_hand():
        return 0
    folder = tune(
        read_source(preset=options.preset, settings=options.set),
        Inputs(real.train_file(), extra=(real.extra_file(),)),
        options.keep,
        name=options.preset,
        trials=options.trials,
        timeout=options.timeout,
        jobs=options.jobs,
        nested=options.nested,
    )
    if (folder / "study.json").is_file():
        write_gain(json.loads((folder / "study.json").read_text()))
    return 0


def write_gain(told: Mapping[str, Any]) -> None:
    """Print what a study says it gained, and what is left of that."""
    write_header(("study", "log loss", "gain as it saw it", "gain on rows that it never saw"))
    best, nested = told["best"], told["nested"] or {"splits": []}
    write_row(["all rows", f"{best['log_loss']:.4f}", f"{best['gain']:+.4f}", ""])
    for number, split in enumerate(nested["splits"], start=1):
        inside = [f"{split['value']:.4f}", f"{split['gain']:+.4f}", f"{split['held_gain']:+.4f}"]
        write_row([f"without split {number}", *inside])
    if told["nested"]:
        write_row(["**splits together**", "", "", f"**{difference(nested['gain'])}**"])
    write(
        f"\n{told['finished']} of {told['trials']} trials a study, {told['early']} of the first "
        f"study's ended early; its trials took {told['seconds']:.0f} s"
    )
    for key, value in best["values"].items():
        write(f"- `{key}` = {json.dumps(value)}")
