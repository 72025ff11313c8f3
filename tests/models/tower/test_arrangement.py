"""Sequences read back letter by letter: what is kept of which text, and where it stands."""

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from data.battles import make_battles, swap_battles
from features.encoding.files import locate
from features.encoding.tokeniser import Tokeniser
from features.encoding.truncation import CUTS, PART_CUTS, head_tail
from models.tower import arrangement
from models.tower.arrangement import arrange, budgets, written
from models.tower.settings import TowerSettings

needs_corpora = pytest.mark.skipif(
    not os.environ.get("NLTK_DATA"), reason="NLTK_DATA names no folder of NLTK's corpora"
)
PROSE = "The quick brown fox can't jump — it's 3.5 m high, naïve! Über-long: 日本語. "
MANY = make_battles(
    prompt=["Why?", ["Hi", None], [], "Why?", "", ["a" * 90, "b" * 90], "p", "\u200b", "Why?"],
    response_a=["So.", ["Yes", "No"], "x", "y" * 700, "same", ["c" * 400], "q", "z", [None]],
    response_b=["It is.", ["1", " "], [], "z" * 5, "same", ["d", "e" * 60], PROSE * 90, "", "So."],
)


class Letters:
    """Each letter is a token, and ``<``, ``|`` and ``>`` are the special ones."""

    before, between, after = (np.array([ord(sign)], dtype=np.int32) for sign in "<|>")

    def tokens(self, texts):
        return [np.array([ord(letter) for letter in text], dtype=np.int32) for text in texts]


def read(battles, tokeniser=None, **settings):
    """Both sequences of each battle, as text."""
    sequences = arrange(battles, tokeniser or Letters(), TowerSettings(**settings))
    texts = ["".join(map(chr, piece)) for piece in sequences.pieces]
    return [
        (texts[one], texts[two]) for one, two in zip(sequences.first, sequences.second, strict=True)
    ]


@pytest.fixture(scope="module", params=["minilm", "deberta"])
def tokeniser(request):
    """A real tokenizer."""
    if request.param == "minilm":
        return Tokeniser(locate("minilm"))
    models = os.environ.get("ARENABOOST_MODELS")
    if not models:
        pytest.skip("ARENABOOST_MODELS does not name the folder of tokenizers")
    return Tokeniser(Path(models) / "deberta-v3-tokenizer")


def test_prompt_and_each_answer_or_all_three():
    battles = make_battles(["Why?"], ["So."], ["It is."])
    assert read(battles) == [("<Why?|So.>", "<Why?|It is.>")]
    assert read(battles, arrangement="joint") == [("<Why?|So.|It is.>", "<Why?|It is.|So.>")]


def test_turns_are_labelled_only_where_there_are_several():
    battles = make_battles([["Hi", "Why?", "Ok"]], ["Yes"], [["1", "2"]])
    first, second = read(battles)[0]
    assert first == "<[1] Hi\n[2] Why?\n[3] Ok|Yes>"
    assert second == "<[1] Hi\n[2] Why?\n[3] Ok|[1] 1\n[2] 2>"
    assert read(battles, turns="first") == [("<Hi|Yes>", "<Hi|1>")]


def test_each_kind_of_turn_without_text_has_a_mark_of_its_own():
    battles = make_battles([[None]], [[" \n"]], [[]])
    assert read(battles) == [("<[null]|[empty]>", "<[null]|[no turn]>")]
    battles = make_battles([""], [["", None, "x"]], [[None, "x"]])
    assert read(battles) == [
        ("<[empty]|[1] [empty]\n[2] [null]\n[3] x>", "<[empty]|[1] [null]\n[2] x>")
    ]
    assert read(battles, turns="first") == [("<[empty]|[empty]>", "<[empty]|[null]>")]


