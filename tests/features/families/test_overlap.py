"""Overlap against plain Python sets, and each formula on texts where the likely slip shows."""

import re
import zlib

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.battles import make_battles
from features.families import overlap
from features.families.overlap import STATISTICS, OverlapFeatures
from features.text import overlap_kernels


def columns(prompt, a, b):
    """Return the one battle's values by column, without the family."""
    row = OverlapFeatures().fit_transform(make_battles([prompt], [a], [b])).iloc[0]
    return {name.removeprefix("overlap__"): float(value) for name, value in row.items()}


def words(text):
    return re.findall(r"\w+", text.lower())


def neighbours(items):
    return list(zip(items, items[1:], items[2:], strict=False))


def share(part, whole):
    return part / whole if whole else 0.0


def expected_of_answer(prompt, answer):
    asked, given_words = set(words(prompt[-1])), set(words(answer[-1]))
    everything, answered = set(words("\n".join(prompt))), words("\n".join(answer))
    lines = [line.strip() for line in "\n".join(answer).split("\n") if line.strip()]
    phrases = neighbours(answered)
    return {
        "prompt_words_used": share(len(everything & set(answered)), len(everything)),
        "words_from_prompt": share(len(everything & set(answered)), len(set(answered))),
        "last_prompt_words_used": share(len(asked & given_words), len(asked)),
        "last_words_from_prompt": share(len(asked & given_words), len(given_words)),
        "repeated_lines": share(len(lines) - len(set(lines)), len(lines)),
        "repeated_trigrams": share(len(phrases) - len(set(phrases)), len(phrases)),
    }


turns = st.text(alphabet=" \n.aAbBéÉ日語😀1_", max_size=30)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(turns, turns, turns), min_size=1, max_size=3))
def test_counts_are_those_of_python_sets(conversation):
    prompt, a, b = (list(text) for text in zip(*conversation, strict=True))
    found = columns(prompt, a, b)
    for side, answer in (("a", a), ("b", b)):
        for name, value in expected_of_answer(prompt, answer).items():
            assert found[f"{name}_{side}"] == pytest.approx(value), name
    in_a, in_b = (set(neighbours("\n".join(answer).lower())) for answer in (a, b))
    assert found["trigrams_jaccard_pair"] == pytest.approx(
        share(len(in_a & in_b), len(in_a | in_b))
    )
    assert found["trigrams_contained_pair"] == pytest.approx(
        share(len(in_a & in_b), min(len(in_a), len(in_b)))
    )


def test_the_prompts_share_and_the_answers_share_divide_by_different_texts():
    found = columns("big red cat", "cat", "a cat and a red dog")
    assert found["prompt_words_used_a"] == pytest.approx(1 / 3)
    assert found["words_from_prompt_a"] == 1.0
    assert found["prompt_words_used_b"] == pytest.approx(2 / 3)
    assert found["words_from_prompt_b"] == pytest.approx(2 / 5)  # "a" counts once
    assert found["prompt_words_used_diff"] == pytest.approx(-1 / 3)


def test_long_words_have_five_characters_or_more():
    found = columns("Green tea, naïve", "green naïve tea", "tea")
    assert found["prompt_long_words_used_a"] == 1.0  # five characters, six bytes
    assert found["prompt_long_words_used_b"] == 0.0
    assert found["long_words_from_prompt_a"] == 1.0
    assert columns("café teas", "café", "teas")["long_words_from_prompt_a"] == 0.0  # five bytes


def test_the_last_turn_is_compared_with_the_last_turn_alone():
    found = columns(["alpha", "beta gamma"], ["beta", "gamma"], ["alpha beta gamma", None])
    assert found["prompt_words_used_a"] == pytest.approx(2 / 3)
    assert found["last_prompt_words_used_a"] == 0.5
    assert found["last_words_from_prompt_a"] == 1.0
    assert found["prompt_words_used_b"] == 1.0
    assert found["last_prompt_words_used_b"] == 0.0


def test_the_last_turn_counts_where_the_texts_differ_in_their_number_of_turns():
    found = columns(["alpha beta"], ["alpha", "beta"], ["alpha"])
    assert found["prompt_words_used_a"] == 1.0
    assert found["last_prompt_words_used_a"] == 0.5
    assert columns(["alpha", "beta"], ["alpha"], [])["last_prompt_words_used_a"] == 0.0


def test_jaccard_divides_by_the_union_and_containment_by_the_smaller_set():
    found = columns("?", "one two", "Two three four five")
    assert found["words_jaccard_pair"] == pytest.approx(1 / 5)
    assert found["words_contained_pair"] == pytest.approx(1 / 2)
    found = columns("?", "abcd", "xBCDe")
    assert found["trigrams_jaccard_pair"] == pytest.approx(1 / 4)
    assert found["trigrams_contained_pair"] == pytest.approx(1 / 2)


