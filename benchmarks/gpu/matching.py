"""57,477 battles matched: ``python -m benchmarks.gpu.matching [--strings] [--small]``.

From token states of DeBERTa's width that are given: what the family `cross_attention` does beyond
the encoding. With ``--strings`` through the store that a run uses, with MiniLM's architecture and
random weights; each battle stands several times, with a number before its prompt and before its
answers, so that each text is read anew.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from benchmarks.gpu.common import small_parser
from benchmarks.gpu.rates import torch_device, wait_for
from benchmarks.gpu.texts import battles_at_hand, random_minilm
from benchmarks.speed.cross_attention import token_lengths
from benchmarks.speed.texts import BATTLES
from benchmarks.tables import write
from features import TEXTS
from features.encoding.encoder import Encoder
from features.encoding.turns import DistinctTurns
from features.families.cross_attention import CrossAttentionFeatures
from features.matching.passes import HELD_TOKENS, Matching, match_battles
from features.matching.store import EncoderStore
from pipelines.report.content import peak_memory_mb

FEW = 12  # battles where there is no GPU
SEED = 0
SAMPLED, WIDTH = 2_000, 768  # battles whose lengths are drawn from; of DeBERTa-v3-base


def main() -> int:
    """Print a line."""
    parser = small_parser("benchmarks.gpu.matching", __doc__)
    parser.add_argument("--battles", type=int, metavar="N")
    parser.add_argument("--strings", action="store_true", help="read them as well")
    options = parser.parse_args()
    n = options.battles or (FEW if options.small else BATTLES)
    device = torch_device()
    with tempfile.TemporaryDirectory() as folder:
        encoder = Encoder(str(random_minilm(Path(folder))), device=device, length=256)
        if options.strings:
            through_store(encoder, n)
        else:
            from_states(token_lengths(min(n, SAMPLED), encoder), n, WIDTH, device)
    return 0


def from_states(lengths: NDArray[np.int64], n: int, width: int, device: str) -> None:
    """Time so many battles of these lengths, sorted, a group at a time; scaling is included."""
    many = lengths[np.random.default_rng(SEED).integers(0, len(lengths), n)]
    many = many[np.argsort(-many.sum(axis=1), kind="stable")]
    group_of = np.cumsum(many.sum(axis=1)) // HELD_TOKENS[device]
    groups = np.split(many, np.flatnonzero(np.diff(group_of)) + 1)
    temperature, seconds = CrossAttentionFeatures().temperature, 0.0
    for number, group in enumerate([groups[-1], *groups]):
        raw = torch.randn(int(group.sum()), width, device=device)
        wait_for(device)
        start = time.perf_counter()
        scaled = torch.nn.functional.normalize(raw, dim=1)
        states = scaled.split(group.ravel().tolist())
        given = [states[row : row + 3] for row in range(0, len(states), 3)]
        match_battles(given, [False] * len(given), temperature, device)
        if number:  # the first one warms up
            seconds += time.perf_counter() - start
    on_card = torch.cuda.max_memory_allocated() / 1e6 if device == "cuda" else 0.0
    write(
        f"From states of {width} dimensions: {n:,} battles, {int(many.sum()):,} tokens in "
        f"{seconds:.1f} s, {on_card:,.0f} MB of the card"
    )


def through_store(encoder: Encoder, n: int) -> None:
    """Read and match so many battles, and print where the time went."""
    family = CrossAttentionFeatures()
    turns = DistinctTurns.of(repeated(battles_at_hand(n), n))
    store = EncoderStore(encoder)
    store.match_by(Matching(family.temperature, family.tokens))
    encoder.encode(["warm", "up"])
    start = time.perf_counter()
    store.add_battles(turns)
    seconds = time.perf_counter() - start
    parts = ", ".join(f"{name} {spent:.1f} s" for name, spent in store.seconds.items())
    write(
        f"From strings, MiniLM's architecture, {encoder.found_precision}: {n:,} battles, "
        f"{len(turns.texts):,} texts, {store.tokens_read:,} tokens in {seconds:.1f} s ({parts}; "
        f"tokenising goes on beside the others); {peak_memory_mb():,.0f} MB"
        + (
            f", {torch.cuda.max_memory_allocated() / 1e6:,.0f} MB of the card"
            if encoder.device == "cuda"
            else ""
        )
    )


def repeated(battles: pl.DataFrame, n: int) -> pl.DataFrame:
    """Return so many battles, the given ones over and over, each turn behind a number."""
    whole, rest = divmod(n, battles.height)
    heads = [battles] * whole + [battles.head(rest)]
    return pl.concat([part.with_columns(_behind(copy)) for copy, part in enumerate(heads)])


def _behind(number: int) -> list[pl.Expr]:
    turn = pl.concat_str([pl.lit(f"{number} "), pl.element()])
    return [pl.col(column).list.eval(turn) for column in TEXTS.values()]


if __name__ == "__main__":
    sys.exit(main())
