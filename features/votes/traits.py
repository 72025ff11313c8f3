"""By what a text shows who wrote it: its n-grams, its opening words, its style."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from features.ngram.tfidf import inverse_document_frequency, side_by_side, tfidf
from features.ngram.vocabulary import Grams, Vocabulary, learn, most_frequent
from features.sides import Array

Counter = Callable[[Sequence[str], Grams, int], tuple[Vocabulary, csr_matrix]]
Places = NDArray[np.intp]

OPENING = 100  # characters
KINDS: dict[str, Grams] = {
    "words": Grams("word", 1, 2),
    "characters": Grams("char_wb", 1, 2),
    "openings": Grams("word", 1, 3),
}


def openings(texts: Sequence[str]) -> list[str]:
    """Cut off all but the first `OPENING` characters.

    >>> [len(text) for text in openings(["Sure!", "word " * 100])]
    [5, 100]
    """
    return [text[:OPENING] for text in texts]


class Answers(NamedTuple):
    """Answers of battles, all A before all B."""

    texts: list[str]  # different ones
    places: Places  # where each answer's text stands among them, shape (2 * n_battles,)
    style: Array  # shape (2 * n_battles, n_statistics)


class Traits(NamedTuple):
    """N-grams that traits are counted by, one vocabulary for each of `KINDS`, and their weights."""

    vocabularies: dict[str, Vocabulary]
    idf: dict[str, NDArray[np.float32]]

    @classmethod
    def learn(
        cls, answers: Answers, limits: Mapping[str, int], min_df: int, counter: Counter
    ) -> tuple[Self, csr_matrix]:
        """Choose the n-grams of most texts, no more than the limit of a kind; see no label.

        `counter` returns what `learn` would of whole texts, and may have counted
        them before.

        Returns
        -------
        traits : Traits
        matrix : csr_matrix of float32, shape (2 * n_battles, n_traits)
            What `matrix` gives of the same answers.
        """
        counts: dict[str, csr_matrix] = {}
        vocabularies: dict[str, Vocabulary] = {}
        for name, kind in KINDS.items():
            if name == "openings":
                table, of_all = learn(openings(answers.texts), kind, min_df=min_df)
            else:
                table, of_all = counter(answers.texts, kind, min_df)
            columns = most_frequent(of_all, limits[name], min_df)
            vocabularies[name], counts[name] = table.take(columns), of_all[:, columns]
        idf = {name: inverse_document_frequency(block) for name, block in counts.items()}
        traits = cls(vocabularies, idf)
        return traits, traits._weighted(answers, counts)

    def matrix(self, answers: Answers) -> csr_matrix:
        """Return the traits of answers, a row depending on its own answer alone."""
        counts = {
            name: vocabulary.count(openings(answers.texts) if name == "openings" else answers.texts)
            for name, vocabulary in self.vocabularies.items()
        }
        return self._weighted(answers, counts)

    def _weighted(self, answers: Answers, counts: Mapping[str, csr_matrix]) -> csr_matrix:
        blocks = []
        for name, block in counts.items():
            if name == "openings":  # so short that it matters only what is there
                block = csr_matrix(
                    (np.ones(block.nnz, np.float32), block.indices, block.indptr), block.shape
                )
            else:
                block = tfidf(block, self.idf[name])
            blocks.append(block[answers.places])
        return side_by_side(*blocks, csr_matrix(answers.style.astype(np.float32)))
