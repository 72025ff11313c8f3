"""The pass over battles: its vectors are the encoder's own, its matches those of token states."""

import weakref

import numpy as np
import pytest
import torch

from data.battles import make_battles
from features import EncoderError, to_polars
from features.encoding.encoder import Encoder
from features.encoding.store import PARTS
from features.encoding.turns import DistinctTurns, UnorderedBattles
from features.matching import passes as matching
from features.matching.matches import DIRECTIONS
from features.matching.passes import Matching, MatchingPass, match_battles
from tests.features.matching.attention_reference import best_matches, gaze

WORDS = (
    "name",
    "seven",
    "prime",
    "numbers",
    "and",
    "say",
    "why",
    "each",
    "of",
    "them",
    "is",
    "one",
)
MATCHING = Matching(temperature=0.05, tokens=1024)


def sentence(seed, n):
    return " ".join(np.random.default_rng(seed).choice(WORDS, n))


BATTLES = make_battles(
    [[sentence(n, n + 1)] for n in range(6)] + [["Hi", "and now?"], [""], ["why"]],
    [[sentence(10 + n, 3 * n + 1)] for n in range(6)] + [["yes", "", "no no"], ["so"], [None]],
    [[sentence(20 + n, 9 - n)] for n in range(6)] + [["yes", "", "no no"], ["it is"], ["seven"]],
)


def read(encoder, how=MATCHING, battles=BATTLES):
    """Return battles in any order, what the pass makes of them, and how many tokens it told of."""
    unordered = UnorderedBattles.of(DistinctTurns.of(to_polars(battles)))
    pieces = encoder.pieces(unordered.texts)
    told = []
    at_work = MatchingPass(encoder, how, dict.fromkeys((*PARTS, "matches"), 0.0))
    encoded, found = at_work.read(unordered.battles, unordered.equal, pieces, told.append)
    return unordered, encoded, found, sum(told)


@pytest.fixture(scope="module")
def encoder(tiny_encoder):
    return Encoder(str(tiny_encoder))


@pytest.fixture(scope="module")
def result(encoder):
    return read(encoder)


def own_states(encoder, texts):
    """Token states of texts without what stands around them, each text read alone."""
    backbone, found = encoder.backbone, []
    for piece in encoder.pieces(texts):
        ids = torch.from_numpy(piece.astype(np.int64))[None]
        read = backbone.states(ids, torch.ones_like(ids))[0].double().numpy()
        found.append(read[backbone.skipped : len(piece) - len(backbone.after)])
    return found


def assert_as_by_loops(encoder, unordered, found):
    """Compare with loops over the tokens of each text."""
    states, width = own_states(encoder, unordered.texts), encoder.backbone.width
    best = np.split(found.best, np.cumsum(found.lengths.ravel())[:-1])
    for row, battle in enumerate(unordered.battles):
        texts = [
            np.concatenate([np.zeros((0, width)), *(states[turn] for turn in turns)])
            for turns in battle
        ]
        assert found.lengths[row].tolist() == [len(text) for text in texts]
        for text in range(3):
            others = [texts[other] for other in range(3) if other != text]
            expected = np.array([best_matches(texts[text], other) for other in others]).T
            got = best[3 * row + text]
            np.testing.assert_allclose(got, expected.reshape(got.shape), atol=1e-5)
        for (x, y), figures in zip(DIRECTIONS, found.figures[row], strict=True):
            np.testing.assert_allclose(figures, gaze(texts[x], texts[y], 0.05), atol=1e-5)


def test_vectors_are_bitwise_those_of_the_encoder_alone(encoder, result):
    unordered, encoded, _, _ = result
    expected = encoder.encode(unordered.texts)
    np.testing.assert_array_equal(encoded.vectors, expected.vectors)
    np.testing.assert_array_equal(encoded.tokens, expected.tokens)


def test_matches_are_those_of_a_loop_over_the_tokens(encoder, result):
    assert_as_by_loops(encoder, result[0], result[2])


