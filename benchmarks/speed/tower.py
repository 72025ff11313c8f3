"""How fast a tower trains: ``python -m benchmarks.speed.tower [--battles N] [--dropout SHARE]``.

Tokens of text a second beside a plain Hugging Face `Trainer` (`reference.trainer`), with the same
network, battles, batches, order, optimiser and rates: `minilm` with all its layers, 16 battles a
step, at 256 and at 512 tokens. Battles are those of the folder that ``ARENABOOST_DATA`` names, or
of the bundled sample. The two train in turn, each from its first weights; a step that warms up is
not counted, and the best of the repeats is. First both make two steps without dropout, whose losses
must agree. In the last table the lower layers are frozen: their states are computed once, and each
epoch starts from them. On a GPU ``python -m benchmarks.gpu`` times larger networks.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter, process_time
from typing import Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from benchmarks import real
from benchmarks.speed.contest import Contest, Rate, contest_of, write_contest
from benchmarks.tables import write, write_row
from data.battles import read_training
from models.tower.settings import TowerSettings
from models.tower.states import StateStore
from models.tower.watch import Silent
from models.tower.world import World
from pipelines.fit import SAMPLE

SEED, BATCH, LENGTHS, REPEATS = 0, 16, (256, 512), 2
STORE_BYTES = 8_000_000_000


def main(argv: Sequence[str] | None = None) -> int:
    """Print a table for each length, and one of frozen layers; return 1 where losses differ."""
    options = _parser().parse_args(argv)
    battles, y = some_battles(options.battles)
    write(f"{options.backbone}, {len(y)} battles, {BATCH} a step, {torch.get_num_threads()} cores")
    agreed = []
    for length in options.lengths:
        settings = _settings(options, length)
        write(f"\nAll layers, {length} tokens\n")
        contest = contest_of(settings, battles, y, "cpu")
        agreed.append(write_contest(contest, options.repeats).agreed)
    write(f"\nThe top layer, {options.lengths[0]} tokens\n")
    with tempfile.TemporaryDirectory() as folder:
        settings = _settings(options, options.lengths[0], train_layers=1)
        _write_frozen(settings, battles, y, Path(folder), options.repeats)
    return int(not all(agreed))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed.tower",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--backbone", default="minilm", metavar="NAME")
    add("--battles", type=int, default=6 * BATCH, metavar="N")
    add("--lengths", type=int, nargs="+", default=LENGTHS, metavar="N", help="of a sequence")
    add("--dropout", type=float, metavar="SHARE", help="the backbone's own by default")
    add("--repeats", type=int, default=REPEATS, metavar="N")
    return parser


def _settings(
    options: argparse.Namespace, length: int, train_layers: int | Literal["all"] = "all"
) -> TowerSettings:
    return TowerSettings(
        backbone=options.backbone,
        length=length,
        batch=BATCH,
        dropout="own" if options.dropout is None else options.dropout,
        train_layers=train_layers,
    )


def some_battles(number: int) -> tuple[pd.DataFrame, NDArray[np.int8]]:
    """Return plain battles in random order, and their labels."""
    path = real.train_file() if real.VARIABLE in os.environ else SAMPLE / "train.csv"
    read = read_training(path)
    rows = np.random.default_rng(SEED).permutation(len(read.y))[:number]
    return read.battles.iloc[rows].reset_index(drop=True), read.y[rows]


def _write_frozen(
    settings: TowerSettings,
    battles: pd.DataFrame,
    y: NDArray[np.int8],
    folder: Path,
    repeats: int,
) -> None:
    """Print what an epoch takes from states that are kept, and what these took."""
    contest: Contest = contest_of(settings, battles, y, "cpu", StateStore(folder, STORE_BYTES))
    start, cpu = perf_counter(), process_time()
    contest.material.inputs.prepare(Silent(), World())
    states = Rate(perf_counter() - start, process_time() - cpu, [])
    write_contest(contest, repeats, check=False)
    read = int(contest.material.inputs.lengths.sum())
    write_row(["states of the frozen layers, once", *states.cells(read)])


if __name__ == "__main__":
    sys.exit(main())
