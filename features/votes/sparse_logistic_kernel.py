"""Passes over a sparse matrix that serve many fits at once, in compiled loops.

This module imports numba, so it is imported where it is used. The coefficients of a column lie
side by side, one for each lane, so that a non-zero value of the matrix is looked up once for all
the fits and meets whole cache lines. A lane's numbers never meet another lane's: a fit is the same
bit for bit whatever is fitted beside it.
"""

from collections.abc import Iterator
from math import exp
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray
from scipy.special import logit

from features.compiled import compiled
from features.votes.sparse_logistic import Coefficients, Numbers, Problem

Values = NDArray[np.float32]
Places = NDArray[np.int32] | NDArray[np.int64]

NEWTON_STEPS = 12  # at most, for one row and lane; three or four are the rule
NEAR = 1e-6  # a Newton step shorter than this is the last
BACK = 0.2  # of the last pass is taken back: passes swing about the optimum, each by about -1/4
LANES_AT_ONCE = 48  # the coefficients of many more leave the processor's cache
AHEAD = 24  # non-zeros between asking for a column's coefficients and using them
LINE = 16  # coefficients in a cache line of 64 bytes


@intrinsic
def _prefetch(_: Any, array: Any, row: Any, column: Any) -> Any:
    """Ask the processor for an element of a matrix before it is needed; the result is the same.

    A row's columns lie far apart in the coefficients: with this a pass takes a quarter less time.
    """

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kind = signature.args[0]
        matrix = context.make_array(kind)(context, builder, values[0])
        element = cgutils.get_item_pointer(context, builder, kind, matrix, values[1:])
        address = builder.bitcast(element, cgutils.voidptr_t)
        flag = ir.IntType(32)
        function = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, flag, flag, flag]),
            "llvm.prefetch.p0i8",
        )
        builder.call(function, [address, flag(0), flag(3), flag(1)])  # to read, keep, data
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp), code


@compiled
def _sigmoid(value: float) -> float:
    if value >= 0:
        return 1.0 / (1.0 + exp(-value))
    raised = exp(value)
    return raised / (1.0 + raised)


@compiled
def _solved(slope: float, constant: float, start: float) -> float:
    """Return the root of ``v + slope * sigmoid(v) + constant``, which rises with v; slope >= 0.

    Right of 0 the function is concave and left of 0 convex, and its value at 0 says on which side
    the root lies. Kept on that side, Newton's method passes the root at most once, with its first
    step, and then runs to it from one side.
    """
    positive = 0.5 * slope + constant < 0.0
    v = start
    for _ in range(NEWTON_STEPS):
        v = max(v, 0.0) if positive else min(v, 0.0)
        share = _sigmoid(v)
        step = (v + slope * share + constant) / (1.0 + slope * share * (1.0 - share))
        v -= step
        if abs(step) < NEAR:
            break
    return v


@compiled
def _sum_row(data: Values, indices: Places, start: int, end: int,
             coef: Values, sums: Values) -> None:  # fmt: skip
    """Set `sums` to a row times the coefficients of all lanes; four non-zeros at a time."""
    lanes = len(sums)
    for lane in range(lanes):
        sums[lane] = np.float32(0.0)
    place = start
    while place + 4 <= end:
        if place + AHEAD + 4 <= end:
            for ahead in range(place + AHEAD, place + AHEAD + 4):
                for lane in range(0, lanes, LINE):
                    _prefetch(coef, indices[ahead], lane)  # type: ignore[call-arg]
        a, b, c, d = data[place], data[place + 1], data[place + 2], data[place + 3]
        of_a, of_b = coef[indices[place]], coef[indices[place + 1]]
        of_c, of_d = coef[indices[place + 2]], coef[indices[place + 3]]
        for lane in range(lanes):
            sums[lane] += (a * of_a[lane] + b * of_b[lane]) + (c * of_c[lane] + d * of_d[lane])
        place += 4
    for rest in range(place, end):
        value, of_column = data[rest], coef[indices[rest]]
        for lane in range(lanes):
            sums[lane] += value * of_column[lane]


@compiled
def _add_row(data: Values, indices: Places, start: int, end: int,
             coef: Values, steps: Values) -> None:  # fmt: skip
    """Add a row, times each lane's step, to the coefficients."""
    lanes = len(steps)
    for place in range(start, end):
        value, of_column = data[place], coef[indices[place]]
        for lane in range(lanes):
            of_column[lane] += value * steps[lane]


