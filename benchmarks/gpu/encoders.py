"""Tokens a second of frozen encoders: ``python -m benchmarks.gpu.encoders [NAME …] [--small]``.

MiniLM's and DeBERTa-v3-base's architectures with random weights, in the precision that `Encoder`
chooses (bf16 on a GPU), beside `SentenceTransformer.encode` in the same one, with its default batch
and with a large one, and beside arenaboost from tokens, for in a run texts become tokens while the
network reads others. Each reads the same texts in turn after a warm-up, the best of the repeats
counts. The share is that of the device's matrix rate which the least possible arithmetic of these
tokens, nothing padded, takes in the time that arenaboost needs from tokens.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from benchmarks.gpu.common import small_parser
from benchmarks.gpu.rates import matrix_rate, torch_device
from benchmarks.gpu.texts import battles_at_hand, random_minilm
from benchmarks.speed.deberta import LAYERS, WIDTH, random_deberta
from benchmarks.speed.encoder import PLAIN, write_race
from benchmarks.tables import write
from features.encoding.encoder import Encoder
from features.encoding.turns import DistinctTurns

SEED, REPEATS = 0, 2
FEW, FEW_LETTERS = 4, 400  # of texts where there is no GPU
BATCHES = (32, 256)  # the default of sentence-transformers, and one that fills a card
TOKENIZERS, FROM_TOKENS = "ARENABOOST_MODELS", "arenaboost, from tokens"


class Architecture(NamedTuple):
    """What is read with, and the sizes that its arithmetic depends on."""

    name: str
    make: Callable[[Path], Path]
    length: int
    texts: int
    width: int
    layers: int
    places: int  # relative ones, of both directions


ARCHITECTURES: dict[str, Architecture] = {
    "deberta": Architecture("DeBERTa-v3-base", random_deberta, 512, 4_000, WIDTH, LAYERS, 512),
    "minilm": Architecture("MiniLM-L6", random_minilm, 256, 8_000, 384, 6, 0),
}


def flops(length: int, of: Architecture) -> float:
    """Return the operations that a network needs for a text of so many tokens.

    For a token in a layer: 8 w**2 for query, key, value and output, 16 w**2 for the feed-forward
    part, 4 w for each token it attends to, and 4 w for each relative place (both directions).

    >>> flops(1, ARCHITECTURES["minilm"]._replace(width=1, layers=1))
    28.0
    """
    width = of.width
    return float(of.layers * length * (24 * width**2 + 4 * width * length + 4 * width * of.places))


def main() -> int:
    """Print a table for each architecture."""
    parser = small_parser("benchmarks.gpu.encoders", __doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(ARCHITECTURES))
    options = parser.parse_args()
    unknown = set(options.names) - set(ARCHITECTURES)
    if unknown:
        parser.error(f"{', '.join(unknown)}: expected {' or '.join(ARCHITECTURES)}")
    texts = DistinctTurns.of(battles_at_hand(100 if options.small else None)).texts
    chosen = [texts[n] for n in np.random.default_rng(SEED).permutation(len(texts))]
    if options.small:
        chosen = [text[:FEW_LETTERS] for text in chosen[:FEW]]
    for name in options.names or ARCHITECTURES:
        architecture = ARCHITECTURES[name]
        if architecture.make is random_deberta and TOKENIZERS not in os.environ:
            write(f"{architecture.name} skipped: {TOKENIZERS} does not name a folder")
            continue
        with tempfile.TemporaryDirectory() as folder:
            measure(architecture, architecture.make(Path(folder)), chosen[: architecture.texts])
    return 0


def measure(architecture: Architecture, folder: Path, texts: Sequence[str]) -> None:
    """Print the rates of one architecture."""
    device = torch_device()
    ours = Encoder(str(folder), device=device, pooling="mean", length=architecture.length)
    dtype = ours.backbone.network.dtype
    plain = SentenceTransformer(str(folder), device=device, model_kwargs={"dtype": dtype})
    plain.max_seq_length = architecture.length
    pieces = ours.pieces(texts)
    runs: dict[str, Callable[[list[str]], Any]] = {
        f"{PLAIN}, {batch} a batch": partial(plain.encode, batch_size=batch) for batch in BATCHES
    }
    runs["arenaboost"] = lambda texts: ours.encode(texts).vectors
    runs[FROM_TOKENS] = lambda texts: ours.encode_pieces(pieces).vectors
    write(f"{architecture.name}, random weights, {ours.found_precision}")
    timed = write_race(ours, texts, runs, REPEATS if device == "cuda" else 1)
    needed = sum(flops(n, architecture) for n in ours.encode(texts).tokens.tolist())
    share = needed / timed[FROM_TOKENS].wall / matrix_rate(device, ours.backbone.network.dtype)
    write(f"\nShare of the matrix rate: {share:.1%}")
    if device == "cuda":
        write(f"\nMemory of the card: {torch.cuda.max_memory_allocated() / 1e6:,.0f} MB at most")


if __name__ == "__main__":
    sys.exit(main())
