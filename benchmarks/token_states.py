"""Which token states tell the direction, and how: ``python -m benchmarks.token_states``.

The differences of `features.cross_attention` in a linear score, out of fold, alone and beside the
differences of `features.length`, on battles of ``arena/extra.csv`` (of the folder that
``ARENABOOST_DATA`` names) whose prompts do not occur in ``arena/train.csv``: the rows that figures
are scored on take no part. `minilm` reads the battles once and keeps nothing; all choices are made
of the same states.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from benchmarks.extra_rows import extra_rows
from data.folds import hash_folds
from features import to_polars
from features.encoding.backbone import Backbone
from features.encoding.batches import workers
from features.encoding.encoder import Encoder
from features.encoding.truncation import Tokens
from features.encoding.turns import DistinctTurns
from features.families.cross_attention import CrossAttentionFeatures
from features.families.length import LengthFeatures
from features.matching.matches import Matches
from features.matching.passes import last, match_batch
from features.matching.scores import document_frequency, inverse_document_frequency, scores
from features.votes.scores import figures
from features.votes.sparse_logistic import cross_fit

LAYERS = (0, 2, 4, 5, 6)
DEFAULT = CrossAttentionFeatures()
PENALTIES = (1.0, 3e-1, 1e-1, 3e-2, 1e-2, 3e-3)
N_FOLDS, SEED, TIE = 5, 0, 2
NONE = np.zeros(0, np.int32)
Columns = dict[str, NDArray[np.float64]]


class Choice(NamedTuple):
    """What tokens are matched by, and which columns are made of it."""

    layer: int = 6
    temperature: float | None = DEFAULT.temperature  # None: products of the states as they are
    last_turn: bool = False
    threshold: float = DEFAULT.threshold
    columns: Callable[[str], bool] = lambda name: True


CHOICES: dict[str, Choice] = {
    "as it stands": Choice(),
    **{f"states of layer {layer}": Choice(layer=layer) for layer in LAYERS[:-1]},
    "states not scaled, over the root of the dimensions": Choice(temperature=None),
    "temperature 0.1": Choice(temperature=0.1),
    "temperature 0.03": Choice(temperature=0.03),
    "last turns only": Choice(last_turn=True),
    "threshold 0.4": Choice(threshold=0.4),
    "threshold 0.6": Choice(threshold=0.6),
    "without IDF": Choice(columns=lambda name: "idf" not in name),
    "without attention": Choice(columns=lambda name: "maxsim" in name or "coverage" in name),
    "without best matches": Choice(
        columns=lambda name: not ("maxsim" in name or "coverage" in name)
    ),
    "without the answers' own": Choice(columns=lambda name: not name.startswith("other")),
}


def main() -> int:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.token_states", description=__doc__)
    parser.add_argument("--battles", type=int, default=6000, metavar="N")
    options = parser.parse_args()
    if "ARENABOOST_DATA" not in os.environ:
        sys.stdout.write("skipped: ARENABOOST_DATA does not name the folder of real battles\n")
        return 0
    arena = Path(os.environ["ARENABOOST_DATA"]) / "arena"
    battles, y = extra_rows(arena, options.battles, SEED)
    battles, y = battles[y != TIE], y[y != TIE]
    fold = hash_folds(battles["group"].to_numpy(dtype=object), n_folds=N_FOLDS, salt=SEED)
    length = LengthFeatures().fit_transform(battles).filter(regex="_(diff|ratio)$").to_numpy()
    found = read(DistinctTurns.of(to_polars(battles)))
    write(f"{len(y):,} decided extra battles\n")
    write("| choice | log loss | AUC | with length: log loss | AUC |\n|---|---|---|---|---|")
    write(f"| nothing | | | {score(length, y, fold)} |")
    for name, choice in CHOICES.items():
        columns = columns_of(found, choice)
        signed = [of for column, of in columns.items() if column.endswith("_diff")]
        signed = [np.column_stack(signed), np.column_stack([*signed, length])]
        write(f"| {name} | {' | '.join(score(of, y, fold) for of in signed)} |")
    return 0


def read(turns: DistinctTurns) -> dict[Choice, Matches]:
    """Match the tokens of each battle in each way, one battle at a time on each core."""
    encoder, ways = Encoder(), list(dict.fromkeys(map(way, CHOICES.values())))
    pieces = encoder.pieces(turns.texts)
    with workers("cpu") as each:
        table = each(lambda texts: matched(encoder, pieces, texts, ways), turns.conversations())
        parts = zip(*table, strict=True)
    return {of: Matches.together(part) for of, part in zip(ways, parts, strict=True)}


def way(choice: Choice) -> Choice:
    """Return the choice as far as it is about states."""
    return Choice(choice.layer, choice.temperature, choice.last_turn)


def matched(
    encoder: Encoder,
    pieces: Sequence[Tokens],
    texts: Sequence[Sequence[int]],
    ways: Sequence[Choice],
) -> list[Matches]:
    """Match the tokens of a battle in several ways."""
    backbone, equal = encoder.backbone, np.zeros(1, np.bool_)
    with torch.inference_mode():
        states = [[hidden(backbone, pieces[turn]) for turn in turns] for turns in texts]
        tokens = [[backbone.own(pieces[turn]) for turn in turns] for turns in texts]
        found = []
        for choice in ways:
            turns = slice(-1, None) if choice.last_turn else slice(None)
            ids = [np.concatenate([NONE, *last(DEFAULT.tokens, of[turns])]) for of in tokens]
            raw = [
                torch.cat([torch.empty((0, backbone.width)), *last(DEFAULT.tokens, of)])
                for of in ([turn[choice.layer] for turn in text[turns]] for text in states)
            ]
            scaled = [torch.nn.functional.normalize(part, dim=1) for part in raw]
            best, told = match_batch([scaled], equal, choice.temperature or 1.0)
            if choice.temperature is None:
                told = match_batch([raw], equal, float(np.sqrt(backbone.width)))[1]
            lengths = np.array([[len(of) for of in ids]], np.int32)
            found.append(Matches(lengths, np.concatenate(ids).astype(np.int32), best, told))
    return found


def hidden(backbone: Backbone, piece: Tokens) -> dict[int, torch.Tensor]:
    """Return the states of a piece's own tokens in each of the layers."""
    ids = torch.from_numpy(piece.astype(np.int64))[None]
    states = backbone.network(
        input_ids=ids, attention_mask=torch.ones_like(ids), output_hidden_states=True
    ).hidden_states
    own = slice(backbone.skipped, len(piece) - len(backbone.after))
    return {layer: states[layer][0, own] for layer in LAYERS}


def columns_of(found: dict[Choice, Matches], choice: Choice) -> Columns:
    """Return the columns of a choice, the IDF from these battles."""
    matches = found[way(choice)]
    frequency = document_frequency(matches.owner, matches.tokens)
    idf = inverse_document_frequency(matches.tokens, frequency, int((matches.lengths > 0).sum()))
    columns = scores(matches, idf, choice.threshold)
    return {name: values for name, values in columns.items() if choice.columns(name)}


def score(signed: NDArray[np.float64], y: NDArray[np.int8], fold: NDArray[np.int8]) -> str:
    """Return log loss and AUC of a cross-fitted linear score."""
    scale = np.sqrt(np.square(signed).mean(axis=0))
    X = csr_matrix((signed / np.where(scale > 0, scale, 1.0)).astype(np.float32))
    every = np.ones(len(y), np.bool_)
    fitted = cross_fit(X, y == 0, every, fold, PENALTIES, intercept=False)
    told = figures(y == 0, fitted.scores)
    return f"{told['log_loss']} | {told['auc']}"


def write(text: str) -> None:
    """Print at once: the next line takes a while."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