@compiled
def descend(data: Values, indices: Places, indptr: Places, order: NDArray[np.int64],
            signs: Numbers, squares: Numbers, bounds: Numbers, offsets: Numbers,
            bias: float, shares: Numbers, coef: Values, bias_coef: Numbers) -> None:  # fmt: skip
    """Visit rows in `order` once, and solve each lane's dual problem in the row's variable.

    Parameters
    ----------
    data, indices, indptr : arrays of a CSR matrix
    order : ndarray of int64
    signs : ndarray of float64, shape (n_rows,)
        1 or -1.
    squares : ndarray of float64, shape (n_rows,)
        Squared length of each row, `bias` included.
    bounds : ndarray of float64, shape (n_rows, n_lanes)
        Upper bound of each dual variable; 0 leaves the row out of the lane.
    offsets : ndarray of float64, shape (n_lanes,)
        Added to every score.
    bias : float
        Value of one more column, whose coefficients are `bias_coef`.
    shares : ndarray of float64, shape (n_rows, n_lanes)
        Dual variables over their bounds; changed.
    coef, bias_coef : ndarrays, shapes (n_cols, n_lanes), (n_lanes,)
        Changed.
    """
    lanes = shares.shape[1]
    sums, steps = np.zeros(lanes, np.float32), np.zeros(lanes, np.float32)
    for row in order:
        start, end = indptr[row], indptr[row + 1]
        _sum_row(data, indices, start, end, coef, sums)
        sign = signs[row]
        for lane in range(lanes):
            bound = bounds[row, lane]
            steps[lane] = 0.0
            if bound > 0.0:
                margin = sign * (sums[lane] + bias * bias_coef[lane] + offsets[lane])
                slope = squares[row] * bound
                before = shares[row, lane]
                after = _sigmoid(_solved(slope, margin - slope * before, -margin))
                step = sign * bound * (after - before)
                shares[row, lane] = after
                bias_coef[lane] += bias * step
                steps[lane] = step
        _add_row(data, indices, start, end, coef, steps)


@compiled
def score(data: Values, indices: Places, indptr: Places, coef: Values) -> Values:
    """Return the matrix times the coefficients, shape (n_rows, n_lanes)."""
    scores = np.zeros((len(indptr) - 1, coef.shape[1]), np.float32)
    for row in range(len(scores)):
        _sum_row(data, indices, indptr[row], indptr[row + 1], coef, scores[row])
    return scores


@compiled
def score_rows(data: Values, indices: Places, indptr: Places, rows: NDArray[np.int64],
               coef: Numbers) -> Numbers:  # fmt: skip
    """Return some rows times coefficients in float64, added up in the order of the columns."""
    found = np.zeros(len(rows))
    for number in range(len(rows)):
        for place in range(indptr[rows[number]], indptr[rows[number] + 1]):
            found[number] += np.float64(data[place]) * coef[indices[place]]
    return found


@compiled
def squares(data: Values, indptr: Places) -> Numbers:
    """Return the squared length of each row.

    >>> squares(np.array([3, 4, 1], np.float32), np.array([0, 2, 2, 3]))
    array([25.,  0.,  1.])
    """
    found = np.zeros(len(indptr) - 1)
    for row in range(len(found)):
        for place in range(indptr[row], indptr[row + 1]):
            found[row] += np.float64(data[place]) ** 2
    return found


class Fits(NamedTuple):
    """Some of the lanes: which, coefficients (n_cols, n_lanes) and intercepts (n_lanes,)."""

    lanes: slice
    coef: Coefficients
    intercepts: Numbers


def solve(problem: Problem, passes: int, seed: int, *, intercept: bool) -> Iterator[Fits]:
    """Fit a problem's lanes, some at a time.

    The intercept starts at the log-odds of the lane's targets and moves as one more column, whose
    value is the root mean square length of a row.
    """
    lengths = squares(problem.X.data, problem.X.indptr)
    bias = float(np.sqrt(lengths.sum() / max(len(lengths), 1))) or 1.0
    for start in range(0, len(problem.penalty), LANES_AT_ONCE):
        lanes = slice(start, start + LANES_AT_ONCE)
        weight = np.ascontiguousarray(problem.weight[:, lanes])
        total = weight.sum(axis=0)
        learnable = total > 0
        share = np.full(len(total), 0.5)
        np.divide(weight[problem.signs > 0].sum(axis=0), total, out=share, where=learnable)
        offsets = logit(share) if intercept else np.zeros(len(total))
        bounds = weight / np.where(learnable, total * problem.penalty[lanes], 1.0)
        coef, bias_coef = _descended(
            problem, bounds, lengths, offsets, bias if intercept else 0.0, passes, seed
        )
        yield Fits(lanes, coef, offsets + bias * bias_coef)


def _descended(
    problem: Problem,
    bounds: Numbers,
    lengths: Numbers,
    offsets: Numbers,
    bias: float,
    passes: int,
    seed: int,
) -> tuple[Coefficients, Numbers]:
    X, used = problem.X, bounds.max(axis=1, initial=0.0) > 0.0
    coef, bias_coef = _aligned(X.shape[1], len(offsets)), np.zeros(len(offsets))
    if not used.any():  # a family that is only asked what its columns are learns from no battles
        return coef, bias_coef
    shares, orders = np.zeros(bounds.shape), np.random.default_rng(seed)
    for number in range(passes):
        if number == passes - 1:
            before, bias_before = coef.copy(), bias_coef.copy()
        order = orders.permutation(len(used))
        descend(
            X.data, X.indices, X.indptr, order[used[order]], problem.signs, lengths + bias**2,
            bounds, offsets, bias, shares, coef, bias_coef,
        )  # fmt: skip
    back = BACK if passes > 1 else 0.0
    coef += np.float32(back) * (before - coef)
    return coef, bias_coef + back * (bias_before - bias_coef)


def _aligned(n_rows: int, n_lanes: int) -> Coefficients:
    """Return zeros that begin where a cache line does, so that a row touches no line more."""
    room = np.zeros(n_rows * n_lanes + LINE, np.float32)
    start = -room.ctypes.data % (LINE * room.itemsize) // room.itemsize
    return room[start : start + n_rows * n_lanes].reshape(n_rows, n_lanes)
