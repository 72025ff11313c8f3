"""What frozen vectors say of battles: likeness, projections, scores."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from data.battles import make_battles, read_training, swap_battles
from features import EncoderError, to_polars
from features.encoding.conversations import Conversations
from features.encoding.encoder import Encoder
from features.encoding.likeness import cosine_of_rows, distance_of_rows, likeness
from features.encoding.projections import multiply
from features.encoding.turns import DistinctTurns
from features.families.embedding import EmbeddingFeatures
from features.matching.store import EncoderStore
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
    return EmbeddingFeatures(str(tiny_encoder)).fit(*training)


@pytest.fixture
def turns():
    """Two battles: one of two turns with a null and an unanswered one, one without any text."""
    return make_battles([["p", "q"], []], [["x", None], [""]], [["y"], [None, " "]])


def encoded(family, battles):
    turns = DistinctTurns.of(to_polars(battles))
    return Conversations.of(turns, family.store.vectors_of(turns))


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
        assert set(DistinctTurns.of(to_polars(turns)).texts) == {"p", "q", "x", "y"}

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
        np.testing.assert_allclose(cosine_of_rows(x, y), slow, rtol=1e-6)
        np.testing.assert_allclose(
            distance_of_rows(x, y), np.linalg.norm(x.astype(float) - y, axis=1)
        )
        np.testing.assert_array_equal(cosine_of_rows(x, y), cosine_of_rows(y, x))

    def test_a_product_does_not_depend_on_the_rows_beside_a_row(self):
        x, weights = RNG.normal(size=(150, 384)), RNG.normal(size=(16, 384))
        whole = multiply(x, weights)
        np.testing.assert_allclose(whole, x @ weights.T, rtol=1e-12, atol=1e-12)
        for start, end in ((0, 1), (3, 90), (149, 150)):
            np.testing.assert_array_equal(multiply(x[start:end], weights), whole[start:end])

    def test_likeness_of_a_battle_by_hand(self):
        p, q, x, y = np.eye(4, dtype=np.float32)[:, None]
        texts = Conversations(p, x, p, last=[q, y, q])
        columns = {name: values[0] for name, values in likeness(texts).items()}
        assert columns["prompt_cosine_a"] == 0.0
        assert columns["prompt_cosine_b"] == 1.0
        assert columns["prompt_cosine_diff"] == -1.0
        assert columns["answers_cosine_pair"] == 0.0
        assert columns["prompt_last_cosine_b"] == 1.0
        assert columns["answers_last_cosine_pair"] == 0.0
        assert columns["prompt_distance_a"] == pytest.approx(np.sqrt(2))
        assert columns["prompt_last_distance_b"] == 0.0


class TestOutOfFold:
    def test_scores_of_a_row_have_not_seen_its_label(self, tiny_encoder, training):
        battles, y = training
        family = EmbeddingFeatures(str(tiny_encoder))
        columns = family.fit_transform(battles, y)
        prompts = battles["group"].to_numpy(dtype=object)
        row = 5
        other = y.copy()
        same = prompts == prompts[row]
        other[same] = (y[same] + 1) % 3
        changed = clone(family).fit_transform(battles, other)
        learned = [n for n in columns if n.startswith(("embedding__direction", "embedding__tie"))]
        assert len(learned) == 3
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
        one = family().fit(extra, y)
        turned = np.where((np.arange(len(y)) >= 160) & (y == 2), 0, y)
        two = family().fit(extra.iloc[:], turned)
        name = "embedding__tie_pair"
        np.testing.assert_array_equal(one.transform(battles)[name], two.transform(battles)[name])


class TestFamily:
    def test_swap_is_bitwise_through_the_cache(self, tiny_encoder, training, tmp_path):
        battles, y = training
        store = EncoderStore(Encoder(str(tiny_encoder)), Cache(tmp_path, 10**9))
        family = EmbeddingFeatures(str(tiny_encoder)).use(store).fit(battles, y)
        swap = Swap(list(family.get_feature_names_out()))
        new = read_training(SAMPLE / "train.csv").battles.iloc[300:340]
        for some in (battles, new):
            columns = family.transform(some).to_numpy()
            swapped = family.transform(swap_battles(some)).to_numpy()
            np.testing.assert_array_equal(swapped, swap(columns))
        cold = EmbeddingFeatures(str(tiny_encoder)).fit(battles, y)
        np.testing.assert_array_equal(cold.transform(new), family.transform(new))

    def test_dumped_and_loaded_gives_the_same(self, fitted, family, training):
        files = fitted.dump()
        assert all(isinstance(content, bytes) for content in files.values())
        loaded = family().load(files)
        pd.testing.assert_frame_equal(loaded.transform(training[0]), fitted.transform(training[0]))
        assert loaded.report() == fitted.report()

    def test_another_encoder_than_the_fitted_one_is_refused(self, fitted, training, tmp_path):
        other = EmbeddingFeatures(str(make_bert(tmp_path / "other", seed=9)))
        with pytest.raises(EncoderError, match=r"expected the files it was fitted with"):
            other.load(fitted.dump()).transform(training[0])

    def test_the_same_encoder_elsewhere_is_taken(self, fitted, training, tiny_encoder, tmp_path):
        import shutil

        folder = shutil.copytree(tiny_encoder, tmp_path / "moved")
        moved = EmbeddingFeatures(str(folder)).load(fitted.dump())
        pd.testing.assert_frame_equal(moved.transform(training[0]), fitted.transform(training[0]))

    def test_parts_can_be_left_out(self, family, training):
        columns = family(scores=False, components=0).fit_transform(*training)
        assert len(columns.columns) == 17
        assert not [name for name in columns if "component" in name or "direction" in name]

    def test_clones_share_what_was_read(self, fitted, training):
        twin = clone(fitted)
        before = twin.store.tokens_read
        twin.fit(*training)
        assert twin.store is fitted.store
        assert twin.store.tokens_read == before

    def test_a_clone_with_another_encoder_reads_anew(self, fitted):
        other = clone(fitted).set_params(encoder=Encoder(fitted.encoder, length=16))
        assert other.store is not fitted.store
        assert other.store.encoder.length == 16

    def test_scores_find_what_the_words_say(self, family):
        """A's answers say one word, B's another one, and A always wins."""
        prompts = [f"question {n}" for n in range(120)]
        y = np.tile([0, 1, 2], 40)
        good, bad = ["yes indeed"] * 120, ["no never"] * 120
        a = [g if vote != 1 else b for g, b, vote in zip(good, bad, y, strict=True)]
        b = [g if vote == 1 else b for g, b, vote in zip(good, bad, y, strict=True)]
        fitted = family(components=0).fit(make_battles(prompts, a, b), y)
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
        loaded = family().load(fitted.dump())
        for n_rows in (1, 3):
            columns = loaded.transform(
                make_battles([empty] * n_rows, [empty] * n_rows, [empty] * n_rows)
            )
            assert columns.shape == (n_rows, len(fitted.get_feature_names_out()))
            assert np.isfinite(columns).all(axis=None)


class TestPromptComponents:
    def test_are_the_prompts_principal_components(self, family, training):
        from sklearn.decomposition import PCA

        made = family(scores=False, components=0, prompt_components=3)
        columns = made.fit_transform(*training)
        prompts = encoded(made, training[0]).prompt.astype(np.float64)
        expected = PCA(3, svd_solver="covariance_eigh").fit_transform(prompts)
        names = [f"embedding__component{place}_prompt" for place in range(3)]
        np.testing.assert_allclose(columns[names], expected, atol=1e-5)

    def test_outlast_a_dump(self, family, training):
        made = family(scores=False, prompt_components=2).fit(*training)
        loaded = family(scores=False, prompt_components=2).load(made.dump())
        pd.testing.assert_frame_equal(loaded.transform(training[0]), made.transform(training[0]))


def test_votes_without_ties_have_no_score_of_them(family, training):
    """Nor do ties of extra rows make one: they tell nothing of how often battles tie."""
    battles, y = training
    decided = battles[y != 2]
    fitted = family().fit(decided, y[y != 2])
    names = fitted.get_feature_names_out().tolist()
    assert "embedding__direction_diff" in names
    assert "embedding__tie_pair" not in names
    assert "tie_of_plain_rows" not in fitted.report()
    found = fitted.transform(battles)
    assert found.columns.tolist() == names
    again = family().load(fitted.dump())
    pd.testing.assert_frame_equal(again.transform(battles), found)
    extra = battles.assign(source=np.where(y == 2, "extra", "plain"))
    assert family().fit(extra, y).get_feature_names_out().tolist() == names
    assert "embedding__tie_pair" in family().fit(battles, y).get_feature_names_out()
