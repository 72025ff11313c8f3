"""How fast n-grams are counted and tried: ``python -m benchmarks.speed.lexical``.

The prompts and answers of 57,477 battles (158 million characters) are made from the real ones of
the folder that ``ARENABOOST_DATA`` names: repeated, and the words of each text shuffled, so that no
text comes twice. Counted are words 1-3 and characters 2-5 (``char_wb``), and the 150,000 n-grams of
most texts chosen among all that five texts hold. Then a candidate is tried on the counts, with the
votes of the battles that the texts were made from: differences of the answers' TF-IDF, and a
logistic regression for each of five folds (by prompt) and three penalties, with out-of-fold scores.

Beside it stands scikit-learn: `CountVectorizer` given the same n-grams, whose counts must be the
same, cell for cell; `TfidfVectorizer`, which has to count for each candidate anew; and
`LogisticRegression` with the same options. By default it has every tenth text to count and one of
the fifteen fits to make, and its seconds are multiplied; ``--whole`` has it do all. Since shuffled
words make few n-grams that mean anything, the real texts follow, all of them with both. Seconds are
of the processor, in this one process.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from benchmarks import real
from benchmarks.speed.texts import BATTLES, shuffled_texts, texts_of
from benchmarks.tables import write, write_header, write_row
from data.folds import hash_folds
from data.labels import TIE, A
from features.ngram.counting import Counted
from features.ngram.tfidf import Weights, differences
from features.ngram.vocabulary import Grams, Vocabulary
from features.votes import sparse_logistic_kernel
from features.votes.scores import figures
from features.votes.sparse_logistic import fit_many
from pipelines.report.content import peak_memory_mb

KINDS = (Grams("word", 1, 3), Grams("char_wb", 2, 5))
COLUMNS, MIN_DF, PART = 150_000, 5, 10
LIMITS = {"counts": 40.0, "a candidate": 15.0, "memory": 6000.0}  # CPU-seconds twice, MB
PENALTIES, FOLDS = (2e-3, 6e-4, 2e-4), 5
LANES = [(fold, place) for fold in range(FOLDS) for place in range(len(PENALTIES))]
FEW = 300  # battles that compile what is compiled once


Chosen = tuple[Vocabulary, Weights]  # the n-grams of one kind, and their counts


class Votes(NamedTuple):
    """Of battles whose prompt, A and B follow one another: who won, and each prompt's fold."""

    a_wins: NDArray[np.bool_]
    decided: NDArray[np.bool_]
    fold: NDArray[np.int8]

    @classmethod
    def of(cls, battles: pd.DataFrame, y: NDArray[np.int8], number: int) -> "Votes":
        """Take those of so many battles, the given ones repeated."""
        rows = np.arange(number) % len(y)
        fold = hash_folds(battles["group"].to_numpy(dtype=object), n_folds=FOLDS)
        return cls(y[rows] == A, y[rows] != TIE, fold[rows])


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables, and return 1 where a limit is passed or a count differs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.lexical")
    parser.add_argument("--battles", type=int, default=BATTLES, metavar="N")
    parser.add_argument("--whole", action="store_true", help="scikit-learn does all of it")
    options = parser.parse_args(arguments)
    if not real.at_hand():
        return 0
    battles, y = real.all_rows()
    texts = texts_of(battles)
    candidate([count(texts[: 3 * FEW], kind) for kind in KINDS], Votes.of(battles, y, FEW))
    many = list(shuffled_texts(texts, 3 * options.battles))
    kept = shuffled(many, Votes.of(battles, y, options.battles), 1 if options.whole else PART)
    unshuffled(texts, Votes.of(battles, y, len(battles)))
    return int(not kept)


def shuffled(texts: Sequence[str], votes: Votes, part: int) -> bool:
    """Count and try the shuffled texts; say whether all limits are kept and all counts agree."""
    write(f"{len(texts):,} texts, {sum(map(len, texts)):,} characters\n")
    start = time.process_time()
    counted = [count(texts, kind) for kind in KINDS]
    ours = {"counts": time.process_time() - start}
    scores, X, ours["a candidate"] = candidate(counted, votes)
    ours["memory"] = peak_memory_mb()
    some = [text for row in range(0, len(texts), 3 * part) for text in texts[row : row + 3]]
    counting, differ = counted_by_scikit_learn(counted, texts, part)
    theirs, vectorising = vectorised(some)
    lanes = LANES if part == 1 else LANES[1:2]
    other, fitting = logistic(theirs if part == 1 else X, votes, lanes)
    vectorising, fitting = vectorising * len(texts) / len(some), fitting * len(LANES) / len(lanes)
    write_header(("", "arenaboost", "limit", "scikit-learn", "ratio"))
    for name, seconds in {"counts": counting, "a candidate": vectorising + fitting}.items():
        ratio = f"{seconds / ours[name]:.1f}"
        write_row([name, f"{ours[name]:.1f}", LIMITS[name], f"{seconds:.0f}", ratio])
    ratio = f"{fitting / ours['a candidate']:.1f}"
    write_row(["its fits alone", f"{ours['a candidate']:.1f}", "", f"{fitting:.0f}", ratio])
    write_row(["memory", f"{ours['memory']:,.0f}", f"{LIMITS['memory']:,.0f}", "", ""])
    write(f"\n{differ:,} counts differ\n")
    write_losses(scores, other, votes)
    return not differ and all(ours[name] <= most for name, most in LIMITS.items())


