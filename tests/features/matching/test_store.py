"""Matches kept in memory and on disk: made once with the vectors, found again, never wrong."""

import numpy as np
import pytest

from data.battles import make_battles, swap_battles
from features import to_polars
from features.encoding.encoder import Encoder
from features.encoding.turns import DistinctTurns
from features.matching.passes import HELD_TOKENS, Matching
from features.matching.store import EncoderStore
from features.storage.cache import Cache
from tests.encoders import Told

N = 24
BATTLES = make_battles(
    [[f"question number {n % 5}"] for n in range(N)],
    [[f"answer {n} " * (n % 4 + 1), "", "and more"] for n in range(N)],
    [[f"another answer {n} " * (n % 3 + 1)] if n % 7 else [None] for n in range(N)],
)
MATCHING = Matching(temperature=0.05, tokens=64)


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch):
    monkeypatch.setattr("features.storage.segments.SHARD_CHARACTERS", 300)
    monkeypatch.setitem(HELD_TOKENS, "cpu", 66)


@pytest.fixture
def store(tiny_encoder, tmp_path):
    """Make a store that keeps what it makes in a folder."""

    def make(cache=True, matching=MATCHING, **options):
        kept = Cache(tmp_path / "cache", 10**9) if cache else None
        made = EncoderStore(Encoder(str(tiny_encoder), **options), kept)
        made.match_by(matching)
        return made

    return make


def turns_of(battles=BATTLES):
    return DistinctTurns.of(to_polars(battles))


