"""N-grams counted once: for all texts of a run, whatever folds and families ask for them."""

from collections.abc import Sequence
from typing import Self

from scipy.sparse import csr_matrix

from features.family import LearningFamily
from features.ngram.vocabulary import Grams, Vocabulary, learn, learn_cached
from features.storage.cache import Cache
from features.storage.segments import index_of


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

    def table(self, kind: Grams, min_df: int) -> tuple[Vocabulary, csr_matrix]:
        """Return the n-grams that at least `min_df` of all texts hold, and their counts."""
        key = (kind, min_df)
        if key not in self._tables:
            self._tables[key] = learn_cached(self.texts, kind, min_df=min_df, cache=self.cache)
        return self._tables[key]

    def counts(
        self, texts: Sequence[str], kind: Grams, min_df: int
    ) -> tuple[Vocabulary, csr_matrix]:
        """Return the same of some texts: columns of the table, of which some are too rare here.

        The counts are a copy that the caller may change.
        """
        rows = self._place.get_indexer(index_of(texts))
        if (rows < 0).any():  # other texts than those of the run
            return learn_cached(texts, kind, min_df=min_df, cache=self.cache)
        vocabulary, counts = self.table(kind, min_df)
        return vocabulary, counts[rows]


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

    def _counts(
        self, texts: Sequence[str], kind: Grams, min_df: int
    ) -> tuple[Vocabulary, csr_matrix]:
        if self._store is None:
            return learn(texts, kind, min_df=min_df)
        counted: tuple[Vocabulary, csr_matrix] = self._store.counts(texts, kind, min_df)
        return counted
