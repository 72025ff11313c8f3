"""How fast tokens are matched, from their states: ``python -m benchmarks.cross_attention``.

The lengths are those that `minilm` reads of battles of the folder that ``ARENABOOST_DATA`` names,
or of the bundled sample; the states are random, of length 1, and given to both. The plain
implementation goes through the battles in batches, pads each of the three texts to the longest
one of its batch, and loops over the pairs of texts in NumPy: cosines, two softmaxes under a mask,
and what is asked of each. Both multiply matrices through BLAS; the best of the repeats counts, and
their numbers must agree. With all cores the plain one uses them in its products only;
``--cores 1`` gives both a single one.

On a GPU the same battles, drawn to 57,477, are matched there: what the family does beyond the
encoding itself, scaling the states included.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from joblib import cpu_count
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.lexical import BATTLES
from data.battles import read_training
from features import to_polars
from features.encoding.encoder import Encoder
from features.encoding.turns import DistinctTurns
from features.families.cross_attention import CrossAttentionFeatures
from features.matching.passes import HELD_TOKENS, match_battles
from pipelines.fit import SAMPLE

SEED, WIDTH, BATCH = 0, 384, 32
TOLERANCE = 1e-5
TEMPERATURE = CrossAttentionFeatures().temperature
Floats = NDArray[np.float32]
Half = tuple[Floats, list[float]]


def main() -> int:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.cross_attention", description=__doc__
    )
    parser.add_argument("--battles", type=int, default=512, metavar="N")
    parser.add_argument("--repeats", type=int, default=5, metavar="N")
    parser.add_argument("--cores", type=int, default=cpu_count(), metavar="N")
    options = parser.parse_args()
    os.environ["LOKY_MAX_CPU_COUNT"] = str(options.cores)  # of joblib, by which cores are shared
    torch.set_num_threads(options.cores)
    lengths = token_lengths(options.battles)
    battles = random_states(lengths)
    tokens = int(lengths.sum())
    write(f"{len(lengths)} battles, {tokens:,} tokens, {options.cores} cores\n")
    given = [[torch.from_numpy(text) for text in texts] for texts in battles]
    equal = [False] * len(battles)
    runs: dict[str, Callable[[], Any]] = {
        "plain": lambda: plain(battles),
        "arenaboost": lambda: match_battles(given, equal, TEMPERATURE, "cpu"),
    }
    best = dict.fromkeys(runs, np.inf)
    found = {}
    with threadpool_limits(options.cores, user_api="blas"):
        for _ in range(options.repeats):
            for name, run in runs.items():
                start = time.perf_counter()
                found[name] = run()
                best[name] = min(best[name], time.perf_counter() - start)
    write("| what | battles/s | ratio | largest difference |\n|---|---|---|---|")
    for name, seconds in best.items():
        gaps = [np.abs(x - y).max() for x, y in zip(found[name], found["plain"], strict=True)]
        rate, ratio = len(battles) / seconds, best["plain"] / seconds
        write(f"| {name} | {rate:,.0f} | {ratio:.1f} | {max(gaps):.1e} |")
        if max(gaps) > TOLERANCE:
            sys.exit(f"{name}: the numbers differ by {max(gaps):.1e}")
    if torch.cuda.is_available():
        on_gpu(lengths)
    else:
        write("\nowed: 57,477 battles on a GPU")
    return 0


def token_lengths(battles: int) -> NDArray[np.int64]:
    """Return how many tokens are read of each battle's prompt and answers."""
    folder = os.environ.get("ARENABOOST_DATA")
    path = Path(folder) / "arena" / "train.csv" if folder else SAMPLE / "train.csv"
    frame = to_polars(read_training(path).battles)
    turns = DistinctTurns.of(frame.sample(min(battles, frame.height), shuffle=True, seed=SEED))
    encoder = Encoder()
    own = [len(encoder.backbone.own(piece)) for piece in encoder.pieces(turns.texts)]
    most = CrossAttentionFeatures().tokens
    return np.array(
        [
            [min(sum(own[turn] for turn in text), most) for text in texts]
            for texts in turns.conversations()
        ]
    )


def random_states(lengths: NDArray[np.int64], width: int = WIDTH) -> list[list[Floats]]:
    """Return states of length 1 for texts of so many tokens."""
    rng = np.random.default_rng(SEED)

    def one(n: int) -> Floats:
        states = rng.standard_normal((n, width), dtype=np.float32)
        return states / np.linalg.norm(states, axis=1, keepdims=True)

    return [[one(n) for n in texts] for texts in lengths.tolist()]