def test_a_turn_that_could_not_be_decoded_is_emptied_where_that_is_asked_for():
    battles = make_battles(["Why\ud83d?"], [["fine", "\ufffd"]], ["fine"])
    kept = "<Why\ufffd?|[1] fine\n[2] \ufffd>"
    assert read(battles)[0][0] == kept
    emptied = ("<[undecodable]|[1] fine\n[2] [undecodable]>", "<[undecodable]|fine>")
    assert read(battles, undecodable="empty") == [emptied]
    assert read(battles, undecodable="empty", text="ascii") == [emptied]  # seen before it is lost
    assert read(battles, text="ascii")[0][0] == "<Why?|[1] fine\n[2] [empty]>"


def test_ascii_drops_letters_and_keeps_marks_and_labels():
    battles = make_battles([["Ça va?", None]], ["日本"], ["naïve — yes"])
    first, second = read(battles, text="ascii")[0]
    assert first == "<[1] a va?\n[2] [null]|[empty]>"
    assert second.endswith("|nave  yes>")


@needs_corpora
def test_nltk_gives_lemmas_without_stop_words_and_special_signs():
    battles = make_battles([["The cats were running!", None]], ["the"], ["Models, geese & 42"])
    first, second = read(battles, text="nltk")[0]
    assert first == "<[1] cat running\n[2] [null]|[empty]>"  # a stemmer would say "run"
    assert second.endswith("|model goose>")


@needs_corpora
def test_blocks_change_nothing(monkeypatch):
    whole = [read(MANY, text=text) for text in ("as_is", "nltk")]
    monkeypatch.setattr(arrangement, "TOKENISED", 50)
    monkeypatch.setattr(arrangement, "NORMALISED", 50)
    assert [read(MANY, text=text) for text in ("as_is", "nltk")] == whole


@pytest.mark.parametrize(
    ("cut", "prompt", "answer"),
    [
        ("head", "01234", "ABCDEFGH"),
        ("tail", "56789", "STUVWXYZ"),
        ("head_tail", "01289", "ABCDWXYZ"),
    ],
)
def test_cuts_keep_first_or_last_tokens_or_both(cut, prompt, answer):
    battles = make_battles(["0123456789"], ["ABCDEFGHIJKLMNOPQRSTUVWXYZ"], ["ab"])
    first, second = read(battles, length=16, cut=cut)[0]
    assert first == f"<{prompt}|{answer}>"  # 13 tokens of room, 20 : 40 of them, the odd one asked
    assert second == "<0123456789|ab>"
    battles = make_battles(["0"], ["ABCDEFGHIJKLMNOPQRSTUVWXYZ"], ["ABCDEFGHIJKLMNOPQRSTUVWXYZ"])
    first, second = read(battles, length=16, cut=cut, arrangement="joint")[0]
    assert first == second
    assert len(first) == 15  # 11 tokens for two answers of equal shares: one is left


def test_a_cut_of_a_cut_is_a_cut():
    text = np.arange(40)
    for cut in PART_CUTS.values():
        for room in range(12):
            np.testing.assert_array_equal(cut(cut(text, 12), room), cut(text, room))
            assert len(cut(text, room)) == room
    assert set(CUTS) == {"head", "head_tail"}  # what a frozen encoder can be told
    assert head_tail(text, 5).tolist() == [0, 1, 2, 38, 39]


def test_budgets_are_shares_of_what_the_others_leave():
    needs = np.array(
        [[5, 5, 5], [500, 500, 500], [5, 500, 500], [500, 5, 500], [500, 500, 5],
         [5, 5, 500], [500, 5, 5], [21, 41, 38], [20, 40, 40], [25, 39, 400]]
    )  # fmt: skip
    assert budgets(needs, (20, 40, 40), 100).tolist() == [
        [5, 5, 5], [20, 40, 40], [5, 47, 47], [32, 5, 63], [32, 63, 5],
        [5, 5, 90], [90, 5, 5], [21, 41, 38], [20, 40, 40], [21, 39, 40],
    ]  # fmt: skip


