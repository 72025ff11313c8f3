"""What is kept of token states: taken out, put together, and with the answers swapped."""

import numpy as np
import pytest

from features.matching.matches import DIRECTIONS, SWAPPED, Matches
from features.storage.cache import Cache
from features.storage.segments import Segments

LENGTHS = np.array([[2, 3, 1], [0, 0, 2], [1, 0, 0], [4, 2, 2]], np.int32)


@pytest.fixture
def matches():
    """Four battles; each number says where it stands."""
    total = LENGTHS.sum()
    return Matches(
        LENGTHS,
        np.arange(total, dtype=np.int32),
        np.arange(2 * total, dtype=np.float32).reshape(-1, 2),
        np.arange(4 * 18, dtype=np.float32).reshape(4, 6, 3),
    )


def texts(matches):
    """Tokens of each text, and what stands beside them."""
    ends = np.cumsum(matches.lengths.ravel())[:-1]
    parts = zip(np.split(matches.tokens, ends), np.split(matches.best, ends), strict=True)
    return [(tokens.tolist(), best.tolist()) for tokens, best in parts]


def assert_equal(one, other):
    for x, y in zip(one, other, strict=True):
        np.testing.assert_array_equal(x, y)
        assert x.dtype == y.dtype


def test_starts_and_owners_fit_the_lengths(matches):
    for number, (start, n) in enumerate(zip(matches.starts.ravel(), LENGTHS.ravel(), strict=True)):
        assert (matches.owner[start : start + n] == number).all()
    assert matches.owner.tolist() == sorted(matches.owner)


def test_takes_battles_in_any_order_and_more_than_once(matches):
    taken, all_texts = matches.take(np.array([3, 0, 0])), texts(matches)
    assert texts(taken) == [*all_texts[9:], *all_texts[:3], *all_texts[:3]]
    np.testing.assert_array_equal(taken.figures, matches.figures[[3, 0, 0]])


def test_a_swap_exchanges_the_answers_and_where_prompts_find_their_match(matches):
    swapped = matches.take(np.arange(4), np.array([True, False, True, True]))
    was, now = texts(matches), texts(swapped)
    for battle in (0, 2, 3):
        prompt, first, second = was[3 * battle : 3 * battle + 3]
        turned = (prompt[0], [row[::-1] for row in prompt[1]])
        assert now[3 * battle : 3 * battle + 3] == [turned, second, first]
    assert now[3:6] == was[3:6]
    np.testing.assert_array_equal(swapped.figures[1], matches.figures[1])
    np.testing.assert_array_equal(swapped.figures[0], matches.figures[0][SWAPPED])


def test_swapped_directions_are_those_with_the_answers_exchanged():
    other = {0: 0, 1: 2, 2: 1}
    turned = [(other[x], other[y]) for x, y in DIRECTIONS]
    assert [DIRECTIONS[place] for place in SWAPPED] == turned


def test_swapped_twice_is_the_same(matches):
    all_of_them = np.ones(4, np.bool_)
    twice = matches.take(np.arange(4), all_of_them).take(np.arange(4), all_of_them)
    assert_equal(twice, matches)


def test_parts_put_together_are_the_whole(matches):
    parts = [matches.take(np.array(rows)) for rows in ([0, 1], [2], [3])]
    assert_equal(Matches.together(parts), matches)
    assert_equal(Matches.together([]), Matches.none())
    assert_equal(matches.take(np.array([], np.intp)), Matches.none())


def test_chunks_give_them_back_in_the_wanted_order(matches, tmp_path):
    cache, keys = Cache(tmp_path, 10**6), [bytes([n]) * 16 for n in range(4)]
    made = Segments(Matches, cache, "some", keys)
    made.put(keys[2:], matches.take(np.array([2, 3])))
    made.put(keys[:2], matches.take(np.array([0, 1])))
    found = Segments(Matches, cache, "some", [keys[3], keys[0]])
    found.refresh()
    assert not found.missing.any()
    assert_equal(found.gathered(), matches.take(np.array([3, 0])))
    assert_equal(made.gathered(), matches)
    assert_equal(Segments(Matches, cache, "none", []).gathered(), Matches.none())
