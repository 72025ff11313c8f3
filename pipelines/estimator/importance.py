"""Importance of columns: what trees gain by them, what is lost without them, what they add.

The last two are measured on battles that a model has not seen: each fold keeps its model, and the
columns of some of its battles, until all folds are there and show which columns go together.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.base import clone

from data.soft import battle_starts, probabilities_of
from features.sides import Array, Swap
from models.heads import Labels, classes_of
from models.importance.contributions import contributions, matrix_of
from models.importance.correlated import groups, pairs, rank_correlation
from models.importance.permutation import Sums, Unit, permuted_losses
from models.preference import PreferenceModel

Level = Literal["none", "gain", "families", "full"]
Kept = dict[str, NDArray[Any]]
Advance = Callable[[int], None]

ROWS = 2_000  # of a fold, at most: intervals over prompts are narrow then
ENDS = ("permutation", "permutation_low", "permutation_high")
MODEL = "model/"  # begins the names of a model's files among what is kept


class Held(NamedTuple):
    """Battles that a model has not seen: its columns, what votes say of classes, and prompts.

    One row for each battle, that of soft labels included.
    """

    model: PreferenceModel
    X: pd.DataFrame
    votes: Array
    group: NDArray[np.object_]

    @property
    def names(self) -> list[str]:
        """The columns' names: those of n-grams differ from fold to fold."""
        return list(self.model.feature_names_in_)


class Named(NamedTuple):
    """Columns that are looked at together, and what they are called.

    Attributes
    ----------
    kind : {"column", "pair", "family", "group"}
    name : str
        Of a pair that of its first column, of a group that of the column that gains most.
    columns : frozenset of str or None
        Names; None for all that a family has in a fold.
    """

    kind: str
    name: str
    columns: frozenset[str] | None

    def places(self, names: Sequence[str]) -> Unit:
        """Return where its columns stand in a fold; it may lack some."""
        if self.columns is None:
            found = [place for place, name in enumerate(names) if family_of(name) == self.name]
        else:
            found = [place for place, name in enumerate(names) if name in self.columns]
        return np.array(found, dtype=np.intp)


class Measured(NamedTuple):
    """What was measured out of fold.

    Attributes
    ----------
    table : DataFrame
        A row for each of `Named`: ``kind``, ``name``, ``permutation`` (log loss that is lost, in
        the mean of the battles) with the ends of its 95 % interval over prompts, ``shap`` and, for
        each logit, its part of it: the mean of what the columns together add, without its sign.
    group : dict of str to str
        Column -> the name of its group; empty where families alone were dealt out.
    rows : int
        Battles that were looked at.
    """

    table: pd.DataFrame
    group: dict[str, str]
    rows: int


def family_of(column: str) -> str:
    """Return the family of a column.

    >>> family_of("length__words_a")
    'length'
    """
    return column.partition("__")[0]


def kept(
    starts: NDArray[np.bool_],
    model: PreferenceModel,
    columns: pd.DataFrame,
    rows: NDArray[np.intp],
) -> Kept:
    """Return what `measure` needs of a fold: the model, and the columns of some of its battles.

    Parameters
    ----------
    starts : ndarray of bool, shape (n_plain,)
        Which plain rows are the first of their battle; further ones have the same columns.
    model : PreferenceModel
    columns : DataFrame, shape (n_rows, ...)
        What it predicted the fold by.
    rows : ndarray of intp, shape (n_rows,)
        Their places among the plain rows.
    """
    first = np.flatnonzero(starts[rows])
    n_battles = min(ROWS, len(first))
    drawn = np.sort(np.random.default_rng(model.seed).choice(first, n_battles, replace=False))
    some = columns.iloc[drawn]
    files = {f"{MODEL}{name}": content for name, content in model.dump().items()}
    return {
        "rows": rows[drawn],
        "columns": matrix_of(model, some),
        "characters": some["characters"].to_numpy(dtype=np.float64),
        **{name: np.frombuffer(content, dtype=np.uint8) for name, content in files.items()},
    }


def held(
    model: PreferenceModel, found: Sequence[Kept], plain: tuple[pd.DataFrame, Labels]
) -> list[Held]:
    """Return the battles and the model of each fold.

    Parameters
    ----------
    model : PreferenceModel
        Whose parameters those of the folds have.
    found : sequence of dict
        What `kept` gave of each fold.
    plain : (DataFrame, ndarray)
        The plain rows and their votes.
    """
    frame, y = plain
    group = frame["group"].to_numpy(dtype=object)
    votes = probabilities_of(frame, y, len(classes_of(model.form)))
    battle = np.cumsum(battle_starts(frame, y)) - 1
    return [
        _held(model, parts, votes[battle[parts["rows"]]], group[parts["rows"]]) for parts in found
    ]


