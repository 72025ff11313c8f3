"""What a run tells of its columns: two tables, and what the screen shows of them."""

from collections.abc import Mapping
from typing import Any, TypedDict, cast

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from sklearn.pipeline import Pipeline

from features.sides import Swap
from models.importance.correlated import pairs
from models.preference import PreferenceModel
from pipelines.command.progress import Steps
from pipelines.estimator.build import describe_columns
from pipelines.estimator.importance import ENDS, Level, Measured, family_of, held, measure
from pipelines.estimator.out_of_fold import OutOfFold
from pipelines.run.files import csv_bytes
from pipelines.run.folder import UnfinishedRun
from pipelines.run.inputs import Battles

IMPORTANCE, IMPORTANCE_GROUPS = "importance.csv", "importance_groups.csv"
LOOKS: Any = {"title_justify": "left", "box": SIMPLE_HEAD, "show_edge": False, "pad_edge": False}
SHOWN, NAME_WIDTH = 5, 28  # groups on the screen; beside a name the figures need their places


class Told(TypedDict):
    """What ``report.json`` holds of a family or a group, see ``importance_groups.csv``."""

    name: str
    columns: int
    permutation: float
    permutation_low: float
    permutation_high: float
    shap: float


class ImportanceTold(TypedDict):
    """What ``report.json`` holds of importance: of families, and of groups of like columns."""

    level: Level
    rows: int
    families: list[Told]
    groups: list[Told]


def write_importance(
    level: Level,
    pipeline: Pipeline,
    battles: Battles,
    oof: OutOfFold,
    run: UnfinishedRun,
    steps: Steps,
) -> ImportanceTold | None:
    """Write what is known of a run's columns; return what was measured of them, if anything was.

    Parameters
    ----------
    level : {"none", "gain", "families", "full"}
    pipeline : Pipeline
        The model of all rows.
    battles : Battles
    oof : OutOfFold
        With what was kept of its folds, for the levels ``families`` and ``full``.
    run : UnfinishedRun
    steps : Steps
    """
    if level == "none":
        return None
    model, docs = pipeline.named_steps["model"], describe_columns(pipeline)
    if level == "gain":
        run.write(IMPORTANCE, csv_bytes(columns_table(model, docs, None).reset_index()))
        return None
    with steps.step("importance", len(oof.kept), "folds") as advance:
        of_folds = held(model, oof.kept, battles.plain)
        gain = model.importance().mean(axis=1).to_dict()
        measured = measure(gain, of_folds, advance, full=level == "full")
    columns = columns_table(model, docs, measured)
    together = groups_table(columns, measured)
    run.write(IMPORTANCE, csv_bytes(columns.reset_index()))
    run.write(IMPORTANCE_GROUPS, csv_bytes(together))
    return told_of(together, measured.rows, level)


def columns_table(
    model: PreferenceModel, docs: Mapping[str, str], measured: Measured | None
) -> pd.DataFrame:
    """Return what stands in ``importance.csv``: a row for each column, most gain first.

    The shares of the gain (of the absolute coefficients in linear parts) of each part and their
    mean; what was measured, of the column and of the pair that a swap makes of it; its family, its
    group, and what it is in words.
    """
    table = model.importance()
    table.insert(0, "mean", table.mean(axis=1))
    if measured is not None:
        table = pd.concat([table, _measured(table.index, measured)], axis=1)
    table["family"] = [family_of(name) for name in table.index]
    if measured is not None and measured.group:
        table["group"] = [measured.group[name] for name in table.index]
    table["meaning"] = [docs[name] for name in table.index]
    return table.sort_values("mean", ascending=False, kind="stable").rename_axis("feature")


def _measured(names: pd.Index, measured: Measured) -> pd.DataFrame:
    """Return what was measured of columns, and of the pairs that they belong to."""
    of = {kind: rows.set_index("name") for kind, rows in measured.table.groupby("kind")}
    columns = of["column"].loc[names].drop(columns="kind")
    shap = columns.drop(columns=list(ENDS))
    if not measured.group:
        return shap
    ends = columns[list(ENDS)]
    if "pair" in of:
        first = names[pairs(Swap(list(names)))]
        paired = of["pair"][list(ENDS)].reindex(first).set_axis(names)
        ends = paired.where(paired.notna(), ends)
    both = ends.rename(columns=lambda name: name.replace("permutation", "pair"))
    return pd.concat([columns[list(ENDS)], both, shap], axis=1)


def groups_table(table: pd.DataFrame, measured: Measured) -> pd.DataFrame:
    """Return what stands in ``importance_groups.csv``: families and groups, most lost first.

    Parameters
    ----------
    table : DataFrame
        What `columns_table` gave.
    measured : Measured
    """
    parts = []
    for kind in ("family", "group") if measured.group else ("family",):  # groups may be none
        found = measured.table[measured.table["kind"] == kind]
        of = table.groupby(kind)["mean"]
        gain, number = (
            values.reindex(found["name"]).to_numpy() for values in (of.sum(), of.size())
        )
        found = found.assign(columns=number, gain=gain)
        parts.append(found.sort_values("permutation", ascending=False, kind="stable"))
    whole = pd.concat(parts)
    first = ["kind", "name", "columns", "gain"]
    return whole[[*first, *(name for name in whole if name not in first)]]


def told_of(found: pd.DataFrame, rows: int, level: Level) -> ImportanceTold:
    """Return what `groups_table` gave, ready for JSON."""
    figures = found.round(6).to_dict("records")
    by_kind: dict[str, list[Told]] = {"family": [], "group": []}
    for of in figures:
        by_kind[of["kind"]].append(cast(Told, {name: of[name] for name in Told.__annotations__}))
    families, groups = by_kind["family"], by_kind["group"]
    return {"level": level, "rows": rows, "families": families, "groups": groups}


def print_importance(console: Console, found: ImportanceTold) -> None:
    """Print what the model loses without each family, and without groups of like columns."""
    table = Table(title=f"What is lost without them, on {found['rows']:,} battles", **LOOKS)
    table.add_column("", overflow="ellipsis", no_wrap=True, max_width=NAME_WIDTH)
    for heading in ("columns", "log loss", "95 % CI", "|SHAP|"):
        table.add_column(heading, justify="right", no_wrap=True)
    for of in found["families"]:
        table.add_row(of["name"], *_cells(of))
    for of in found["groups"][:SHOWN]:
        table.add_row(f"like {of['name']}", *_cells(of))
    console.print(table)
    line = (
        "One column alone hides what others say as well: importance_groups.csv has families, and "
        "groups of correlated columns."
    )
    if found["level"] == "families":
        line = "Of groups of correlated columns, and of each column: --importance full."
    console.print(line, highlight=False, markup=False)


def _cells(of: Told) -> list[str]:
    interval = f"{of['permutation_low']:+.4f} to {of['permutation_high']:+.4f}"
    return [f"{of['columns']:,}", f"{of['permutation']:+.4f}", interval, f"{of['shap']:.3f}"]
