"""What the screen shows of a stack at the end: the leaderboard."""

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from pipelines.command.progress import tell
from pipelines.report.figure import Figure
from pipelines.report.screen import LOOKS
from pipelines.stacking.report import StackReport, leaderboard_table
from pipelines.stacking.sources import STACK

SHOWN = {"direction": "A/B\nweight", "tie": "tie\nweight"}  # weights of a head -> heading


def show(console: Console, report: StackReport) -> None:
    """Print members, stack and baselines, and what the stack adds to the best member."""
    table = Table(title="Out of fold, on the plain rows", **LOOKS)
    table.add_column("", no_wrap=True)
    weights = [SHOWN[head] for head in report["weights"]]
    for heading in ("log loss", "95 % CI", *weights, "fit", "predict"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in leaderboard_table(report).to_dict("records"):
        style = "bold" if row["name"] == STACK else None
        table.add_row(row["name"], *_cells(row, report["weights"]), style=style)
    for name, baseline in report["scores"]["baselines"].items():
        table.add_row(name, *_loss(baseline["metrics"]["log_loss"]))
    console.print(table)
    best = report["leaderboard"]["best"]
    gain = best["gain"]
    tell(
        console,
        f"log loss against the best member, {best['member']}: {-gain['value']:+.4f} "
        f"[{-gain['high']:+.4f}, {-gain['low']:+.4f}]",
    )


def _cells(row: Mapping[Hashable, Any], heads: Iterable[str]) -> list[str]:
    loss = {of: row[f"log_loss{of}"] for of in ("", "_low", "_high")}
    figure: Figure = {"value": loss[""], "low": loss["_low"], "high": loss["_high"]}
    weights = [_shown(row.get(f"weight_{head}"), "{:.2f}") for head in heads]
    seconds = [_shown(row.get(f"{of}_seconds"), "{:,.1f} s") for of in ("fit", "predict")]
    return [*_loss(figure), *weights, *seconds]


def _loss(figure: Figure) -> list[str]:
    return [f"{figure['value']:.4f}", f"{figure['low']:.3f}–{figure['high']:.3f}"]


def _shown(value: float | None, form: str) -> str:
    return "–" if value is None or value != value else form.format(value)
