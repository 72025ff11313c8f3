"""Generate battles whose true probabilities are known, in Kaggle's format.

The bundled sample was made by::

    python -m data.synthetic --rows 2000 --test-rows 500 --seed 0 --output data/sample

The world is described by the tables of `data.synthetic.world`; `data/README.md` repeats them.
Battles are drawn in chunks of `CHUNK_ROWS`, each from a seed sequence of its own, and written as
they come: memory stays constant, the same seed gives the same bytes, and the first rows of a long
file are the rows of a shorter one.
"""

import argparse
import csv
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import Progress

from data.synthetic.answers import draw_answers
from data.synthetic.prompts import CHUNK_ROWS, Conversations, Turns, draw_conversations, pick
from data.synthetic.world import (
    MODELS,
    PARTS,
    Floats,
    Integers,
    Prompts,
    Side,
    entropy,
    probabilities,
)

TRAIN, TEST = 0, 1
IDENTICAL_ANSWERS = 0.01
TEXTS = ("prompt", "response_a", "response_b")
WINNERS = ("winner_model_a", "winner_model_b", "winner_tie")
_SPREAD_IDS = 500
_ENCODE = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True)
class Draw:
    """A few battles: shape (n,) each, `parts` (millionths of A, B, tie) shape (n, 3)."""

    id: Integers
    model_a: Integers
    model_b: Integers
    prompt: list[Turns]
    response_a: list[Turns]
    response_b: list[Turns]
    parts: Integers
    label: Integers


@dataclass(frozen=True)
class Summary:
    """How well the truth itself scores on a file of `rows` battles.

    `bayes` is the Bayes log loss: the mean entropy of the true probabilities, which no prediction
    beats in expectation. `drawn` is the log loss of the true probabilities on the votes that were
    drawn; it differs from `bayes` by chance.
    """

    rows: int
    bayes: float
    drawn: float


def draw_chunk(seed: int, split: int, number: int) -> Draw:
    """Draw chunk `number` of the training (split 0) or test file (split 1) of a seed."""
    sequence = np.random.SeedSequence(seed, spawn_key=(split, number))
    rng = np.random.Generator(np.random.PCG64(sequence))
    conversations = draw_conversations(rng)
    draws = rng.random((5, CHUNK_ROWS))
    model_a = pick(draws[0], len(MODELS))
    model_b = (model_a + 1 + pick(draws[1], len(MODELS) - 1)) % len(MODELS)
    turns_a, a = draw_answers(rng, conversations, model_a)
    turns_b, b = draw_answers(rng, conversations, model_b)
    turns_b, b = _copy(draws[2] < IDENTICAL_ANSWERS, conversations, (turns_a, a), (turns_b, b))
    response_a = _by_row(turns_a, conversations)
    response_b = _by_row(turns_b, conversations)
    prompts = Prompts(conversations.kind, conversations.difficulty)
    identical = np.array([x == y for x, y in zip(response_a, response_b, strict=True)])
    parts = probabilities(prompts, a, b, identical)
    row = number * CHUNK_ROWS + np.arange(CHUNK_ROWS)
    return Draw(
        id=2 * (_SPREAD_IDS * row + pick(draws[3], _SPREAD_IDS)) + split,
        model_a=model_a,
        model_b=model_b,
        prompt=_by_row(conversations.texts, conversations),
        response_a=response_a,
        response_b=response_b,
        parts=parts,
        label=vote(parts, draws[4]),
    )


def draw_chunks(rows: int, seed: int, split: int = TRAIN) -> Iterator[tuple[Draw, int]]:
    """Yield the chunks of `rows` battles one by one, each with the number of its rows to use.

    >>> [use for _, use in draw_chunks(1200, seed=0)]
    [1000, 200]
    """
    for number, start in enumerate(range(0, rows, CHUNK_ROWS)):
        yield draw_chunk(seed, split, number), min(CHUNK_ROWS, rows - start)


def vote(parts: Integers, draws: Floats) -> Integers:
    """Turn uniform draws (n,) into labels 0, 1, 2 (A, B, tie) by the millionths (n, 3).

    >>> vote(np.array([[500_000, 300_000, 200_000]] * 3), np.array([0.499999, 0.5, 0.8])).tolist()
    [0, 1, 2]
    """
    drawn = pick(draws, PARTS)[:, None]
    return (drawn >= np.cumsum(parts, axis=1)[:, :2]).sum(axis=1)


