"""What the words say: scores that no row's own prompt taught, columns that are as named."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from data.battles import make_battles, read_training, swap_battles
from features.families.lexical import LexicalFeatures
from features.layout import texts_of, to_polars
from features.memory import Memory
from features.ngram import gaps as gaps_module
from features.ngram.counting import CountStore
from features.ngram.gaps import Gaps, movement, of_most_texts, principal_components
from features.ngram.tfidf import Weights
from features.sides import Swap
from features.votes.scores import figures
from tests.conftest import SAMPLE

A, B, TIE = 0, 1, 2
ROWS = 600
LEARNT = ["lexical__direction_diff", "lexical__direction_absdiff"]
DIRECTION = LEARNT[0]


def make(**parameters):
    """A family that is quick to fit."""
    small = {"words": (1, 2), "characters": (2, 3), "components": 3, "singles": 10}
    return LexicalFeatures(**small | parameters)


def beats_a_coin(scores, y, group):
    """Whether the bootstrap interval (95 %, by groups) of log loss minus ln 2 is all below 0."""
    decided = y != TIE
    log_odds = np.asarray(scores, dtype=np.float64)[decided]
    gap = np.logaddexp(0.0, np.where(y[decided] == A, -log_odds, log_odds)) - np.log(2)
    by_group = pd.DataFrame({"gap": gap, "rows": 1}).groupby(np.asarray(group)[decided]).sum()
    random = np.random.default_rng(0)
    drawn = random.integers(0, len(by_group), (1000, len(by_group)))
    means = by_group["gap"].to_numpy()[drawn].sum(axis=1) / by_group["rows"].to_numpy()[drawn].sum(
        axis=1
    )
    return np.quantile(means, 0.975) < 0


@pytest.fixture(scope="module")
def training():
    """Battles of the sample, and as many extra rows as plain ones."""
    read = read_training(SAMPLE / "train.csv")
    source = pd.array(["plain", "extra"] * (ROWS // 2), dtype=read.battles["source"].dtype)
    return read.battles.iloc[:ROWS].assign(source=source), read.y[:ROWS]


@pytest.fixture(scope="module")
def fitted(training):
    family = make()
    return family, family.fit_transform(*training)


@pytest.fixture(scope="module")
def gaps(training, fitted):
    """TF-IDF of the battles, as the family makes it."""
    texts, family = texts_of(to_polars(training[0])), fitted[0]
    return Gaps.of([v.count(texts.distinct) for v in family._vocabularies], family._idf, texts)


class TestMatrices:
    def test_signed_are_differences_of_both_kinds(self, gaps, fitted):
        words, characters = (len(v.grams) for v in fitted[0]._vocabularies)
        found, first = gaps.signed(), gaps.weights[0].matrix().toarray()
        assert found.shape[1] == words + characters
        expected = first[gaps.texts.a] - first[gaps.texts.b]
        np.testing.assert_allclose(found[:, :words].toarray(), expected, atol=1e-6)
        assert found[:, words:].nnz > 0


class TestColumns:
    def test_single_n_grams_are_raw_counts_of_a_minus_b(self):
        a = ["sorry, sorry, sorry!", "it is so"] * 8
        b = ["so it is", "sorry it is so"] * 8
        family = make(characters=(), min_df=1, singles=50)
        columns = family.fit_transform(make_battles(["Why?"] * 16, a, b), [1, 0] * 8)
        assert columns["lexical__word:sorry_diff"].iloc[:2].tolist() == [3, -1]
        assert columns["lexical__word:sorry sorry_diff"].iloc[:2].tolist() == [2, 0]
        assert "'sorry', A minus B" in family.describe()["lexical__word:sorry_diff"]

    def test_singles_of_characters_have_their_prefix(self, fitted):
        singles = [name for name in fitted[1] if ":" in name]
        assert len(singles) == 10
        assert {name.partition(":")[0] for name in singles} == {"lexical__word", "lexical__char"}

    def test_singles_are_those_of_most_texts_whatever_the_votes(self, training, fitted):
        battles, y = training
        family = make(words=(1, 1), characters=(), singles=5)
        columns = family.fit_transform(battles, y)
        names = [name for name in columns if ":" in name]
        texts = texts_of(to_polars(battles)).distinct
        frequency = (family._vocabularies[0].count(texts) > 0).sum(axis=0).A1
        most = np.argsort(-frequency, kind="stable")[:5]
        expected = [
            f"lexical__word:{family._vocabularies[0].grams[at]}_diff" for at in sorted(most)
        ]
        assert names == expected
        flipped = make().fit_transform(battles, np.array([B, A, TIE], dtype=np.int8)[y])
        assert flipped.columns.tolist() == fitted[1].columns.tolist()

    def test_singles_of_tfidf_are_differences_of_the_matrix(self, training, gaps):
        columns = make(values="tfidf").fit_transform(*training)
        family = make(values="tfidf").fit(*training)
        words = gaps.weights[0].matrix().toarray()
        inside = [place for place in family.learned_.singles if place < words.shape[1]]
        assert inside
        for place in inside:
            name = f"lexical__word:{family._vocabularies[0].grams[place]}_diff"
            expected = words[gaps.texts.a, place].astype(float) - words[gaps.texts.b, place]
            np.testing.assert_allclose(columns[name], expected, atol=1e-7)

    def test_there_are_no_singles_by_default(self, training):
        columns = LexicalFeatures(components=0).fit_transform(*training)
        assert not [name for name in columns if ":" in name]

    def test_cosines_are_of_the_words(self, gaps, fitted):
        first, texts = gaps.weights[0].matrix().toarray().astype(float), gaps.texts
        expected = {
            "answers_cosine_pair": (first[texts.a] * first[texts.b]).sum(axis=1),
            "prompt_cosine_a": (first[texts.prompt] * first[texts.a]).sum(axis=1),
            "prompt_cosine_b": (first[texts.prompt] * first[texts.b]).sum(axis=1),
        }
        for name, values in expected.items():
            np.testing.assert_allclose(fitted[1][f"lexical__{name}"], values, atol=1e-6)

    def test_components_project_both_answers_alike(self, gaps, fitted):
        family, columns = fitted
        projected = gaps.weights[0].matrix().toarray() @ family.learned_.components.T
        expected = projected[gaps.texts.a, 1] - projected[gaps.texts.b, 1]
        np.testing.assert_allclose(columns["lexical__component1_diff"], expected, atol=1e-5)
        np.testing.assert_allclose(
            columns["lexical__component1_absdiff"], np.abs(expected), atol=1e-5
        )

    def test_normalised_words_are_stems_without_stop_words(self, training):
        family = make(normalise=True, words=(1, 1)).fit(*training)
        grams = set(family._vocabularies[0].grams)
        assert {"cours", "languag"} <= grams
        assert not {"course", "language", "the"} & grams
        kept = make(normalise=True, words=(1, 1), stop_words="none", stem=False).fit(*training)
        assert {"course", "language", "the"} <= set(kept._vocabularies[0].grams)
        characters = [family._vocabularies[1].grams, make().fit(*training)._vocabularies[1].grams]
        assert characters[0] == characters[1]


class TestVocabulary:
    def test_is_chosen_from_the_rows_of_fit_alone(self, training):
        battles, y = training
        store = CountStore(texts_of(to_polars(battles)).distinct)
        part = np.arange(0, ROWS, 2)
        alone, prepared = make(max_features=2000), make(max_features=2000).use(store)
        columns = alone.fit_transform(battles.iloc[part], y[part])
        pd.testing.assert_frame_equal(prepared.fit_transform(battles.iloc[part], y[part]), columns)
        assert alone.dump() == prepared.dump()
        whole = make(max_features=2000).fit(battles, y)
        assert whole._vocabularies[0].grams != alone._vocabularies[0].grams

    def test_too_rare_in_these_rows_is_left_out(self, training):
        battles, y = training
        store = CountStore(texts_of(to_polars(battles)).distinct)
        family = make(min_df=20).use(store).fit(battles.iloc[:200], y[:200])
        texts = texts_of(to_polars(battles.iloc[:200])).distinct
        for vocabulary in family._vocabularies:
            frequency = (vocabulary.count(texts) > 0).sum(axis=0)
            assert frequency.min() >= 20

    def test_has_at_most_so_many_half_of_each_kind(self, training):
        family = make(max_features=301).fit(*training)
        assert [len(v.grams) for v in family._vocabularies] == [150, 150]
        family = make(max_features=301, characters=()).fit(*training)
        assert [len(v.grams) for v in family._vocabularies] == [301]


class TestDirection:
    def test_has_no_intercept(self, fitted):
        assert fitted[0]._direction.intercept == 0

    def test_is_not_fitted_where_it_is_no_column(self, training, fitted, monkeypatch):
        monkeypatch.setattr("features.families.lexical.cross_fit", None)  # not to be called
        family = make(scores=False)
        columns = family.fit_transform(*training)
        pd.testing.assert_frame_equal(columns, fitted[1].drop(columns=LEARNT))
        assert set(family.report()) == {"n_grams"}
        loaded = make(scores=False).load(family.dump())
        pd.testing.assert_frame_equal(
            loaded.transform(training[0]), family.transform(training[0]), check_exact=True
        )

    def test_learning_from_swapped_battles_gives_the_opposite_bitwise(self, training, fitted):
        battles, y = training
        mirrored = np.array([B, A, TIE], dtype=np.int8)[y]
        family = make()
        columns = family.fit_transform(swap_battles(battles), mirrored)[LEARNT]
        expected = Swap(LEARNT)(fitted[1][LEARNT].to_numpy())
        np.testing.assert_array_equal(columns, expected)
        np.testing.assert_array_equal(family._direction.coef, fitted[0]._direction.coef)

    def test_finds_what_is_preferred(self):
        read = read_training(SAMPLE / "train.csv")
        battles, y = read.battles.iloc[:1000], read.y[:1000]
        family = make()
        columns = family.fit_transform(battles, y)
        assert beats_a_coin(columns[DIRECTION], y, battles["group"])
        assert family.report()["direction"]["auc"] > 0.65


class TestExtraRows:
    def test_teach_the_direction(self, training, fitted):
        battles, y = training
        extra = (battles["source"] == "extra").to_numpy()
        other = np.where(extra & (y != TIE), 1 - y, y).astype(np.int8)
        columns = make().fit_transform(battles, other)
        plain = ~extra & (fitted[1][DIRECTION] != 0).to_numpy()
        assert (columns[DIRECTION][plain] != fitted[1][DIRECTION][plain]).all()

    def test_alone_have_no_figures_of_plain_rows(self, training):
        battles, y = training
        report = make().fit(battles.assign(source="extra"), y).report()
        assert report["direction"]["auc"] > 0.6
        assert report["direction_of_plain_rows"]["rows"] == 0


class TestLeaks:
    @pytest.mark.parametrize("change", ["winner", "tie"])
    def test_a_group_does_not_see_itself_in_any_column(self, training, fitted, change):
        battles, y = training
        sizes = battles["group"].map(battles["group"][y != TIE].value_counts()).fillna(0)
        own = (battles["group"] == battles["group"].iloc[int(sizes.argmax())]).to_numpy()
        assert own.sum() > 1
        flipped = {"winner": np.array([B, A, A]), "tie": np.array([TIE, TIE, A])}[change]
        other = np.where(own, flipped[y], y).astype(np.int8)
        columns, before = make().fit_transform(battles, other), fitted[1]
        pd.testing.assert_frame_equal(columns[own], before[own])
        assert (columns[DIRECTION] != before[DIRECTION])[~own].mean() > 0.5

    @pytest.mark.parametrize("seed", [0, 1, 2])
    def test_labels_without_reason_give_no_score(self, training, seed):
        battles, y = training
        shuffled = np.random.default_rng(seed).permutation(y)
        family = make()
        columns = family.fit_transform(battles, shuffled)
        assert not beats_a_coin(columns[DIRECTION], shuffled, battles["group"])
        # The same check finds scores of rows that were learnt from.
        seen = family.transform(battles)
        assert beats_a_coin(seen[DIRECTION], shuffled, battles["group"])


class TestFiles:
    @pytest.mark.parametrize(
        "parameters",
        [{}, {"words": ()}, {"characters": ()}, {"components": 0},
         {"singles": 0}, {"values": "tfidf"}, {"normalise": True}, {"min_df": 10_000}],
        ids=str,
    )  # fmt: skip
    def test_loaded_gives_the_same_bitwise(self, training, parameters):
        battles, y = training
        family = make(**parameters).fit(battles.iloc[:200], y[:200])
        loaded = make(**parameters).load(family.dump())
        found = loaded.transform(battles)
        pd.testing.assert_frame_equal(found, family.transform(battles), check_exact=True)
        assert loaded.describe() == family.describe()
        assert loaded.report() == family.report()
        assert loaded.dump() == family.dump()

    def test_report_is_ready_for_json(self, fitted):
        report = fitted[0].report()
        assert json.loads(json.dumps(report, allow_nan=False)) == report
        assert report["n_grams"] == {v.kind.analyzer: len(v.grams) for v in fitted[0]._vocabularies}
        assert min(report["preferred"].values()) > 0 > max(report["not_preferred"].values())
        assert report["direction"]["rows"] > report["direction_of_plain_rows"]["rows"] > 0


class TestLittle:
    @pytest.mark.parametrize("rows", [1, 2, 20])
    def test_few_rows(self, training, rows):
        self.check(make(), training[0].iloc[:rows], training[1][:rows])

    @pytest.mark.parametrize("label", [A, B, TIE])
    def test_one_kind_of_vote(self, training, label):
        battles = training[0].iloc[:60]
        columns = self.check(make(), battles, np.full(60, label))
        assert (columns[DIRECTION] == 0).all()

    def test_no_n_gram_at_all(self, training):
        battles, y = training
        columns = self.check(make(min_df=10_000), battles, y)
        assert not [name for name in columns if ":" in name]
        assert (columns[DIRECTION] == 0).all()

    def test_no_text_at_all(self):
        self.check(
            make(min_df=1), make_battles([""] * 30, [[]] * 30, [[None]] * 30), [0, 1, 2] * 10
        )

    @staticmethod
    def check(family, battles, y):
        columns = family.fit_transform(battles, y)
        found = family.transform(battles)
        assert columns.columns.tolist() == found.columns.tolist()
        assert np.isfinite(columns).all(axis=None)
        assert np.isfinite(found).all(axis=None)
        loaded = make(**family.get_params()).load(family.dump())
        pd.testing.assert_frame_equal(loaded.transform(battles), found)
        json.dumps(family.report(), allow_nan=False)
        return columns


class TestSettings:
    @pytest.mark.parametrize(
        ("parameters", "words"),
        [
            ({"words": (), "characters": ()}, r"words and characters of .* not both be empty"),
            ({"words": (3, 1)}, r"The words of LexicalFeatures .* Got \[3, 1\]"),
            ({"words": (0, 1)}, r"The words of LexicalFeatures .* Got \[0, 1\]"),
            ({"characters": (2,)}, r"The characters of LexicalFeatures .* Got \[2\]"),
            (
                {"penalties": ()},
                r"penalties of LexicalFeatures .* at least 1 item",
            ),
            (
                {"penalties": (0.0,)},
                r"penalties\.0 of LexicalFeatures must be greater than 0\. Got 0\.0",
            ),
            ({"normalise": True, "stop_words": "klingon"}, r"stop_words of .* Got 'klingon'"),
            ({"values": "tf-idf"}, r"values of LexicalFeatures .* Got 'tf-idf'"),
            (
                {"singles": -1},
                r"singles of LexicalFeatures must be greater .* to 0\. Got -1 instead",
            ),
            (
                {"max_features": 1},
                r"max_features of LexicalFeatures must be greater .* to 2\. Got 1",
            ),
        ],
    )
    def test_that_cannot_be(self, training, parameters, words):
        battles, y = training
        with pytest.raises(ValueError, match=words):
            make(**parameters).fit(battles.iloc[:60], y[:60])

    def test_what_does_not_fit_into_memory_is_refused_before_the_work(self, training, monkeypatch):
        monkeypatch.setattr(gaps_module, "find_memory", lambda: Memory(1 << 20, None))
        monkeypatch.setattr(LexicalFeatures, "_counted", None)  # not to be called
        with pytest.raises(ValueError, match=r"GiB of memory, expected .* lower characters in"):
            make().fit(*training)
        with pytest.raises(ValueError, match=r"GiB of memory, expected .* lower words in"):
            make(characters=()).fit(*training)


class TestParts:
    def test_movement_is_the_weight_times_how_much_there_is_of_it(self):
        X = csr_matrix(np.array([[3, 0, 0], [-4, 1, 0]], np.float32))
        found = movement(X, np.array([2, -1, 5], np.float32))
        np.testing.assert_allclose(found, [2 * np.sqrt(12.5), -np.sqrt(0.5), 0])

    def test_of_most_texts_runs_over_all_kinds(self):
        counts = [csr_matrix(np.eye(3, n, dtype=np.int32)) for n in (2, 2)]
        idf = [np.array(values, np.float32) for values in ([2, 1], [3, 1])]
        weights = list(map(Weights.of, counts, idf))
        assert of_most_texts(weights, 2).tolist() == [1, 3]
        assert of_most_texts(weights, 3).tolist() == [0, 1, 3]

    def test_figures_of_one_target_are_unknown(self):
        assert figures(np.array([True]), np.array([1.0])) == {
            "rows": 1, "log_loss": None, "auc": None,
        }  # fmt: skip

    def test_components_are_no_more_than_there_can_be(self, gaps):
        words = gaps.weights[0].matrix()
        assert principal_components(words[:4], 16, 0).shape == (3, words.shape[1])
        assert principal_components(words[:1], 16, 0).shape == (0, words.shape[1])


@pytest.mark.parametrize("column", ["prompt", "response_a", "response_b"])
def test_a_null_text_is_an_empty_one(column, training, fitted):
    battles = training[0].iloc[:30].copy()
    null, empty = battles.copy(), battles.copy()
    null[column] = pd.Series([None, *battles[column].iloc[1:]], dtype=battles[column].dtype)
    empty[column] = pd.Series([[], *battles[column].iloc[1:]], dtype=battles[column].dtype)
    pd.testing.assert_frame_equal(fitted[0].transform(null), fitted[0].transform(empty))


def test_too_much_text_is_refused_before_it_is_counted(training, monkeypatch):
    monkeypatch.setattr(gaps_module, "find_memory", lambda: Memory(1 << 20, None))
    store = CountStore(texts_of(to_polars(training[0])).distinct)
    with pytest.raises(ValueError, match=r"need about .* lower characters"):
        make().use(store)
    assert not store._tables
    many = make(characters=(), words=(1, 1), singles=10**9)
    with pytest.raises(ValueError, match=r"need about .* lower singles"):
        many.use(store)
