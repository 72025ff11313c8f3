"""Scores of where answers touch their prompt, against loops over tokens, and their family."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone

from data.battles import make_battles, read_training, swap_battles
from features import EncoderError
from features.encoding.encoder import Encoder
from features.families.cross_attention import CrossAttentionFeatures
from features.families.embedding import EmbeddingFeatures
from features.matching.store import EncoderStore
from features.sides import Swap
from features.storage.cache import Cache
from tests.conftest import SAMPLE
from tests.encoders import make_bert
from tests.features.matching.attention_reference import best_matches, gaze, mean

BATTLES = make_battles(
    ["Name seven prime numbers.", ["Why?", "And how"], "Sea salt", "one", ""],
    ["Prime numbers: 2, 3, 5 and seven.", ["So.", "Thus"], "one", "one", "Hello"],
    ["I cannot name them.", ["Salt!", ""], "Sea salt and seven primes", "seven", "Sea"],
)
Y = [0, 1, 2, 0, 1]


@pytest.fixture(scope="module")
def family(tiny_encoder):
    """Make the family with a small encoder."""

    def make(batch_tokens=None, **options):
        encoder = Encoder(str(tiny_encoder), batch_tokens=batch_tokens)
        return CrossAttentionFeatures(encoder, **options)

    return make


@pytest.fixture(scope="module")
def training():
    read = read_training(SAMPLE / "train.csv")
    return read.battles.iloc[:120], read.y[:120]


@pytest.fixture(scope="module")
def fitted(family, training):
    return family(threshold=0.6).fit(*training)


@pytest.fixture(scope="module")
def read(tiny_encoder):
    """Return tokens and states of a conversation, read turn by turn."""
    encoder = Encoder(str(tiny_encoder))

    def states(turns):
        tokens, found = [], np.zeros((0, 32))
        for piece in encoder.pieces([turn for turn in turns if turn]):
            ids = torch.from_numpy(piece.astype(np.int64))[None]
            own = encoder.backbone.states(ids, torch.ones_like(ids))[0][1:-1].double().numpy()
            tokens += encoder.backbone.own(piece).tolist()
            found = np.concatenate([found, own])
        return tokens, found

    return states


def reference(read, threshold, temperature):
    """Every column of `BATTLES` by loops over tokens, the IDF from these battles."""
    rows = [
        [read(row[name]) for name in ("prompt", "response_a", "response_b")]
        for _, row in BATTLES.iterrows()
    ]
    texts = [tokens for row in rows for tokens, _ in row if tokens]

    def idf(token):
        return math.log((1 + len(texts)) / (1 + sum(token in text for text in texts))) + 1

    columns = {}
    for row, (prompt, a, b) in enumerate(rows):
        pairs = {"prompt": ((prompt, a), (prompt, b)), "answer": ((a, prompt), (b, prompt))}
        pairs["other"] = ((a, b), (b, a))
        for who, of in pairs.items():
            found = [scores(*pair, idf, threshold, temperature) for pair in of]
            for name in found[0]:
                one, two = found[0][name], found[1][name]
                for side, value in {
                    "a": one,
                    "b": two,
                    "diff": one - two,
                    "sum": one + two,
                }.items():
                    key = f"cross_attention__{who}_{name}_{side}"
                    columns.setdefault(key, np.zeros(len(rows)))[row] = value
    return columns


def scores(x, y, idf, threshold, temperature):
    (tokens, states), (_, others) = x, y
    best, weights = best_matches(states, others), [idf(token) for token in tokens]
    covered = [float(cosine >= threshold) for cosine in best]
    entropy, first, last = gaze(states, others, temperature)
    return {
        "maxsim": mean(best),
        "maxsim_idf": mean(best, weights),
        "coverage": mean(covered),
        "coverage_idf": mean(covered, weights),
        "entropy": entropy,
        "first": first,
        "last": last,
    }


class TestColumns:
    @pytest.mark.parametrize(("threshold", "temperature"), [(0.5, 0.05), (0.7, 0.3)])
    def test_are_those_of_loops_over_tokens(self, family, read, threshold, temperature):
        made = family(threshold=threshold, temperature=temperature).fit_transform(BATTLES, Y)
        expected = reference(read, threshold, temperature)
        assert set(made) <= set(expected)
        for name in made:
            np.testing.assert_allclose(made[name], expected[name], atol=1e-5, err_msg=name)

    def test_the_parameters_are_read(self, family):
        plain = family().fit_transform(BATTLES, Y)
        for option in ({"threshold": 0.8}, {"temperature": 0.5}, {"tokens": 2}):
            other = family(**option).fit_transform(BATTLES, Y)
            assert not np.allclose(other, plain), option

    def test_of_texts_without_tokens_are_zero(self, fitted):
        battles = make_battles(
            ["", "why", "why", [None]], ["so", "", [None], [" "]], ["no", "no", "", [""]]
        )
        columns = fitted.transform(battles)
        touched = columns.filter(regex=r"__prompt_.*_(a|b)$|__answer_.*_(a|b)$")
        assert (touched.iloc[0] == 0).all()
        assert (touched.filter(regex="_a$").iloc[1:3] == 0).all(axis=None)
        assert (touched.filter(regex="_b$").iloc[2] == 0).all()
        assert (columns.iloc[3] == 0).all()
        assert (touched.filter(regex="maxsim_b$").iloc[1] != 0).all()

    def test_of_one_token_are_what_the_formulas_say(self, fitted):
        columns = fitted.transform(make_battles(["why"], ["why"], ["salt"])).iloc[0]
        assert columns["cross_attention__prompt_maxsim_a"] == pytest.approx(1.0, abs=1e-6)
        assert columns["cross_attention__prompt_maxsim_b"] < 0.99
        for who in ("prompt", "answer", "other"):
            assert columns[f"cross_attention__{who}_entropy_a"] == 0.0
        for part in ("first", "last"):
            assert columns[f"cross_attention__prompt_{part}_b"] == 1.0

    def test_where_the_answer_looks_back_to_the_prompt_shows(self):
        said, filler = "name seven prime numbers", "salt " * 12
        columns = CrossAttentionFeatures().fit_transform(
            make_battles([said], [f"{said} {filler}"], [f"{filler} {said}"]), [0]
        )
        assert (columns["cross_attention__prompt_first_diff"] > 0.2).all()
        assert (columns["cross_attention__prompt_last_diff"] < -0.2).all()

    def test_weights_are_learned_from_the_battles_of_fit_alone(self, fitted, family, training):
        other = family(threshold=0.6).fit(BATTLES, Y)
        one, two = fitted.transform(training[0]), other.transform(training[0])
        for name in one:
            assert np.allclose(one[name], two[name]) == ("idf" not in name), name


class TestInvariance:
    @pytest.mark.parametrize("batch_tokens", [16, 64, 100_000])
    def test_padding_and_batches_do_not_matter(self, fitted, family, training, batch_tokens):
        expected = fitted.transform(training[0])
        other = family(threshold=0.6, batch_tokens=batch_tokens).load(fitted.dump())
        np.testing.assert_allclose(other.transform(training[0]), expected, rtol=0, atol=1e-5)

    def test_order_and_company_do_not_matter(self, fitted, family, training):
        battles, expected = training[0], fitted.transform(training[0])
        made = family(threshold=0.6).load(fitted.dump())
        backwards = made.transform(battles.iloc[::-1])
        np.testing.assert_allclose(backwards.iloc[::-1], expected, rtol=0, atol=1e-5)
        alone = pd.concat([made.transform(battles.iloc[[row]]) for row in range(12)])
        np.testing.assert_allclose(alone, expected.iloc[:12], rtol=0, atol=1e-5)

    def test_a_swap_is_bitwise_through_the_cache(self, family, training, tmp_path):
        battles, y = training

        def cached():
            return family().use(EncoderStore(family().encoder, Cache(tmp_path, 10**9)))

        made = cached().fit(battles, y)
        swap = Swap(list(made.get_feature_names_out()))
        new = read_training(SAMPLE / "train.csv").battles.iloc[300:340]
        for some in (battles, new):
            columns = made.transform(some).to_numpy()
            again = cached().load(made.dump())
            swapped = again.transform(swap_battles(some)).to_numpy()
            np.testing.assert_array_equal(swapped, swap(columns))
        assert again.store.tokens_read == 0


class TestFamily:
    def test_dumped_and_loaded_gives_the_same(self, fitted, family, training):
        files = fitted.dump()
        assert all(isinstance(content, bytes) for content in files.values())
        loaded = family(threshold=0.6).load(files)
        pd.testing.assert_frame_equal(loaded.transform(training[0]), fitted.transform(training[0]))
        assert loaded.report() == fitted.report()

    def test_reports_what_the_weights_are_of(self, fitted):
        report = fitted.report()
        assert 0 < report["distinct_tokens"] < 30_522
        assert 300 < report["texts"] <= 360

    def test_another_encoder_than_the_fitted_one_is_refused(self, fitted, training, tmp_path):
        other = CrossAttentionFeatures(str(make_bert(tmp_path / "other", seed=9)))
        with pytest.raises(EncoderError, match=r"expected the files it was fitted with"):
            other.load(fitted.dump()).transform(training[0])

    @pytest.mark.parametrize(
        ("option", "value", "words"),
        [
            ("temperature", 0.01, r"greater than or equal to 0\.025"),
            ("temperature", math.nan, r"a finite number"),
            ("threshold", 0.0, "greater than 0"),
            ("threshold", 1.5, "less than or equal to 1"),
            ("tokens", 0, "greater than or equal to 1"),
            ("held_tokens", 0, "greater than or equal to 1"),
        ],
    )
    def test_parameters_that_make_no_sense_are_refused(self, family, option, value, words):
        with pytest.raises(ValueError, match=rf"The {option} of Cross.* must be {words}\. Got"):
            family(**{option: value}).fit(BATTLES, Y)

    def test_clones_share_what_was_read(self, fitted, training):
        twin = clone(fitted)
        before = twin.store.tokens_read
        twin.fit(*training)
        assert twin.store is fitted.store
        assert twin.encoder is fitted.encoder
        assert twin.store.tokens_read == before

    def test_in_one_store_both_families_are_read_in_one_pass(self, family, tiny_encoder, training):
        store = EncoderStore(Encoder(str(tiny_encoder)))
        alone = EmbeddingFeatures(str(tiny_encoder))
        embedding, attention = clone(alone).use(store), family().use(store)
        vectors = embedding.fit_transform(*training)
        read = store.tokens_read
        pd.testing.assert_frame_equal(vectors, alone.fit_transform(*training))
        pd.testing.assert_frame_equal(
            attention.fit_transform(*training), family().fit_transform(*training)
        )
        assert store.tokens_read == read

    def test_a_store_that_matched_otherwise_is_told_how(self, family, training):
        store = EncoderStore(family().encoder)
        one, other = family().use(store), family(temperature=0.5).use(store)
        expected = family().fit_transform(*training)
        assert not np.allclose(other.fit_transform(*training), expected)
        pd.testing.assert_frame_equal(one.fit_transform(*training), expected)

    def test_a_store_of_another_encoder_is_not_used(self, family, tiny_encoder, training):
        made = family().use(EncoderStore(Encoder(str(tiny_encoder), length=8)))
        pd.testing.assert_frame_equal(
            made.fit_transform(*training), family().fit_transform(*training)
        )


def test_deberta_reads_with_its_tokenizer(tiny_deberta):
    made = CrossAttentionFeatures(str(tiny_deberta)).fit(BATTLES, Y)
    columns = made.transform(BATTLES)
    assert np.isfinite(columns).all(axis=None)
    again = made.transform(swap_battles(BATTLES)).to_numpy()
    np.testing.assert_array_equal(again, Swap(list(columns))(columns.to_numpy()))
