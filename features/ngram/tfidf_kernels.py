"""Compiled loops over counts and their TF-IDF, which write each number once, where it stays.

This module imports numba, so it is imported where it is used. Counts are
``(data, indices, indptr)``, the columns in order in each row. The weight of a cell is
``logs[count] * idf[column]``, over the length of its row.
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
Block = tuple[Integers, Integers, Bounds, Values, Values, Numbers]  # counts, logs, idf, lengths


@compiled
def lengths(counts: Counts, logs: Values, idf: Values) -> Numbers:
    """Return the length of each row of weights, 1 for a row without any."""
    data, indices, indptr = counts
    found = np.ones(len(indptr) - 1)
    for row in range(len(found)):
        total = 0.0
        for place in range(indptr[row], indptr[row + 1]):
            value = np.float64(logs[data[place]] * idf[indices[place]])
            total += value * value
        if total > 0.0:
            found[row] = sqrt(total)
    return found


@compiled
def _weight(block: Block, place: int, row: int) -> np.float32:
    counts, indices, _, logs, idf, length = block
    return np.float32(logs[counts[place]] * idf[indices[place]] / length[row])


@compiled
def weigh(block: Block, weighted: Values) -> None:
    """Fill `weighted` with the weight of each cell."""
    indptr = block[2]
    for row in range(len(indptr) - 1):
        for place in range(indptr[row], indptr[row + 1]):
            weighted[place] = _weight(block, place, row)


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
            indices, indptr = block[1], block[2]
            one, one_end = indptr[a[row]], indptr[a[row] + 1]
            other, other_end = indptr[b[row]], indptr[b[row] + 1]
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
                if value != 0:
                    values[end], columns[end] = value, starts[number] + column
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
def occurrences(indices: Integers, n_columns: int) -> Bounds:
    """Count the cells of each column, without the copy in 64 bits that `numpy.bincount` makes."""
    cells = np.zeros(n_columns, np.int64)
    for index in indices:
        cells[index] += 1
    return cells


@compiled
def pick(cells: Counts, columns: Integers, into: Counts) -> None:
    """Keep the cells whose new column is not -1, `into` arrays that may be the same ones."""
    data, indices, rows = cells
    new_data, new_indices, new_rows = into
    kept, end = 0, rows[0]
    for row in range(len(rows) - 1):
        start, end = end, rows[row + 1]
        for cell in range(start, end):
            column = columns[indices[cell]]
            if column >= 0:
                new_data[kept] = data[cell]
                new_indices[kept] = column
                kept += 1
        new_rows[row + 1] = kept
