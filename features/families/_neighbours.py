"""What people voted where the prompts were alike: ties, the longer answer, the more formatted."""

from collections.abc import Callable
from typing import NamedTuple, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data.labels import TIE
from features.encoding.conversations import BLOCK, Matrix, multiply
from features.families.length import LengthFeatures
from features.families.style import StyleFeatures
from features.sides import Array, ratio

FORMATTING = ("lists", "headers", "bold")
SHRINK = 5.0  # neighbours of no opinion that are added to those that were found
POINTS = np.array([1.0, -1.0, 0.0])  # of A, by label


def characters(battles: pl.DataFrame) -> Array:
    """Count the characters of A and of B, shape (2, n_battles)."""
    columns = LengthFeatures(("characters_sum",), sides=("a", "b"), bucketed=())._columns(battles)
    return np.stack([columns[f"characters_sum_{side}"] for side in "ab"])


def formatting(battles: pl.DataFrame) -> Array:
    """Count list items, headers and bold spans of A and of B, shape (2, n_battles)."""
    columns = StyleFeatures(FORMATTING)._columns(battles)
    return np.stack([sum(columns[f"{name}_{side}"] for name in FORMATTING) for side in "ab"])


# What one of two answers has more of, and people may or may not like: name -> count, in words.
TRAITS: dict[str, tuple[Callable[[pl.DataFrame], Array], str]] = {
    "longer": (characters, "longer"),
    "formatted": (formatting, "more formatted (list items, headers, bold spans)"),
}


def traits(battles: pl.DataFrame) -> Array:
    """Return all counts, shape (n_traits, 2, n_battles)."""
    return np.stack([count(battles) for count, _ in TRAITS.values()])


class Votes(NamedTuple):
    """Battles whose votes may be asked.

    Attributes
    ----------
    prompt : ndarray of float16, shape (n_battles, n_dimensions)
        Vectors of length 1 (0 where there is no text), rounded as they are kept.
    tie : ndarray of float32, shape (n_battles,)
        1 for a tie.
    plain : ndarray of float32, shape (n_battles,)
        1 for a plain row: only those say how often battles tie.
    won : ndarray of float32, shape (n_traits, n_battles)
        1 where the answer with more of a trait won, -1 where it lost, 0 where nothing is to be
        said: a tie, or answers that have as much of it.
    """

    prompt: NDArray[np.float16]
    tie: NDArray[np.float32]
    plain: NDArray[np.float32]
    won: NDArray[np.float32]

    @classmethod
    def of(cls, prompt: Matrix, y: NDArray[np.int8], plain: NDArray[np.bool_], held: Array) -> Self:
        """Note votes.

        Parameters
        ----------
        prompt : ndarray of float32, shape (n_battles, n_dimensions)
        y : ndarray of int8, shape (n_battles,)
        plain : ndarray of bool, shape (n_battles,)
        held : ndarray of float64, shape (n_traits, 2, n_battles)
            How much of each trait A and B have.
        """
        won = (np.sign(held[:, 0] - held[:, 1]) * POINTS[y]).astype(np.float32)
        tie = (y == TIE).astype(np.float32)
        return cls(unit(prompt).astype(np.float16), tie, plain.astype(np.float32), won)

    def take(self, rows: NDArray[np.bool_]) -> Self:
        """Return the votes of some battles."""
        return self._replace(
            prompt=self.prompt[rows],
            tie=self.tie[rows],
            plain=self.plain[rows],
            won=self.won[:, rows],
        )

    def asked(self, prompt: Matrix, number: int) -> dict[str, Array]:
        """Ask the nearest battles of each prompt.

        Parameters
        ----------
        prompt : ndarray of float32, shape (n_prompts, n_dimensions)
        number : int
            Neighbours that are asked, by the cosine of their prompts.

        Returns
        -------
        dict of str to ndarray
            ``ties``, shape (n_prompts,): share of ties among the nearest plain battles, less the
            share among all; ``won``, shape (n_traits, n_prompts), in (-1, 1): by how much the
            answer with more of each trait won oftener than it lost. All 0 for a prompt of zeros.

        Notes
        -----
        ``sum(votes of the nearest) / (voters + SHRINK)``: few voters say little.
        """
        plain = np.flatnonzero(self.plain)
        tie = self.tie[plain] - (self.tie[plain].mean() if len(plain) else 0.0)
        found = nearest(prompt, self.prompt, number)
        all_plain = len(plain) == len(self.plain)
        near = found if all_plain else nearest(prompt, self.prompt[plain], number)
        said = prompt.any(axis=1)  # to a prompt without text none is nearer than another
        votes = self.won[:, found].sum(axis=2, dtype=np.float64)
        voters = np.abs(self.won[:, found]).sum(axis=2, dtype=np.float64)
        return {
            "ties": said * tie[near].sum(axis=1, dtype=np.float64) / (near.shape[1] + SHRINK),
            "won": said * votes / (voters + SHRINK),
        }


def vote_columns(voters: Votes, prompt: Matrix, held: Array, number: int) -> dict[str, Array]:
    """Return the columns of battles with these prompts, whose answers have so much of each trait.

    The neighbours' like for a trait is signed by how much more of it A has than B.
    """
    found = voters.asked(prompt, number)
    columns = {"neighbours_ties_pair": found["ties"]}
    for name, won, (of_a, of_b) in zip(TRAITS, found["won"], held, strict=True):
        columns[f"neighbours_{name}_pair"] = won
        columns[f"neighbours_{name}_diff"] = won * ratio(of_a, of_b)
    return columns


def documentation() -> dict[str, str]:
    """Return what each of these columns holds."""
    docs = {
        "neighbours_ties_pair": "ties among the battles of likest prompts, beyond the share of all"
    }
    for name, (_, doc) in TRAITS.items():
        won = f"by how much the {doc} answer won oftener than it lost where prompts are alike"
        docs[f"neighbours_{name}_pair"] = won
        docs[f"neighbours_{name}_diff"] = f"{won}, times (A - B) / (A + B + 1) of that"
    return docs


def nearest(queries: Matrix, among: NDArray[np.floating], number: int) -> NDArray[np.intp]:
    """Return the places of the rows with the greatest cosine to each query, in no order.

    Parameters
    ----------
    queries : ndarray of float32, shape (n_queries, n_dimensions)
    among : ndarray, shape (n_rows, n_dimensions)
        Of length 1.
    number : int

    Returns
    -------
    ndarray of intp, shape (n_queries, at most number)

    Examples
    --------
    >>> nearest(np.float32([[2.0, 0.1]]), np.float32([[0.0, 1.0], [1.0, 0.0]]), 1)
    array([[1]])
    """
    number, rows_of = min(number, len(among)), among.astype(np.float32)
    found = np.empty((len(queries), number), dtype=np.intp)
    if number:
        for start in range(0, len(queries), BLOCK):
            rows = slice(start, start + BLOCK)
            cosines = multiply(unit(queries[rows]), rows_of)
            found[rows] = np.argpartition(cosines, len(among) - number, axis=1)[:, -number:]
    return found


def unit(x: Matrix) -> Matrix:
    """Scale each row to length 1; a row of zeros stays.

    >>> unit(np.float32([[3.0, 4.0], [0.0, 0.0]]))
    array([[0.6, 0.8],
           [0. , 0. ]], dtype=float32)
    """
    size = np.sqrt(np.square(x, dtype=np.float64).sum(axis=1, keepdims=True))
    return np.divide(x, size, out=np.zeros_like(x), where=size > 0, casting="unsafe")