def test_start_and_end_are_shares_of_the_longer_answer_in_characters():
    found = columns("?", "日本 yes!", "日本 no, it is no yes!")
    assert found["same_start_pair"] == pytest.approx(3 / 20)
    assert found["same_end_pair"] == pytest.approx(5 / 20)
    assert columns("?", "ab", "abab")["same_start_pair"] == 0.5


def test_identical_looks_at_every_letter():
    assert columns("?", "Same", "Same")["identical_pair"] == 1.0
    found = columns("?", "Same", "same")
    assert found["identical_pair"] == 0.0
    assert found["words_jaccard_pair"] == 1.0


def test_repetition_counts_what_came_before():
    found = columns("?", "a\n  a \n\n\nb\na", "to be or to be or")
    assert found["repeated_lines_a"] == 0.5  # four lines, two distinct: blank ones do not count
    assert found["repeated_trigrams_a"] == 0.0
    assert found["repeated_trigrams_b"] == pytest.approx(1 / 4)


def test_compression_is_of_bytes_without_header_and_stops_at_the_cap():
    text = "日本語" * 50
    saved = 1 - (len(zlib.compress(text.encode(), 1)) - 6) / len(text.encode())  # 6: zlib's header
    found = columns("?", text, "no")
    assert found["compressible_a"] == pytest.approx(saved)
    assert found["compressible_b"] == 0.0  # deflate makes it longer
    plain = "ab" * (overlap.COMPRESSED_BYTES // 2)
    noise = "".join(map(chr, np.random.default_rng(0).integers(33, 126, 50_000)))
    assert overlap.compressible(plain + noise) == overlap.compressible(plain)


def test_trigrams_do_not_run_from_one_text_or_battle_into_the_next():
    codes, bounds = overlap._code_points(
        pl.DataFrame({"a": ["abc", "d", "abcd", ""], "b": ["", "ef", "bcde", "xyz"]})
    )
    masks = overlap_kernels.trigram_sets(codes, bounds)
    assert overlap_kernels.holding(masks, 0).tolist() == [1, 0, 2, 0]
    assert overlap_kernels.holding(masks, 1).tolist() == [0, 0, 2, 1]
    assert overlap_kernels.holding(masks, 0, 1).tolist() == [0, 0, 1, 0]


def test_the_order_of_three_words_counts():
    found = columns("?", "a b c. c b a. b a c", "a b c a b c a b c")
    assert found["repeated_trigrams_a"] == 0.0
    assert found["repeated_trigrams_b"] == pytest.approx(4 / 7)


def test_character_trigrams_are_exact_up_to_the_last_code_point():
    top = "\U0010ffff"
    texts = [top * 3, f"{top}{top}\x00", "\x00" * 3, f"\x00{top}\x00"]
    for one in texts:
        for other in texts:
            found = columns("?", one, other)
            assert found["trigrams_jaccard_pair"] == float(one == other)


def test_words_and_white_space_are_those_of_the_expressions():
    for pattern in (r"\w", r"\s"):
        table = overlap.matching(pattern)
        some = "aZ_0é日😀\u0301\u200d\u00a0\u2028\x1f \n-\U0010ffff"
        matches = pl.Series(list(some)).str.contains(pattern).to_list()
        assert [bool(table[ord(character)]) for character in some] == matches


def test_everything_is_finite_where_there_is_no_text():
    empty = [[None], [], [""], [None, None], ["  \n"], ["..."]]
    rows = [(p, a, b) for p in empty for a in empty for b in empty]
    frame = OverlapFeatures().fit_transform(make_battles(*zip(*rows, strict=True)))
    assert np.isfinite(frame.to_numpy()).all()
    assert not frame.filter(regex="words|long|compress|repeated").to_numpy().any()
    assert frame.loc[0, "overlap__identical_pair"] == 1.0


def test_a_swap_of_the_answers_is_bitwise_and_a_row_stands_alone(monkeypatch):
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(["Tea", "is", "good", "a\n", "why?"], n)) for n in range(120)]
    prompt, a, b = texts[:40], texts[40:80], texts[80:]
    family = OverlapFeatures()
    straight = family.fit_transform(make_battles(prompt, a, b))
    swapped = family.transform(make_battles(prompt, b, a))
    for name in straight:
        stem, _, side = name.rpartition("_")
        partner = f"{stem}_{ {'a': 'b', 'b': 'a'}.get(side, side) }"
        expected = -swapped[partner] if side == "diff" else swapped[partner]
        assert (straight[name] == expected).all(), name
    monkeypatch.setattr(overlap, "CHUNK", 7)
    assert family.transform(make_battles(prompt, a, b)).equals(straight)
    alone = family.transform(make_battles(prompt[30:31], a[30:31], b[30:31]))
    assert (alone.to_numpy()[0] == straight.to_numpy()[30]).all()


def test_names_and_documentation_come_from_the_table():
    family = OverlapFeatures().fit(make_battles(["p"], ["a"], ["b"]))
    assert list(family.describe()) == list(family.get_feature_names_out())
    assert len(family.describe()) == sum(len(row.sides) for row in STATISTICS.values())
