"""Compiled loops over counts and their TF-IDF, which write each number once, where it stays.

This module imports numba, so it is imported where it is used. A block is
rows of counts and what weighs them: ``(data, indices, indptr)`` of counts, the n-grams in order in
each row; the rows that are meant, by their places there; of each n-gram its column and its IDF, 0
where it is left out; the logarithms of counts; the length of each row that is meant. The weight of
a cell is ``logs[count] * idf[n-gram]``, over the length of its row.
"""

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from features.compiled import compiled

Values = NDArray[np.float32]
Numbers = NDArray[np.float64]
Integers = NDArray[np.int32]
Bounds = NDArray[np.int64]
Counts = tuple[Integers, Integers, Bounds]
Block = tuple[Integers, Integers, Bounds, Bounds, Integers, Values, Values, Numbers]


@compiled
def lengths(counts: Counts, rows: Bounds, logs: Values, idf: Values) -> Numbers:
    """Return the length of each row of weights, 1 for a row without any."""
    data, indices, indptr = counts
    found = np.ones(len(rows))
    for row in range(len(found)):
        total = 0.0
        for place in range(indptr[rows[row]], indptr[rows[row] + 1]):
            value = np.float64(logs[data[place]] * idf[indices[place]])
            total += value * value
        if total > 0.0:
            found[row] = sqrt(total)
    return found


@compiled
def _weight(block: Block, place: int, row: int) -> np.float32:
    counts, indices, _, _, _, idf, logs, length = block
    return np.float32(logs[counts[place]] * idf[indices[place]] / length[row])


@compiled
def weigh(block: Block, places: Bounds, into: tuple[Values, Integers, Bounds]) -> int:
    """Fill `into` with the weights of some of the rows. Returns the number of cells."""
    _, indices, indptr, rows, columns, _, _, _ = block
    values, found, bounds = into
    end = 0
    for number in range(len(places)):
        row = places[number]
        for place in range(indptr[rows[row]], indptr[rows[row] + 1]):
            column = columns[indices[place]]
            if column >= 0:
                values[end], found[end] = _weight(block, place, row), column
                end += 1
        bounds[number + 1] = end
    return end


@compiled
def multiply(block: Block, a: Bounds, b: Bounds) -> Numbers:
    """Return the products of the weights of row ``a[i]`` with those of row ``b[i]``."""
    _, indices, indptr, rows, _, _, _, _ = block
    found = np.zeros(len(a))
    for row in range(len(a)):
        one, one_end = indptr[rows[a[row]]], indptr[rows[a[row]] + 1]
        other, other_end = indptr[rows[b[row]]], indptr[rows[b[row]] + 1]
        while one < one_end and other < other_end:
            if indices[one] < indices[other]:
                one += 1
            elif indices[other] < indices[one]:
                other += 1
            else:
                found[row] += _weight(block, one, a[row]) * _weight(block, other, b[row])
                one += 1
                other += 1
    return found


@compiled
def subtract(blocks: tuple[Block, ...], starts: Bounds, a: Bounds, b: Bounds,
             into: tuple[Values, Integers, Bounds]) -> int:  # fmt: skip
    """Fill `into` with the weights of row ``a[i]`` minus those of row ``b[i]``, side by side.

    The columns of a block begin at its place in `starts`. Cells that are 0 are left out. Returns
    the number of cells.
    """
    values, columns, bounds = into
    end = 0
    for row in range(len(a)):
        for number in range(len(blocks)):
            block = blocks[number]
            _, indices, indptr, rows, places, _, _, _ = block
            one, one_end = indptr[rows[a[row]]], indptr[rows[a[row]] + 1]
            other, other_end = indptr[rows[b[row]]], indptr[rows[b[row]] + 1]
            while one < one_end or other < other_end:
                if other == other_end or (one < one_end and indices[one] < indices[other]):
                    column, value = indices[one], _weight(block, one, a[row])
                    one += 1
                elif one == one_end or indices[other] < indices[one]:
                    column, value = indices[other], -_weight(block, other, b[row])
                    other += 1
                else:
                    column = indices[one]
                    value = _weight(block, one, a[row]) - _weight(block, other, b[row])
                    one += 1
                    other += 1
                if value != 0:  # as it is of an n-gram that is left out
                    values[end], columns[end] = value, starts[number] + places[column]
                    end += 1
        bounds[row + 1] = end
    return end


@compiled
def column_squares(values: Values, indices: Integers, n_columns: int) -> Numbers:
    """Return the sum of the squares in each column.

    >>> column_squares(np.array([3, 4, 1], np.float32), np.array([0, 0, 2], np.int32), 3)
    array([25.,  0.,  1.])
    """
    found = np.zeros(n_columns)
    for place in range(len(values)):
        found[indices[place]] += np.float64(values[place]) ** 2
    return found


@compiled
def occurrences(indices: Integers, indptr: Bounds, rows: Bounds, n_columns: int) -> Bounds:
    """Count the cells of each column in some rows."""
    cells = np.zeros(n_columns, np.int64)
    for row in rows:
        for place in range(indptr[row], indptr[row + 1]):
            cells[indices[place]] += 1
    return cells
