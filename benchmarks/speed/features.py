"""How fast the features are: battles per second, and against a Python loop per battle.

    ARENABOOST_DATA=... python -m benchmarks.speed.features [--rows N] [--repeats N]

Every family, and all but `overlap` together, go from parsed battles to a float32 frame; the best of
some runs counts. The loops of `reference` compute the same statistics on a sample of the rows, in
the same process: they are timed, and their values are compared with the frame's. A loop has one
core, a family all of them: the ratio is that of the rates, and beside it stands that of the
processor's time, in which other cores count as well.
"""

import argparse
import os
import platform
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import polars as pl
from sklearn.pipeline import FeatureUnion

from benchmarks import real
from benchmarks.speed.reference.loops import Row, Values, length, overlap, style, turns
from benchmarks.speed.reference.wording import prompt, wording
from benchmarks.speed.timing import race
from benchmarks.tables import write, write_header, write_row
from data.battles import TEXT_COLUMNS
from features import FAMILIES

SEED = 0
REFERENCES: dict[str, Callable[[Row], Values]] = {
    "length": length,
    "turns": turns,
    "style": style,
    "wording": wording,
    "overlap": overlap,
    "prompt": prompt,
}
# float32 columns; a difference of logarithms loses a few units more
TOLERANCE = 8 * float(np.finfo(np.float32).eps)


class Rate(NamedTuple):
    """Battles per second, and per second of processor time."""

    wall: float
    cpu: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, return 1 where values disagree."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.features")
    parser.add_argument("--rows", type=int, default=2000, help="rows for the loop (2000)")
    parser.add_argument("--repeats", type=int, default=3, help="runs, the best of which counts (3)")
    options = parser.parse_args(arguments)
    if not real.at_hand():
        return 0
    battles, _ = real.all_rows()
    rows = np.random.default_rng(SEED).permutation(len(battles))[: options.rows]
    chosen = battles.iloc[np.sort(rows)]
    write_header(("family", "battles/s", "loop, battles/s", "ratio", "ratio of CPU time", "values"))
    rates, wrong = [], []
    for name in REFERENCES:
        family, loop, lines = measure(name, battles, chosen, options.repeats)
        values = f"{len(lines)} columns differ" if lines else "agree"
        write_row([name, *_against(family, loop), values])
        rates.append((family, loop))
        wrong += [f"{name}: {line}" for line in lines]
    together = rate(_all_but_overlap(battles), options.repeats, len(battles))
    write_row(["all but overlap, together", f"{together.wall:,.0f}", "", "", "", ""])
    write_row(["all, in turn", *_against(*map(in_turn, zip(*rates, strict=True))), ""])
    write(
        f"\n{len(battles):,} battles, {len(chosen):,} for the loop, best of {options.repeats}; "
        f"{platform.machine()}, {pl.thread_pool_size()} threads, load {os.getloadavg()[0]:.1f}, "
        f"Python {platform.python_version()}, polars {pl.__version__}"
    )
    write("\n".join(wrong))
    return int(bool(wrong))


def rate(run: Callable[[], object], repeats: int, battles: int) -> Rate:
    """Return the rates of the fastest of some runs."""
    timed = race({"run": run}, repeats)["run"]
    return Rate(battles / timed.wall, battles / timed.cpu)


def measure(
    name: str, battles: pd.DataFrame, sample: pd.DataFrame, repeats: int
) -> tuple[Rate, Rate, list[str]]:
    """Time a family on all battles and its reference on a sample, and compare the values."""
    family, reference = FAMILIES[name]().fit(battles), REFERENCES[name]
    found = family.transform(sample)  # and with it what is compiled or looked up once
    ours = rate(lambda: family.transform(battles), repeats, len(battles))
    rows = list(map(Row, *(map(list, sample[column]) for column in TEXT_COLUMNS)))
    loop = rate(lambda: [reference(row) for row in rows], repeats, len(rows))
    found = found.rename(columns=lambda column: column.partition("__")[2])
    return ours, loop, compare(found, [reference(row) for row in rows])


def compare(found: pd.DataFrame, expected: list[Values]) -> list[str]:
    """Say in a line for each column what is missing in the loop or differs from it.

    >>> compare(pd.DataFrame({"x": [1.0, 2.0], "y": [0.0, 0.0]}), [{"x": 1.0}, {"x": 2.5}])
    ['y: the loop lacks it', "x: 1 values differ, the first in row 1, 2.0 against the loop's 2.5"]
    """
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


def in_turn(rates: Iterable[Rate]) -> Rate:
    """Return the rate of all, one after the other.

    >>> in_turn([Rate(100.0, 50.0), Rate(100.0, 50.0)])
    Rate(wall=50.0, cpu=25.0)
    """
    return Rate(*(1 / sum(1 / rate for rate in column) for column in zip(*rates, strict=True)))


def _against(family: Rate, loop: Rate) -> list[str]:
    ratios = (family.wall / loop.wall, family.cpu / loop.cpu)
    return [f"{family.wall:,.0f}", f"{loop.wall:,.0f}", *(f"{ratio:.1f}" for ratio in ratios)]


if __name__ == "__main__":
    sys.exit(main())
