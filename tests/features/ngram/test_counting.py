"""Texts of battles, and counts that are made once and serve every part of them."""

import pickle

import numpy as np
import polars as pl
import pytest
from sklearn.base import clone

from data.battles import make_battles
from features.families.lexical import LexicalFeatures
from features.layout import texts_of, to_polars
from features.ngram import counting as counted
from features.ngram.counting import Counted, CountingFamily, CountStore
from features.ngram.vocabulary import Grams, learn
from features.storage.cache import Cache

WORDS = Grams("word", 1, 2)
TEXTS = ["it is so", "so it is", "is it", "never", "it is never so", "so so"]


def columns_of(found, grams):
    """Counts by n-gram, of those that stand there."""
    places = [found.vocabulary.grams.index(gram) for gram in grams]
    return found.counts[found.rows][:, places].toarray()


class TestTexts:
    def test_are_those_of_the_battles_each_once(self):
        battles = make_battles(["Hi", ["Hi", None], ["a", "b"]], ["x", "Hi", "x"], ["y", "x", "a"])
        texts = texts_of(to_polars(battles))
        assert texts.distinct == ["Hi", "a\nb", "x", "y", "a"]
        assert [texts.distinct[place] for place in texts.prompt] == ["Hi", "Hi", "a\nb"]
        assert [texts.distinct[place] for place in texts.a] == ["x", "Hi", "x"]
        assert [texts.distinct[place] for place in texts.b] == ["y", "x", "a"]

    def test_null_turns_leave_no_empty_line(self):
        texts = texts_of(to_polars(make_battles([["a", None, "b"]], [[None]], [[]])))
        assert texts.distinct == ["a\nb", ""]
        assert texts.a.tolist() == texts.b.tolist() == [1]

    def test_of_no_battles(self):
        texts = texts_of(to_polars(make_battles(["a"], ["b"], ["c"])).head(0))
        assert texts.distinct == []
        assert texts.a.shape == (0,)


class TestStore:
    def test_counts_of_a_part_hold_all_that_is_frequent_there(self):
        part = [TEXTS[4], TEXTS[0], TEXTS[1]]
        expected = learn(part, WORDS, min_df=2)
        found = CountStore(TEXTS).counted(part, WORDS, 2)
        grams = expected[0].grams
        np.testing.assert_array_equal(columns_of(found, grams), expected[1].toarray())

    def test_texts_that_it_does_not_know_are_counted_by_themselves(self):
        found = CountStore(TEXTS).counted(["new new", TEXTS[0]], WORDS, 1)
        assert columns_of(found, ["new", "it"]).tolist() == [[2, 0], [0, 1]]

    def test_counts_once(self, monkeypatch):
        calls = []

        def spy(*arguments, **options):
            calls.append(arguments)
            return learn(arguments[0], arguments[1], min_df=options["min_df"])

        monkeypatch.setattr(counted, "learn_cached", spy)
        store = CountStore(TEXTS)
        for part in (TEXTS[:3], TEXTS[2:], TEXTS):
            store.counted(part, WORDS, 1)
        assert len(calls) == 1
        store.counted(TEXTS, WORDS, 2)
        assert len(calls) == 2

    def test_copies_nothing(self):
        store = CountStore(TEXTS)
        table = store.table(WORDS, 1)[1]
        for part in (TEXTS[:3], TEXTS):
            assert store.counted(part, WORDS, 1).counts is table

    def test_what_is_frequent_is_chosen_and_weighed_as_if_there_were_no_other_texts(self):
        part = [TEXTS[4], TEXTS[0], TEXTS[1]]
        alone = Counted.alone(part, WORDS, 2).most_frequent(3, 2)
        found = CountStore(TEXTS).counted(part, WORDS, 2).most_frequent(3, 2)
        assert found[0].grams == alone[0].grams == ["is", "it", "it is"]
        np.testing.assert_array_equal(found[1].matrix().toarray(), alone[1].matrix().toarray())

    def test_measures_each_battle_once(self):
        seen = []

        def length(battles):
            seen.extend(battles["prompt"].to_list())
            return np.array([[len(turns)] for turns in battles["prompt"]], dtype=np.float64)

        store = CountStore(TEXTS)
        parts = [[["a"], ["b", None]], [["b", None], ["b", ""], ["a"]]]
        found = [store.measured(length)(pl.DataFrame({"prompt": part})) for part in parts]
        assert [rows.tolist() for rows in found] == [[[1], [2]], [[2], [2], [1]]]
        assert seen == [["a"], ["b", None], ["b", ""]]

    def test_finds_its_tables_on_disk(self, tmp_path, monkeypatch):
        cache = Cache(tmp_path, 10**7)
        _, counts = CountStore(TEXTS, cache).table(WORDS, 1)
        monkeypatch.setattr("features.ngram.vocabulary.learn", None)  # not to be called again
        _, again = CountStore(TEXTS, cache).table(WORDS, 1)
        np.testing.assert_array_equal(again.toarray(), counts.toarray())


class TestFamily:
    def test_clones_keep_the_store_and_pickles_leave_it(self):
        store = CountStore(TEXTS)
        family = LexicalFeatures().use(store)
        assert clone(family)._store is store
        assert pickle.loads(pickle.dumps(family))._store is None

    def test_prepares_what_fit_asks_for(self, monkeypatch):
        battles = make_battles(["Why?"] * 8, ["it is so"] * 8, ["sorry"] * 8)
        store = CountStore(texts_of(to_polars(battles)).distinct)
        family = LexicalFeatures(min_df=1).use(store)
        monkeypatch.setattr(counted, "learn_cached", None)  # not to be called again
        monkeypatch.setattr(counted, "learn", None)
        assert len(family.fit_transform(battles, [0, 1] * 4)) == 8

    def test_must_say_what_it_counts(self):
        with pytest.raises(TypeError, match="CountingFamily must write _kinds"):
            CountingFamily().use(CountStore(TEXTS))
