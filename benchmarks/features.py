"""How fast the features are: battles per second, and against a Python loop per battle.

    ARENABOOST_DATA=... python -m benchmarks.features [--rows N] [--repeats N]

Every family, and all but `overlap` together, go from parsed battles to a float32 frame; the best of
some runs counts. The loops of `benchmarks.features_reference` and of `benchmarks.reference_wording`
compute the same statistics on a sample of the rows, in the same process: they are timed, and their
values are compared with the frame's. A loop has one core, a family all of them: the ratio is that
of the rates, and beside it stands that of the processor's time, in which other cores count as well.
"""

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import polars as pl
from rich.console import Console
from rich.table import Table
from sklearn.pipeline import FeatureUnion

from benchmarks.features_reference import Row, Values, length, overlap, style, turns
from benchmarks.reference_wording import prompt, wording
from data.battles import TEXT_COLUMNS, concat_battles, read_training
from features import FAMILIES

FILES = ("arena/train.csv", "arena/extra.csv")
SEED = 0
EPSILON = float(np.finfo(np.float32).eps)
REFERENCES: dict[str, Callable[[Row], Values]] = {
    "length": length,
    "turns": turns,
    "style": style,
    "wording": wording,
    "overlap": overlap,
    "prompt": prompt,
}
TOLERANCE = 8 * EPSILON  # float32 columns; a difference of logarithms loses a few units more


class Rate(NamedTuple):
    """Battles per second, and per second of processor time."""

    wall: float
    cpu: float


class Measured(NamedTuple):
    """The rates of a family and of its reference, and the values that disagree."""

    family: Rate
    reference: Rate
    disagreements: list[str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, return 1 where values disagree."""
    options = _parser().parse_args(arguments)
    console = Console()
    folder = os.environ.get("ARENABOOST_DATA")
    if not folder:
        console.print("Skipped: ARENABOOST_DATA names no folder with arena/train.csv in it.")
        return 0
    battles = concat_battles([read_training(Path(folder) / file).battles for file in FILES])
    sample = np.random.default_rng(SEED).permutation(len(battles))[: options.rows]
    chosen = battles.iloc[np.sort(sample)]
    measured = {name: measure(name, battles, chosen, options.repeats) for name in REFERENCES}
    together = best(_all_but_overlap(battles), options.repeats, len(battles))
    console.print(_table(measured, together))
    console.print(
        f"{len(battles):,} battles, {len(chosen):,} for the loop, best of {options.repeats}; "
        f"{platform.machine()}, {pl.thread_pool_size()} threads, load {os.getloadavg()[0]:.1f}, "
        f"Python {platform.python_version()}, polars {pl.__version__}"
    )
    for name, row in measured.items():
        for line in row.disagreements:
            console.print(f"{name}: {line}")
    return int(any(row.disagreements for row in measured.values()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.features", description=__doc__)
    parser.add_argument("--rows", type=int, default=2000, help="rows for the loop (2000)")
    parser.add_argument("--repeats", type=int, default=3, help="runs, the best of which counts (3)")
    return parser


def best(run: Callable[[], object], repeats: int, battles: int) -> Rate:
    """Return the rates of the fastest of some runs."""
    seconds = []
    for _ in range(repeats):
        start, start_cpu = time.perf_counter(), time.process_time()
        run()
        seconds.append((time.perf_counter() - start, time.process_time() - start_cpu))
    return Rate(*(battles / min(column) for column in zip(*seconds, strict=True)))


def measure(name: str, battles: pd.DataFrame, sample: pd.DataFrame, repeats: int) -> Measured:
    """Time a family on all battles and its reference on a sample, and compare the values."""
    family = FAMILIES[name]().fit(battles)
    family.transform(sample)  # what is compiled or looked up once
    rate = best(lambda: family.transform(battles), repeats, len(battles))
    rows = list(map(Row, *(_turns(sample[column]) for column in TEXT_COLUMNS)))
    reference = REFERENCES[name]
    loop = best(lambda: [reference(row) for row in rows], repeats, len(rows))
    found = family.transform(sample).rename(columns=lambda column: column.partition("__")[2])
    return Measured(rate, loop, compare(found, [reference(row) for row in rows]))


def _turns(column: pd.Series) -> list[list[str | None]]:
    return [list(turns) for turns in column]


def compare(found: pd.DataFrame, expected: list[Values]) -> list[str]:
    """Say in a line for each column what is missing in the loop or differs from it."""
    table = pd.DataFrame(expected, index=found.index)
    lines = [f"{column}: the loop lacks it" for column in found.columns.difference(table.columns)]
    lines += [
        f"{column}: the family lacks it" for column in table.columns.difference(found.columns)
    ]
    for column in found.columns.intersection(table.columns):
        have, want = found[column].to_numpy(), table[column].to_numpy(np.float32)
        wrong = ~np.isclose(have, want, rtol=TOLERANCE, atol=TOLERANCE)
        if wrong.any():
            first = int(wrong.argmax())
            lines.append(
                f"{column}: {wrong.sum()} values differ, the first in row {found.index[first]}, "
                f"{have[first]} against the loop's {want[first]}"
            )
    return lines


def _all_but_overlap(battles: pd.DataFrame) -> Callable[[], object]:
    families = [(name, FAMILIES[name]()) for name in REFERENCES if name != "overlap"]
    union = FeatureUnion(families, verbose_feature_names_out=False).set_output(transform="pandas")
    union.fit(battles)
    return lambda: union.transform(battles)


def _table(measured: dict[str, Measured], together: Rate) -> Table:
    table = Table("family", "battles/s", "loop, battles/s", "ratio", "ratio of CPU time", "values")
    for column in table.columns[1:5]:
        column.justify = "right"
    for name, row in measured.items():
        values = f"{len(row.disagreements)} columns differ" if row.disagreements else "agree"
        table.add_row(name, *_against(row.family, row.reference), values)
    table.add_section()
    table.add_row("all but overlap, together", f"{together.wall:,.0f}")
    families = _in_turn([row.family for row in measured.values()])
    loops = _in_turn([row.reference for row in measured.values()])
    table.add_row("all, in turn", *_against(families, loops))
    return table


def _in_turn(rates: list[Rate]) -> Rate:
    return Rate(*(1 / sum(1 / rate for rate in column) for column in zip(*rates, strict=True)))


def _against(family: Rate, loop: Rate) -> tuple[str, str, str, str]:
    return (
        f"{family.wall:,.0f}",
        f"{loop.wall:,.0f}",
        f"{family.wall / loop.wall:.1f}",
        f"{family.cpu / loop.cpu:.1f}",
    )


if __name__ == "__main__":
    sys.exit(main())
