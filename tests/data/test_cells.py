"""Cells: turns, votes and groups."""

import sys
import time
import unicodedata

import pytest

from data.cells import (
    Conversation,
    conversations_array,
    parse_cell,
    prompt_group,
    repair_surrogates,
    vote,
)


@pytest.mark.parametrize(
    ("cell", "turns"),
    [
        ('["Hi", null]', ["Hi", None]),
        ('  \n["Hi"]\t', ["Hi"]),
        ('\ufeff["Hi"]', ["Hi"]),
        (' \ufeff\ufeff ["Hi"]', ["Hi"]),
        ("\ufeffHi", ["\ufeffHi"]),
        ("[]", []),
        ("", [""]),
        ("Hi", ["Hi"]),
        ("  Hi ", ["  Hi "]),
        ('"Hi"', ['"Hi"']),
        ("123", ["123"]),
        ("null", ["null"]),
        ("__import__('os')", ["__import__('os')"]),
        ('["a\nb"]', ["a\nb"]),
        ('["a\\u0000b"]', ["a\0b"]),
        ('["\\ud83d\\ude00"]', ["😀"]),
        (["Hi", None], ["Hi", None]),
        (123, ["123"]),
    ],
)
def test_parse_cell_reads_turns(cell: object, turns: list[str | None]) -> None:
    assert parse_cell(cell) == (turns, 0)


@pytest.mark.parametrize(
    "cell",
    [
        "[oops",
        "['Hi']",
        "[1]",
        '[["Hi"]]',
        '{"a": "b"}',
        '["Hi"] and more',
        "[NaN]",
        "[__import__('os')]",
        "[" * 50_000,
        "[" * 50_000 + "]" * 50_000,
        '{"a":' * 50_000,
        f"[{'1' * 5000}]",
        ["Hi", 1],
        [["Hi"]],
    ],
    ids=lambda cell: str(cell)[:12],
)
def test_parse_cell_refuses_what_is_no_list_of_turns(cell: object) -> None:
    with pytest.raises(ValueError, match=r"list of strings|deep|Expecting|Extra data|limit"):
        parse_cell(cell)


@pytest.mark.parametrize(
    ("cell", "turns", "repaired"),
    [
        ('["a\\ud83d"]', ["a\ufffd"], 1),
        ('["\\uD83D", "\\ude00"]', ["\ufffd", "\ufffd"], 2),
        ('["\\ude00\\ud83d\\ufffd"]', ["\ufffd\ufffd\ufffd"], 2),
        (["a\ud83d", None], ["a\ufffd", None], 1),
    ],
)
def test_parse_cell_repairs_lone_surrogates(
    cell: object, turns: list[str | None], repaired: int
) -> None:
    assert parse_cell(cell) == (turns, repaired)


def test_repair_surrogates_keeps_the_neighbours_and_joins_pairs() -> None:
    assert repair_surrogates("a\ud83db\ud83d\ude00c") == ("a\ufffdb😀c", 1)


@pytest.mark.parametrize("cell", ["1", "1.0", 1, 1.0, True])
def test_vote_one(cell: object) -> None:
    assert vote(cell) == 1


@pytest.mark.parametrize("cell", ["0", "0.0", 0, 0.0, False])
def test_vote_zero(cell: object) -> None:
    assert vote(cell) == 0


@pytest.mark.parametrize(
    "cell", ["", " 1", "2", "-1", "yes", "True", "1.00", None, float("nan"), 2, [1]]
)
def test_vote_is_never_repaired(cell: object) -> None:
    assert vote(cell) is None


def test_prompt_group_is_stable() -> None:
    # BLAKE2b of b"what is http?", 8 bytes: a change here would reshuffle everyone's folds.
    assert prompt_group(["What is HTTP?"]) == "7c709fd5fce41f80"


@pytest.mark.parametrize(
    "turns",
    [
        ["what IS http?"],
        ["  What\u00a0is\n\tHTTP?  "],
        ["What is", "HTTP?"],
        ["What is", None, "HTTP?"],
        ["What is \uff28\uff34\uff34\uff30?"],
    ],
)
def test_prompt_group_ignores_case_white_space_and_compatibility_forms(
    turns: list[str | None],
) -> None:
    assert prompt_group(turns) == prompt_group(["What is HTTP?"])


@pytest.mark.parametrize("other", [["What is HTTP"], ["What isHTTP?"], ["What is", "", "HTTPS?"]])
def test_prompt_group_tells_other_prompts_apart(other: list[str | None]) -> None:
    assert prompt_group(other) != prompt_group(["What is HTTP?"])


def test_prompt_group_casefolds_rather_than_lowers() -> None:
    assert prompt_group(["STRASSE"]) == prompt_group(["straße"])


def test_prompt_group_of_no_text_is_one_group() -> None:
    assert len({prompt_group(turns) for turns in ([], [""], [None], [" ", None])}) == 1


@pytest.mark.parametrize("length", [10, 3000])
def test_prompt_group_same_for_both_forms_of_accents_at_any_length(length: int) -> None:
    # 3000 pairs are longer than the limit above which another library normalises.
    composed = "é" * length
    assert prompt_group([composed]) == prompt_group([unicodedata.normalize("NFD", composed)])


def test_prompt_group_orders_a_million_combining_marks_in_linear_time() -> None:
    started = time.process_time()
    one = prompt_group(["a" + "\u0315\u0300" * 500_000])
    assert one == prompt_group(["a" + "\u0300\u0315" * 500_000])
    assert time.process_time() - started < 10


def test_conversations_array_keeps_empty_and_null() -> None:
    conversations: list[Conversation] = [["a", None], [], ["b"]]
    assert conversations_array(conversations).to_pylist() == conversations
    assert conversations_array([]).to_pylist() == []


def test_parse_cell_leaves_the_recursion_limit_alone() -> None:
    limit = sys.getrecursionlimit()
    with pytest.raises(ValueError, match="deep"):
        parse_cell("[" * 50_000)
    assert sys.getrecursionlimit() == limit
