"""N-grams counted once: for all texts of a run, whatever folds and families ask for them."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from features.family import LearningFamily
from features.ngram.tfidf import Weights, inverse_document_frequency, text_frequency
from features.ngram.vocabulary import Grams, Vocabulary, learn, learn_cached, most_frequent
from features.storage.cache import Cache
from features.storage.measured import Measure, Measured
from features.storage.segments import index_of


class Counted(NamedTuple):
    """All frequent n-grams of some texts, counted: rows of a table that may hold other texts."""

    vocabulary: Vocabulary
    counts: csr_matrix  # int32, shape (n_counted_texts, n_counted); not to be changed
    rows: NDArray[np.intp]  # where the texts stand there

    @classmethod
    def alone(cls, texts: Sequence[str], kind: Grams, min_df: int) -> Self:
        """Count texts without a store."""
        return cls(*learn(texts, kind, min_df=min_df), np.arange(len(texts)))

    def most_frequent(self, limit: int, min_df: int) -> tuple[Vocabulary, Weights]:
        """Choose those of most of these texts, as if there were no others, and weigh them."""
        frequency = text_frequency(self.counts, self.rows)
        kept = most_frequent(frequency, limit, min_df)
        idf = inverse_document_frequency(frequency[kept], len(self.rows))
        return self.vocabulary.take(kept), Weights.of(self.counts, idf, kept, self.rows)


class CountStore:
    """Counts of all frequent n-grams of given texts, made when they are first asked for.

    What occurs in few of all texts occurs in few of any part of them: the table of all holds every
    n-gram that is frequent in a part. So a fold chooses its own n-grams from it, as if there were
    no other texts.

    Parameters
    ----------
    texts : sequence of str
        Each once.
    cache : Cache, optional
        Where tables are kept on disk.
    """

    def __init__(self, texts: Sequence[str], cache: Cache | None = None) -> None:
        self.texts, self.cache = texts, cache
        self._place = index_of(texts)
        self._tables: dict[tuple[Grams, int], tuple[Vocabulary, csr_matrix]] = {}
        self._measured: dict[Measure, Measured] = {}

    def table(self, kind: Grams, min_df: int) -> tuple[Vocabulary, csr_matrix]:
        """Return the n-grams that at least `min_df` of all texts hold, and their counts."""
        key = (kind, min_df)
        if key not in self._tables:
            self._tables[key] = learn_cached(self.texts, kind, min_df=min_df, cache=self.cache)
        return self._tables[key]

    def measured(self, measure: Measure) -> Measured:
        """Return the same function of battles, which takes each battle of a run but once."""
        return self._measured.setdefault(measure, Measured(measure))

    def counted(self, texts: Sequence[str], kind: Grams, min_df: int) -> Counted:
        """Return the same of some texts: rows of the table, some of whose n-grams are rare here."""
        rows = self._place.get_indexer(index_of(texts))
        if (rows < 0).any():  # other texts than those of the run
            table = learn_cached(texts, kind, min_df=min_df, cache=self.cache)
            return Counted(*table, np.arange(len(texts)))
        return Counted(*self.table(kind, min_df), rows)


class CountingFamily(LearningFamily):
    """A family that learns from counts of n-grams, and may find them in a store."""

    uses = "counts"

    def use(self, store: CountStore) -> Self:
        """Take counts from a store, which makes now what will be asked of it."""
        self._check_size(store.texts)
        for kind, min_df in self._kinds():
            store.table(kind, min_df)
        return super().use(store)

    def _check_size(self, texts: Sequence[str]) -> None:
        """Refuse, before the work, what would not fit into memory; by default nothing is."""

    def _kinds(self) -> Sequence[tuple[Grams, int]]:
        """Return each kind of n-gram that `fit` counts, and in how many texts it must occur."""
        raise TypeError(f"{type(self).__name__} must write _kinds.")

    def _counted(self, texts: Sequence[str], kind: Grams, min_df: int) -> Counted:
        if self._store is None:
            return Counted.alone(texts, kind, min_df)
        counted: Counted = self._store.counted(texts, kind, min_df)
        return counted
