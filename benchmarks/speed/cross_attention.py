"""How fast tokens are matched, from their states: ``python -m benchmarks.speed.cross_attention``.

The lengths are those that `minilm` reads of battles of the folder that ``ARENABOOST_DATA`` names,
or of the bundled sample; the states are random, of length 1, and given to both. The plain
implementation is `reference.matching`. Both multiply matrices through BLAS; the best of the repeats
counts, and their numbers must agree. With all cores the plain one uses them in its products only;
``--cores 1`` gives both a single one. On a GPU ``python -m benchmarks.gpu`` times it.
"""

import argparse
import os
import sys

import numpy as np
import pandas as pd
import torch
from joblib import cpu_count
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks import real
from benchmarks.speed.reference.matching import Floats, plain
from benchmarks.speed.timing import race
from benchmarks.tables import write, write_header, write_row
from data.battles import TEXT_COLUMNS, read_training
from features.encoding.encoder import Encoder
from features.families.cross_attention import CrossAttentionFeatures
from features.matching.passes import match_battles
from pipelines.fit import SAMPLE

SEED, WIDTH = 0, 384
TOLERANCE = 1e-5
FAMILY = CrossAttentionFeatures()


def main() -> int:
    """Print a Markdown table, and return 1 where numbers differ."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.cross_attention")
    parser.add_argument("--battles", type=int, default=512, metavar="N")
    parser.add_argument("--repeats", type=int, default=5, metavar="N")
    parser.add_argument("--cores", type=int, default=cpu_count(), metavar="N")
    options = parser.parse_args()
    os.environ["LOKY_MAX_CPU_COUNT"] = str(options.cores)  # of joblib, by which cores are shared
    torch.set_num_threads(options.cores)
    lengths = token_lengths(options.battles)
    states = random_states(lengths)
    given = [[torch.from_numpy(text) for text in texts] for texts in states]
    equal, temperature = [False] * len(states), FAMILY.temperature
    with threadpool_limits(options.cores, user_api="blas"):
        timed = race(
            {
                "plain": lambda: plain(states, temperature),
                "arenaboost": lambda: match_battles(given, equal, temperature, "cpu"),
            },
            options.repeats,
        )
    write(f"{len(states)} battles, {int(lengths.sum()):,} tokens, {options.cores} cores\n")
    write_header(("what", "battles/s", "ratio", "largest difference"))
    worst = 0.0
    for name, of in timed.items():
        pairs = zip(of.result, timed["plain"].result, strict=True)
        gap = max(float(np.abs(x - y).max()) for x, y in pairs)
        ratio = f"{timed['plain'].wall / of.wall:.1f}"
        write_row([name, f"{len(states) / of.wall:,.0f}", ratio, f"{gap:.1e}"])
        worst = max(worst, gap)
    return int(worst > TOLERANCE)


def token_lengths(battles: int, encoder: Encoder | None = None) -> NDArray[np.int64]:
    """Return how many tokens an encoder (`minilm`) reads of each battle's prompt and answers."""
    encoder = encoder or Encoder()
    path = real.train_file() if real.VARIABLE in os.environ else SAMPLE / "train.csv"
    rows = read_training(path).battles
    texts = rows.sample(min(battles, len(rows)), random_state=SEED)[list(TEXT_COLUMNS)].stack()
    turns = pd.Series([list(turns) for turns in texts]).explode().fillna("")
    own = [len(encoder.backbone.own(piece)) for piece in encoder.pieces(list(turns))]
    lengths = pd.Series(own).groupby(turns.index.to_numpy()).sum().clip(upper=FAMILY.tokens)
    return lengths.to_numpy().reshape(-1, len(TEXT_COLUMNS))


def random_states(lengths: NDArray[np.int64]) -> list[list[Floats]]:
    """Return states of length 1 for texts of so many tokens."""
    rng = np.random.default_rng(SEED)

    def one(n: int) -> Floats:
        states = rng.standard_normal((n, WIDTH), dtype=np.float32)
        return states / np.linalg.norm(states, axis=1, keepdims=True)

    return [[one(n) for n in texts] for texts in lengths.tolist()]


if __name__ == "__main__":
    sys.exit(main())
