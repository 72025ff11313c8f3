"""TF-IDF of counts, and the two answers of a battle put beside each other in it."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack

from features.sides import Array

Places = NDArray[np.intp]


class Weights(NamedTuple):
    """What makes TF-IDF of counts, without a matrix of it and without a copy of the counts."""

    counts: csr_matrix  # int32, shape (n_counted_texts, n_counted), in order in each row
    rows: NDArray[np.int64]  # where the texts stand there, shape (n_texts,)
    columns: NDArray[np.int32]  # of each n-gram that is counted; -1 where it is left out
    idf: NDArray[np.float32]  # of each n-gram that is counted; 0 where it is left out
    logs: NDArray[np.float32]  # 1 + ln count of each count
    lengths: Array  # what a row is divided by, shape (n_texts,)

    @classmethod
    def of(
        cls,
        counts: csr_matrix,
        idf: NDArray[np.float32],
        kept: Places | None = None,
        rows: Places | None = None,
    ) -> Self:
        """Measure texts; each one's length is that of its own n-grams alone.

        Parameters
        ----------
        counts : csr_matrix, shape (n_counted_texts, n_counted)
        idf : ndarray of float32, shape (n_grams,)
            Each above 0.
        kept : ndarray of intp, shape (n_grams,), optional
            The n-grams that are meant, in rising order; all by default.
        rows : ndarray of intp, shape (n_texts,), optional
            The texts that are meant; all by default.
        """
        from features.ngram import tfidf_kernels

        size = counts.shape[1]
        kept = np.arange(size) if kept is None else kept
        columns, spread = np.full(size, -1, np.int32), np.zeros(size, np.float32)
        columns[kept], spread[kept] = np.arange(len(kept)), idf
        greatest = int(counts.data.max(initial=1))
        logs = (1.0 + np.log(np.maximum(np.arange(greatest + 1), 1))).astype(np.float32)
        places = _all_or(rows, counts)
        lengths = tfidf_kernels.lengths(_cells(counts), places, logs, spread)
        return cls(counts, places, columns, spread, logs, lengths)

    @property
    def kept(self) -> Places:
        """The places of the n-grams among those that are counted."""
        return np.flatnonzero(self.columns >= 0)

    @property
    def block(self) -> tuple[Any, ...]:
        """The arrays, as the compiled loops take them."""
        return (*_cells(self.counts), *self[1:])

    def matrix(self, places: Places | None = None) -> csr_matrix:
        """Return ``(1 + ln count) * idf`` with rows of length 1; a row is the same beside others.

        Parameters
        ----------
        places : ndarray of intp, optional
            Of the texts, in the order that is wanted; all by default.

        Examples
        --------
        >>> weights = Weights.of(csr_matrix([[1, 1], [0, 0]]), np.array([3.0, 4.0], np.float32))
        >>> weights.matrix().toarray().tolist()
        [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
        """
        from features.ngram import tfidf_kernels

        wanted = np.arange(len(self.rows)) if places is None else places.astype(np.int64)
        into = _room(self._cells_of(wanted), len(wanted))
        end = tfidf_kernels.weigh(self.block, wanted, into)
        return _matrix(into, end, len(self.kept))

    def products(self, one: Places, other: Places) -> Array:
        """Return the cosines of texts ``one[i]`` and ``other[i]``, each in [0, 1].

        >>> weights = Weights.of(csr_matrix([[1, 1], [0, 2]]), np.ones(2, np.float32))
        >>> weights.products(np.array([0]), np.array([1])).round(3)
        array([0.707])
        """
        from features.ngram import tfidf_kernels

        found: Array = tfidf_kernels.multiply(
            self.block, one.astype(np.int64), other.astype(np.int64)
        )
        return found

    def _cells_of(self, places: Places) -> int:
        return int(np.diff(self.counts.indptr)[self.rows[places]].sum())


def inverse_document_frequency(frequency: NDArray[np.int64], n_texts: int) -> NDArray[np.float32]:
    """Return ``ln((1 + n) / (1 + df)) + 1`` of each n-gram, as scikit-learn's smooth IDF.

    >>> inverse_document_frequency(np.array([2, 1]), 2).round(3).tolist()
    [1.0, 1.4049999713897705]
    """
    return np.asarray(np.log((1 + n_texts) / (1 + frequency)) + 1, dtype=np.float32)


def text_frequency(counts: csr_matrix, rows: Places | None = None) -> NDArray[np.int64]:
    """Return in how many rows, of all or of some, each column stands, shape (n_columns,).

    >>> text_frequency(csr_matrix([[1, 0], [2, 3]]))
    array([2, 1])
    """
    from features.ngram.tfidf_kernels import occurrences

    _, indices, indptr = _cells(counts)
    frequency: NDArray[np.int64] = occurrences(
        indices, indptr, _all_or(rows, counts), counts.shape[1]
    )
    return frequency


def _all_or(rows: Places | None, counts: csr_matrix) -> NDArray[np.int64]:
    return np.arange(counts.shape[0]) if rows is None else rows.astype(np.int64)


def differences(weights: Sequence[Weights], a: Places, b: Places) -> csr_matrix:
    """Return the TF-IDF of each battle's A minus that of its B, one kind of n-gram after the other.

    Parameters
    ----------
    weights : sequence of Weights
        Of each kind of n-gram, of the same texts.
    a, b : ndarray of intp, shape (n_battles,)
        Which of the texts the answers are.

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

    starts = np.cumsum([0, *(len(block.kept) for block in weights)])
    into = _room(sum(block._cells_of(np.r_[a, b]) for block in weights), len(a))
    blocks = tuple(block.block for block in weights)
    end = tfidf_kernels.subtract(blocks, starts, a.astype(np.int64), b.astype(np.int64), into)
    return _matrix(into, end, int(starts[-1]))


def _room(size: int, n_rows: int) -> tuple[Any, ...]:
    """Return arrays for so many cells at most; what stays unwritten of them costs no memory."""
    return np.empty(size, np.float32), np.empty(size, np.int32), np.zeros(n_rows + 1, np.int64)


def _matrix(cells: tuple[Any, ...], end: int, n_columns: int) -> csr_matrix:
    values, columns, bounds = cells
    shape = (len(bounds) - 1, n_columns)
    matrix = csr_matrix((values[:end], columns[:end], bounds), shape=shape)
    matrix.has_canonical_format = True  # a row's columns ascend, and each stands there once
    return matrix


def _cells(counts: csr_matrix) -> tuple[Any, ...]:
    """Return the counts' arrays, each of one type: a compiled loop is made for its types."""
    data, indices = (x.astype(np.int32, copy=False) for x in (counts.data, counts.indices))
    return data, indices, counts.indptr.astype(np.int64)


def side_by_side(*blocks: csr_matrix) -> csr_matrix:
    """Put blocks of columns beside one another.

    >>> side_by_side(csr_matrix([[1.0]]), csr_matrix([[2.0]])).toarray()
    array([[1., 2.]])
    """
    return csr_matrix(hstack(blocks, format="csr"))