@pytest.mark.parametrize("long", ["head", "head_tail"])
def test_long_texts_are_read_as_the_encoder_does(tiny_encoder, long):
    encoder = Encoder(str(tiny_encoder), length=7, long=long)
    unordered, encoded, found, _ = read(encoder)
    assert_as_by_loops(encoder, unordered, found)
    np.testing.assert_array_equal(encoded.vectors, encoder.encode(unordered.texts).vectors)
    assert found.lengths[:6].max() == 5


def test_tokens_are_those_of_the_tokenizer(encoder, result):
    unordered, _, found, _ = result
    tokens = np.split(found.tokens, np.cumsum(found.lengths.ravel())[:-1])
    for row, battle in enumerate(unordered.battles):
        for text, turns in enumerate(battle):
            words = "".join(unordered.texts[turn] for turn in turns)
            expected = [
                encoder.backbone.own(piece)
                for piece in encoder.pieces([unordered.texts[turn] for turn in turns])
            ]
            assert tokens[3 * row + text].tolist() == [n for part in expected for n in part]
            assert bool(words) == bool(len(tokens[3 * row + text]))


def test_progress_counts_what_was_read(encoder):
    """In groups of one battle a turn that two battles share is read twice, and counts twice."""
    _, encoded, _, told = read(encoder)
    assert told == encoded.tokens.sum() > 0
    battles = make_battles(["Hi"] * 3, ["so", "it is", "no"], ["why", "yes", "then"])
    _, encoded, _, told = read(encoder, Matching(0.05, 1024, 1), battles)
    assert told == encoded.tokens.sum() + 2 * len(encoder.pieces(["Hi"])[0])


