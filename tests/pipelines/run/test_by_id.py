"""Columns of tables by id."""

import math
from pathlib import Path

import pytest

from data.battles import DataError
from pipelines.run.by_id import ids_of, numbers_of

PATH = Path("other.csv")


def test_ids_are_those_of_a_battles_frame():
    assert ids_of(PATH, ["00012", 7, "a"]).tolist() == ["00012", "7", "a"]
    words = (
        r"other\.csv, row 3, column id: expected each id once, found '7', .* of row 2\. Keep one"
    )
    with pytest.raises(DataError, match=words):
        ids_of(PATH, ["a", 7, "7"])


def test_numbers_are_read_and_what_is_none_is_told():
    assert numbers_of(PATH, "z", ["0.5", 1e-300, "-3"]).tolist() == [0.5, 1e-300, -3.0]
    assert math.isnan(numbers_of(PATH, "z", ["nan"])[0])
    words = r"other\.csv, row 2, column z: expected a finite number, found 'x'\. Fix the row"
    with pytest.raises(DataError, match=words):
        numbers_of(PATH, "z", ["1", "x"])
    with pytest.raises(DataError, match=r"column fold: expected a whole number, found '1\.5'"):
        numbers_of(PATH, "fold", ["1.5"], int)
