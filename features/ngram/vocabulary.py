r"""Counts of word and character n-grams, cell for cell those of scikit-learn's `CountVectorizer`.

Each text is cut into tokens once, as scikit-learn cuts it: ``\w\w+`` of the text in
lower case, or what stands between white space. From then on tokens are numbers. N-grams of words
run over a text's tokens. Those of characters depend on the token alone: they are found once for
each different token, and a text has those of its tokens.

An n-gram that occurs in so many texts has parts that occur in at least as many. So the n-grams of
each length are sought only where both of their parts were frequent enough.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from functools import cached_property
from hashlib import blake2b
from itertools import chain, pairwise
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from data.source import source_hash
from features.ngram.tokens import (
    CHARACTERS,
    Bounds,
    Grams,
    Integers,
    Normalise,
    bounds_of,
    check_kind,
    codes,
    cut_texts,
    numbers,
)
from features.ngram.units import Units, candidates, lay_out, written
from features.storage.cache import Arrays, Cache

# What counts come from: with other source the same texts may give other ones. A `normalise` of the
# project's own is among it.
SOURCE = (
    "features.compiled",
    "features.ngram.kernels",
    "features.ngram.tfidf",
    "features.ngram.tfidf_kernels",
    "features.ngram.tokens",
    "features.ngram.units",
    "features.ngram.vocabulary",
    "features.text.normalisation",
)


class Vocabulary:
    """N-grams of one kind, in the order of their columns.

    Parameters
    ----------
    kind : Grams
    grams : sequence of str
        As scikit-learn writes them, each once.

    Raises
    ------
    ValueError
        The kind cannot be, or an n-gram stands there twice.

    Examples
    --------
    >>> Vocabulary(Grams("word", 1, 2), ["it is", "is"]).count(["Is it? It is.", ""]).toarray()
    array([[1, 2],
           [0, 0]], dtype=int32)
    """

    def __init__(self, kind: Grams, grams: Sequence[str]) -> None:
        check_kind(kind)
        if len(set(grams)) < len(grams):
            twice = next(gram for gram in grams if list(grams).count(gram) > 1)
            raise ValueError(f"grams must be different. Got {twice!r} more than once.")
        self.kind, self.grams = kind, list(grams)

    def count(self, texts: Sequence[str]) -> csr_matrix:
        """Count the n-grams of some texts.

        Returns
        -------
        csr_matrix of int32, shape (n_texts, n_grams)
            Columns ascend in each row, and no cell that is stored is 0.
        """
        from features.ngram.kernels import listed, walk

        trie = self._trie
        tokens = cut_texts(texts, self.kind)
        units = lay_out(tokens, self.kind, trie.words)
        found = walk(
            units.symbols, units.bounds, trie.table, trie.columns,
            self.kind.shortest, self.kind.longest, self.kind.analyzer == CHARACTERS,
        )  # fmt: skip
        lists = listed(found, np.arange(len(self.grams), dtype=np.int32), units.bounds)
        return _matrix(lists, units, len(self.grams))

    def take(self, columns: Iterable[int]) -> Self:
        """Return the vocabulary of some of the columns, in the order given."""
        return type(self)(self.kind, [self.grams[column] for column in columns])

    @cached_property
    def _trie(self) -> "_Trie":
        from features.ngram.kernels import plant

        if self.kind.analyzer == CHARACTERS:
            words: dict[str, int] = {}
            symbols, bounds = codes("".join(self.grams)), bounds_of(map(len, self.grams))
        else:
            words = numbers()
            cut = [gram.split(" ") for gram in self.grams]
            symbols = np.array([words[word] for word in chain.from_iterable(cut)], np.int32)
            bounds = bounds_of(map(len, cut))
        table, ends = plant(symbols, bounds)
        columns = np.full(ends.max(initial=0) + len(symbols) + 1, -1, np.int32)
        columns[ends] = np.arange(len(ends))
        return _Trie(table, columns, dict(words))


def learn(texts: Sequence[str], kind: Grams, *, min_df: int) -> tuple[Vocabulary, csr_matrix]:
    """Find all n-grams that occur in at least so many of the texts, and count them.

    Parameters
    ----------
    texts : sequence of str
    kind : Grams
    min_df : int
        At least 1.

    Returns
    -------
    vocabulary : Vocabulary
        In the order of the strings.
    counts : csr_matrix of int32, shape (n_texts, n_grams)
        What the vocabulary would count.

    Raises
    ------
    ValueError
        The kind cannot be, or `min_df` is below 1.

    Examples
    --------
    >>> vocabulary, counts = learn(["so it is", "it is so", ""], Grams("word", 1, 3), min_df=2)
    >>> vocabulary.grams, counts.sum()
    (['is', 'it', 'it is', 'so'], np.int64(8))
    """
    from features.ngram.kernels import listed, text_frequencies

    check_kind(kind)
    if min_df < 1:
        raise ValueError(f"min_df must be at least 1. Got {min_df} instead.")
    tokens = cut_texts(texts, kind)
    units = lay_out(tokens, kind)
    found, places = candidates(units, kind, min_df)
    columns = np.arange(places.shape[1], dtype=np.int32)
    lists = listed(found, columns, units.bounds)
    frequency = text_frequencies(*lists, units.units, units.texts, len(columns))
    frequent = np.flatnonzero(frequency >= min_df)
    grams = written(places[:, frequent], units, tokens, kind)
    order = sorted(range(len(grams)), key=grams.__getitem__)
    columns[:] = -1
    columns[frequent[order]] = np.arange(len(order))
    lists = listed(found, columns, units.bounds)
    del found
    size = int(frequency[frequent].sum())
    vocabulary = Vocabulary(kind, [grams[column] for column in order])
    return vocabulary, _matrix(lists, units, len(order), size)


def learn_cached(
    texts: Sequence[str], kind: Grams, min_df: int, cache: Cache | None
) -> tuple[Vocabulary, csr_matrix]:
    """Do what `learn` does, or take from a cache what it has returned before.

    The key is the hash of the texts, the kind, `min_df`, the source of what counts, and Python's
    version of Unicode. A `normalise` goes by its representation or, a function, by its name: one
    that depends on anything else (a corpus, say) shows it there. Without a cache this is `learn`.

    Raises
    ------
    ValueError
        As `learn`; or neither representation nor name says what `normalise` does.
    """
    if cache is None:
        return learn(texts, kind, min_df=min_df)
    key = _key(texts, kind, min_df)
    arrays = cache.get(key)
    if arrays is None:
        vocabulary, counts = learn(texts, kind, min_df=min_df)
        cache.put(key, _packed(vocabulary, counts))
        return vocabulary, counts
    return _unpacked(arrays, kind, len(texts))


def _key(texts: Sequence[str], kind: Grams, min_df: int) -> str:
    made_by = source_hash(*SOURCE), unicodedata.unidata_version
    setting = [*made_by, *kind[:3], _name(kind.normalise), min_df]
    hashed = blake2b(repr(setting).encode(), digest_size=20)
    for text in texts:
        content = text.encode("utf-8", "surrogatepass")
        hashed.update(len(content).to_bytes(8, "little"))
        hashed.update(content)
    return hashed.hexdigest()


def _name(normalise: Normalise | None) -> str:
    """Return what stands for a `normalise` in a key."""
    if normalise is None:
        return ""
    if hasattr(normalise, "signature"):
        return str(normalise.signature())
    name = getattr(normalise, "__qualname__", None)
    name = repr(normalise) if name is None else f"{normalise.__module__}.{name}"
    if "<lambda>" in name or "<locals>" in name or " at 0x" in name:
        raise ValueError(
            "normalise must be a function of a module, or have a repr that shows its settings, "
            f"for its counts to be kept. Got {name}. Call learn instead of learn_cached."
        )
    return name


def _packed(vocabulary: Vocabulary, counts: csr_matrix) -> Arrays:
    return {
        "letters": codes("".join(vocabulary.grams)),
        "bounds": bounds_of(map(len, vocabulary.grams)),
        "data": counts.data,
        "indices": counts.indices,
        "indptr": counts.indptr,
    }


def _unpacked(arrays: Arrays, kind: Grams, n_texts: int) -> tuple[Vocabulary, csr_matrix]:
    letters = arrays["letters"].tobytes().decode("utf-32-le", "surrogatepass")
    bounds = arrays["bounds"].tolist()
    grams = [letters[start:end] for start, end in pairwise(bounds)]
    cells = arrays["data"], arrays["indices"], arrays["indptr"]
    return Vocabulary(kind, grams), _sparse(cells, (n_texts, len(grams)))


def most_frequent(frequency: NDArray[np.int64], limit: int, min_df: int = 0) -> NDArray[np.int64]:
    """Choose the n-grams that occur in most texts, and in so many; of equal ones, the first.

    Returns
    -------
    ndarray of int64, shape (at most limit,)
        Ascending, so that what they are taken from stays in order.

    Examples
    --------
    >>> most_frequent(np.array([1, 1, 1, 2]), 2)
    array([0, 3])
    """
    first = np.argsort(-frequency, kind="stable")[:limit]
    return np.sort(first[frequency[first] >= min_df])


class _Trie(NamedTuple):
    table: NDArray[np.uint64]
    columns: Integers  # of each node, or -1
    words: dict[str, int]  # numbers of the words that occur in the n-grams


def _matrix(
    lists: tuple[Integers, Bounds], units: Units, n_columns: int, size: int | None = None
) -> csr_matrix:
    from features.ngram.kernels import fill, text_frequencies

    if size is None:
        size = int(text_frequencies(*lists, units.units, units.texts, n_columns).sum())
    cells = fill(*lists, units.units, units.texts, n_columns, size)
    return _sparse(cells, (len(units.texts) - 1, n_columns))


def _sparse(cells: tuple[NDArray[np.integer], ...], shape: tuple[int, int]) -> csr_matrix:
    counts = csr_matrix(cells, shape=shape)
    counts.has_canonical_format = True  # a row's columns ascend, and each stands there once
    return counts