@pytest.mark.parametrize("held", [1, 40, 10**6])
def test_the_memory_that_is_allowed_changes_no_bit(encoder, result, held):
    _, encoded, found, _ = read(encoder, Matching(0.05, 1024, held))
    np.testing.assert_array_equal(encoded.vectors, result[1].vectors)
    for one, other in zip(found, result[2], strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_device_holds_no_more_states_than_allowed(encoder, monkeypatch):
    held = []
    inside = MatchingPass._held

    def noted(self, pieces, done):
        held.append(sum(len(piece) for piece in pieces))
        return inside(self, pieces, done)

    monkeypatch.setattr(MatchingPass, "_held", noted)
    read(encoder, Matching(0.05, 1024, 60))
    assert len(held) > 2
    assert max(held) <= 60


@pytest.mark.parametrize("cells", [500, 10**6])
def test_many_battles_at_a_time_give_the_same(encoder, result, monkeypatch, cells):
    """As on a GPU, where battles are padded and matched together."""
    calls = []
    inside = matching.match_batch
    monkeypatch.setitem(matching.CELLS, "cpu", cells)
    monkeypatch.setitem(matching.PADDED, "cpu", cells)
    monkeypatch.setattr(
        matching, "match_batch", lambda *of: (calls.append(len(of[0])), inside(*of))[1]
    )
    found = read(encoder)[2]
    assert max(calls) > 1
    np.testing.assert_array_equal(found.tokens, result[2].tokens)
    np.testing.assert_allclose(found.best, result[2].best, atol=1e-6)
    np.testing.assert_allclose(found.figures, result[2].figures, atol=1e-5)


@pytest.mark.parametrize("cells", [1, 10**6])
def test_equal_answers_get_equal_bits(encoder, monkeypatch, cells):
    monkeypatch.setitem(matching.CELLS, "cpu", cells)
    monkeypatch.setitem(matching.PADDED, "cpu", cells)
    texts = [[sentence(n, 3 + 2 * n)] for n in range(7)]
    battles = make_battles([[sentence(50 + n, 4)] for n in range(7)], texts, texts)
    _, _, found, _ = read(encoder, battles=battles)
    swapped = found.take(np.arange(7), np.ones(7, np.bool_))
    for one, other in zip(found, swapped, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_last_tokens_are_matched_where_there_are_too_many(encoder):
    battles = make_battles([["one two three", "four five"]], [["six"]], [["seven"]])
    kept = read(encoder, Matching(0.05, 4), battles)[2]
    expected = [
        *encoder.backbone.own(encoder.pieces(["one two three"])[0])[:2],
        *encoder.backbone.own(encoder.pieces(["four five"])[0]),
    ]
    assert kept.lengths.max() == 4
    assert kept.tokens[:4].tolist() == expected


def test_no_battles_give_no_matches(encoder):
    unordered, encoded, found, _ = read(encoder, battles=BATTLES.iloc[:0])
    assert (unordered.keys, len(encoded.tokens), len(found.tokens)) == ([], 0, 0)
    best, figures = match_battles([], [], 0.05, "cpu")
    assert (best.shape, figures.shape) == ((0, 2), (0, 6, 3))


def test_states_of_half_precision_are_matched_in_full(tiny_encoder):
    found = read(Encoder(str(tiny_encoder), precision="bf16"))[2]
    assert found.best.dtype == np.float32
    np.testing.assert_allclose(found.best, read(Encoder(str(tiny_encoder)))[2].best, atol=0.05)


def test_a_prompt_that_the_folder_puts_before_each_text_is_not_matched(tiny_encoder, tmp_path):
    from tests.encoders import make_sentence_transformer

    folder = make_sentence_transformer(tmp_path / "asked", tiny_encoder, prompt="query: ")
    encoder = Encoder(str(folder))
    assert encoder.backbone.prompt_tokens > 0
    plain = read(Encoder(str(tiny_encoder)), battles=BATTLES.iloc[:2])[2]
    unordered, _, found, _ = read(encoder, battles=BATTLES.iloc[:2])
    assert found.tokens.tolist() == plain.tokens.tolist()
    assert_as_by_loops(encoder, unordered, found)


def test_what_was_held_is_let_go_before_more_is_read(encoder, monkeypatch):
    alive, seen = [], []
    inside = MatchingPass._held

    def noted(self, pieces, done):
        seen.append(sum(tensor() is not None for tensor in alive))
        texts, encoded = inside(self, pieces, done)
        alive.append(weakref.ref(texts[0]))
        return texts, encoded

    monkeypatch.setattr(MatchingPass, "_held", noted)
    read(encoder, Matching(0.05, 1024, 60))
    assert len(seen) > 2
    assert set(seen) == {0}


def test_texts_without_tokens_among_others_are_matched_alone():
    rng = np.random.default_rng(0)
    lengths = [(3, 4, 5), (3, 0, 2), (0, 1, 1), (2, 2, 2), (1, 9, 3), (0, 0, 0), (2, 1, 1)]
    battles = [
        [
            torch.nn.functional.normalize(
                torch.from_numpy(rng.standard_normal((n, 8), dtype=np.float32)), dim=1
            )
            for n in of
        ]
        for of in lengths
    ]
    alone = [match_battles([battle], [False], 0.05, "cpu") for battle in battles]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(matching.CELLS, "cpu", 10**6)
        patch.setitem(matching.PADDED, "cpu", 10**6)
        together = match_battles(battles, [False] * len(battles), 0.05, "cpu")
    for number in range(2):
        expected = np.concatenate([of[number] for of in alone])
        np.testing.assert_allclose(together[number], expected, atol=1e-5)


def test_one_long_text_does_not_pad_many_short_ones():
    """As many rows as cosines allow would be filled up to the longest prompt."""
    lengths = np.array([[700, 1, 1], *([[20, 1, 1]] * 5000)])
    for batch in matching._batches(lengths, 2**24, 2**18):
        widest = lengths[batch].max(axis=0)
        assert len(batch) * (widest[0] + 2 * widest[1:].max()) <= 2**18


@pytest.mark.parametrize("where", ["_held", "_matched"])
def test_too_little_memory_names_the_way_out(encoder, monkeypatch, where):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(MatchingPass, where, full)
    with pytest.raises(EncoderError, match=r"tokens do not fit .* Lower held_tokens"):
        read(encoder)


def test_threads_are_left_as_they_were(encoder, three_threads):
    read(encoder)
    assert torch.get_num_threads() == three_threads
