"""What a selection tells: which columns stay, in how many folds, and what that is worth."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Self, TypedDict, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from data.weights import shares
from features.columns import units_of
from features.sides import Array
from models.measures.evaluation import group_weights, interval, resamples
from models.measures.metrics import row_losses
from pipelines.command.progress import tell
from pipelines.report.figure import Figure
from pipelines.report.screen import LOOKS
from pipelines.selection.work import Chosen, Unseen

SHOWN = 12  # units on the screen


class Worth(TypedDict):
    """What a selection is worth on rows that it did not see.

    `difference` is the log loss with the columns that stay, less that with all.
    """

    log_loss: float
    log_loss_every: float
    difference: Figure
    seconds: float
    seconds_every: float


def worth_of(
    unseen: Sequence[Unseen],
    folds: NDArray[np.int8],
    y: NDArray[np.int8],
    group: NDArray[Any],
    share: Array | None = None,
) -> Worth:
    """Compare models of the columns that stay with models of all, each on the fold it has not seen.

    Parameters
    ----------
    unseen : sequence of Unseen
        Of each fold.
    folds, y, group : ndarray, shape (n_plain,)
    share : ndarray of float64, shape (n_plain,), optional
        What each row counts, see `data.weights.shares`.
    """
    every, selected = np.empty((2, len(y)))
    for fold, one in enumerate(unseen):
        rows = folds == fold
        every[rows] = row_losses(y[rows], one.every)
        selected[rows] = row_losses(y[rows], one.selected)
    seconds = np.sum([one.seconds for one in unseen], axis=0)
    return {
        "log_loss": float(np.average(selected, weights=share)),
        "log_loss_every": float(np.average(every, weights=share)),
        "difference": _difference(selected - every, group, share),
        "seconds": float(seconds[1]),
        "seconds_every": float(seconds[0]),
    }


def _difference(gap: Array, group: NDArray[Any], share: Array | None) -> Figure:
    """Return the mean and its 95 % interval over resamples of the prompts."""
    own = np.ones(len(gap)) if share is None else share
    samples = np.concatenate(
        [
            weight @ (own * gap) / (weight @ own)
            for weight in group_weights(group, resamples(len(gap)), 0)
        ]
    )
    return cast(Figure, interval(float(np.average(gap, weights=own)), samples))


def table_of(chosen: Chosen, folds: Sequence[Chosen]) -> pd.DataFrame:
    """Return a row for each unit of columns, the most important first.

    `folds` says in how many folds all its columns stay.
    """
    stays, everywhere = set(chosen.selected), [set(one.selected) for one in folds]
    table = pd.DataFrame(
        {
            "unit": chosen.units,
            "family": [unit.partition("__")[0] for unit in chosen.units],
            "importance": chosen.importance,
            "stays": [unit in stays for unit in chosen.units],
            "folds": [sum(unit in fold for fold in everywhere) for unit in chosen.units],
        }
    )
    return table.sort_values(["stays", "importance"], ascending=False, kind="stable")


def counts_of(chosen: Chosen, anew: Sequence[str]) -> dict[str, int]:
    """Return how many columns and units there were, and how many stay."""
    units = units_of(chosen.columns, anew)
    return {
        "columns": sum(len(units[unit]) for unit in chosen.selected),
        "columns_every": len(chosen.columns),
        "units": len(chosen.selected),
        "units_every": len(chosen.units),
    }


class Outcome(NamedTuple):
    """What came of a selection.

    Attributes
    ----------
    chosen : Chosen
        On all rows.
    folds : list of Chosen
        Without each fold.
    worth : Worth
    anew : sequence of str
        See `features.columns.units_of`.
    """

    chosen: Chosen
    folds: list[Chosen]
    worth: Worth
    anew: Sequence[str]

    @classmethod
    def of(
        cls,
        made: Sequence[tuple[Chosen, Unseen | None]],
        plain: tuple[pd.DataFrame, NDArray[np.int8]],
        folds: NDArray[np.int8],
        anew: Sequence[str],
    ) -> Self:
        """Put together what was made without each fold, and on all rows at the end."""
        *by_fold, (chosen, _) = made
        frame, y = plain
        unseen = [one for _, one in by_fold if one is not None]
        group = frame["group"].to_numpy(dtype=object)
        worth = worth_of(unseen, folds, y, group, shares(frame))
        return cls(chosen, [one for one, _ in by_fold], worth, anew)

    @property
    def table(self) -> pd.DataFrame:
        """A row for each unit of columns."""
        return table_of(self.chosen, self.folds)

    @property
    def counts(self) -> dict[str, int]:
        """How many columns and units there were, and how many stay."""
        return counts_of(self.chosen, self.anew)

    def told(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {
            "counts": self.counts,
            "selected": self.chosen.names,
            "worth": self.worth,
            "folds": [counts_of(one, self.anew) for one in self.folds],
        }


def show(console: Console, outcome: Outcome) -> None:
    """Print what stays, and what that is worth."""
    counts, worth, gap = outcome.counts, outcome.worth, outcome.worth["difference"]
    lines = [
        f"columns that stay: {counts['columns']} of {counts['columns_every']}",
        f"log loss on rows that no selection saw: {worth['log_loss']:.4f}, with all columns "
        f"{worth['log_loss_every']:.4f}: {gap['value']:+.4f} [{gap['low']:+.4f}, "
        f"{gap['high']:+.4f}]",
        f"fits of the models: {worth['seconds']:.1f} s, with all columns "
        f"{worth['seconds_every']:.1f} s",
    ]
    if counts["columns"]:
        _show_table(console, outcome.table, len(outcome.folds))
    else:
        lines += ["nothing stays: no column lowers the log loss by more than chance does"]
    for line in lines:
        tell(console, line)


def _show_table(console: Console, table: pd.DataFrame, n_folds: int) -> None:
    staying = table[table["stays"]]
    shown = Table(title="Columns that stay, the most important first", **LOOKS)
    shown.add_column("", no_wrap=True)
    for heading in ("importance", f"stays in\nof {n_folds} folds"):
        shown.add_column(heading, justify="right", no_wrap=True)
    for row in staying.head(SHOWN).itertuples():
        shown.add_row(str(row.unit), f"{row.importance:.1%}", str(row.folds))
    if len(staying) > SHOWN:
        shown.add_row(f"and {len(staying) - SHOWN} more, see selection.csv", "", "")
    console.print(shown)
