"""What is known of the models that wrote the answers, where a file names them."""

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple
from zlib import crc32

import numpy as np
import pandas as pd
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from data.folds import hash_folds
from data.labels import TIE, A
from features.families.style import CONTROL, StyleFeatures
from features.family import INNER_FOLDS, LearningFamily, Training
from features.layout import to_polars
from features.parameters import Number
from features.sides import Array, compare
from features.table import Row, documentation
from features.votes.bradley_terry import Models
from features.votes.scores import figures
from features.votes.standings import Standings, Votes

NAMES = ("model_a", "model_b")
POINTS = np.array([1.0, 0.0, 0.5])  # of A
PARTS = 100  # into which groups are cut by their hash: names are lost by whole hundredths

STATISTICS: dict[str, Row] = {
    "strength": Row("Bradley-Terry strength of the model named, in log odds", ("a", "b", "diff")),
    "adjusted": Row("strength beside the style of the answers, in log odds", ("a", "b", "diff")),
    "tie_rate": Row("share of the model's battles that were ties", ("a", "b", "sum")),
    "games": Row("log(1 + battles of the model)", ("a", "b")),
    "known": Row("1 where a battle of the model named was seen, else 0", ("a", "b")),
    "head_to_head": Row("points beyond 1/2 expected of A from its battles with B", ("diff",)),
}
DIFFERENCES = [f"{name}_diff" for name, row in STATISTICS.items() if "diff" in row.sides]

Share = Annotated[float, Field(ge=0, lt=1)]


class Names(NamedTuple):
    """What `NamesFeatures` learns; where no models are named, there are no standings."""

    models: list[str]
    standings: Standings | None
    # Battles with two names, and what the strengths say of the votes, out of fold, of rows that
    # kept their names: `direction_auc` over the decided ones, `direction_auc_plain` over the plain.
    figures: dict[str, Any]


class NamesFeatures(LearningFamily):
    """Strengths, records and shares of ties of the models that a file names, out of fold.

    Off in most presets: on Kaggle a test file names no models. Where it does, as in a company's
    log, nothing else says as much. Votes of all rows teach strengths, a tie being half a win; plain
    rows alone teach how often a model's battles are ties.

    A name is matched as it stands. Where one is missing, or no battle of the model was seen, the
    columns are those of an average model, and ``known`` says so; that what learns from the columns
    may know such rows, some training rows lose one name or both. Where neither model is known,
    their differences are missing (NaN), for 0 would say that the two are alike. Where the plain
    votes know no ties, there is no share of these; where no training row has two names, the family
    has no columns.

    Parameters
    ----------
    lost : float, default=0.25
        Share of the training rows, by a hash of the group, that lose names, half of them one and
        half both. Their columns do not know these; their votes teach strengths all the same.
    seed : int, default=0
        Of the inner folds, and of the rows that lose their names.

    Examples
    --------
    >>> from data.battles import make_battles
    >>> prompts = [f"Question {number}" for number in range(40)]
    >>> answers = (["It is so."] * 40, ["NO!"] * 40)
    >>> battles = make_battles(prompts, *answers, model_a=["calm"] * 40, model_b=["loud"] * 40)
    >>> names = NamesFeatures().fit(battles, [0] * 40)
    >>> float(names.transform(battles)["names__strength_diff"].iloc[0]) > 1
    True
    >>> names.transform(make_battles(["Why?"], ["So."], ["No."]))["names__known_a"].tolist()
    [0.0]
    """

    name = "names"
    LEARNED = Names

    def __init__(self, lost: Share = 0.25, seed: Number = 0) -> None:
        self.lost = lost
        self.seed = seed

    def _read(self, battles: pd.DataFrame) -> pl.DataFrame:
        texts = to_polars(battles)
        return texts.with_columns(
            pl.Series(name, of.tolist(), dtype=pl.String)
            for name, of in zip(NAMES, names_of(battles), strict=True)
        )

    def _learn(self, training: Training) -> tuple[Names, Mapping[str, Array]]:
        sides = names_of(training.frame)
        models = sorted({name for name in np.concatenate(sides) if name is not None})
        first, second = (numbers_of(of, models) for of in sides)
        votes = Votes(
            first, second, POINTS[training.y], training.plain, training.weight,
            _style(to_polars(training.frame), training.share),
        )  # fmt: skip
        if not votes.named.any():
            told = {"models": 0, "left_out": "no training row names two models"}
            return Names([], None, told), {}
        learned = Standings.of(votes, len(models))
        shown = self._shown(training.frame["group"], votes)
        columns: dict[str, Array] = {}
        for k in range(INNER_FOLDS):
            inside = training.fold == k
            rest = votes.take(~inside)
            # By weight: how many rows a battle of soft labels has is told by its own votes.
            standings = Standings.of(rest, len(models), rest.weight.sum() / votes.weight.sum())
            found = _compared(shown[0][inside], shown[1][inside], standings, _told_of(learned))
            for name, values in found.items():
                columns.setdefault(name, np.empty(len(inside)))[inside] = values
        return Names(models, learned, _figures(columns, votes, training)), columns

    def _shown(self, group: pd.Series, votes: Votes) -> tuple[Models, Models]:
        """Return the numbers of the models, -1 for a name that is lost.

        Which of two is lost does not depend on the side that it stands on.
        """
        salt, groups = crc32(b"lost names") + self.seed, group.to_numpy(dtype=object)
        lost = hash_folds(groups, n_folds=PARTS, salt=salt) < round(PARTS * self.lost)
        which = hash_folds(groups, n_folds=4, salt=salt + 1)  # 2 and 3: both
        order = np.sign(votes.first - votes.second)
        both = (which > 1) | (order == 0)
        of_a, of_b = (lost & (both | (which == (sign * order > 0))) for sign in (1, -1))
        return np.where(of_a, -1, votes.first), np.where(of_b, -1, votes.second)

    def _columns(self, battles: pl.DataFrame) -> dict[str, Array]:
        learned = self.learned_
        if learned.standings is None:
            return {}
        first, second = (numbers_of(battles[name].to_numpy(), learned.models) for name in NAMES)
        return _compared(first, second, learned.standings, _told_of(learned.standings))

    def _documentation(self) -> dict[str, str]:
        return documentation(_told_of(self.learned_.standings))


