"""Normal forms of words: what is removed, what is cut, and the corpora that may not be there."""

import os
import re

import nltk
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.corpus import stopwords, wordnet
from nltk.corpus.util import LazyCorpusLoader
from nltk.tokenize import NLTKWordTokenizer
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from features.text import normalisation as text
from features.text.normalisation import Normalisation, normalised_texts

PLAIN = Normalisation(stop_words=None, stem=False)
needs_corpora = pytest.mark.skipif(
    not os.environ.get("NLTK_DATA"), reason="NLTK_DATA names no folder of NLTK's corpora"
)


def test_lower_case_and_letters_alone():
    assert PLAIN(["ÉTÉ", "gpt4o", "snake_case", "3.5", "don't", "日本", "²"]) == [
        "été", "gpto", "snakecase", "", "dont", "日本", "",
    ]  # fmt: skip


def test_stop_words_are_found_before_stems_are_cut():
    tokens = ["This", "during", "becomes", "sorry", "apologies"]
    assert {"this", "during", "becomes"} <= ENGLISH_STOP_WORDS
    assert Normalisation()(tokens) == ["", "", "", "sorri", "apolog"]
    assert Normalisation(stop_words=None)(tokens) == ["this", "dure", "becom", "sorri", "apolog"]


def test_stems_are_snowballs_not_porters():
    assert Normalisation()(["generously", "dying"]) == ["generous", "die"]  # Porter: "gener", "dy"


def test_no_token():
    assert Normalisation()([]) == []
    assert normalised_texts([], Normalisation()) == []
    assert normalised_texts(["", " \n", "?!", "42"], Normalisation()) == ["", "", "", ""]


def test_special_characters_part_words_and_the_tokenizer_parts_contractions():
    texts = ["End.Next -- 3.5 (great)!", "You cannot, gonna\nwanna try", "state-of-the-art"]
    assert normalised_texts(texts, PLAIN) == [
        "end next great", "you can not gon na wan na try", "state of the art",
    ]  # fmt: skip


def test_no_double_space_where_a_word_is_left_out():
    assert normalised_texts(["the cat and the 2 dogs cannot"], Normalisation()) == ["cat dog"]


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="aAé日 \n.'-_3`\"", max_size=40) | st.just("cannot gimme d'ye more'n 'tis"))
def test_words_give_what_the_tokenizer_gives_on_the_whole_text(text):
    whole = NLTKWordTokenizer().tokenize(re.sub(r"[^\w\s]", " ", text.lower()))
    assert normalised_texts([text], PLAIN) == [" ".join(filter(None, PLAIN(whole)))]


def test_words_that_the_tokenizer_parts_are_known():
    """No other ASCII word is shown to it."""
    patterns = [*NLTKWordTokenizer.CONTRACTIONS2, *NLTKWordTokenizer.CONTRACTIONS3]
    parted = ["".join(re.findall(r"\(([a-z']+)\)", pattern.pattern)) for pattern in patterns]
    assert len(parted) == len(set(parted)) == 10
    assert {word for word in parted if "'" not in word} == text._PARTED
    for word in (*text._PARTED, "canNOT", "cannots", "snake_case", "_", "3x", "s", "nt"):
        whole = NLTKWordTokenizer().tokenize(word.lower())
        assert normalised_texts([word], PLAIN) == [" ".join(filter(None, PLAIN(whole)))]


def test_each_different_token_is_normalised_once():
    class Counting(Normalisation):
        seen: list[str] = []

        def __call__(self, tokens):
            self.seen.extend(tokens)
            return super().__call__(tokens)

    assert normalised_texts(["Dog dog, cannot", "DOG can"], Counting()) == ["dog dog", "dog"]
    assert sorted(Counting.seen) == ["can", "dog", "not"]


def test_an_unknown_list_is_named():
    with pytest.raises(ValueError, match=r'must be "sklearn", "nltk" or none\. Got \S+ instead'):
        Normalisation(stop_words="x")(["word"])


@pytest.fixture
def no_corpora(monkeypatch, tmp_path):
    """NLTK as on a machine where nothing was downloaded."""
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    fresh = LazyCorpusLoader("stopwords", nltk.corpus.reader.WordListCorpusReader, r"[a-z]+")
    monkeypatch.setattr(nltk.corpus, "stopwords", fresh)
    words = LazyCorpusLoader("wordnet", nltk.corpus.reader.WordNetCorpusReader, None)
    monkeypatch.setattr("nltk.stem.wordnet.wn", words, raising=False)
    monkeypatch.setattr(nltk.corpus, "wordnet", words)


@pytest.mark.usefixtures("no_corpora")
@pytest.mark.parametrize(
    ("normalisation", "option", "corpus"),
    [
        (Normalisation(stop_words="nltk"), 'stop_words = "nltk"', "stopwords"),
        (Normalisation(lemmatize=True), "lemmatize = true", "wordnet"),
    ],
)
def test_without_its_corpus_the_error_says_how_to_get_it(normalisation, option, corpus):
    expected = f"{option} needs NLTK's corpus '{corpus}'.*nltk.downloader {corpus}.*NLTK_DATA"
    with pytest.raises(LookupError, match=expected):
        normalisation(["word"])


@pytest.mark.usefixtures("no_corpora")
def test_the_defaults_need_no_corpus():
    assert normalised_texts(["Running dogs"], Normalisation()) == ["run dog"]


@needs_corpora
def test_nltks_stop_words():
    assert "computer" not in stopwords.words("english")
    tokens = ["don", "t", "the", "computer", "describe", "running"]  # scikit-learn's has "describe"
    kept = Normalisation(stop_words="nltk", stem=False)(tokens)
    assert kept == ["", "", "", "computer", "describe", "running"]
    assert "describe" in ENGLISH_STOP_WORDS


@needs_corpora
def test_lemmas_are_wordnets_nouns_and_stems_are_cut_from_them():
    assert wordnet.morphy("mice", "n") == "mouse"
    tokens = ["mice", "feet", "running", "wolves"]
    lemmas = Normalisation(stop_words=None, stem=False, lemmatize=True)(tokens)
    assert lemmas == ["mouse", "foot", "running", "wolf"]
    both = Normalisation(stop_words=None, lemmatize=True)(tokens)
    assert both == ["mous", "foot", "run", "wolf"]


def test_the_signature_shows_what_the_forms_depend_on(monkeypatch):
    made = [Normalisation(), Normalisation(stop_words=None), Normalisation(stem=False)]
    before = [normalisation.signature() for normalisation in made]
    assert len(set(before)) == 3
    assert Normalisation().signature() == before[0]
    monkeypatch.setattr(text, "_stop_words", lambda name: frozenset({"other"}))
    assert Normalisation().signature() != before[0]
