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
from features.ngram.tfidf import Weights, differences
from features.ngram.vocabulary import Vocabulary
from features.sides import Array, compare

GIB = 2**30
# Bytes that a character of text costs for each length of n-gram, from the counts to the fit.
BYTES_PER_CHARACTER = {"words": 2.0, "characters": 7.0}
BYTES_PER_CELL = 16.0  # of a dense column: float64, and a copy
PREFIX = {"word": "word", "char_wb": "char"}
SHOWN = 20  # n-grams on each side in the report
COMPARED = ("diff", "absdiff")  # the sides of a component


class Gaps(NamedTuple):
    """N-grams of battles' texts, each kind weighed: what differs between the answers."""

    weights: list[Weights]  # of each kind of n-gram, of the texts that are distinct
    texts: Texts

    @classmethod
    def of(
        cls, counts: Sequence[csr_matrix], idf: Sequence[NDArray[np.float32]], texts: Texts
    ) -> Self:
        """Weigh the counts of some texts, a matrix for each kind of n-gram."""
        return cls(list(map(Weights.of, counts, idf)), texts)

    def signed(self) -> csr_matrix:
        """Return what changes sign with a swap: the differences of the answers."""
        return differences(self.weights, self.texts.a, self.texts.b)

    def cosines(self) -> tuple[Array, Array, Array]:
        """Return, by the first kind, how near A is to B, and the prompt to A and to B."""
        prompt, a, b = self.texts[1:]
        products = self.weights[0].products
        return products(a, b), products(prompt, a), products(prompt, b)


def principal_components(X: csr_matrix, number: int, seed: int) -> NDArray[np.float32]:
    """Return the directions of most variance of the rows, shape (at most number, n_columns)."""
    possible = min(number, min(X.shape) - 1)
    if possible < 1 or not X.nnz:
        return np.zeros((0, X.shape[1]), dtype=np.float32)
    with threadpool_limits(limits=1, user_api="blas"):  # no result may depend on their number
        svd = TruncatedSVD(possible, n_iter=3, random_state=seed).fit(X)
    return np.asarray(svd.components_, dtype=np.float32)


def component_columns(
    components: NDArray[np.float32], first: csr_matrix, texts: Texts
) -> dict[str, Array]:
    """Return how A and B compare along each component of the texts' TF-IDF."""
    projected = first.astype(np.float64) @ components.T.astype(np.float64)
    columns: dict[str, Array] = {}
    for place, values in enumerate(projected.T):
        columns |= compare(f"component{place}", values[texts.a], values[texts.b], COMPARED)
    return columns


def movement(X: csr_matrix, coef: NDArray[np.float32]) -> Array:
    """Return how far each column moves a linear score: ``coef * root mean square``."""
    from features.ngram.tfidf_kernels import column_squares

    squares = column_squares(X.data, X.indices, X.shape[1])
    return coef * np.sqrt(squares / max(X.shape[0], 1))


def of_most_texts(weights: Sequence[Weights], number: int) -> NDArray[np.intp]:
    """Return the places of the n-grams of most texts, all kinds together, in rising order."""
    idf = np.concatenate([block.idf[block.kept] for block in weights])
    return np.sort(np.argsort(idf, kind="stable")[:number])


def single_values(weights: Weights, places: NDArray[np.intp], values: str) -> Array:
    """Return the counts or the TF-IDF of some n-grams, shape (n_texts, n_places)."""
    if values == "tfidf":
        chosen = weights.matrix()[:, places]
    else:
        chosen = weights.counts[:, weights.kept[places]][weights.rows]
    return np.asarray(chosen.toarray(), dtype=np.float64)


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


def gram_table(vocabularies: Sequence[Vocabulary], weights: Sequence[Weights]) -> pa.Table:
    """Return a row for each n-gram: see `features.families.lexical.Lexical`."""
    sizes = [len(vocabulary.grams) for vocabulary in vocabularies]
    return pa.table(
        {
            "analyzer": np.repeat([v.kind.analyzer for v in vocabularies], sizes),
            "gram": pa.array([g for v in vocabularies for g in v.grams], pa.string()),
            "idf": np.concatenate([block.idf[block.kept] for block in weights]),
        }
    )


def gram_name(grams: pa.Table, place: int) -> str:
    """Return the name of the n-gram in a row: its kind, a colon, itself."""
    place = int(place)
    return f"{PREFIX[grams['analyzer'][place].as_py()]}:{grams['gram'][place].as_py()}"


def gram_figures(grams: pa.Table) -> dict[str, Any]:
    """Return how many n-grams of each kind there are."""
    kinds = grams["analyzer"].to_pandas()
    return {"n_grams": {kind: int(n) for kind, n in kinds.value_counts(sort=False).items()}}


def moved_most(grams: pa.Table, moves: Array) -> dict[str, Any]:
    """Return which n-grams move the direction's score most, on each side, and how far."""
    order = np.argsort(moves, kind="stable")
    return {
        side: {gram_name(grams, place): round(float(moves[place]), 6) for place in places}
        for side, places in {
            "preferred": order[::-1][:SHOWN],
            "not_preferred": order[:SHOWN],
        }.items()
    }