def test_budgets_fill_the_room_and_treat_both_answers_alike():
    rng = np.random.default_rng(0)
    needs = rng.integers(0, 120, size=(3000, 3))
    for shares in ((20, 40, 40), (1, 1, 1), (7, 3, 3)):
        given = budgets(needs, shares, 101)
        assert (given >= 0).all()
        assert (given <= needs).all()
        assert (given.sum(axis=1) <= 101).all()
        least = np.minimum(needs.sum(axis=1), 100)  # one may be left for the sake of symmetry
        assert (given.sum(axis=1) >= least).all()
        # Who is cut has its share of the room at least.
        fair = 101 * np.array(shares) // sum(shares)
        assert (given >= np.minimum(needs, fair)).all()
        other = budgets(needs[:, [0, 2, 1]], shares, 101)
        np.testing.assert_array_equal(other[:, [0, 2, 1]], given)


@pytest.mark.parametrize("shape", ["dual", "joint"])
@pytest.mark.parametrize("cut", list(PART_CUTS))
@pytest.mark.parametrize("shares", [(20, 40, 40), (10, 50, 20)])
def test_a_swap_gives_exactly_the_swapped_sequences(shape, cut, shares):
    for length in (17, 64, 255):
        options = {"arrangement": shape, "cut": cut, "length": length, "shares": shares}
        given, other = read(MANY, **options), read(swap_battles(MANY), **options)
        assert other == [pair[::-1] for pair in given]
        assert max(len(text) for pair in given for text in pair) <= length


@pytest.mark.parametrize("shape", ["dual", "joint"])
def test_a_battle_does_not_depend_on_its_neighbours(shape):
    whole = read(MANY, arrangement=shape, length=64)
    alone = [read(MANY.iloc[[row]], arrangement=shape, length=64)[0] for row in range(len(MANY))]
    assert alone == whole


@pytest.mark.parametrize("shape", ["dual", "joint"])
def test_each_different_sequence_is_kept_once_and_each_text_tokenised_once(shape):
    seen = []

    class Watched(Letters):
        def tokens(self, texts):
            seen.extend(texts)
            return super().tokens(texts)

    long = ["x" * 400, "x" * 500]  # the same once they are cut
    battles = make_battles(["p", "p", "q", "p"], ["same", "a", *long], ["same", "b", *long[::-1]])
    sequences = arrange(battles, Watched(), TowerSettings(arrangement=shape, length=50))
    assert sorted(seen) == sorted(["p", "q", "same", "a", "b", *long])
    assert len({piece.tobytes() for piece in sequences.pieces}) == len(sequences.pieces)
    np.testing.assert_array_equal(sequences.first[[0, 2, 3]], sequences.second[[0, 2, 3]])
    assert sequences.first[1] != sequences.second[1]
    assert len(sequences.pieces) == 5
    assert {piece.dtype for piece in sequences.pieces} == {np.dtype(np.int32)}


def test_no_battle():
    for shape in ("dual", "joint"):
        none = arrange(MANY.iloc[:0], Letters(), TowerSettings(arrangement=shape))
        assert none.pieces == []
        assert none.first.shape == none.second.shape == (0,)


def test_many_turns_and_a_very_long_answer():
    turns = [f"turn {number}" for number in range(1, 37)]
    battles = make_battles([turns], [turns], ["word " * 10_600])
    text = written(battles, TowerSettings()).distinct[0]
    assert text.startswith("[1] turn 1\n[2] turn 2\n")
    assert text.endswith("\n[36] turn 36")
    for cut in PART_CUTS:
        first, second = read(battles, length=1024, cut=cut, shares=(5, 40, 40))[0]
        assert len(first) == len(text) * 2 + 3
        assert len(second) == 1024


def test_special_tokens_must_leave_room():
    wide = SimpleNamespace(
        before=np.zeros(9, np.int32), between=np.zeros(4, np.int32), after=np.zeros(2, np.int32)
    )
    with pytest.raises(ValueError, match=r"leave a token to each of 2 parts beside 15 special"):
        arrange(MANY, wide, TowerSettings(length=16))


