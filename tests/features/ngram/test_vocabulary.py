"""Counts of n-grams are scikit-learn's, cell for cell."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from data.battles import TEXT_COLUMNS, read_training
from features.ngram import tokens
from features.ngram import vocabulary as ngrams
from features.ngram.tfidf import text_frequency
from features.ngram.vocabulary import (
    Grams,
    Vocabulary,
    learn,
    learn_cached,
    most_frequent,
)
from features.storage.cache import Cache

ROOT = Path(__file__).parents[3]
SAMPLE = ROOT / "data" / "sample" / "train.csv"
KINDS = [
    Grams("word", 1, 3),
    Grams("word", 2, 2),
    Grams("word", 3, 4),
    Grams("char_wb", 2, 5),
    Grams("char_wb", 1, 1),
    Grams("char_wb", 4, 6),  # words shorter than the shortest
]
ODD = [
    "",
    " ",
    "a",
    "a b c",
    "ab",
    "I am what I am, am I? I am.",
    "  runs\t\tof \n\n white   space \x1c\x1d\x85\u2028\u3000end ",
    "e\u0301te\u0301 cafe\u0301 n\u0303 \u0301 \u0301\u0301",
    "ภาษาไทยไม่มีช่องว่าง ไทย ภาษา",
    "İstanbul İİ ISPARTA ıssız i\u0307stanbul",
    "straße STRASSE ẞß ΣΑΣ ΣΑΣΑ Σ",
    "zero\u200bwidth \u200b \ufeffmark soft\u00adhyphen",
    "nul\0nul \0 \0\0 nul",
    "\U0001f600 \U0001f600\U0001f600 ok\U0001f600ok \U0001d54f \U0001f469\u200d\U0001f467",
    "snake_case __init__ _ x_1 ٣٤ ½ ²³ Ⅷ",
    "lone \ud83d surrogate\udc00s \ud83d",
    "日本語のテキスト 日本 日本語",
    "word " * 400,
    "a" * 3000 + " ab" * 30,
]
NAMES = [f"{kind.analyzer} {kind.shortest}-{kind.longest}" for kind in KINDS]


def vectorizer(kind, **settings):
    return CountVectorizer(
        analyzer=kind.analyzer,
        ngram_range=(kind.shortest, kind.longest),
        dtype=np.int32,
        **settings,
    )


def check_equal(texts, kind, min_df):
    """What is learnt, and what the vocabulary counts, is what scikit-learn learns and counts."""
    vocabulary, counts = learn(texts, kind, min_df=min_df)
    theirs = vectorizer(kind, min_df=1)
    if not any(map(theirs.build_analyzer(), texts)):  # scikit-learn refuses such texts
        assert vocabulary.grams == []
        assert counts.shape == (len(texts), 0)
        return
    expected = theirs.fit_transform(texts)
    names = theirs.get_feature_names_out()
    frequent = np.flatnonzero(np.bincount(expected.indices, minlength=len(names)) >= min_df)
    assert vocabulary.grams == names[frequent].tolist()
    check_same(counts, expected[:, frequent])
    check_same(vocabulary.count(texts), counts)


def check_same(counts, expected):
    assert counts.shape == expected.shape
    assert counts.dtype == np.int32
    assert (counts != expected).nnz == 0
    assert (counts.data > 0).all()
    for row in range(counts.shape[0]):
        columns = counts.indices[counts.indptr[row] : counts.indptr[row + 1]]
        assert (np.diff(columns) > 0).all()


@pytest.fixture(scope="module")
def sample():
    """Texts of the bundled battles."""
    battles = read_training(SAMPLE).battles[:150]
    return ["\n".join(t or "" for t in c) for column in TEXT_COLUMNS for c in battles[column]]


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
@pytest.mark.parametrize("min_df", [1, 2, 5])
def test_the_sample_as_scikit_learn(sample, kind, min_df):
    check_equal(sample, kind, min_df)
    theirs = vectorizer(kind, min_df=min_df).fit(sample)
    assert learn(sample, kind, min_df=min_df)[0].grams == theirs.get_feature_names_out().tolist()


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
@pytest.mark.parametrize("min_df", [1, 2])
def test_odd_texts_as_scikit_learn(kind, min_df):
    check_equal([*ODD, *ODD[::2], "".join(ODD), " ".join(ODD)], kind, min_df)


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
@pytest.mark.parametrize("text", ODD)
def test_each_odd_text_alone(kind, text):
    check_equal([text], kind, 1)


LETTERS = st.sampled_from(list("aAbß_1 \n\t.-İΣ\u0301\u200b\0é日\U0001f600\ud83d"))
TEXTS = st.lists(st.text(LETTERS | st.characters(), max_size=30), max_size=8)


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.sampled_from(KINDS), st.integers(1, 3))
def test_random_texts_as_scikit_learn(texts, kind, min_df):
    check_equal(texts, kind, min_df)


@settings(max_examples=100, deadline=None)
@given(TEXTS, TEXTS, st.sampled_from(KINDS))
def test_other_texts_are_counted_as_scikit_learn_counts_them(known, others, kind):
    vocabulary, _ = learn(known, kind, min_df=1)
    counts = vocabulary.count(others)
    if vocabulary.grams and others:
        expected = vectorizer(kind, vocabulary=vocabulary.grams).transform(others)
        check_same(counts, expected)
    else:
        assert counts.shape == (len(others), len(vocabulary.grams))
        assert counts.nnz == 0


def test_every_code_point_as_scikit_learn():
    letters = list(map(chr, range(sys.maxunicode + 1)))
    text = "x".join(letters)
    for analyzer, expected in (("word", re.findall(r"(?u)\b\w\w+\b", text.lower())),
                               ("char_wb", text.lower().split())):  # fmt: skip
        cut = tokens.cut_texts([text], Grams(analyzer, 1, 1))
        assert [cut.distinct[number] for number in cut.numbers] == expected


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_blocks_change_nothing(sample, kind, monkeypatch):
    vocabulary, counts = learn(sample, kind, min_df=2)
    monkeypatch.setattr(tokens, "BLOCK", 500)
    others, same = learn(sample, kind, min_df=2)
    assert others.grams == vocabulary.grams
    check_same(same, counts)


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_a_text_is_counted_alone_as_among_others(sample, kind):
    vocabulary, counts = learn(sample, kind, min_df=3)
    for place in (0, 77, len(sample) - 1):
        check_same(vocabulary.count(sample[place : place + 1]), counts[place])


def test_a_vocabulary_in_any_order_and_with_n_grams_that_cannot_occur():
    for kind, grams in (
        (Grams("word", 2, 2), ["it is", "is", "a b", "is it", "", "it is it", "is  it"]),
        (Grams("char_wb", 3, 3), ["it ", " it", "it", " a ", "", "a b", " it ", "t i"]),
        (Grams("char_wb", 4, 5), [" a ", " it ", "it ", " it i", "is it"]),
    ):
        texts = ["Is it? It is.", "it", "a it", ""]
        expected = vectorizer(kind, vocabulary=grams).transform(texts)
        check_same(Vocabulary(kind, grams).count(texts), expected)


def test_without_texts_or_n_grams():
    for kind in KINDS:
        vocabulary, counts = learn([], kind, min_df=1)
        assert (vocabulary.grams, counts.shape) == ([], (0, 0))
        assert vocabulary.count(["text"]).shape == (1, 0)
        assert learn(["text"] * 3, kind, min_df=4)[1].shape == (3, 0)


def test_take(sample):
    vocabulary, counts = learn(sample, Grams("char_wb", 2, 3), min_df=2)
    columns = np.array([7, 3, 11])
    taken = vocabulary.take(columns)
    assert taken.grams == [vocabulary.grams[column] for column in columns]
    assert (taken.count(sample) != counts[:, columns]).nnz == 0


def test_most_frequent_breaks_ties_by_the_first():
    texts = ["bb cc aa dd", "cc aa dd", "dd dd dd bb aa cc", "dd"]
    vocabulary, counts = learn(texts, Grams("word", 1, 1), min_df=1)
    frequency = text_frequency(counts)
    columns = most_frequent(frequency, 2)  # dd in 4 texts, aa and cc in 3, bb in 2
    assert vocabulary.take(columns).grams == ["aa", "dd"]
    assert most_frequent(frequency, 9).tolist() == [0, 1, 2, 3]
    assert most_frequent(frequency, 9, min_df=3).tolist() == [0, 2, 3]


def stem(words):
    """Drop a final s, and remove the."""
    return ["" if word == "the" else word.removesuffix("s") for word in words]


class Recorder:
    """Keeps what it was asked, and has a repr that shows no settings."""

    def __init__(self):
        self.asked = []

    def __call__(self, words):
        self.asked.append(list(words))
        return list(words)


@pytest.mark.parametrize("lengths", [(1, 2), (2, 3), (3, 3)])
def test_normalised_words(lengths):
    texts = ["the cats of the cat", "a cat, the dogs", "the", "of the cats of dogs", "s the ss"]
    vocabulary, counts = learn(texts, Grams("word", *lengths, stem), min_df=1)

    def analyse(text):
        stems = [t for t in stem(re.findall(r"\b\w\w+\b", text.lower())) if t]
        spans = range(lengths[0], lengths[1] + 1)
        return [
            " ".join(stems[start : start + n]) for n in spans for start in range(len(stems) - n + 1)
        ]

    theirs = CountVectorizer(analyzer=analyse, dtype=np.int32)
    expected = theirs.fit_transform(texts)
    assert vocabulary.grams == theirs.get_feature_names_out().tolist()
    check_same(counts, expected)
    check_same(vocabulary.count(texts[::-1]), expected[::-1])


def test_words_are_normalised_once_each():
    recorder = Recorder()
    learn(["to be or not to be"] * 5, Grams("word", 1, 2, recorder), min_df=1)
    assert recorder.asked == [["to", "be", "or", "not"]]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Grams("char", 1, 2), r"analyzer of Grams must be 'word' or 'char_wb'\. Got 'char'"),
        (Grams("word", 0, 2), r"1 <= shortest <= longest\. Got 0 and 2"),
        (Grams("word", 3, 2), r"1 <= shortest <= longest\. Got 3 and 2"),
        (Grams("char_wb", 2, 3, stem), r"normalise is for words"),
        (Grams("word", 1, 1, lambda words: words[1:]), r"a token for each of 2\. Got 1"),
        (Grams("word", 1, 1, lambda words: ["a b" for _ in words]), r"without white space.*'a b'"),
        (Grams("word", 1, 1, lambda words: [" " for _ in words]), r"without white space.*' '"),
    ],
)
def test_kinds_that_cannot_be(kind, words):
    with pytest.raises(ValueError, match=words):
        learn(["two words"], kind, min_df=1)


def test_settings_that_cannot_be():
    with pytest.raises(ValueError, match=r"min_df must be at least 1\. Got 0"):
        learn(["text"], KINDS[0], min_df=0)
    with pytest.raises(ValueError, match=r"grams must be different\. Got 'b' more than once"):
        Vocabulary(KINDS[0], ["a", "b", "b"])


CACHED = """
import sys
from pathlib import Path
from features.ngram import vocabulary as ngrams
from features.storage.cache import Cache
def learn(*_, **__):
    raise SystemExit("not found")