def plain(battles: Sequence[Sequence[Floats]]) -> tuple[Floats, Floats]:
    """Match battles batch by batch, padded, with a loop over the pairs.

    Returns
    -------
    best : ndarray of float32, shape (n_tokens, 2)
    figures : ndarray of float32, shape (n_battles, 6, 3)
    """
    best, figures = [], []
    for start in range(0, len(battles), BATCH):
        batch = battles[start : start + BATCH]
        padded = [pad([texts[n] for texts in batch]) for n in range(3)]
        for row, texts in enumerate(batch):
            states = [(padded[n][row], len(texts[n])) for n in range(3)]
            found = {}
            for x, y in ((0, 1), (0, 2), (1, 2)):
                found[x, y], found[y, x] = plain_pair(*states[x], *states[y])
            for x in range(3):
                others = [found[x, y][0] for y in range(3) if y != x]
                best.append(np.stack(others, axis=1))
            order = ((0, 1), (0, 2), (1, 0), (2, 0), (1, 2), (2, 1))
            figures.append([found[pair][1] for pair in order])
    return np.concatenate(best), np.array(figures, dtype=np.float32)


def pad(texts: Sequence[Floats]) -> Floats:
    """Fill up with zeros to the longest text."""
    padded = np.zeros((len(texts), max(map(len, texts)), WIDTH), dtype=np.float32)
    for row, text in enumerate(texts):
        padded[row, : len(text)] = text
    return padded


def plain_pair(x: Floats, n: int, y: Floats, m: int) -> tuple[Half, Half]:
    """Return best matches, and entropy and masses of the attention, of both texts' tokens."""
    if not n or not m:
        nothing = [0.0, 0.0, 0.0]
        return (np.zeros(n, np.float32), nothing), (np.zeros(m, np.float32), nothing)
    cosines = x @ y.T
    cosines[n:], cosines[:, m:] = -np.inf, -np.inf
    return plain_half(cosines[:n], m), plain_half(cosines.T[:m], n)


def plain_half(cosines: Floats, m: int) -> Half:
    """Return that of one text, whose cosines with padding are minus infinity."""
    logits = cosines / TEMPERATURE
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    attention = (weights / weights.sum(axis=1, keepdims=True))[:, :m]
    surprise = -np.log(np.maximum(attention, np.finfo(np.float32).tiny))
    entropy = (attention * surprise).sum(axis=1) / np.log(m) if m > 1 else np.zeros(1)
    quarter = -(-m // 4)
    first, last = attention[:, :quarter].sum(axis=1), attention[:, m - quarter :].sum(axis=1)
    return cosines.max(axis=1), [float(of.mean()) for of in (entropy, first, last)]


def on_gpu(lengths: NDArray[np.int64], width: int = 768) -> None:
    """Time 57,477 battles with states of DeBERTa's width, sorted by length, a group at a time."""
    many = lengths[np.random.default_rng(SEED).integers(0, len(lengths), BATTLES)]
    many = many[np.argsort(-many.sum(axis=1), kind="stable")]
    group_of = np.cumsum(many.sum(axis=1)) // HELD_TOKENS["cuda"]
    groups = np.split(many, np.flatnonzero(np.diff(group_of)) + 1)
    seconds = 0.0
    for number, group in enumerate([groups[-1], *groups]):
        raw = torch.randn(int(group.sum()), width, device="cuda")
        torch.cuda.synchronize()
        start = time.perf_counter()
        scaled = torch.nn.functional.normalize(raw, dim=1)
        states = [part.clone() for part in scaled.split(group.ravel().tolist())]
        given = [states[row : row + 3] for row in range(0, len(states), 3)]
        match_battles(given, [False] * len(given), TEMPERATURE, "cuda")
        if number:  # the first one warms up
            seconds += time.perf_counter() - start
    memory = torch.cuda.max_memory_allocated() / 1e6
    write(
        f"\n{torch.cuda.get_device_name()}: {BATTLES:,} battles, {int(many.sum()):,} tokens in "
        f"{seconds:.1f} s, {memory:,.0f} MB of the card"
    )


def write(text: str) -> None:
    """Print at once: the next line takes a while."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
