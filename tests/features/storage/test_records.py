"""Records come back as they were, whatever NumPy's annotations are made of."""

import json
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pytest

from features.storage.records import dump_record, load_record


class Inner(NamedTuple):
    weights: "np.ndarray"  # a hint that is no NDArray[...], as in other versions of NumPy
    name: str


class Outer(NamedTuple):
    inner: Inner
    missing: Inner | None
    by_name: dict[str, Inner]
    table: pa.Table
    words: list[str]
    said: str
    figures: dict[str, Any]


@pytest.fixture
def record():
    one, two = (Inner(np.arange(n, dtype=np.float32), f"n{n}") for n in (2, 3))
    table = pa.table({"gram": ["a", "b"]})
    return Outer(one, None, {"x": two}, table, ["array", "table"], "array", {"array": [1.5, None]})


def test_comes_back_as_it_was(record):
    found = load_record("r", Outer, dump_record("r", record))
    assert isinstance(found.inner, Inner)
    np.testing.assert_array_equal(found.inner.weights, record.inner.weights)
    assert found.inner.weights.dtype == np.float32
    assert found.by_name["x"].name == "n3"
    assert found.by_name["x"].weights.tolist() == [0, 1, 2]
    assert found.missing is None
    assert found.table.equals(record.table)
    assert (found.words, found.said, found.figures) == (
        ["array", "table"], "array", {"array": [1.5, None]},
    )  # fmt: skip


def test_arrays_in_any_order_are_kept_as_they_are_read():
    class Fit(NamedTuple):
        matrix: Any

    matrix = np.arange(6.0).reshape(2, 3).T
    found = load_record("f", Fit, dump_record("f", Fit(matrix)))
    np.testing.assert_array_equal(found.matrix, matrix)


@pytest.mark.parametrize("lost", ["r.safetensors", "r_table.parquet", "r.json"])
def test_a_lost_file_is_named(record, lost):
    files = dump_record("r", record)
    del files[lost]
    with pytest.raises(KeyError, match=lost):
        load_record("r", Outer, files)


def test_the_json_holds_no_array(record):
    state = json.loads(dump_record("r", record)["r.json"])
    assert state["inner"] == {"weights": {"$": "array"}, "name": "n2"}


class Loose(NamedTuple):
    value: Any
    several: list[Inner]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(np.float32(0.5), 0.5), (np.int64(3), 3), (np.bool_(True), True), ([1, np.int8(2)], [1, 2])],
)
def test_numbers_of_numpy_are_numbers(value, expected):
    assert load_record("r", Loose, dump_record("r", Loose(value, []))).value == expected


def test_arrays_come_back_wherever_they_stand():
    value = {"deep": [np.ones(2), {"scalar": np.array(3.0)}]}
    inner = [Inner(np.zeros(1, np.float32), "a"), Inner(np.ones(1, np.float32), "b")]
    found = load_record("r", Loose, dump_record("r", Loose(value, inner)))
    assert found.value["deep"][0].tolist() == [1, 1]
    assert found.value["deep"][1]["scalar"].shape == ()
    assert [of.name for of in found.several] == ["a", "b"]
    assert found.several[1].weights.tolist() == [1]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ((1, 2), r"Got \(1, 2\) in value instead"),
        ({1, 2}, r"Got \{1, 2\} in value instead"),
        ({1: 2}, r"Names in a record must be strings\. Got 1 in value instead"),
    ],
)
def test_what_would_come_back_otherwise_is_refused(value, words):
    with pytest.raises(TypeError, match=words):
        dump_record("r", Loose(value, []))


def test_names_with_dots_do_not_meet():
    value = {"a.b": np.zeros(1), "a": {"b": np.ones(1)}, "a%2Eb": np.full(1, 2.0)}
    found = load_record("r", Loose, dump_record("r", Loose(value, []))).value
    assert (found["a.b"][0], found["a"]["b"][0], found["a%2Eb"][0]) == (0, 1, 2)
