"""Messages become turns."""

from collections import Counter

import pytest

from data.layouts.messages import Message, dialogue, messages_of


def read(cell):
    left_out = Counter()
    messages, repaired = messages_of(cell, left_out)
    return [tuple(message) for message in messages], repaired, dict(left_out)


@pytest.mark.parametrize(
    "cell",
    [
        [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": None}],
        '[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": null}]',
        "[{'role': 'user', 'content': 'Hi'}, {'role': 'assistant', 'content': None}]",
        "[{'role': 'user', 'content': 'Hi'}\n {'role': 'assistant', 'content': None}]",
        [{"role": "Human", "content": ["Hi"]}, {"role": "GPT", "content": []}],
        [{"role": "user", "content": {"text": "Hi"}}, {"role": "model"}],
    ],
)
def test_one_conversation_in_every_notation(cell):
    assert read(cell) == ([("user", "Hi"), ("assistant", None)], 0, {})


def test_lone_surrogates_of_escapes_are_replaced():
    assert read('[{"role": "user", "content": "\\ud83d!"}]') == ([("user", "\ufffd!")], 1, {})
    assert read("[{'role': 'user', 'content': '\\ud83d!'}]") == ([("user", "\ufffd!")], 1, {})


def test_what_is_no_text_is_counted_by_kind():
    parts = [{"type": "image_url", "image_url": {}}, {"type": "text", "text": "see"}, {"type": "x"}]
    calls = [{"id": 1}, {"id": 2}]
    cell = [
        {"role": "user", "content": parts},
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "content": "42"},
        {"role": "assistant", "content": "done", "function_call": {"name": "f"}},
    ]
    messages, _, left_out = read(cell)
    assert messages == [("user", "see"), ("assistant", None), ("assistant", "done")]
    assert left_out == {"image_parts": 1, "other_parts": 1, "tool_parts": 4}


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("hello", "'hello' is no value"),
        ("", "expected one value"),
        (7, "found int"),
        ({"role": "user"}, "found dict"),
        (["a"], "a message without a role"),
        ([{"content": "a"}], "a message without a role"),
        ([{"role": "narrator", "content": "a"}], "unknown role 'narrator'"),
        ([{"role": "user", "content": 7}], "content is int"),
        ([{"role": "user", "content": [7]}], "a part of content is int"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_list_of_messages(cell, message):
    with pytest.raises(ValueError, match=message):
        read(cell)


def test_turns():
    def turns(*said):
        return tuple(dialogue([Message(*one) for one in said]))

    user, assistant, system = "user", "assistant", "system"
    assert turns() == ([], [])
    assert turns((user, "q"), (assistant, "a"), (user, "r")) == (["q", "r"], ["a", None])
    assert turns((user, "q"), (assistant, None), (assistant, "b")) == (["q"], ["b"])
    assert turns((assistant, "hello"), (user, "q"), (assistant, "a")) == (
        [None, "q"], ["hello", "a"]
    )  # fmt: skip
    assert turns((system, "s"), (system, ""), (user, "q"), (assistant, "a")) == (["s\n\nq"], ["a"])
    assert turns((user, "q"), (assistant, "a"), (system, "s"), (user, None)) == (
        ["q", "s"], ["a", None]
    )  # fmt: skip
