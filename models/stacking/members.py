"""What a member of a stack gives: two logits a battle, by models that never saw the battle."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from data.labels import TIE, A, B
from features.sides import Array
from models.calibration import taken
from models.heads import CLIP, FORMS, Head, classes_of

NAME = re.compile(r"[a-z][a-z0-9_]*")
DIRECTION, TIED = "__z_diff", "__t_pair"  # endings of a member's two columns
_TINY = float(np.finfo(np.float64).tiny)


class StackError(ValueError):
    """Members that cannot be stacked. The message says why, and the way out."""


class Member(NamedTuple):
    """A member's logits, out of fold where they are to be learned from.

    Attributes
    ----------
    name : str
        A small letter, then small letters, digits and underscores.
    z : ndarray of float64, shape (n_battles,)
        Direction logits; they change their sign where the answers are swapped.
    t : ndarray of float64, shape (n_battles,), or None
        Tie logits; None where votes know no ties.
    """

    name: str
    z: Array
    t: Array | None


def logits_of(proba: Array) -> tuple[Array, Array | None]:
    """Turn the probabilities of A, B and tie into a direction logit and a tie logit.

    Parameters
    ----------
    proba : ndarray of float64, shape (n_battles, 3), or (n_battles, 2) where votes know no ties

    Returns
    -------
    z, t : ndarray of float64, shape (n_battles,)
        ``log(p_a) - log(p_b)`` and ``log(p_tie) - log(p_a + p_b)``, from -30 to 30. With the first
        two columns in each other's place z has the other sign and t is the same, bit for bit. Of
        two columns there is no t.

    Examples
    --------
    >>> logits_of(np.array([[0.25, 0.25, 0.5], [1.0, 0.0, 0.0]]))
    (array([ 0., 30.]), array([  0., -30.]))
    """
    p = np.maximum(np.asarray(proba, dtype=np.float64), _TINY)
    z = np.log(p[:, A]) - np.log(p[:, B])
    if p.shape[1] == TIE:
        return np.clip(z, -CLIP, CLIP), None
    t = np.log(p[:, TIE]) - np.log(p[:, A] + p[:, B])
    return np.clip(z, -CLIP, CLIP), np.clip(t, -CLIP, CLIP)


def columns_of(
    members: Sequence[Member],
    *,
    characters: ArrayLike,
    turns: ArrayLike,
    group: ArrayLike | None = None,
    fold: ArrayLike | None = None,
) -> pd.DataFrame:
    """Return the table that a stack learns from, or predicts from.

    Parameters
    ----------
    members : sequence of Member
    characters, turns : array-like of numbers, shape (n_battles,)
        Characters of both answers together, and turns of the conversation.
    group : array-like of str, shape (n_battles,), optional
        Prompt groups. Only `fit` needs them, and the folds.
    fold : array-like of int, shape (n_battles,), optional

    Returns
    -------
    DataFrame
        ``group`` and ``fold`` where they were given, ``characters``, ``turns``, and of each member
        ``NAME__z_diff`` and ``NAME__t_pair``, the latter where votes know ties.

    Raises
    ------
    StackError
        A name is not fit for a column, two members have the same, or ties are known to some alone.

    Examples
    --------
    >>> member = Member("trees", np.array([0.5]), np.array([-1.0]))
    >>> columns_of([member], characters=[300], turns=[1]).columns.tolist()
    ['characters', 'turns', 'trees__z_diff', 'trees__t_pair']
    """
    _check_names([member.name for member in members])
    check_ties(members)
    known = {"group": group, "fold": fold, "characters": characters, "turns": turns}
    columns = {name: np.asarray(values) for name, values in known.items() if values is not None}
    for name, z, t in members:
        columns |= {name + DIRECTION: z} | ({} if t is None else {name + TIED: t})
    return pd.DataFrame(columns)


def check_ties(members: Sequence[Member]) -> None:
    """Raise where some members know ties and others do not.

    Raises
    ------
    StackError
        Names one of each.
    """
    without = [member.name for member in members if member.t is None]
    others = [member.name for member in members if member.t is not None]
    if without and others:
        raise StackError(
            f"member {without[0]}: expected probabilities of A, B and tie, as {others[0]} has "
            "them, found those of A and B alone. Stack members of one form of model: fit one of "
            "them again, or leave it out."
        )


def _check_names(names: Sequence[str]) -> None:
    wrong = [name for name in names if not NAME.fullmatch(name)]
    if wrong:
        raise StackError(
            f"member {wrong[0]!r}: expected a name of small letters, digits and underscores that "
            "begins with a letter. Name it NAME=PATH."
        )
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise StackError(f"two members are called {twice!r}. Give one of them another name.")


def member_names(X: pd.DataFrame) -> tuple[str, ...]:
    """Return the members that a table has columns of, in the order of their direction logits.

    Raises
    ------
    StackError
        There is none, or one of the two columns is missing, of which the tie's are those of all
        members or of none.

    Examples
    --------
    >>> member_names(pd.DataFrame(columns=["turns", "trees__z_diff", "trees__t_pair"]))
    ('trees',)
    """
    names = [
        [str(column).removesuffix(ending) for column in X.columns if str(column).endswith(ending)]
        for ending in (DIRECTION, TIED)
    ]
    alone = sorted(set(names[0]) ^ set(names[1])) if names[1] else []
    if alone:
        raise StackError(
            f"member {alone[0]!r}: expected the columns {alone[0]}{DIRECTION} and "
            f"{alone[0]}{TIED}, found one of them alone. Make the table by columns_of."
        )
    if not names[0]:
        raise StackError(
            "the table has no member's columns: none ends in "
            f"{DIRECTION}. Give at least one member, and make the table by columns_of."
        )
    return tuple(names[0])


class Material(NamedTuple):
    """What a stack knows of battles, before it is told who won.

    Attributes
    ----------
    z, t : ndarray of float64, shape (n_battles, n_members)
        No t where votes know no ties.
    characters, turns : ndarray of float64, shape (n_battles,)
    """

    z: Array
    t: Array | None
    characters: Array
    turns: Array

    @classmethod
    def of(cls, X: pd.DataFrame, names: Sequence[str]) -> Self:
        """Read the table that `columns_of` made.

        Raises
        ------
        StackError
            A column is missing, or a value is not a finite number.
        """
        ties = any(str(column).endswith(TIED) for column in X.columns)
        endings = (DIRECTION, TIED) if ties else (DIRECTION,)
        wanted = ["characters", "turns", *(n + end for end in endings for n in names)]
        for column in wanted:
            if column not in X.columns:
                raise StackError(
                    f"the table lacks the column {column}. A stack predicts from the members that "
                    f"it was fitted on: {', '.join(names)}."
                )
            check_finite("the table", {column: X[column].to_numpy(dtype=np.float64)})
        z, *t = (
            np.clip(X[[n + end for n in names]].to_numpy(dtype=np.float64), -CLIP, CLIP)
            for end in endings
        )
        characters, turns = (X[name].to_numpy(dtype=np.float64) for name in wanted[:2])
        return cls(z, t[0] if ties else None, characters, turns)

    def take(self, rows: NDArray[np.bool_]) -> Self:
        """Return the masked rows."""
        z, t, characters, turns = self
        return type(self)(z[rows], taken(t, rows), characters[rows], turns[rows])

    @property
    def heads(self) -> tuple[Head, ...]:
        """What members answer: the direction and the tie, or the direction alone."""
        return FORMS["direction" if self.t is None else "heads"]

    @property
    def classes(self) -> tuple[int, ...]:
        """The classes that members tell apart."""
        return classes_of("direction" if self.t is None else "heads")

    def member(self, place: int) -> tuple[Array, Array | None]:
        """Return the logits of one member, shape (n_battles,) each."""
        return self.z[:, place], None if self.t is None else self.t[:, place]


def check_finite(where: str, columns: Mapping[str, Array]) -> None:
    """Raise where a value is not a finite number.

    Parameters
    ----------
    where : str
        The file, or what else the user knows the values by.
    columns : mapping of str to ndarray of float64, shape (n_battles,)

    Raises
    ------
    StackError

    Examples
    --------
    >>> check_finite("oof.csv", {"z": np.array([0.5, np.nan])})
    Traceback (most recent call last):
    models.stacking.members.StackError: oof.csv, row 2, column z: expected a finite number, found \
nan. Predict that battle again, or leave out the member.
    """
    for column, values in columns.items():
        wrong = ~np.isfinite(values)
        if wrong.any():
            row = int(wrong.argmax())
            raise StackError(
                f"{where}, row {row + 1}, column {column}: expected a finite number, found "
                f"{values[row]}. Predict that battle again, or leave out the member."
            )
