"""What the family `lexical` makes of counts: matrices, choices of columns, a table of n-grams."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.decomposition import TruncatedSVD
from threadpoolctl import threadpool_limits

from data.tables.chunk import DataError
from features.layout import Texts
from features.memory import find_memory
from features.ngram.tfidf import Weights, differences, side_by_side, tfidf
from features.ngram.vocabulary import Vocabulary, most_frequent
from features.sides import Array, compare

GIB = 2**30
# Bytes that a character of text costs for each length of n-gram, from the counts to the fit.
BYTES_PER_CHARACTER = {"words": 2.0, "characters": 7.0}
BYTES_PER_CELL = 16.0  # of a dense column: float64, and a copy
GAIN_ROUNDS = 100  # of the trees that rank n-grams by their gain
MOST_RANKED = 20_000  # n-grams that they see, those of most texts
PREFIX = {"word": "word", "char_wb": "char"}
SHOWN = 20  # n-grams on each side in the report
COMPARED = ("diff", "absdiff")  # the sides of a component


class Gaps(NamedTuple):
    """Differences of the answers' TF-IDF, and the prompt's beside them."""

    weights: list[Weights]  # of each kind of n-gram
    first: csr_matrix  # float32, shape (n_texts, n_grams): TF-IDF of the first kind
    texts: Texts

    @classmethod
    def of(
        cls, counts: Sequence[csr_matrix], idf: Sequence[NDArray[np.float32]], texts: Texts
    ) -> Self:
        """Weigh the counts of some texts, a matrix for each kind of n-gram."""
        weights = list(map(Weights.of, counts, idf))
        return cls(weights, tfidf(counts[0], idf[0]), texts)

    def signed(self) -> csr_matrix:
        """Return what changes sign with a swap: the differences of the answers."""
        return differences(self.weights, self.texts.a, self.texts.b)

    def unsigned(self) -> csr_matrix:
        """Return what a swap leaves alone, of the first kind: absolute differences, the prompt."""
        gaps = differences(self.weights[:1], self.texts.a, self.texts.b)
        return side_by_side(abs(gaps), self.first[self.texts.prompt])


def principal_components(X: csr_matrix, number: int, seed: int) -> NDArray[np.float32]:
    """Return the directions of most variance of the rows, shape (at most number, n_columns)."""
    possible = min(number, min(X.shape) - 1)
    if possible < 1 or not X.nnz:
        return np.zeros((0, X.shape[1]), dtype=np.float32)
    with threadpool_limits(limits=1, user_api="blas"):  # no result may depend on their number
        svd = TruncatedSVD(possible, n_iter=3, random_state=seed).fit(X)
    return np.asarray(svd.components_, dtype=np.float32)


def component_columns(components: NDArray[np.float32], gaps: Gaps) -> dict[str, Array]:
    """Return how A and B compare along each component."""
    texts = gaps.texts
    projected = gaps.first.astype(np.float64) @ components.T.astype(np.float64)
    columns: dict[str, Array] = {}
    for place, values in enumerate(projected.T):
        columns |= compare(f"component{place}", values[texts.a], values[texts.b], COMPARED)
    return columns


def ranked_by_weight(X: csr_matrix, coef: NDArray[np.float32]) -> Array:
    """Return how much each column moves a linear score: ``|coef| * root mean square``."""
    from features.ngram.tfidf_kernels import column_squares

    squares = column_squares(X.data, X.indices, X.shape[1])
    return np.abs(coef) * np.sqrt(squares / max(X.shape[0], 1))


def ranked_by_gain(X: csr_matrix, target: NDArray[np.bool_], seed: int) -> Array:
    """Return each column's gain in a LightGBM that tells A from B, of columns in most rows."""
    import lightgbm

    columns = most_frequent(X, MOST_RANKED)
    gain = np.zeros(X.shape[1])
    if len(columns) and target.any() and not target.all():
        params = {
            "objective": "binary", "num_leaves": 15, "feature_fraction": 0.3, "verbosity": -1,
            "num_threads": 1, "deterministic": True, "force_col_wise": True, "seed": seed,
        }  # fmt: skip
        data = lightgbm.Dataset(X[:, columns].astype(np.float64), target.astype(np.int8))
        booster = lightgbm.train(params, data, num_boost_round=GAIN_ROUNDS)
        gain[columns] = booster.feature_importance("gain")
    return gain


def best(ranks: Array, number: int) -> NDArray[np.intp]:
    """Return the places of the highest ranks above 0, in rising order.

    >>> best(np.array([0.0, 2.0, 1.0, 3.0]), 2)
    array([1, 3])
    """
    first = np.argsort(-ranks, kind="stable")[:number]
    return np.sort(first[ranks[first] > 0])


def check_memory(texts: Sequence[str], orders: dict[str, int], columns: dict[str, int]) -> None:
    """Refuse what would not fit into memory were it all free, the machine's or the container's.

    Parameters
    ----------
    texts : sequence of str
    orders : dict
        How many lengths of n-gram are counted, by the option that says which.
    columns : dict
        How many dense columns of float64 there will be, by the option that says so.

    Raises
    ------
    DataError
        Names the dearest option.
    """
    characters = sum(map(len, texts))
    needed = {name: characters * BYTES_PER_CHARACTER[name] * n for name, n in orders.items()}
    needed |= {name: len(texts) * BYTES_PER_CELL * number for name, number in columns.items()}
    there = find_memory().total
    if there is not None and sum(needed.values()) > there:
        dearest = max(needed, key=lambda name: needed[name])
        raise DataError(
            f"The n-grams of {characters:,} characters need about "
            f"{sum(needed.values()) / GIB:.0f} GiB of memory, expected at most {there / GIB:.0f} "
            f"(all that there is). Ask for fewer: lower {dearest} in [features.lexical]."
        )


def gram_table(
    vocabularies: Sequence[Vocabulary],
    gaps: Gaps,
    direction: NDArray[np.float32],
    tie: NDArray[np.float32],
) -> pa.Table:
    """Return a row for each n-gram: see `features.families.lexical.Lexical`."""
    sizes = [len(vocabulary.grams) for vocabulary in vocabularies]
    total, first = sum(sizes), sizes[0]

    def of_first(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.pad(values, (0, total - first)) if len(values) else np.zeros(total, np.float32)

    return pa.table(
        {
            "analyzer": np.repeat([v.kind.analyzer for v in vocabularies], sizes),
            "gram": pa.array([g for v in vocabularies for g in v.grams], pa.string()),
            "idf": np.concatenate([weights.idf for weights in gaps.weights]),
            "direction": direction,
            "tie_absdiff": of_first(tie[:first]),
            "tie_prompt": of_first(tie[first:]),
        }
    )


def gram_name(grams: pa.Table, place: int) -> str:
    """Return the name of the n-gram in a row: its kind, a colon, itself."""
    place = int(place)
    return f"{PREFIX[grams['analyzer'][place].as_py()]}:{grams['gram'][place].as_py()}"


def gram_figures(grams: pa.Table) -> dict[str, Any]:
    """Return how many n-grams of each kind there are, and which move the direction most."""
    coef = grams["direction"].to_numpy()
    order = np.argsort(coef, kind="stable")

    def shown(places: NDArray[np.intp]) -> dict[str, float]:
        return {gram_name(grams, place): float(coef[place]) for place in places}

    kinds = grams["analyzer"].to_pandas()
    return {
        "n_grams": {kind: int(n) for kind, n in kinds.value_counts(sort=False).items()},
        "preferred": shown(order[::-1][:SHOWN]),
        "not_preferred": shown(order[:SHOWN]),
    }
