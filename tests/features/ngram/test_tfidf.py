"""TF-IDF against scikit-learn's, and what stands side by side of two answers."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer

from data.battles import read_training
from features.layout import texts_of, to_polars
from features.ngram.tfidf import (
    Weights,
    differences,
    inverse_document_frequency,
    side_by_side,
    text_frequency,
)
from features.ngram.vocabulary import Grams, learn
from tests.conftest import SAMPLE

KINDS = (Grams("word", 1, 2), Grams("char_wb", 2, 4))
TEXTS = ["so so so it is", "it is", "is it so", "never", "so it is never", "", "it it never is"]
A, B = (np.array(rows) for rows in ([1, 3, 4, 5], [2, 6, 6, 6]))


@pytest.fixture(scope="module")
def sample():
    """The texts of some battles."""
    return texts_of(to_polars(read_training(SAMPLE / "train.csv").battles.iloc[:150])).distinct


@pytest.fixture(scope="module")
def blocks():
    """Counts of TEXTS, words and characters."""
    return [learn(TEXTS, kind, min_df=1)[1] for kind in KINDS]


def idf_of(counts):
    return inverse_document_frequency(text_frequency(counts), counts.shape[0])


def weights_of(blocks):
    return [Weights.of(counts, idf_of(counts)) for counts in blocks]


def tfidf(counts, idf):
    return Weights.of(counts, idf).matrix()


def dense(counts):
    return tfidf(counts, idf_of(counts)).toarray()


@pytest.mark.parametrize("kind", KINDS)
def test_is_scikit_learns(sample, kind):
    vocabulary, counts = learn(sample, kind, min_df=2)
    theirs = TfidfVectorizer(
        analyzer=kind.analyzer,
        ngram_range=(kind.shortest, kind.longest),
        vocabulary=vocabulary.grams,
        sublinear_tf=True,
        smooth_idf=True,
        norm="l2",
    )
    expected = theirs.fit_transform(sample)
    expected.sort_indices()
    idf = idf_of(counts)
    found = tfidf(counts, idf)
    np.testing.assert_allclose(idf, theirs.idf_, rtol=1e-6)
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_allclose(found.data, expected.data, rtol=2e-6)


def test_a_row_is_the_same_alone(blocks):
    for counts in blocks:
        idf = idf_of(counts)
        together = tfidf(counts, idf)
        for row in range(counts.shape[0]):
            alone = tfidf(counts[row], idf)
            np.testing.assert_array_equal(alone.toarray(), together[row].toarray())


def test_counts_of_any_integers_do(blocks):
    idf = idf_of(blocks[0])
    wide = csr_matrix(blocks[0], dtype=np.int64)
    wide.indices = wide.indices.astype(np.int64)
    np.testing.assert_array_equal(tfidf(wide, idf).toarray(), tfidf(blocks[0], idf).toarray())


def test_text_frequency_counts_texts_not_occurrences(blocks):
    expected = (blocks[0].toarray() > 0).sum(axis=0)
    assert (expected != blocks[0].sum(axis=0).A1).any()
    np.testing.assert_array_equal(text_frequency(blocks[0]), expected)


def test_some_texts_and_n_grams_of_a_table_are_as_if_there_were_no_others(blocks):
    """Bit for bit, and in the order that is asked for."""
    rows = np.array([6, 1, 3, 2])
    chosen = []
    for counts in blocks:
        alone = counts[rows]
        frequency = text_frequency(counts, rows)
        np.testing.assert_array_equal(frequency, text_frequency(alone))
        kept = np.flatnonzero(frequency >= 2)
        assert 0 < len(kept) < counts.shape[1]
        idf = inverse_document_frequency(frequency[kept], len(rows))
        chosen.append((Weights.of(counts, idf, kept, rows), Weights.of(alone[:, kept], idf)))
    for view, copy in chosen:
        np.testing.assert_array_equal(
            view.kept[[0, -1]], np.flatnonzero(view.columns >= 0)[[0, -1]]
        )
        np.testing.assert_array_equal(view.matrix().toarray(), copy.matrix().toarray())
        backwards = view.matrix(np.array([3, 0]))
        np.testing.assert_array_equal(backwards.toarray(), copy.matrix().toarray()[[3, 0]])
        assert backwards.has_sorted_indices
        a, b = np.array([0, 1, 2]), np.array([3, 2, 2])
        np.testing.assert_array_equal(view.products(a, b), copy.products(a, b))
    views, copies = zip(*chosen, strict=True)
    gaps = [differences(of, np.array([0, 1]), np.array([3, 2])) for of in (views, copies)]
    np.testing.assert_array_equal(gaps[0].toarray(), gaps[1].toarray())
    np.testing.assert_array_equal(gaps[0].indices, gaps[1].indices)


def test_differences_are_a_minus_b_of_each_kind_in_turn(blocks):
    found = differences(weights_of(blocks), A, B)
    expected = np.hstack([dense(counts)[A] - dense(counts)[B] for counts in blocks])
    np.testing.assert_array_equal(found.toarray(), expected)
    of_counts = np.hstack([counts.toarray()[A] - counts.toarray()[B] for counts in blocks])
    assert not np.allclose(np.sign(found.toarray()), np.sign(of_counts))  # not TF-IDF of A - B
    assert (found.data != 0).all()
    assert found.has_sorted_indices


def test_differences_change_sign_bitwise(blocks):
    forth = differences(weights_of(blocks), A, B)
    back = differences(weights_of(blocks), B, A)
    np.testing.assert_array_equal(forth.data, -back.data)
    np.testing.assert_array_equal(forth.indices, back.indices)


def test_differences_of_no_battles_and_of_no_n_grams(blocks):
    none = np.empty(0, dtype=np.intp)
    assert differences(weights_of(blocks), none, none).shape[0] == 0
    empty = Weights.of(csr_matrix((7, 0), dtype=np.int32), np.empty(0, np.float32))
    assert differences([empty], A, B).shape == (4, 0)


def test_cosine_is_that_of_the_weights_not_of_the_counts(blocks):
    found = weights_of(blocks)[0].products(A, B)
    expected = (dense(blocks[0])[A] * dense(blocks[0])[B]).sum(axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found[3] == 0  # A is empty
    counts = blocks[0].toarray().astype(float)
    lengths = np.linalg.norm(counts, axis=1)
    lengths[lengths == 0] = 1
    plain = (counts[A] * counts[B]).sum(axis=1) / lengths[A] / lengths[B]
    assert np.abs(found - plain).max() > 0.01


def test_side_by_side_keeps_the_order():
    found = side_by_side(csr_matrix([[1, 0]]), csr_matrix([[2]]), csr_matrix([[0, 3]]))
    assert found.toarray().tolist() == [[1, 0, 2, 0, 3]]
