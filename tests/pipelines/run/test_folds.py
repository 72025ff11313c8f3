"""The folds of a run: written, read back, and held against battles."""

import numpy as np
import pytest

from data.battles import DataError
from pipelines.run.folder import RunError
from pipelines.run.folds import Folds, cut_folds, read_folds
from pipelines.run.inputs import Inputs, read_inputs


@pytest.fixture(scope="module")
def read(files):
    return read_inputs(Inputs(files / "train.csv", extra=(files / "extra.csv",)))


def test_they_are_of_the_plain_rows_and_read_back_as_they_were(read, tmp_path):
    folds = cut_folds(read, 3, 0)
    assert folds.number == 3
    assert folds.id.tolist() == read.plain[0]["id"].tolist()
    (tmp_path / "folds.csv").write_bytes(folds.table())
    again = read_folds(tmp_path)
    for known, found in zip(folds, again, strict=True):
        assert known.tolist() == found.tolist()
    assert again.digest == folds.digest
    again.check(read, tmp_path)


def test_ids_that_look_like_numbers_or_nothing_stay_as_they_are(tmp_path):
    ids = np.array(["007", "NA", "", "a\rb", 'q"u,o'], dtype=object)
    folds = Folds(ids, ids, np.array([0, 1, 0, 1, 0], dtype=np.int8))
    (tmp_path / "folds.csv").write_bytes(folds.table())
    assert read_folds(tmp_path).id.tolist() == ids.tolist()


@pytest.mark.parametrize("column", ["id", "group"])
def test_another_row_is_refused_by_its_number(column, read, tmp_path):
    folds = cut_folds(read, 3, 0)
    values = getattr(folds, column).copy()
    values[4] = "other"
    changed = folds._replace(**{column: values})
    words = rf"folds\.csv, row 5, column {column}: .*train\.csv, '.*', found 'other'"
    with pytest.raises(RunError, match=words):
        changed.check(read, tmp_path)


def test_one_row_too_many_is_refused(read, tmp_path):
    folds = cut_folds(read, 3, 0)
    more = Folds(*(np.concatenate([of, of[:1]]) for of in folds))
    with pytest.raises(RunError, match=r"row 301, column id: .*, no such row, found '36'"):
        more.check(read, tmp_path)


def test_too_few_rows_are_told_with_their_file(read):
    with pytest.raises(DataError, match=r"train\.csv: expected at least as many"):
        cut_folds(read._replace(n_plain=4), 5, 0)


def test_the_digest_does_not_depend_on_order_but_on_each_pair():
    ids = np.array(["a", "b", "c"], dtype=object)
    folds = Folds(ids, ids, np.array([0, 1, 1], dtype=np.int8))
    turned = Folds(*(of[::-1] for of in folds))
    assert turned.digest == folds.digest
    assert folds._replace(fold=np.array([1, 1, 0], dtype=np.int8)).digest != folds.digest
    other = np.array(["a", "b", "d"], dtype=object)
    assert folds._replace(id=other).digest != folds.digest
