"""How fast n-grams are counted and tried: ``ARENABOOST_DATA=... python -m benchmarks.lexical``.

The prompts and answers of 57,477 battles (158 million characters) are made from the real ones:
repeated, and the words of each text shuffled, so that no text comes twice. Counted are words
1-3 and characters 2-5 (``char_wb``), and the 150,000 n-grams of most texts chosen among all that
five texts hold. Seconds are of the processor, in this one process.

scikit-learn's `CountVectorizer` then counts the same n-grams, by default in every tenth text; its
seconds for all texts are those times ten. ``--whole`` has it count all of them. Either way, its
counts are compared with ours, cell for cell.

Then a candidate is tried on the counts, with the votes of the battles that the texts were made
from: IDF, differences of the answers' TF-IDF, and a logistic regression for each of five folds (by
prompt) and three penalties, with out-of-fold scores. It is what `features.lexical` does for its
direction score, without the words that stand in the prompt as well and without the nested choice
of the penalty. Beside it stand `TfidfVectorizer`, which has to count for each candidate anew, and
`LogisticRegression` with the same options (but it takes the n-grams of most occurrences, ours are
those of most texts). By default the first sees every tenth battle, the second fits one of the 15
on our TF-IDF, and the seconds are multiplied; ``--whole`` has both do all of it. Since shuffled
words make few n-grams that mean anything, the real texts follow, all of them with both.
"""

import argparse
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from data.battles import TEXT_COLUMNS, concat_battles, read_training
from data.folds import hash_folds
from features.ngram.tfidf import Weights, differences, inverse_document_frequency
from features.ngram.vocabulary import Grams, Vocabulary, learn, most_frequent, take_columns
from features.votes.sparse_logistic import fit_many
from pipelines.report.content import peak_memory_mb

FILES = ("arena/train.csv", "arena/extra.csv")
KINDS = (Grams("word", 1, 3), Grams("char_wb", 2, 5))
BATTLES, COLUMNS, MIN_DF, PART, SEED = 57_477, 150_000, 5, 10, 0
MOST_SECONDS, MOST_MEGABYTES, MOST_A_CANDIDATE = 40.0, 6000.0, 15.0
PENALTIES, FOLDS = (2e-3, 6e-4, 2e-4), 5
FEW = 300  # battles that compile what is compiled once
A, TIE = 0, 2
GAP = re.compile(r"(\s+)")


class Counted(NamedTuple):
    """The chosen n-grams of one kind, their counts, and the seconds that both took."""

    vocabulary: Vocabulary
    counts: csr_matrix
    seconds: float


class Votes(NamedTuple):
    """Of battles whose prompt, A and B follow one another: who won, and each prompt's fold."""

    a_wins: NDArray[np.bool_]
    decided: NDArray[np.bool_]
    fold: NDArray[np.int8]


class Tried(NamedTuple):
    """Out-of-fold scores (n_battles, n_penalties), NaN where none was asked for, and seconds."""

    scores: NDArray[np.float64]
    seconds: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line for each kind, and return 1 where a limit is passed or a count differs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lexical", description=__doc__)
    parser.add_argument("--battles", type=int, default=BATTLES, metavar="N")
    parser.add_argument("--whole", action="store_true", help="scikit-learn counts all texts")
    options = parser.parse_args(arguments)
    if "ARENABOOST_DATA" not in os.environ:
        write("skipped: ARENABOOST_DATA does not name the folder of real battles")
        return 0
    battles, y = real_battles(Path(os.environ["ARENABOOST_DATA"]))
    real = texts_of(battles)
    texts = shuffled_texts(real, 3 * options.battles)
    write(f"{len(texts):,} texts, {sum(map(len, texts)):,} characters")
    write(f"with the texts: {peak_memory_mb():,.0f} MB at most")
    warm_up(real[: 3 * FEW], votes_of(battles, y, FEW))
    fast = shuffled(texts, votes_of(battles, y, options.battles), whole=options.whole)
    write(f"\n{len(real):,} real texts, {sum(map(len, real)):,} characters")
    unshuffled(real, votes_of(battles, y, len(battles)))
    return int(not fast)