def _told_of(standings: Standings | None) -> dict[str, Row]:
    """Return the statistics that there are: of votes that know no ties no share of these."""
    if standings is None:
        return {}
    return {name: row for name, row in STATISTICS.items() if name != "tie_rate" or standings.ties}


def names_of(battles: pd.DataFrame) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """Return the names of both answers' models, None where there is none."""
    given = battles.reindex(columns=list(NAMES)).astype(object)
    a, b = (given[name].where(given[name].notna(), "").to_numpy(dtype=object) for name in NAMES)
    return _or_none(a), _or_none(b)


def _or_none(names: NDArray[np.object_]) -> NDArray[np.object_]:
    return np.array([str(name) or None for name in names], dtype=object)


def numbers_of(names: NDArray[np.object_], models: list[str]) -> Models:
    """Return where names stand among models, -1 where they do not.

    >>> numbers_of(np.array(["b", None, "B"]), ["a", "b"])
    array([ 1, -1, -1])
    """
    place = {model: number for number, model in enumerate(models)}
    return np.array([place.get(name, -1) for name in names], dtype=np.intp)


def _style(battles: pl.DataFrame, share: Array | None) -> Array:
    """Return what the answers differ by in style, as style control has it, of a like scale."""
    control = StyleFeatures(list(CONTROL.values()))._columns(battles)
    style = np.column_stack([control[f"{name}_ratio"] for name in CONTROL.values()])
    if not len(style):
        return style
    scale = np.sqrt(np.average(style**2, axis=0, weights=share))
    return np.asarray(style / np.where(scale > 0, scale, 1.0), dtype=np.float64)


def _compared(
    first: Models, second: Models, standings: Standings, told: Mapping[str, Row]
) -> dict[str, Array]:
    """Return the columns, given the numbers of the models, -1 where a name is not known."""
    a, b = standings.statistics(first), standings.statistics(second)
    columns: dict[str, Array] = {}
    for name in (name for name in told if name in a):
        columns |= compare(name, a[name], b[name], told[name].sides)
    columns["head_to_head_diff"] = standings.head_to_head(first, second)
    for name in DIFFERENCES:
        columns[name][(a["known"] + b["known"]) == 0] = np.nan
    return columns


def _figures(columns: Mapping[str, Array], votes: Votes, training: Training) -> dict[str, Any]:
    y, share = training.y, training.share
    shown = (columns["known_a"] + columns["known_b"] == 2) & (y != TIE)
    models = np.union1d(votes.first[votes.named], votes.second[votes.named])
    counted = votes.named if share is None else share[votes.named]
    told: dict[str, Any] = {"models": len(models), "battles": round(float(counted.sum()))}
    for what, rows in {"": shown, "_plain": shown & training.plain}.items():
        own = None if share is None else share[rows]
        auc = figures(y[rows] == A, columns["strength_diff"][rows], own)["auc"]
        told[f"direction_auc{what}"] = auc
    return told