ngrams.learn = learn
texts = Path(sys.argv[2]).read_bytes().decode("utf-8", "surrogatepass").split("|")
vocabulary, counts = ngrams.learn_cached(
    texts, ngrams.Grams("char_wb", 2, 5), 2, Cache(Path(sys.argv[1]), 10**8))
print(hash(tuple(counts.data)), hash(tuple(counts.indices)), hash(tuple(counts.indptr)))
print(ascii(vocabulary.grams))
"""


def test_another_process_finds_what_was_learnt(tmp_path):
    texts = [text for text in ODD * 2 if "|" not in text]
    file = tmp_path / "texts"
    file.write_bytes("|".join(texts).encode("utf-8", "surrogatepass"))
    vocabulary, counts = learn_cached(texts, KINDS[3], 2, Cache(tmp_path / "cache", 10**8))
    command = [sys.executable, "-c", CACHED, str(tmp_path / "cache"), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    hashes, grams = done.stdout.splitlines()
    cells = (counts.data, counts.indices, counts.indptr)
    assert hashes == " ".join(str(hash(tuple(array))) for array in cells)
    assert grams == ascii(vocabulary.grams)


@pytest.fixture
def learnt(monkeypatch):
    """The calls of `learn` that `learn_cached` makes."""
    calls = []

    def counted(texts, kind, *, min_df):
        calls.append((kind, min_df))
        return learn(texts, kind, min_df=min_df)

    monkeypatch.setattr(ngrams, "learn", counted)
    return calls


def test_only_the_same_texts_and_setting_are_found(tmp_path, learnt):
    cache = Cache(tmp_path, 10**8)
    texts, kind = ["one two two", "two one"], Grams("word", 1, 2)
    variants = [
        (texts, kind, 1),
        (texts, kind, 2),
        (texts, Grams("word", 1, 3), 1),
        (texts, Grams("word", 2, 2), 1),
        (texts, Grams("char_wb", 1, 2), 1),
        (texts, Grams("word", 1, 2, stem), 1),
        (texts[::-1], kind, 1),
        (texts[:1], kind, 1),
        ([*texts, ""], kind, 1),
        (["one two twot", "wo one"], kind, 1),
        (["one two two", "two One"], kind, 1),
    ]
    for place, variant in enumerate(variants):
        first = learn_cached(*variant, cache)
        assert len(learnt) == place + 1
        again = learn_cached(*variant, cache)
        assert len(learnt) == place + 1
        assert again[0].grams == first[0].grams
        assert again[0].kind == first[0].kind
        check_same(again[1], first[1])


def test_what_was_damaged_is_learnt_again(tmp_path, learnt):
    cache = Cache(tmp_path, 10**8)
    _, counts = learn_cached(["one two", "two"], KINDS[0], 1, cache)
    file = next(tmp_path.iterdir())
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(content)
    with pytest.warns(RuntimeWarning, match="damaged, and removed"):
        _, again = learn_cached(["one two", "two"], KINDS[0], 1, cache)
    assert len(learnt) == 2
    check_same(again, counts)


def test_without_a_cache_it_is_learnt(learnt):
    for _ in range(2):
        vocabulary, _ = learn_cached(["one two"], KINDS[0], 1, None)
        assert vocabulary.grams == ["one", "one two", "two"]
    assert len(learnt) == 2


@pytest.mark.parametrize("normalise", [lambda words: list(words), Recorder()])
def test_a_normalise_without_a_name_is_not_cached(tmp_path, normalise):
    with pytest.raises(ValueError, match="must be a function of a module, or have a repr"):
        learn_cached(["one"], Grams("word", 1, 1, normalise), 1, Cache(tmp_path, 10**8))


@pytest.mark.skipif("ARENABOOST_DATA" not in os.environ, reason="ARENABOOST_DATA is not set")
@pytest.mark.parametrize("kind", [KINDS[0], KINDS[3]], ids=["words", "characters"])
def test_real_texts_as_scikit_learn(kind):
    train = Path(os.environ["ARENABOOST_DATA"]) / "arena" / "train.csv"
    battles = read_training(train).battles[:300]
    texts = ["\n".join(t or "" for t in c) for column in TEXT_COLUMNS for c in battles[column]]
    vocabulary, counts = learn(texts, kind, min_df=5)
    theirs = vectorizer(kind, min_df=5)
    expected = theirs.fit_transform(texts)
    assert vocabulary.grams == theirs.get_feature_names_out().tolist()
    check_same(counts, expected)
