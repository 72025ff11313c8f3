"""What Python and NumPy show of values, read back without being evaluated."""

import ast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.layouts.literals import parse_literal

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_what_python_shows_comes_back(value):
    if "\0" not in repr(value):
        assert parse_literal(repr(value)) == value == ast.literal_eval(repr(value))


def test_what_numpy_shows_comes_back_without_commas():
    messages = [{"role": "user", "content": "it's"}, {"role": "assistant", "content": 'a "b"\n'}]
    assert parse_literal(str(np.array(messages, dtype=object))) == messages
    nested = [{"content": np.array([{"text": "x"}, {"text": None}], dtype=object)}]
    assert parse_literal(repr(nested)) == [{"content": [{"text": "x"}, {"text": None}]}]
    assert parse_literal(str(np.array(["a", "b"]))) == ["a", "b"]
    assert parse_literal("array(['a'], dtype='<U1')") == ["a"]
    assert parse_literal(repr(list(np.array(["a", "b"])))) == ["a", "b"]


def test_values_of_other_kinds():
    assert parse_literal(" (1, -2.5, 1e3, True, nan, 'a\\u00e9\\n') ") == [
        1, -2.5, 1000.0, True, None, "aé\n"
    ]  # fmt: skip
    assert parse_literal("'over\ntwo \\\\ lines'") == "over\ntwo \\ lines"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("__import__('os').system('x')", "'__import__' is no value"),
        ("['a', open('b')]", "'open' is no value"),
        ("array", "expected one value, found 0"),
        ("array ['a']", "'array' is no value"),
        ("['a'", "ends within brackets"),
        ("['a')", r"'\)' closes nothing"),
        ("]", "closes nothing"),
        ("['a', ...]", r"at character 6: ' \.\.\.\]'"),
        ("'a' 'b'", "expected one value, found 2"),
        ("", "expected one value, found 0"),
        ("{'a'}", "a key without a value"),
        ("{1: 'a'}", "a key that is no string"),
        ("'\\x'", "a string that cannot be read"),
        ("array()", "a call without values"),
        ("[" * 200_000, "nested too deeply"),
    ],
)
def test_anything_else_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        parse_literal(text)
