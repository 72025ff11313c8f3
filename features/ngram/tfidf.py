"""TF-IDF of counts, and the two answers of a battle put beside each other in it."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack

from features.sides import Array

Places = NDArray[np.intp]


class Weights(NamedTuple):
    """What makes TF-IDF of counts, without a matrix of it."""

    counts: csr_matrix  # int32, shape (n_texts, n_grams), columns in order in each row
    idf: NDArray[np.float32]  # shape (n_grams,)
    logs: NDArray[np.float32]  # 1 + ln count of each count
    lengths: Array  # what a row is divided by, shape (n_texts,)

    @classmethod
    def of(cls, counts: csr_matrix, idf: NDArray[np.float32]) -> Self:
        """Measure the rows; each row's length is that of its own n-grams alone."""
        from features.ngram import tfidf_kernels

        greatest = int(counts.data.max(initial=1))
        logs = (1.0 + np.log(np.maximum(np.arange(greatest + 1), 1))).astype(np.float32)
        return cls(counts, idf, logs, tfidf_kernels.lengths(_cells(counts), logs, idf))

    @property
    def block(self) -> tuple[Any, ...]:
        """The arrays, as the compiled loops take them."""
        return (*_cells(self.counts), self.logs, self.idf, self.lengths)


def inverse_document_frequency(counts: csr_matrix) -> NDArray[np.float32]:
    """Return ``ln((1 + n) / (1 + df)) + 1`` of each column, as scikit-learn's smooth IDF.

    >>> inverse_document_frequency(csr_matrix([[1, 0], [2, 3]])).round(3).tolist()
    [1.0, 1.4049999713897705]
    """
    weight = np.log((1 + counts.shape[0]) / (1 + text_frequency(counts))) + 1
    return np.asarray(weight, dtype=np.float32)


def text_frequency(counts: csr_matrix) -> NDArray[np.int64]:
    """Return in how many rows each column stands, shape (n_columns,).

    >>> text_frequency(csr_matrix([[1, 0], [2, 3]]))
    array([2, 1])
    """
    from features.ngram.tfidf_kernels import occurrences

    frequency: NDArray[np.int64] = occurrences(counts.indices, counts.shape[1])
    return frequency


def tfidf(counts: csr_matrix, idf: NDArray[np.float32]) -> csr_matrix:
    """Return ``(1 + ln count) * idf`` with rows of length 1; a row does not depend on the others.

    >>> tfidf(csr_matrix([[1, 1], [0, 0]]), np.array([3.0, 4.0], np.float32)).toarray().tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    from features.ngram import tfidf_kernels

    values = np.empty(counts.nnz, dtype=np.float32)
    tfidf_kernels.weigh(Weights.of(counts, idf).block, values)
    return csr_matrix((values, counts.indices, counts.indptr), shape=counts.shape)


def differences(weights: Sequence[Weights], a: Places, b: Places) -> csr_matrix:
    """Return the TF-IDF of each battle's A minus that of its B, one kind of n-gram after the other.

    Parameters
    ----------
    weights : sequence of Weights
        Of each kind of n-gram, of the same texts.
    a, b : ndarray of intp, shape (n_battles,)
        The rows of the answers.

    Returns
    -------
    csr_matrix of float32, shape (n_battles, n_columns)
        No cell that is stored is 0.

    Examples
    --------
    >>> words = Weights.of(csr_matrix([[2, 0], [0, 1]]), np.ones(2, np.float32))
    >>> differences([words], np.array([0]), np.array([1])).toarray()
    array([[ 1., -1.]], dtype=float32)
    """
    from features.ngram import tfidf_kernels

    starts = np.cumsum([0, *(block.counts.shape[1] for block in weights)])
    # Cells at most; what stays unwritten of the arrays costs no memory.
    size = sum(int(np.diff(block.counts.indptr)[np.r_[a, b]].sum()) for block in weights)
    values, columns = np.empty(size, np.float32), np.empty(size, np.int32)
    bounds = np.zeros(len(a) + 1, np.int64)
    blocks = tuple(block.block for block in weights)
    end = tfidf_kernels.subtract(blocks, starts, a, b, (values, columns, bounds))
    matrix = csr_matrix((values[:end], columns[:end], bounds), shape=(len(a), starts[-1]))
    matrix.has_canonical_format = True
    return matrix


def _cells(counts: csr_matrix) -> tuple[Any, ...]:
    """Return the counts' arrays, each of one type: a compiled loop is made for its types."""
    data, indices = (x.astype(np.int32, copy=False) for x in (counts.data, counts.indices))
    return data, indices, counts.indptr.astype(np.int64)


def row_products(one: csr_matrix, other: csr_matrix) -> Array:
    """Return the products of rows of length 1, shape (n_rows,), each in [0, 1] for counts.

    >>> one = csr_matrix([[1.0, 0.0]])
    >>> row_products(one, one)
    array([1.])
    """
    product = one.multiply(other).tocsr()
    return np.asarray(product @ np.ones(product.shape[1]), dtype=np.float64)


def side_by_side(*blocks: csr_matrix) -> csr_matrix:
    """Put blocks of columns beside one another.

    >>> side_by_side(csr_matrix([[1.0]]), csr_matrix([[2.0]])).toarray()
    array([[1., 2.]])
    """
    return csr_matrix(hstack(blocks, format="csr"))