def test_a_pair_as_the_tokenizer_itself_writes_it(tokeniser):
    battles = make_battles(["Name a prime."], ["Seven, naïvely."], ["日本 can't"])
    for shape in ("dual", "joint"):
        sequences = arrange(battles, tokeniser, TowerSettings(arrangement=shape))
        piece = sequences.pieces[sequences.first[0]]
        expected = tokeniser.tokenizer("Name a prime.", "Seven, naïvely.")["input_ids"]
        if shape == "joint":
            expected += tokeniser.tokenizer("日本 can't", add_special_tokens=False)["input_ids"]
            expected.append(tokeniser.tokenizer.sep_token_id)
        assert piece.tolist() == expected


@pytest.mark.parametrize("cut", list(PART_CUTS))
def test_real_tokens_swap_and_keep_to_the_length(tokeniser, cut):
    for shape in ("dual", "joint"):
        settings = TowerSettings(arrangement=shape, length=48, cut=cut)
        given = arrange(MANY, tokeniser, settings)
        other = arrange(swap_battles(MANY), tokeniser, settings)
        for row in range(len(MANY)):
            np.testing.assert_array_equal(
                given.pieces[given.first[row]], other.pieces[other.second[row]]
            )
            np.testing.assert_array_equal(
                given.pieces[given.second[row]], other.pieces[other.first[row]]
            )
        assert max(map(len, given.pieces)) in (47, 48)


def test_what_is_kept_of_a_long_answer_is_what_its_whole_text_gives(tokeniser):
    """Cutting letters before tokenising would give other last tokens."""
    text = PROSE * 400
    (whole,) = tokeniser.tokens([text])
    battles = make_battles(["Why?"], [text], ["x"])
    (prompt,) = tokeniser.tokens(["Why?"])
    sequences = arrange(battles, tokeniser, TowerSettings(length=128, cut="tail"))
    piece = sequences.pieces[sequences.first[0]]
    own = 128 - 3 - len(prompt)
    np.testing.assert_array_equal(piece[-1 - own : -1], whole[-own:])


def test_an_instruction_stands_before_the_prompt_and_is_never_cut():
    battles = make_battles(["Why?" * 30], ["So." * 50], ["It is."])
    ((a, b),) = read(battles, instruction="Judge:", length=40, shares=(20, 60, 20))
    assert a == "<Judge:\n\nWhy?Why?|So.So.So.So.So.So.So.>"
    assert a == "<Judge:\n\n" + "Why?Why?" + "|" + "So." * 7 + ">"
    assert b.startswith("<Judge:\n\nWhy?Why?")
    assert max(map(len, (a, b))) <= 40
    one, other = read(make_battles(["p"], ["x"], ["y"]), instruction="Judge:", arrangement="joint")[
        0
    ]
    assert (one, other) == ("<Judge:\n\np|x|y>", "<Judge:\n\np|y|x>")


def test_an_instruction_that_leaves_no_room():
    with pytest.raises(ValueError, match=r"a token to each of 2 parts beside 25 special and instr"):
        read(MANY, instruction="i" * 20, length=16)


def test_a_swap_with_an_instruction():
    found = read(MANY, instruction="Judge:", length=30)
    assert [
        pair[::-1] for pair in read(swap_battles(MANY), instruction="Judge:", length=30)
    ] == found


def test_a_real_tokenizer_writes_the_instruction_once(tokeniser):
    text = "Please tell me whether the human likes it."
    battles = make_battles(["Why?"], ["So."], ["It is."])
    settings = TowerSettings(instruction=text)
    with_it = arrange(battles, tokeniser, settings)
    without = arrange(battles, tokeniser, TowerSettings())
    start = tokeniser.tokens([text])[0]
    for one, other in zip(with_it.pieces, without.pieces, strict=True):
        n = len(one) - len(other)
        assert n >= len(start)
        assert one[1 : 1 + len(start)].tolist() == start.tolist()
        assert one[1 + n :].tolist() == other[1:].tolist()