def shuffled(texts: Sequence[str], votes: Votes, *, whole: bool) -> bool:
    """Count and try the shuffled texts; say whether all limits are kept and all counts agree."""
    counted = [count(texts, kind) for kind in KINDS]
    seconds, megabytes = sum(each.seconds for each in counted), peak_memory_mb()
    write(f"together: {seconds:.1f} CPU-seconds, {megabytes:,.0f} MB at most")
    ours, X = candidate([each.counts for each in counted], votes)
    megabytes = peak_memory_mb()
    write(f"a candidate: {ours.seconds:.1f} CPU-seconds, {megabytes:,.0f} MB at most")
    part = 1 if whole else PART
    alike = [compare(each, texts, part) for each in counted]
    del counted
    some = [text for start in range(0, len(texts), 3 * part) for text in texts[start : start + 3]]
    theirs, vectorising = vectorised(some)
    vectorising *= len(texts) / len(some)
    lanes = [(fold, place) for fold in range(FOLDS) for place in range(len(PENALTIES))]
    fits = lanes if whole else lanes[1:2]
    tried = logistic(theirs if whole else X, votes, fits)
    tried = Tried(tried.scores, tried.seconds * len(lanes) / len(fits))
    write_table(ours, tried, vectorising, votes)
    limits = (seconds, MOST_SECONDS), (megabytes, MOST_MEGABYTES), (ours.seconds, MOST_A_CANDIDATE)
    return all(alike) and all(found <= most for found, most in limits)


def unshuffled(texts: Sequence[str], votes: Votes) -> None:
    """Try the real texts with both."""
    ours, _ = candidate([count(texts, kind).counts for kind in KINDS], votes)
    theirs, vectorising = vectorised(texts)
    lanes = [(fold, place) for fold in range(FOLDS) for place in range(len(PENALTIES))]
    write_table(ours, logistic(theirs, votes, lanes), vectorising, votes)


def warm_up(texts: Sequence[str], votes: Votes) -> None:
    """Compile what is compiled once."""
    counts = [learn(texts, kind, min_df=MIN_DF)[1] for kind in KINDS]
    for block in counts:
        take_columns(block, most_frequent(block, 1))
    candidate(counts, votes)


def real_battles(folder: Path) -> tuple[pd.DataFrame, NDArray[np.int8]]:
    """Return all real battles and their votes."""
    read = [read_training(folder / file) for file in FILES]
    return concat_battles([each.battles for each in read]), np.concatenate([e.y for e in read])


def votes_of(battles: pd.DataFrame, y: NDArray[np.int8], number: int) -> Votes:
    """Return votes and folds of so many battles, the given ones repeated."""
    rows = np.arange(number) % len(y)
    fold = hash_folds(battles["group"].to_numpy(dtype=object), n_folds=FOLDS)
    return Votes(y[rows] == A, y[rows] != TIE, fold[rows])


def texts_of(battles: pd.DataFrame) -> list[str]:
    """Return the prompt, answer A and answer B of each battle, one after the other."""
    rows = zip(*(battles[column] for column in TEXT_COLUMNS), strict=True)
    return ["\n".join(t for t in turns if t is not None) for row in rows for turns in row]


def shuffled_texts(texts: Sequence[str], n_texts: int) -> list[str]:
    """Repeat texts up to a number, with the words of each in another order."""
    rng = np.random.default_rng(SEED)
    return list(_shuffled(texts, n_texts, rng))


def _shuffled(texts: Sequence[str], n_texts: int, rng: np.random.Generator) -> Iterator[str]:
    for place in range(n_texts):
        parts = GAP.split(texts[place % len(texts)])
        words = parts[::2]
        parts[::2] = [words[word] for word in rng.permutation(len(words)).tolist()]
        yield "".join(parts)


