"""By what a text shows who wrote it: its n-grams, its opening words, its style."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from features.ngram.counting import Counted
from features.ngram.tfidf import Weights, side_by_side
from features.ngram.vocabulary import Grams, Vocabulary
from features.sides import Array

Counter = Callable[[Sequence[str], Grams, int], Counted]
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

        `counter` counts whole texts, or finds them counted.

        Returns
        -------
        traits : Traits
        matrix : csr_matrix of float32, shape (2 * n_battles, n_traits)
            What `matrix` gives of the same answers.
        """
        vocabularies: dict[str, Vocabulary] = {}
        weights: dict[str, Weights] = {}
        for name, kind in KINDS.items():
            if name == "openings":
                counted = Counted.alone(openings(answers.texts), kind, min_df)
            else:
                counted = counter(answers.texts, kind, min_df)
            vocabularies[name], weights[name] = counted.most_frequent(limits[name], min_df)
        idf = {name: block.idf[block.kept] for name, block in weights.items()}
        return cls(vocabularies, idf), _weighted(answers, weights)

    def matrix(self, answers: Answers) -> csr_matrix:
        """Return the traits of answers, a row depending on its own answer alone."""
        weights = {
            name: Weights.of(
                vocabulary.count(openings(answers.texts) if name == "openings" else answers.texts),
                self.idf[name],
            )
            for name, vocabulary in self.vocabularies.items()
        }
        return _weighted(answers, weights)


def _weighted(answers: Answers, weights: Mapping[str, Weights]) -> csr_matrix:
    blocks = {name: of.matrix(answers.places) for name, of in weights.items()}
    blocks["openings"].data[:] = 1.0  # so short that it matters only what is there
    return side_by_side(*blocks.values(), csr_matrix(answers.style.astype(np.float32)))
