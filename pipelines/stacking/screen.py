"""What the screen shows of a stack at the end: the leaderboard."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from pipelines.report.screen import LOOKS
from pipelines.stacking.report import StackReport, leaderboard_table
from pipelines.stacking.sources import STACK


def show(console: Console, report: StackReport) -> None:
    """Print baselines, then members and stack: log loss and interval, weights, seconds."""
    print_leaderboard(console, report)


def print_leaderboard(console: Console, report: StackReport) -> None:
    """Print members and stack, the lowest log loss first."""
    table = Table(title="Out of fold, on the plain rows", **LOOKS)
    headings = ("log loss", "95 % CI", "A/B weight", "tie weight", "fit", "predict")
    table.add_column("", no_wrap=True)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for row in leaderboard_table(report).to_dict("records"):
        bold = "bold" if row["name"] == STACK else None
        table.add_row(str(row["name"]), *_cells(row), style=bold)
    console.print(table)


def _cells(row: Mapping[str, Any]) -> list[str]:
    interval = f"{row['log_loss_low']:.3f}–{row['log_loss_high']:.3f}"
    weights = [_shown(row.get(f"weight_{head}"), "{:.2f}") for head in ("direction", "tie")]
    seconds = [_shown(row.get(f"{of}_seconds"), "{:,.1f} s") for of in ("fit", "predict")]
    return [f"{row['log_loss']:.4f}", interval, *weights, *seconds]


def _shown(value: float | None, form: str) -> str:
    return "–" if value is None or value != value else form.format(value)
