"""What frozen vectors say of battles: likeness, projections, scores, votes of like prompts."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from data.battles import make_battles, read_training, swap_battles
from features import EncoderError, to_polars
from features.encoding.asked import Asked
from features.encoding.conversations import (
    ANSWER_A,
    ANSWER_B,
    PROMPT,
    Conversations,
    cosine,
    euclidean,
    multiply,
)
from features.encoding.encoder import Encoder
from features.encoding.likeness import averaged, likeness
from features.encoding.store import VectorStore
from features.families._neighbours import SHRINK, Votes, nearest, traits, unit, vote_columns
from features.families.embedding import EmbeddingFeatures
from features.sides import Swap
from features.storage.cache import Cache
from tests.conftest import SAMPLE
from tests.encoders import make_bert

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def training():
    read = read_training(SAMPLE / "train.csv")
    return read.battles.iloc[:240], read.y[:240]


@pytest.fixture
def family(tiny_encoder):
    return lambda **options: EmbeddingFeatures(str(tiny_encoder), **options)


@pytest.fixture(scope="module")
def fitted(tiny_encoder, training):
    return EmbeddingFeatures(str(tiny_encoder), neighbours=8).fit(*training)


@pytest.fixture
def turns():
    """Two battles: one of two turns with a null and an unanswered one, one without any text."""
    return make_battles([["p", "q"], []], [["x", None], [""]], [["y"], [None, " "]])


def encoded(family, battles):
    return family.conversations(Asked.of(to_polars(battles)))


class TestConversations:
    def test_a_text_is_the_mean_of_its_turns_by_their_tokens(self, family, tiny_encoder):
        long, short = "one two three four five six", "seven"
        found = encoded(family(), make_battles([[long, short]], ["a"], ["b"]))
        parts = Encoder(str(tiny_encoder)).encode([long, short])
        expected = np.average(parts.vectors.astype(float), axis=0, weights=parts.tokens)
        assert parts.tokens.tolist() == [8, 3]
        np.testing.assert_allclose(found.prompt[0], expected, rtol=1e-5, atol=1e-6)

    def test_a_text_without_words_is_zero_and_does_not_count(self, family, turns, tiny_encoder):
        found = encoded(family(), turns)
        alone = Encoder(str(tiny_encoder)).encode(["x"]).vectors[0].astype(np.float32)
        np.testing.assert_allclose(found.a[0], alone, rtol=1e-6)
        assert not found.prompt[1].any()
        assert not found.a[1].any()
        assert not found.b[1].any()

    def test_only_turns_with_words_are_encoded(self, turns):
        assert set(Asked.of(to_polars(turns)).texts) == {"p", "q", "x", "y"}

    def test_turns_are_put_beside_turns_of_their_number(self, family, turns, tiny_encoder):
        vectors = Encoder(str(tiny_encoder)).encode(["p", "q", "x", "y"]).vectors
        p, q, x, y = vectors.astype(np.float32)
        battle, prompts, answers = encoded(family(), turns).aligned(PROMPT, ANSWER_A)
        assert battle.tolist() == [0, 0, 1]
        np.testing.assert_array_equal(prompts[:2], [p, q])
        np.testing.assert_array_equal(answers[:2], [x, np.zeros_like(x)])
        battle, one, other = encoded(family(), turns).aligned(ANSWER_A, ANSWER_B)
        assert battle.tolist() == [0, 1]
        np.testing.assert_array_equal((one[0], other[0]), (x, y))

    def test_the_last_turn_is_the_last_of_each_text(self, family, turns, tiny_encoder):
        vectors = Encoder(str(tiny_encoder)).encode(["q", "y"]).vectors.astype(np.float32)
        prompt, a, b = encoded(family(), turns).last
        np.testing.assert_array_equal(prompt[0], vectors[0])
        assert not a[0].any()
        np.testing.assert_array_equal(b[0], vectors[1])


class TestFormulas:
    def test_cosine_and_distance(self):
        x, y = RNG.normal(size=(2, 7, 5)).astype(np.float32)
        slow = [
            float(
                a.astype(float)
                @ b
                / np.linalg.norm(a.astype(float))
                / np.linalg.norm(b.astype(float))
            )
            for a, b in zip(x, y, strict=True)
        ]
        np.testing.assert_allclose(cosine(x, y), slow, rtol=1e-6)
        np.testing.assert_allclose(euclidean(x, y), np.linalg.norm(x.astype(float) - y, axis=1))
        np.testing.assert_array_equal(cosine(x, y), cosine(y, x))

    def test_a_product_does_not_depend_on_the_rows_beside_a_row(self):
        x, weights = RNG.normal(size=(150, 384)), RNG.normal(size=(16, 384))
        whole = multiply(x, weights)
        np.testing.assert_allclose(whole, x @ weights.T, rtol=1e-12, atol=1e-12)
        for start, end in ((0, 1), (3, 90), (149, 150)):
            np.testing.assert_array_equal(multiply(x[start:end], weights), whole[start:end])

    def test_likeness_of_a_battle_by_hand(self):
        p, q, x, y = np.eye(4, dtype=np.float32)
        texts = Conversations(
            whole=[p[None], x[None], p[None]],
            turns=np.stack([p, q, p, y, p, q]),
            owner=np.array([0, 0, 1, 1, 2, 2]),
        )
        columns = {name: values[0] for name, values in likeness(texts).items()}
        assert columns["prompt_cosine_a"] == 0.0
        assert columns["prompt_cosine_b"] == 1.0
        assert columns["prompt_cosine_diff"] == -1.0
        assert columns["prompt_turns_cosine_a"] == 0.5
        assert columns["prompt_last_cosine_b"] == 1.0
        assert columns["answers_turns_cosine_pair"] == 0.5
        assert columns["answers_last_cosine_pair"] == 0.0
        assert columns["prompt_distance_a"] == pytest.approx(np.sqrt(2))

    def test_a_mean_over_no_pairs_is_zero(self):
        nothing = np.empty((0, 3), np.float32)
        pairs = (np.empty(0, dtype=np.intp), nothing, nothing)
        assert averaged(pairs, cosine, 2).tolist() == [0.0, 0.0]


class TestNeighbours:
    def test_are_those_of_greatest_cosine(self):
        among, queries = (
            unit(RNG.normal(size=(300, 6)).astype(np.float32)),
            RNG.normal(size=(70, 6)),
        )
        found = nearest(queries.astype(np.float32), among, 5)
        slow = np.argsort(-(unit(queries.astype(np.float32)) @ among.T), axis=1)[:, :5]
        assert all(set(a) == set(b) for a, b in zip(found, slow, strict=True))

    def test_fewer_than_asked_for_are_all(self):
        among = unit(RNG.normal(size=(3, 4)).astype(np.float32))
        assert sorted(nearest(among[:1], among, 9)[0]) == [0, 1, 2]
        assert nearest(among[:1], among[:0], 9).shape == (1, 0)

    def votes(self):
        """Four battles in two places: in one the longer answer wins, in the other it loses."""
        prompt = np.float32([[1, 0], [1, 0.1], [0, 1], [0.1, 1]])
        y = np.array([0, 1, 1, 2], dtype=np.int8)
        held = np.array([[[9, 1, 9, 9], [1, 9, 1, 1]], [[0, 0, 0, 0], [0, 0, 0, 0]]], dtype=float)
        return Votes.of(prompt, y, np.array([True, True, True, True]), held)

    def test_say_how_far_the_longer_answer_won_and_how_often_they_tied(self):
        asked = self.votes().asked(np.float32([[5, 0], [0, 5]]), 2)
        longer, formatted = asked["won"]
        np.testing.assert_allclose(longer, [2 / (2 + SHRINK), -1 / (1 + SHRINK)])
        assert formatted.tolist() == [0.0, 0.0]
        np.testing.assert_allclose(asked["ties"], np.array([-0.5, 0.5]) / (2 + SHRINK))

    def test_say_nothing_of_a_prompt_without_text(self):
        asked = self.votes().asked(np.float32([[0, 0]]), 2)
        assert not asked["ties"].any()
        assert not asked["won"].any()

    def test_ties_of_extra_rows_do_not_count(self):
        votes = self.votes()
        votes = votes._replace(plain=np.float32([1, 1, 1, 0]))
        np.testing.assert_allclose(votes.asked(np.float32([[0, 5]]), 2)["ties"], [0.0])

    def test_are_signed_by_the_battles_own_difference(self):
        held = np.array([[[3.0, 1.0], [1.0, 3.0]], [[0.0, 0.0], [0.0, 0.0]]])
        columns = vote_columns(self.votes(), np.float32([[5, 0], [5, 0]]), held, 2)
        assert columns["neighbours_longer_diff"][0] == pytest.approx(2 / (2 + SHRINK) * 2 / 5)
        assert columns["neighbours_longer_diff"][1] == -columns["neighbours_longer_diff"][0]
        assert columns["neighbours_longer_pair"].tolist() == [2 / (2 + SHRINK)] * 2

    def test_traits_count_characters_and_formatting(self):
        battles = make_battles(["p"], [["ab", "c"]], ["# H\n- **x**\n1. y"])
        found = traits(to_polars(battles))
        assert found[0].ravel().tolist() == [3.0, 16.0]
        assert found[1].ravel().tolist() == [0.0, 4.0]


class TestOutOfFold:
    def test_scores_and_votes_of_a_row_have_not_seen_its_label(self, tiny_encoder, training):
        battles, y = training
        family = EmbeddingFeatures(str(tiny_encoder), neighbours=8)
        columns = family.fit_transform(battles, y)
        prompts = battles["group"].to_numpy(dtype=object)
        row = 5
        other = y.copy()
        same = prompts == prompts[row]
        other[same] = (y[same] + 1) % 3
        changed = clone(family).fit_transform(battles, other)
        learned = [n for n in columns if n.startswith(("embedding__direction", "embedding__tie"))]
        learned += [n for n in columns if "neighbours" in n]
        assert len(learned) == 8
        np.testing.assert_allclose(
            columns.loc[columns.index[same], learned],
            changed.loc[columns.index[same], learned],
            rtol=1e-5,
            atol=1e-6,
        )
        assert not np.allclose(columns[learned], changed[learned], rtol=1e-3)

    def test_transform_is_the_full_fit(self, fitted, training):
        battles, _ = training
        out_of_fold = clone(fitted).fit_transform(*training)
        within = fitted.transform(battles)
        fixed = [n for n in within if "cosine" in n or "distance" in n or "component" in n]
        pd.testing.assert_frame_equal(out_of_fold[fixed], within[fixed])
        assert not np.allclose(
            out_of_fold["embedding__direction_diff"], within["embedding__direction_diff"]
        )

    def test_an_extra_rows_tie_teaches_no_tie(self, family, training):
        battles, y = training
        extra = battles.assign(source=np.where(np.arange(len(y)) < 160, "plain", "extra"))
        one = family(neighbours=8).fit(extra, y)
        turned = np.where((np.arange(len(y)) >= 160) & (y == 2), 0, y)
        two = family(neighbours=8).fit(extra.iloc[:], turned)
        names = ["embedding__tie_pair", "embedding__neighbours_ties_pair"]
        np.testing.assert_array_equal(
            one.transform(battles)[names].to_numpy(), two.transform(battles)[names].to_numpy()
        )


class TestFamily:
    def test_swap_is_bitwise_through_the_cache(self, tiny_encoder, training, tmp_path):
        battles, y = training
        store = VectorStore(Encoder(str(tiny_encoder)), Cache(tmp_path, 10**9))
        family = EmbeddingFeatures(str(tiny_encoder), neighbours=8).prepare(store).fit(battles, y)
        swap = Swap(list(family.get_feature_names_out()))
        new = read_training(SAMPLE / "train.csv").battles.iloc[300:340]
        for some in (battles, new):
            columns = family.transform(some).to_numpy()
            swapped = family.transform(swap_battles(some)).to_numpy()
            np.testing.assert_array_equal(swapped, swap(columns))
        cold = EmbeddingFeatures(str(tiny_encoder), neighbours=8).fit(battles, y)
        np.testing.assert_array_equal(cold.transform(new), family.transform(new))

    def test_dumped_and_loaded_gives_the_same(self, fitted, family, training):
        files = fitted.dump()
        assert all(isinstance(content, bytes) for content in files.values())
        loaded = family(neighbours=8).load(files)
        pd.testing.assert_frame_equal(loaded.transform(training[0]), fitted.transform(training[0]))
        assert loaded.report() == fitted.report()

    def test_another_encoder_than_the_fitted_one_is_refused(self, fitted, training, tmp_path):
        other = EmbeddingFeatures(str(make_bert(tmp_path / "other", seed=9)), neighbours=8)
        with pytest.raises(EncoderError, match=r"expected the files it was fitted with"):
            other.load(fitted.dump()).transform(training[0])

    def test_the_same_encoder_elsewhere_is_taken(self, fitted, training, tiny_encoder, tmp_path):
        import shutil

        folder = shutil.copytree(tiny_encoder, tmp_path / "moved")
        moved = EmbeddingFeatures(str(folder), neighbours=8).load(fitted.dump())
        pd.testing.assert_frame_equal(moved.transform(training[0]), fitted.transform(training[0]))

    def test_parts_can_be_left_out(self, family, training):
        columns = family(scores=False, components=0, neighbours=0).fit_transform(*training)
        assert len(columns.columns) == 25
        assert not [name for name in columns if "component" in name or "direction" in name]

    def test_clones_share_what_was_read(self, fitted, training):
        twin = clone(fitted)
        before = twin.store.tokens_read
        twin.fit(*training)
        assert twin.store is fitted.store
        assert twin.store.tokens_read == before

    def test_a_clone_with_another_encoder_reads_anew(self, fitted, tmp_path):
        other = clone(fitted).set_params(length=16)
        assert other.store is not fitted.store
        assert other.store.encoder.length == 16

    def test_scores_find_what_the_words_say(self, family):
        """A's answers say one word, B's another one, and A always wins."""
        prompts = [f"question {n}" for n in range(120)]
        y = np.tile([0, 1, 2], 40)
        good, bad = ["yes indeed"] * 120, ["no never"] * 120
        a = [g if vote != 1 else b for g, b, vote in zip(good, bad, y, strict=True)]
        b = [g if vote == 1 else b for g, b, vote in zip(good, bad, y, strict=True)]
        fitted = family(neighbours=0, components=0).fit(make_battles(prompts, a, b), y)
        assert fitted.report()["direction"]["auc"] == 1.0
        columns = fitted.transform(make_battles(["new"], ["yes indeed"], ["no never"]))
        assert columns["embedding__direction_diff"][0] > 1

    @pytest.mark.parametrize("b", ["c", "b"])
    def test_needs_no_more_than_one_battle(self, family, b):
        battles = make_battles(["a"], ["b"], [b])
        columns = family().fit_transform(battles, [0])
        assert np.isfinite(columns).all(axis=None)

    @pytest.mark.parametrize("empty", [[None], [], [""], ["  "]])
    def test_battles_without_any_text_have_columns(self, fitted, family, empty):
        """With a store of its own, which has never seen a text."""
        loaded = family(neighbours=8).load(fitted.dump())
        for n_rows in (1, 3):
            columns = loaded.transform(
                make_battles([empty] * n_rows, [empty] * n_rows, [empty] * n_rows)
            )
            assert columns.shape == (n_rows, len(fitted.get_feature_names_out()))
            assert np.isfinite(columns).all(axis=None)


class TestPromptComponents:
    def test_are_the_prompts_principal_components(self, family, training):
        from sklearn.decomposition import PCA

        made = family(scores=False, components=0, neighbours=0, prompt_components=3)
        columns = made.fit_transform(*training)
        prompts = made.conversations(Asked.of(to_polars(training[0]))).prompt.astype(np.float64)
        expected = PCA(3, svd_solver="covariance_eigh").fit_transform(prompts)
        names = [f"embedding__component{place}_prompt" for place in range(3)]
        np.testing.assert_allclose(columns[names], expected, atol=1e-5)

    def test_outlast_a_dump(self, family, training):
        made = family(scores=False, neighbours=0, prompt_components=2).fit(*training)
        loaded = family(scores=False, neighbours=0, prompt_components=2).load(made.dump())
        pd.testing.assert_frame_equal(loaded.transform(training[0]), made.transform(training[0]))
