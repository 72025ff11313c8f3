"""What is read of a text, how it is pooled, how tokens are matched: a direction score out of fold.

On extra rows without the prompts of the scored ones. `embedding` has such a score; the differences
of `cross_attention` are put into one like it, alone and beside those of `length`.
"""

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from benchmarks import real
from benchmarks.quality.study import SCORE, Lines, Options, Study
from data.folds import hash_folds
from data.labels import TIE, A
from features.encoding.encoder import Encoder
from features.families.cross_attention import CrossAttentionFeatures
from features.families.embedding import EmbeddingFeatures
from features.families.length import LengthFeatures
from features.matching.store import EncoderStore
from features.votes.scores import figures
from features.votes.sparse_logistic import cross_fit

BATTLES, N_FOLDS, SEED = 6000, 5, 0  # an encoder reads so many battles, for the sake of time

EMBEDDING_SHARED: dict[str, Any] = {"components": 0, "penalties": (3.0, 1.0, 3e-1, 1e-1, 3e-2)}
ENCODER: dict[str, dict[str, Any]] = {
    "first 256 tokens": {},
    "first 128": {"length": 128},
    "first 192": {"length": 192},
    "first and last 128": {"long": "head_tail"},
    "state of [CLS]": {"pooling": "cls"},
}


class Columns(NamedTuple):
    """Parameters of `cross_attention`, and which of its columns are taken."""

    parameters: dict[str, Any]
    taken: Callable[[str], bool] = lambda name: True


def best_match(name: str) -> bool:
    """Return whether a column is of best matches, not of attention."""
    return "maxsim" in name or "coverage" in name


TOKENS: dict[str, Columns] = {
    "as it stands": Columns({}),
    "threshold 0.4": Columns({"threshold": 0.4}),
    "threshold 0.6": Columns({"threshold": 0.6}),
    "without IDF": Columns({}, lambda name: "idf" not in name),
    "without attention": Columns({}, best_match),
    "without best matches": Columns({}, lambda name: not best_match(name)),
    "without the answers' own": Columns({}, lambda name: "__other" not in name),
    "temperature 0.1": Columns({"temperature": 0.1}),
    "temperature 0.03": Columns({"temperature": 0.03}),
}


def encoder(options: Options) -> Lines:
    """Return the lines of `ENCODER`; each reads the texts anew unless a cache has them."""
    battles, y = real.extra_rows(BATTLES, SEED)

    def line(choice: dict[str, Any]) -> Iterable[object]:
        start, store = time.perf_counter(), EncoderStore(Encoder(**choice), options.kept)
        family = EmbeddingFeatures(store.encoder, **EMBEDDING_SHARED).use(store)
        report = family.fit(battles, y).report()
        yield from report["direction"].values()
        yield report["penalty"]
        yield f"{store.tokens_read:,}"
        yield f"{time.perf_counter() - start:.0f}"

    return {name: partial(line, choice) for name, choice in ENCODER.items()}


def tokens(options: Options) -> Lines:
    """Return the lines of `TOKENS`, and one of the length alone."""
    battles, y = real.extra_rows(BATTLES, SEED)
    battles, y = battles[y != TIE], y[y != TIE]
    fold = hash_folds(battles["group"].to_numpy(dtype=object), n_folds=N_FOLDS, salt=SEED)
    length = LengthFeatures().fit_transform(battles).filter(regex="_(diff|ratio)$")
    store = EncoderStore(Encoder(), options.kept)

    def line(choice: Columns) -> Iterable[object]:
        family = CrossAttentionFeatures(store.encoder, **choice.parameters).use(store)
        columns = family.fit_transform(battles, y).filter(regex="_diff$")
        columns = columns[[name for name in columns if choice.taken(name)]]
        yield from linear_score(columns, y, fold)
        yield from linear_score(columns.join(length), y, fold)

    def nothing() -> Iterable[object]:
        return "", "", *linear_score(length, y, fold)

    lines = {name: partial(line, choice) for name, choice in TOKENS.items()}
    return {"nothing": nothing} | lines


def linear_score(
    signed: pd.DataFrame, y: NDArray[np.int8], fold: NDArray[np.int8]
) -> tuple[object, object]:
    """Return log loss and AUC of a cross-fitted linear score of the direction."""
    X = signed.to_numpy(dtype=np.float64)
    scale = np.sqrt(np.square(X).mean(axis=0))
    X = csr_matrix((X / np.where(scale > 0, scale, 1.0)).astype(np.float32))
    penalties = (1.0, 3e-1, 1e-1, 3e-2, 1e-2, 3e-3)
    fitted = cross_fit(X, y == A, np.ones(len(y)), fold, penalties, intercept=False)
    found = figures(y == A, fitted.scores)
    return found["log_loss"], found["auc"]


STUDIES = {
    "encoder_choices": Study(("choice", *SCORE, "tokens read", "seconds"), encoder),
    "token_states": Study(("choice", "log loss", "AUC", "with length: log loss", "AUC"), tokens),
}