def unshuffled(texts: Sequence[str], votes: Votes) -> None:
    """Try the real texts with both."""
    write(f"\n{len(texts):,} real texts, {sum(map(len, texts)):,} characters\n")
    scores, _, _ = candidate([count(texts, kind) for kind in KINDS], votes)
    other, _ = logistic(vectorised(texts)[0], votes, LANES)
    write_losses(scores, other, votes)


def count(texts: Sequence[str], kind: Grams) -> Chosen:
    """Count all n-grams of a kind, and choose its share of the columns: those of most texts."""
    return Counted.alone(texts, kind, MIN_DF).most_frequent(COLUMNS // len(KINDS), MIN_DF)


def counted_by_scikit_learn(
    counted: Sequence[Chosen], texts: Sequence[str], part: int
) -> tuple[float, int]:
    """Return the seconds of the same n-grams' counts, and how many of them are not ours."""
    seconds, differ = 0.0, 0
    for vocabulary, weights in counted:
        vectorizer = CountVectorizer(
            **_options(vocabulary.kind), vocabulary=vocabulary.grams, dtype=np.int32
        )
        start = time.process_time()
        expected = vectorizer.transform(texts[::part])
        seconds += (time.process_time() - start) * len(texts) / len(texts[::part])
        expected.sort_indices()
        differ += (expected != weights.counts[::part][:, weights.kept]).nnz
    return seconds, differ


def _options(kind: Grams) -> dict[str, object]:
    return {"analyzer": kind.analyzer, "ngram_range": (kind.shortest, kind.longest)}


def candidate(
    counted: Sequence[Chosen], votes: Votes
) -> tuple[NDArray[np.float64], csr_matrix, float]:
    """Subtract and fit all folds and penalties at once.

    Returns
    -------
    scores : ndarray of float64, shape (n_battles, n_penalties)
        Out of fold.
    X : csr_matrix
        The differences of the answers' TF-IDF.
    seconds : float
    """
    start = time.process_time()
    weights = [of_kind for _, of_kind in counted]
    prompt = np.arange(0, len(weights[0].rows), 3)
    X = differences(weights, prompt + 1, prompt + 2)
    kept = votes.decided[:, None] & (votes.fold[:, None] != np.arange(FOLDS))
    lanes = np.repeat(kept, len(PENALTIES), axis=1)
    coef, _ = fit_many(X, votes.a_wins, lanes, np.tile(PENALTIES, FOLDS), intercept=False)
    columns = np.ascontiguousarray(coef.T)
    found = sparse_logistic_kernel.score(X.data, X.indices, X.indptr, columns)
    by_fold = found.reshape(len(found), FOLDS, len(PENALTIES))
    scores = by_fold[np.arange(len(found)), votes.fold].astype(np.float64)
    return scores, X, time.process_time() - start


def vectorised(texts: Sequence[str]) -> tuple[csr_matrix, float]:
    """Return scikit-learn's differences of the answers' TF-IDF, and the seconds they took."""
    start = time.process_time()
    shared = {
        "min_df": MIN_DF, "max_features": COLUMNS // len(KINDS), "sublinear_tf": True,
        "dtype": np.float32,
    }  # fmt: skip
    blocks = [TfidfVectorizer(**_options(kind), **shared).fit_transform(texts) for kind in KINDS]
    X = hstack(blocks, format="csr")
    return X[1::3] - X[2::3], time.process_time() - start


def logistic(
    X: csr_matrix, votes: Votes, lanes: Sequence[tuple[int, int]]
) -> tuple[NDArray[np.float64], float]:
    """Fit scikit-learn's logistic regression for pairs of a fold and a place in `PENALTIES`."""
    scores = np.full((X.shape[0], len(PENALTIES)), np.nan)
    start = time.process_time()
    for fold, place in lanes:
        rows, held_out = votes.decided & (votes.fold != fold), votes.fold == fold
        model = LogisticRegression(C=1.0 / (PENALTIES[place] * rows.sum()), fit_intercept=False)
        model.fit(X[rows], votes.a_wins[rows])
        scores[held_out, place] = model.decision_function(X[held_out])
    return scores, time.process_time() - start


def write_losses(ours: NDArray[np.float64], theirs: NDArray[np.float64], votes: Votes) -> None:
    """Print the log losses of both on the decided rows that both have scored."""
    write_header(("penalty", "rows", "log loss, arenaboost", "log loss, scikit-learn"))
    for place, penalty in enumerate(PENALTIES):
        rows = votes.decided & np.isfinite(theirs[:, place])
        if rows.any():
            of_both = [
                figures(votes.a_wins[rows], each[rows, place])["log_loss"]
                for each in (ours, theirs)
            ]
            write_row([penalty, f"{rows.sum():,}", *of_both])


if __name__ == "__main__":
    sys.exit(main())