def count(texts: Sequence[str], kind: Grams) -> Counted:
    """Learn all n-grams of a kind, and take its share of the columns: those of most texts."""
    start = time.process_time()
    vocabulary, counts = learn(texts, kind, min_df=MIN_DF)
    shape, cells, learnt = counts.shape, counts.nnz, time.process_time() - start
    columns = most_frequent(counts, COLUMNS // len(KINDS))
    counts = take_columns(counts, columns, overwrite=True)
    chosen = Counted(vocabulary.take(columns), counts, time.process_time() - start)
    write(
        f"{name(kind)}: {chosen.seconds:.1f} CPU-seconds: {learnt:.1f} for {cells:,} cells of "
        f"{shape[1]:,} n-grams, the rest for {counts.nnz:,} cells of {len(columns):,}; "
        f"{peak_memory_mb():,.0f} MB at most so far"
    )
    return chosen


def compare(ours: Counted, texts: Sequence[str], part: int) -> bool:
    """Have scikit-learn count the same n-grams in every so many texts; say whether all agree."""
    kind = ours.vocabulary.kind
    vectorizer = CountVectorizer(
        analyzer=kind.analyzer,
        ngram_range=(kind.shortest, kind.longest),
        vocabulary=ours.vocabulary.grams,
        dtype=np.int32,
    )
    some = texts[::part]
    start = time.process_time()
    expected = vectorizer.transform(some)
    seconds = (time.process_time() - start) * len(texts) / len(some)
    expected.sort_indices()
    differ = (expected != ours.counts[::part]).nnz
    how = "" if part == 1 else f", extrapolated from {len(some):,} texts"
    write(
        f"{name(kind)}: CountVectorizer on the same n-grams {seconds:.1f} CPU-seconds{how}, "
        f"{seconds / ours.seconds:.1f} times ours, which also chose them; {differ:,} cells differ"
    )
    return differ == 0


def candidate(counts: Sequence[csr_matrix], votes: Votes) -> tuple[Tried, csr_matrix]:
    """Weigh, subtract and fit all folds and penalties at once; return the differences as well."""
    from features.votes import sparse_logistic_kernel as _lanes_kernel

    start = time.process_time()
    weights = [Weights.of(block, inverse_document_frequency(block)) for block in counts]
    prompt = np.arange(0, counts[0].shape[0], 3)
    X = differences(weights, prompt + 1, prompt + 2)
    kept = votes.decided[:, None] & (votes.fold[:, None] != np.arange(FOLDS))
    lanes = np.repeat(kept, len(PENALTIES), axis=1)
    coef, _ = fit_many(X, votes.a_wins, lanes, np.tile(PENALTIES, FOLDS), intercept=False)
    found = _lanes_kernel.score(X.data, X.indices, X.indptr, np.ascontiguousarray(coef.T))
    by_fold = found.reshape(len(found), FOLDS, len(PENALTIES))
    scores = by_fold[np.arange(len(found)), votes.fold].astype(np.float64)
    return Tried(scores, time.process_time() - start), X


def vectorised(texts: Sequence[str]) -> tuple[csr_matrix, float]:
    """Return scikit-learn's differences of the answers' TF-IDF, and the seconds they took."""
    start = time.process_time()
    blocks = [
        TfidfVectorizer(
            analyzer=kind.analyzer,
            ngram_range=(kind.shortest, kind.longest),
            min_df=MIN_DF,
            max_features=COLUMNS // len(KINDS),
            sublinear_tf=True,
            dtype=np.float32,
        ).fit_transform(texts)
        for kind in KINDS
    ]
    X = hstack(blocks, format="csr")
    return X[1::3] - X[2::3], time.process_time() - start


def logistic(X: csr_matrix, votes: Votes, fits: Sequence[tuple[int, int]]) -> Tried:
    """Fit scikit-learn's logistic regression for pairs of a fold and a place in `PENALTIES`."""
    scores = np.full((X.shape[0], len(PENALTIES)), np.nan)
    start = time.process_time()
    for fold, place in fits:
        rows, held_out = votes.decided & (votes.fold != fold), votes.fold == fold
        model = LogisticRegression(C=1.0 / (PENALTIES[place] * rows.sum()), fit_intercept=False)
        model.fit(X[rows], votes.a_wins[rows])
        scores[held_out, place] = model.decision_function(X[held_out])
    return Tried(scores, time.process_time() - start)


def write_table(ours: Tried, theirs: Tried, vectorising: float, votes: Votes) -> None:
    """Print the seconds of both, and their log losses on the decided rows that both have scored."""
    seconds = vectorising + theirs.seconds
    write(
        f"TfidfVectorizer {vectorising:.0f} CPU-seconds, LogisticRegression {theirs.seconds:.0f}; "
        f"{seconds / ours.seconds:.0f} times ours, {theirs.seconds / ours.seconds:.1f} the latter "
        "alone"
    )
    write("| penalty | rows | log loss, ours | log loss, scikit-learn |\n|---|---|---|---|")
    for place, penalty in enumerate(PENALTIES):
        rows = votes.decided & np.isfinite(theirs.scores[:, place])
        if rows.any():
            of_both = [
                log_loss(each.scores[rows, place], votes.a_wins[rows]) for each in (ours, theirs)
            ]
            write(f"| {penalty} | {rows.sum():,} | {of_both[0]:.4f} | {of_both[1]:.4f} |")


def log_loss(log_odds: NDArray[np.float64], target: NDArray[np.bool_]) -> float:
    """Return the mean log loss."""
    return float(np.logaddexp(0.0, np.where(target, -log_odds, log_odds)).mean())


def name(kind: Grams) -> str:
    """Return a kind as its line in the output names it."""
    return f"{kind.analyzer} {kind.shortest}-{kind.longest}"


def write(line: str) -> None:
    """Print a line at once: the next one takes a while."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
