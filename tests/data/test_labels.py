"""Labels that are given from Python: what is taken, and in which words the rest is refused."""

import numpy as np
import pandas as pd
import pytest

from data.labels import as_labels

Y = np.array([0, 2, 1, 0])
NAMES = np.array(["model_a", "model_b", "tie"])
ONE_HOT = ["winner_model_a", "winner_model_b", "winner_tie"]


@pytest.mark.parametrize(
    "y",
    [
        Y,
        Y.tolist(),
        Y.astype(np.int8),
        Y.astype(np.uint64),
        Y.astype(float),
        NAMES[Y],
        NAMES[Y].tolist(),
        pd.Series(Y, index=[9, 8, 7, 6]),
        pd.Series(Y, dtype="Int64"),
        pd.Series(NAMES[Y]),
        pd.Series(NAMES[Y], dtype="string[pyarrow]"),
        pd.Categorical(NAMES[Y]),
        np.eye(3)[Y],
        np.eye(3, dtype=bool)[Y],
        pd.DataFrame(np.eye(3, dtype=int)[Y], columns=ONE_HOT),
        pd.DataFrame(np.eye(3, dtype=int)[Y], columns=ONE_HOT)[ONE_HOT[::-1]],
        Y.reshape(-1, 1),
        pd.DataFrame({"winner": NAMES[Y]}),
    ],
    ids=str,
)
def test_labels_in_every_form_are_the_same(y):
    found = as_labels(y, 4)
    assert found.dtype == np.int8
    assert found.tolist() == [0, 2, 1, 0]


def test_there_may_be_none():
    assert as_labels([], 0).tolist() == []


@pytest.mark.parametrize(
    ("y", "words"),
    [
        ([0, 1, np.nan], r"y, row 3: expected 0 or 'model_a' .*, got nan: leave out battles"),
        ([0, None, 1], r"row 2: .* got nan|row 2: .* got None"),
        (pd.Series([0, None, 1], dtype="Int64"), r"row 2: .* got (<NA>|nan): leave out"),
        ([0, 0.7, 1], r"row 2: .* got 0\.7: a vote is one of the three, and no share"),
        ([0, 1, np.inf], r"row 3: .* got inf: a vote is one of the three"),
        ([1, 2, 3], r"row 3: .* got 3"),
        ([1, 0, -1], r"row 3: .* got -1"),
        (["A", "B", "T"], r"row 1: expected 0 or 'model_a' \(A preferred\), .* got 'A'\."),
        (["0", "1", "2"], r"row 1: .* got '0'\."),
        (["tie", "tie (bothbad)", "tie"], r"row 2: .* 'tie \(bothbad\)': write 'tie' where both"),
        ([True, False, True], r"Got True and False: say which answer"),
        ([0, 1], r"a label for each of 3 battles\. Got 2 of them"),
        (1, r"a label for each of 3 battles\. Got 1\."),
        (np.eye(4)[:3], r"one label a battle, or a one-hot .* shape \(3, 4\)"),
        ([[1, 0, 0], [0, 1, 1], [0, 0, 1]], r"row 2: expected one 1 and two 0 .* got 0, 1, 1"),
        ([[1, 0, 0], [0.2, 0.8, 0], [0, 0, 1]], r"row 2: expected one 1 .* got 0\.2, 0\.8, 0\.0"),
        (
            pd.DataFrame(np.eye(3), columns=["b", "a", "tie"]),
            r"must have the columns winner_model_a, .* Got b, a, tie: rename",
        ),
    ],
    ids=str,
)
def test_what_is_no_label_is_refused(y, words):
    with pytest.raises(ValueError, match=words):
        as_labels(y, 3)