def write_battles(
    output: Path,
    rows: int,
    seed: int,
    split: int = TRAIN,
    advance: Callable[[int], None] = lambda rows: None,
) -> Summary:
    """Write train.csv or test.csv, and the true probabilities beside it, into a folder.

    Files are written aside and renamed when whole; `advance` hears of the rows of each chunk.
    """
    name = ("train", "test")[split]
    sums = np.zeros(2)
    with (
        _written(output / f"{name}.csv") as battles,
        _written(output / f"{name}_probabilities.csv") as truth,
    ):
        battles.writerow(_header(split))
        truth.writerow(("id", *WINNERS))
        for chunk, use in draw_chunks(rows, seed, split):
            battles.writerows(_battle(chunk, row, split) for row in range(use))
            truth.writerows(_truth(chunk, row) for row in range(use))
            sums += _losses(chunk, use)
            advance(use)
    return Summary(rows, *(sums / rows).tolist())


def _copy(
    rows: npt.NDArray[np.bool_],
    conversations: Conversations,
    original: tuple[Turns, Side],
    other: tuple[Turns, Side],
) -> tuple[Turns, Side]:
    """Give the other side the original's text in some rows; the model stays who it is."""
    turns = [
        source if copied else own
        for source, own, copied in zip(
            original[0], other[0], rows[conversations.row].tolist(), strict=True
        )
    ]
    facts = {
        name: np.where(rows, original[1].facts[name], own) for name, own in other[1].facts.items()
    }
    return turns, Side(other[1].model, facts)


def _by_row(turns: Turns, conversations: Conversations) -> list[Turns]:
    bounds = [0, *np.cumsum(conversations.turns).tolist()]
    return [turns[start:stop] for start, stop in pairwise(bounds)]


def _header(split: int) -> tuple[str, ...]:
    return ("id", *TEXTS) if split == TEST else ("id", "model_a", "model_b", *TEXTS, *WINNERS)


def _battle(chunk: Draw, row: int, split: int) -> list[object]:
    texts = [_cell(turns[row]) for turns in (chunk.prompt, chunk.response_a, chunk.response_b)]
    if split == TEST:
        return [chunk.id[row], *texts]
    names = [MODELS[models[row]].name for models in (chunk.model_a, chunk.model_b)]
    return [chunk.id[row], *names, *texts, *(int(chunk.label[row] == side) for side in range(3))]


def _cell(turns: Turns) -> str:
    """Write turns as Kaggle does: no spaces, ASCII escapes, and a backslash before a slash."""
    return _ENCODE(turns).replace("/", "\\/")


def _truth(chunk: Draw, row: int) -> list[object]:
    return [chunk.id[row], *(part / PARTS for part in chunk.parts[row].tolist())]


def _losses(chunk: Draw, use: int) -> Floats:
    """Sum both log losses over the first `use` rows."""
    parts = chunk.parts[:use]
    drawn = parts[np.arange(use), chunk.label[:use]] / PARTS
    return np.array([entropy(parts).sum(), -np.log(drawn).sum()])


@contextmanager
def _written(path: Path) -> Iterator[Any]:
    """Open a CSV writer on a file that gets its name when it is whole."""
    aside = path.with_name(f"{path.name}.partial")
    with aside.open("w", encoding="ascii", newline="") as file:
        yield csv.writer(file, lineterminator="\n")
    aside.replace(path)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line: write all four files, and print the Bayes log losses."""
    options = _parser().parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    summaries = []
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        for split, rows in ((TRAIN, options.rows), (TEST, options.test_rows)):
            task = progress.add_task(("train.csv", "test.csv")[split], total=rows)
            advance = partial(progress.advance, task)
            summaries.append(write_battles(options.output, rows, options.seed, split, advance))
    train, test = summaries
    print(f"{options.output / 'train.csv'}: {train.rows} rows")
    print(f"  Bayes log loss (mean entropy of the true probabilities): {train.bayes:.4f}")
    print(f"  log loss of the true probabilities on the drawn votes: {train.drawn:.4f}")
    print(f"{options.output / 'test.csv'}: {test.rows} rows")
    print(f"  Bayes log loss (mean entropy of the true probabilities): {test.bayes:.4f}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m data.synthetic",
        description="Write generated battles and their true probabilities in Kaggle's format.",
    )
    parser.add_argument("--rows", type=_at_least(1), required=True, help="rows of train.csv")
    parser.add_argument("--test-rows", type=_at_least(1), default=500, help="rows of test.csv")
    parser.add_argument("--seed", type=_at_least(0), default=0)
    parser.add_argument("--output", type=Path, required=True, help="folder of the four files")
    return parser


def _at_least(least: int) -> Callable[[str], int]:
    def number(value: str) -> int:
        if not value.isdecimal() or int(value) < least:
            raise argparse.ArgumentTypeError(
                f"expected a whole number of at least {least}, got {value!r}"
            )
        return int(value)

    return number


if __name__ == "__main__":
    main()
