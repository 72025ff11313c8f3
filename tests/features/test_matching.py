"""The pass over battles: its vectors are the encoder's own, its matches those of token states."""

import numpy as np
import pytest
import torch

from data.battles import make_battles
from features import matching, to_polars
from features.asked import Asked, Keyed
from features.encoder import Encoder
from features.matches import DIRECTIONS
from features.matching import Matching, Pass, match_battles
from features.vectors import PARTS
from tests.features.attention_reference import best_matches, gaze

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
    """Return what the pass makes of battles, and what it was asked."""
    keyed = Keyed.of(Asked.of(to_polars(battles)))
    pieces = encoder.pieces(keyed.texts)
    told = []
    at_work = Pass(encoder, how, dict.fromkeys(PARTS, 0.0))
    encoded, found = at_work.read(keyed.battles, keyed.equal, pieces, told.append)
    return keyed, encoded, found, sum(told)


@pytest.fixture(scope="module")
def encoder(tiny_encoder):
    return Encoder(str(tiny_encoder))


@pytest.fixture(scope="module")
def result(encoder):
    return read(encoder)


def own_states(encoder, texts):
    """Token states of texts without special tokens, each text read alone."""
    found = []
    for text in texts:
        (part,) = encoder.states([text])
        found.append(part.states[0][part.mask[0] == 1][1:-1].double().numpy())
    return found


def test_vectors_are_bitwise_those_of_the_encoder_alone(encoder, result):
    keyed, encoded, _, _ = result
    expected = encoder.encode(keyed.texts)
    np.testing.assert_array_equal(encoded.vectors, expected.vectors)
    np.testing.assert_array_equal(encoded.tokens, expected.tokens)


def test_matches_are_those_of_a_loop_over_the_tokens(encoder, result):
    keyed, _, found, _ = result
    states = own_states(encoder, keyed.texts)
    ends = np.cumsum(found.lengths.ravel())[:-1]
    best = np.split(found.best, ends)
    for row, battle in enumerate(keyed.battles):
        texts = [
            np.concatenate([np.zeros((0, 32)), *(states[turn] for turn in turns)])
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


def test_tokens_are_those_of_the_tokenizer(encoder, result):
    keyed, _, found, _ = result
    tokens = np.split(found.tokens, np.cumsum(found.lengths.ravel())[:-1])
    for row, battle in enumerate(keyed.battles):
        for text, turns in enumerate(battle):
            words = "".join(keyed.texts[turn] for turn in turns)
            expected = [
                encoder.backbone.own(p)
                for turn in turns
                for p in encoder.pieces([keyed.texts[turn]])[0]
            ]
            assert tokens[3 * row + text].tolist() == [n for part in expected for n in part]
            assert bool(words) == bool(len(tokens[3 * row + text]))


def test_progress_counts_what_was_read(result):
    _, encoded, _, told = result
    assert told >= encoded.tokens.sum() > 0


@pytest.mark.parametrize("held", [1, 40, 10**6])
def test_the_memory_that_is_allowed_changes_no_bit(encoder, result, held):
    _, encoded, found, _ = read(encoder, Matching(0.05, 1024, held))
    np.testing.assert_array_equal(encoded.vectors, result[1].vectors)
    for one, other in zip(found, result[2], strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_device_holds_no_more_states_than_allowed(encoder, monkeypatch):
    held = []
    inside = Pass._held

    def noted(self, pieces, done):
        held.append(sum(len(piece) for of in pieces for piece in of))
        return inside(self, pieces, done)

    monkeypatch.setattr(Pass, "_held", noted)
    read(encoder, Matching(0.05, 1024, 60))
    assert len(held) > 2
    assert max(held) <= 60


@pytest.mark.parametrize("cells", [500, 10**6])
def test_many_battles_at_a_time_give_the_same(encoder, result, monkeypatch, cells):
    """As on a GPU, where battles are padded and matched together."""
    calls = []
    inside = matching.match_batch
    monkeypatch.setitem(matching.CELLS, "cpu", cells)
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
        *encoder.backbone.own(encoder.pieces(["one two three"])[0][0])[:2],
        *encoder.backbone.own(encoder.pieces(["four five"])[0][0]),
    ]
    assert kept.lengths.max() == 4
    assert kept.tokens[:4].tolist() == expected


def test_windows_are_put_together(tiny_encoder):
    encoder = Encoder(str(tiny_encoder), length=6, long="windows", windows=3)
    keyed, encoded, found, _ = read(encoder)
    np.testing.assert_array_equal(encoded.vectors, encoder.encode(keyed.texts).vectors)
    assert found.lengths.max() == 12


def test_no_battles_give_no_matches(encoder):
    keyed, encoded, found, _ = read(encoder, battles=BATTLES.iloc[:0])
    assert (keyed.keys, len(encoded.tokens), len(found.tokens)) == ([], 0, 0)
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
    assert encoder.backbone.asked > 0
    plain = read(Encoder(str(tiny_encoder)), battles=BATTLES.iloc[:2])[2]
    assert read(encoder, battles=BATTLES.iloc[:2])[2].tokens.tolist() == plain.tokens.tolist()


def test_matching_needs_no_gradient_and_leaves_threads_alone(encoder):
    before = torch.get_num_threads()
    read(encoder)
    assert torch.get_num_threads() == before
