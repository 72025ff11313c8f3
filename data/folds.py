"""Folds that never cut a prompt: the run's own, the inner ones, and who may train when."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import StratifiedGroupKFold

from data.labels import CLASS_NAMES, TIE
from data.tables.read import DataError

_MOST_FOLDS = int(np.iinfo(np.int8).max)


def make_folds(
    y: ArrayLike, group: ArrayLike, *, n_folds: int = 5, seed: int = 0, ties: bool = True
) -> NDArray[np.int8]:
    """Cut the rows into folds, stratified by label and never through a group.

    Parameters
    ----------
    y : array-like of int, shape (n_rows,)
        0 A, 1 B, 2 tie; all that votes know must occur.
    group : array-like of str, shape (n_rows,)
    n_folds : int
        2 to 127.
    seed : int
        Shuffles the groups.
    ties : bool
        Whether votes know ties.

    Returns
    -------
    ndarray of int8, shape (n_rows,)
        The fold of each row, 0 to ``n_folds - 1``; no fold is empty.

    Raises
    ------
    DataError
        A class is absent, or there are fewer rows, groups, or rows of the largest class than folds.

    Notes
    -----
    scikit-learn's `StratifiedGroupKFold` places each group in turn where the class shares of the
    folds stay closest. A fold that it leaves empty gets the smallest group of a fold with several.

    Examples
    --------
    >>> make_folds([0, 1, 2, 0, 1, 2], list("aaabbb"), n_folds=2).tolist()
    [1, 1, 1, 0, 0, 0]
    """
    _check_n_folds(n_folds)
    labels = np.asarray(y)
    codes, groups = pd.factorize(np.asarray(group, dtype=object), sort=True)
    if len(codes) != len(labels):
        raise ValueError(f"y has {len(labels)} rows and group {len(codes)}; they must agree.")
    _check_enough(labels, len(groups), n_folds, CLASS_NAMES if ties else CLASS_NAMES[:TIE])
    folds = np.full(len(labels), -1, dtype=np.int8)
    splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # A class rarer than the folds is no fault here: training parts keep the most of it.
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        for fold, (_, held_out) in enumerate(splitter.split(labels, labels, codes)):
            folds[held_out] = fold
    return _filled(folds, codes, n_folds)


def _filled(folds: NDArray[np.int8], codes: NDArray[np.intp], n_folds: int) -> NDArray[np.int8]:
    """Give folds that the splitter left empty, as it may with few groups, a small group each."""
    for empty in sorted(set(range(n_folds)) - set(folds.tolist())):
        groups = pd.DataFrame({"fold": folds, "group": codes}).value_counts().reset_index()
        several = groups[groups["fold"].duplicated(keep=False)]
        smallest = several.sort_values(["count", "group"])["group"].iloc[0]
        folds[codes == smallest] = empty
    return folds


def _check_n_folds(n_folds: int) -> None:
    if not 2 <= n_folds <= _MOST_FOLDS:
        raise ValueError(f"n_folds must be 2 to {_MOST_FOLDS}. Got {n_folds} instead.")


def _check_enough(
    labels: NDArray[np.generic], n_groups: int, n_folds: int, classes: Sequence[str]
) -> None:
    per_class = [int((labels == label).sum()) for label in range(len(classes))]
    if sum(per_class) != len(labels):
        known = "0 (A), 1 (B) and 2 (tie)" if len(classes) > TIE else "0 (A) and 1 (B)"
        raise ValueError(f"y must hold {known} only.")
    available = {
        "rows": len(labels),
        "different prompts (groups)": n_groups,
        "rows of the largest class": max(per_class),
    }
    for what, number in available.items():
        if number < n_folds:
            raise DataError(
                f"expected at least as many {what} as folds, found {number} {what} and {n_folds} "
                "folds. Give more battles, or ask for fewer folds."
            )
    absent = [name for name, rows in zip(classes, per_class, strict=True) if not rows]
    if absent:
        of_all = "all three" if len(classes) > TIE else "both"
        raise DataError(
            f"expected battles of {of_all} classes, found none of class {' and '.join(absent)} "
            f"in {len(labels)} rows. Give training rows of that class."
        )


def hash_folds(group: ArrayLike, *, n_folds: int, salt: int = 0) -> NDArray[np.int8]:
    """Cut folds by a hash of each group alone, whatever the labels and the other rows are.

    A group falls into the same fold in every batch and in every order, so inner folds cut this way
    tell nothing about labels. Folds are equal in size only on average: with few groups one may be
    empty.

    Parameters
    ----------
    group : array-like of str, shape (n_rows,)
    n_folds : int
        2 to 127.
    salt : int
        At least 0; another salt gives other folds.

    Returns
    -------
    ndarray of int8, shape (n_rows,)
        0 to ``n_folds - 1``.

    Notes
    -----
    The hash is pandas' keyed SipHash of the group's text, a different function from the BLAKE2b
    that made the group.

    Examples
    --------
    >>> hash_folds(["a", "b", "c", "a"], n_folds=3).tolist()
    [2, 1, 0, 2]
    """
    _check_n_folds(n_folds)
    if not 0 <= salt < 10**16:
        raise ValueError(f"salt must be 0 to 10**16 - 1. Got {salt} instead.")
    codes, groups = pd.factorize(np.asarray(group, dtype=object))
    hashes = pd.util.hash_array(np.asarray(groups, dtype=object), hash_key=f"{salt:016d}")
    return (hashes % np.uint64(n_folds)).astype(np.int8)[codes]


def training_rows(
    validation: NDArray[np.bool_], group: ArrayLike, source: Sequence[str] | ArrayLike
) -> NDArray[np.bool_]:
    """Return the rows that may train while the `validation` rows are held out.

    All other rows, without the extra ones whose prompt stands in a validation row.

    Parameters
    ----------
    validation : ndarray of bool, shape (n_rows,)
    group : array-like of str, shape (n_rows,)
    source : array-like of {"plain", "extra"}, shape (n_rows,)

    Returns
    -------
    ndarray of bool, shape (n_rows,)

    Examples
    --------
    >>> held_out = np.array([True, False, False, False])
    >>> training_rows(held_out, list("abab"), ["plain", "plain", "extra", "extra"]).tolist()
    [False, True, False, True]
    """
    groups = pd.Series(np.asarray(group, dtype=object))
    shared = groups.isin(groups[validation]).to_numpy()
    extra = np.asarray(source, dtype=object) == "extra"
    return ~validation & ~(extra & shared)


def folds_digest(ids: Iterable[str], folds: ArrayLike) -> str:
    """Return what tells these folds from all others: predictions go together only within the same.

    Parameters
    ----------
    ids : iterable of str
        Of ``n_rows`` rows.
    folds : array-like of int, shape (n_rows,)

    Returns
    -------
    str
        SHA-256, in hexadecimal, of the pairs of id and fold, whatever their order is.

    Examples
    --------
    >>> folds_digest(["a", "b"], [0, 1]) == folds_digest(["b", "a"], [1, 0])
    True
    >>> folds_digest(["a", "b"], [0, 1]) == folds_digest(["a", "b"], [1, 0])
    False
    """
    numbers = np.asarray(folds).tolist()
    pairs = sorted(zip(ids, numbers, strict=True))
    whole = hashlib.sha256()
    for name, fold in pairs:
        content = name.encode(errors="surrogatepass")
        whole.update(b"%d:%b:%d;" % (len(content), content, fold))
    return whole.hexdigest()