def _held(model: PreferenceModel, parts: Kept, votes: Array, group: NDArray[np.object_]) -> Held:
    files = {
        name.removeprefix(MODEL): content.tobytes()
        for name, content in parts.items()
        if name.startswith(MODEL)
    }
    fitted = clone(model).load(files)
    X = pd.DataFrame(parts["columns"], columns=fitted.feature_names_in_, copy=False)
    return Held(fitted, X.assign(characters=parts["characters"]), votes, group)


def measure(
    gain: Mapping[str, float], folds: Sequence[Held], advance: Advance, *, full: bool = True
) -> Measured:
    """Measure columns, pairs, families and groups on the battles of all folds.

    Parameters
    ----------
    gain : mapping of str to float
        The columns of the model of all rows, in order, and their gain, which names the groups.
    folds : sequence of Held
    advance : callable
        Told of each fold.
    full : bool
        Or no pairs and groups, and what is lost without families alone, which takes a tenth of
        the time.
    """
    names, swap = list(gain), Swap(list(gain))
    leader: list[str] = []
    together = [*_columns(names), *_families(names)]
    if full:
        number = groups(_correlation(names, folds), swap)
        leader = _leaders(gain, number)
        together = _together(names, swap, number, leader)
    dealt = np.array([full or named.kind == "family" for named in together])

    def look(of: Held) -> tuple[Sums, dict[str, Array]]:
        units = [named.places(of.names) for named in together]
        out = [unit for unit, is_dealt in zip(units, dealt, strict=True) if is_dealt]
        losses = permuted_losses(of.model, of.X, of.votes, out, seed=of.model.seed)
        return Sums.of(losses, of.group), _shap(of, units)

    # Threads: the libraries let go of Python while they predict.
    threads = Parallel(n_jobs=-1, prefer="threads", return_as="generator")
    looked = []
    for found in threads(delayed(look)(of) for of in folds):
        looked.append(found)
        advance(1)
    sums = Sums.added([of for of, _ in looked])
    table = pd.DataFrame([named[:2] for named in together], columns=["kind", "name"])
    for name, values in zip(ENDS, sums.interval(), strict=True):
        table.loc[dealt, name] = values
    shap = {
        f"shap_{name}": np.sum([of[name] for _, of in looked], axis=0) / sums.rows
        for name in looked[0][1]
    }
    table = table.assign(shap=np.sum(list(shap.values()), axis=0), **shap)
    return Measured(table, dict(zip(names, leader, strict=full)), int(sums.rows))


def _correlation(names: Sequence[str], folds: Sequence[Held]) -> Array:
    """Return the mean of the folds' rank correlations, 0 where no fold has both columns.

    The mean of their sizes: a component may point the other way in another fold.
    """
    found, number = np.zeros((2, len(names), len(names)))
    for of in folds:
        places = pd.Index(of.names).get_indexer(pd.Index(names))
        there = np.flatnonzero(places >= 0)
        size = rank_correlation(matrix_of(of.model, of.X), Swap(of.names))
        found[np.ix_(there, there)] += size[np.ix_(places[there], places[there])]
        number[np.ix_(there, there)] += 1
    return found / np.maximum(number, 1)


def _leaders(gain: Mapping[str, float], number: NDArray[np.intp]) -> list[str]:
    """Return for each column the one of its group that gains most; of equal ones the first."""
    ranked = sorted(zip(number.tolist(), gain, strict=True), key=lambda of: -gain[of[1]])
    first = dict(reversed(ranked))
    return [first[of] for of in number.tolist()]


def _together(
    names: Sequence[str], swap: Swap, number: NDArray[np.intp], leader: Sequence[str]
) -> list[Named]:
    """Return what is looked at: columns, pairs of two, families, and groups of more than a pair."""
    named = np.array(names, dtype=object)
    found = _columns(names)
    first = pairs(swap)
    for place in np.unique(first[swap.order != np.arange(len(names))]):
        found.append(Named("pair", names[place], frozenset(named[first == place])))
    found += _families(names)
    for of in np.unique(number):
        if len(set(first[number == of])) > 1:
            where = int(np.argmax(number == of))
            found.append(Named("group", leader[where], frozenset(named[number == of])))
    return found


def _columns(names: Sequence[str]) -> list[Named]:
    return [Named("column", name, frozenset([name])) for name in names]


def _families(names: Sequence[str]) -> list[Named]:
    return [Named("family", family, None) for family in dict.fromkeys(map(family_of, names))]


def _shap(of: Held, units: Sequence[Unit]) -> dict[str, Array]:
    """Return, by logit, the sum over battles of what each unit's columns together add, unsigned."""
    added = contributions(of.model, of.X).columns
    lengths = list(map(len, units))
    cells = np.concatenate(units), np.repeat(np.arange(len(units)), lengths)
    which = csr_matrix((np.ones(sum(lengths)), cells), shape=(len(of.names), len(units)))
    return {name: np.abs(values @ which).sum(axis=0) for name, values in added.items()}