def assert_same(one, other):
    for x, y in zip(one, other, strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.fixture
def expected(store):
    """Matches of each battle, read alone."""
    made = store(cache=False)
    alone = [made.matches(turns_of(BATTLES.iloc[[row]]), MATCHING) for row in range(N)]
    return type(alone[0]).together(alone)


def filled(store, battles=BATTLES):
    made = store()
    made.add_battles(turns_of(battles))
    return made


@pytest.mark.parametrize("cache", [True, False])
def test_matches_are_the_same_added_or_not_found_or_made(store, expected, cache):
    for _ in range(2):
        made = store(cache=cache)
        assert_same(made.matches(turns_of(), MATCHING), expected)
        made.add_battles(turns_of())
        assert_same(made.matches(turns_of(), MATCHING), expected)
        some = [5, 3, 3, 20]
        assert_same(
            made.matches(turns_of(BATTLES.iloc[some]), MATCHING), expected.take(np.array(some))
        )


@pytest.mark.parametrize("cache", [True, False])
def test_one_pass_gives_the_vectors_as_well(store, tiny_encoder, cache):
    made, turns = store(cache=cache), EncoderStore(Encoder(str(tiny_encoder)))
    made.add_battles(turns_of())
    read = made.tokens_read
    assert_same(made.vectors_of(turns_of()), turns.vectors_of(turns_of()))
    assert made.tokens_read == read
    assert made.seconds["matches"] > 0
    assert made.seconds["network"] > 0


@pytest.mark.parametrize("first", ["vectors", "matches"])
@pytest.mark.parametrize("cache", [True, False])
def test_a_call_for_both_reads_once_whichever_comes_first(store, tiny_encoder, cache, first):
    made, turns = store(cache=cache), EncoderStore(Encoder(str(tiny_encoder)))
    if first == "matches":
        made.matches(turns_of(), MATCHING)
    vectors = made.vectors_of(turns_of())
    read = made.tokens_read
    made.matches(turns_of(), MATCHING)
    assert_same(made.vectors_of(turns_of()), vectors)
    assert made.tokens_read == read
    assert_same(vectors, turns.vectors_of(turns_of()))


def test_a_swap_is_bitwise_through_the_cache(store, expected):
    swapped = expected.take(np.arange(N), np.ones(N, np.bool_))
    filled(store)
    for made in (store(), store(cache=False), filled(store, swap_battles(BATTLES))):
        assert_same(made.matches(turns_of(swap_battles(BATTLES)), MATCHING), swapped)
        assert_same(made.matches(turns_of(), MATCHING), expected)


def test_another_run_reads_nothing_and_loads_no_network(store, expected):
    filled(store)
    again = filled(store)
    assert_same(again.matches(turns_of(), MATCHING), expected)
    again.vectors_of(turns_of())
    assert again.tokens_read == 0
    assert "backbone" not in vars(again.encoder)


def test_a_call_is_found_again_without_the_network(store, expected):
    vectors = [store().matches(turns_of(), MATCHING), store().vectors_of(turns_of())][1]
    again = store()
    assert_same(again.matches(turns_of(), MATCHING), expected)
    assert_same(again.vectors_of(turns_of()), vectors)
    assert "backbone" not in vars(again.encoder)


def test_vectors_on_disk_are_those_that_a_plain_store_finds(store, tiny_encoder, tmp_path):
    filled(store)
    turns = EncoderStore(Encoder(str(tiny_encoder)), Cache(tmp_path / "cache", 10**9))
    turns.add_battles(turns_of())
    assert turns.tokens_read == 0


def test_vectors_that_lie_there_already_are_not_written_again(store, tiny_encoder, tmp_path):
    cache = Cache(tmp_path / "cache", 10**9)
    EncoderStore(Encoder(str(tiny_encoder)), cache).add_battles(turns_of())
    before = set(cache.keys("vectors"))
    filled(store)
    assert set(cache.keys("vectors")) == before
    assert cache.keys("matches")


def test_matches_without_their_vectors_are_completed(store, tiny_encoder, tmp_path):
    filled(store)
    for path in (tmp_path / "cache").glob("vectors*"):
        path.unlink()
    made, turns = filled(store), EncoderStore(Encoder(str(tiny_encoder)))
    assert_same(made.vectors_of(turns_of()), turns.vectors_of(turns_of()))


@pytest.mark.parametrize("how", ["truncated", "altered", "removed"])
def test_a_damaged_chunk_is_made_again(store, expected, tmp_path, how):
    filled(store)
    path = sorted((tmp_path / "cache").glob("matches*"))[1]
    content = path.read_bytes()
    if how == "removed":
        path.unlink()
        made = filled(store)
    else:
        changed = content[:-1] if how == "truncated" else content[:-1] + bytes([content[-1] ^ 1])
        path.write_bytes(changed)
        with pytest.warns(RuntimeWarning, match="damaged, and removed"):
            made = filled(store)
    assert 0 < made.tokens_read < store(cache=False).encoder.encode(turns_of().texts).tokens.sum()
    assert_same(made.matches(turns_of(), MATCHING), expected)


@pytest.mark.parametrize(
    "other", [{"matching": Matching(0.1, 64)}, {"matching": Matching(0.05, 8)}, {"length": 8}]
)
def test_other_settings_do_not_find_these_matches(store, other):
    filled(store)
    made = store(**other)
    made.add_battles(turns_of())
    assert made.tokens_read > 0


def test_less_memory_finds_these_matches(store):
    filled(store)
    made = store(matching=Matching(0.05, 64, held_tokens=10))
    made.add_battles(turns_of())
    assert made.tokens_read == 0


def test_more_battles_can_be_added_and_those_there_are_not_read_again(store, expected):
    made = store(cache=False)
    made.add_battles(turns_of(BATTLES.iloc[:10]))
    read = made.tokens_read
    made.add_battles(turns_of(BATTLES.iloc[:10]))
    assert made.tokens_read == read
    made.add_battles(turns_of(BATTLES.iloc[5:]))
    assert_same(made.matches(turns_of(), MATCHING), expected)


def test_interrupted_it_goes_on_where_it_was(store, expected):
    class Interrupted:
        done = 0

        def __call__(self, tokens):
            self.done += tokens
            if self.done > 100:
                raise KeyboardInterrupt

        def expect(self, total):
            pass

    first = store()
    with pytest.raises(KeyboardInterrupt):
        first.add_battles(turns_of(), Interrupted())
    made = filled(store)
    whole = store(cache=False)
    whole.add_battles(turns_of())
    assert 0 < made.tokens_read < whole.tokens_read
    assert_same(made.matches(turns_of(), MATCHING), expected)


def test_progress_is_told_of_tokens_and_of_how_many_there_seem_to_be(store):
    made, told = store(cache=False), Told()
    made.add_battles(turns_of(), told)
    assert told.done == made.tokens_read == told.expected[-1]
    assert len(told.expected) > 3
    assert all(0.3 * told.done < total < 3 * told.done for total in told.expected)


def test_battles_without_any_text_have_no_matches(store):
    blank = make_battles([[None], [""]], [[" "], []], [["\n"], []])
    for made in (store(), filled(store, blank)):
        assert made.matches(turns_of(blank), MATCHING).lengths.tolist() == [[0, 0, 0], [0, 0, 0]]
        assert made.vectors_of(turns_of(blank)).tokens.tolist() == []


def test_matched_otherwise_they_are_others_and_those_there_are_not_given_out(store, expected):
    made, other = store(cache=False), Matching(0.5, 64)
    made.add_battles(turns_of())
    warm = made.matches(turns_of(), other)
    np.testing.assert_array_equal(warm.best, expected.best)
    assert not np.allclose(warm.figures, expected.figures)
    assert made.matching == other
    assert_same(made.matches(turns_of(), MATCHING), expected)


def test_without_matching_each_distinct_turn_is_read_once(tiny_encoder):
    made = EncoderStore(Encoder(str(tiny_encoder)))
    made.add_battles(turns_of())
    assert made.tokens_read == made.encoder.encode(turns_of().texts).tokens.sum()
    assert made.seconds["matches"] == 0.0
